"""Which signal, format, envelope and mapping fit records that nobody has described: every one is tried, the best wins.

What a format looks like is `auto`'s business; a guess is right only as far as the engine's own decoders take records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import orjson

from floodmark.config.formats import CARRIES, EnvelopeName, FormatName
from floodmark.config.models import Config, Input
from floodmark.decode.decoder import Decoded
from floodmark.decode.envelopes import Opened
from floodmark.diagnose.contents import Contents, contents
from floodmark.diagnose.fields import proposals
from floodmark.flow import REKEYED
from floodmark.records import Record
from floodmark.signals import SignalName

LEAST: Final = 0.5
"""Of the events so many must be read before a guess is one."""
_OWN: Final = 0.25
"""By so much more a mapping must read than a format that the records look like."""
_PLAIN: Final = ("otlp_json", "otlp_proto", "collectd_json", "prometheus_kafka_adapter")
"""Formats that nothing else looks like: no mapping is tried where a message looks like one, even if it is refused."""
_TRIED: Final = 200
"""Records that each guess is tried on, at most; from all over the sample."""
_SIGNALS: Final[tuple[SignalName, ...]] = (
    "span",
    "metric",
    "prediction",
    "outcome",
    "action",
    "alert",
    "change",
    "log",
)
"""Those first that are hard to take for something else."""
_ENVELOPES: Final[tuple[EnvelopeName, ...]] = ("none", "connect", "cloudevents")
_HINTS: Final[dict[SignalName, str]] = {
    "metric": r"metric|stat|gauge|tsdb|telegraf|collectd|prom",
    "log": r"log|syslog|event|audit|journal",
    "span": r"span|trace|zipkin|jaeger",
    "action": r"action|ack|feedback|button",
    "alert": r"alert|alarm|incident",
    "change": r"change|deploy|release|rollout|flag",
    "prediction": r"predict|inference|score|model",
    "outcome": r"outcome|label|truth|feedback",
}


class Guess(NamedTuple):
    """An input as it could be written, the share of events that it reads, and what they hold."""

    source: Input
    share: float
    found: Contents


def guess(config: Config, records: Sequence[Record], topic: str, partitions: int = 1) -> Guess | None:
    """The input that reads most of the records; None if none reads half of them."""
    step = max(1, len(records) // _TRIED)
    tried = [record for record in records if record.value][::step][:_TRIED]
    best: tuple[float, Guess] | None = None
    for source in _candidates(config, tried, topic):
        found = contents(config, source, tried)
        if found.accepted == 0 or found.share < LEAST:
            continue
        worth = found.share + 0.02 * bool(re.search(_HINTS[source.signal], topic.lower()))
        worth -= _OWN * (source.format == "json")
        if best is None or worth > best[0] + 1e-9:
            best = worth, Guess(source, found.share, found)
    if best is None:
        return None
    chosen = best[1]
    whole = contents(config, chosen.source, records)
    source = chosen.source
    if chosen.source.signal in REKEYED and partitions > 1 and (whole.keyless or _split(whole)):
        source = source.model_copy(update={"rekey": True})
    return Guess(source, whole.share, whole)


def _split(found: Contents) -> bool:
    return any(len(on) > 1 for on in found.series.values())


def _candidates(config: Config, records: Sequence[Record], topic: str) -> Iterator[Input]:
    """Every format that some of the records look like, in every envelope; then mappings."""
    plain = False
    for envelope in _ENVELOPES:
        for signal in _SIGNALS:
            source = Input(topic=topic, signal=signal, format="auto", envelope=envelope)
            formats = contents(config, source, records).formats
            known: list[FormatName] = [name for name in CARRIES if formats.get(name)]
            plain = plain or any(name in _PLAIN for name in known)
            for name in known:
                yield source.model_copy(update={"format": name})
            if len(known) > 1:
                yield source
    for envelope in reversed(_ENVELOPES) if not plain else ():  # what is wrapped is mapped without its wrapping
        inner = [(value, record.value) for record in records if (value := _within(config, envelope, record))]
        if envelope != "none" and sum(value != outer for value, outer in inner) <= len(records) / 2:
            continue  # it was none
        values = [value for value, _ in inner]
        for signal, fields in proposals(values, topic):
            yield Input(topic=topic, signal=signal, format="json", fields=fields, envelope=envelope)


class _Held:
    """In the place of a decoder: holds what it is handed."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def decode(self, record: Record) -> Decoded:
        self.values.append(record.value or b"")
        return Decoded([], [])

    def counts(self) -> dict[str, int]:
        return {}


def _within(config: Config, envelope: EnvelopeName, record: Record) -> bytes | None:
    if envelope == "none":
        return record.value
    held = _Held()
    Opened(envelope, held, config.limits).decode(record)
    return held.values[0] if held.values else None


def why_not(config: Config, records: Sequence[Record], topic: str) -> str:
    """Why nothing fits: what the format that it looks like says, or the first bytes; a sentence."""
    values = [record.value for record in records if record.value]
    if not values:
        return "no record has a value"
    first = values[0]
    if all(value[:1] == b"\0" and len(value) > 5 for value in values):
        number = int.from_bytes(first[1:5], "big")
        todo = "; name it in schema_registry" if "schema_registry" in Config.model_fields else ""
        return f"the values are framed by a schema registry (schema {number}): the schema is needed to read them{todo}"
    if all(value[:2] == b"\x1f\x8b" for value in values):
        return "the values are compressed with gzip themselves, beside Kafka's own compression"
    if all(value[:4] == b"\x28\xb5\x2f\xfd" for value in values):
        return "the values are compressed with zstd themselves, beside Kafka's own compression"
    for signal in _SIGNALS:
        found = contents(config, Input(topic=topic, signal=signal, format="auto"), records)
        said = [(each.count, each.message) for error, each in found.refused.items() if error != "unknown_format"]
        known = [name for name in found.formats if name not in ("native", "prometheus_remote_write")]
        if known and said and found.formats.total() > len(values) / 2:
            return f"it looks like {known[0]} ({signal}s), but {max(said)[0]:,} are refused: {max(said)[1]}"
    if all(value.lstrip()[:1] in (b"{", b"[") for value in values):
        if broken := [wrong for value in values if (wrong := _broken(value))]:
            return f"{len(broken):,} of {len(values):,} values begin like JSON and are none: {broken[0]}"
        return "the values are JSON in which there is neither a text that could be a log line nor a number"
    if all(value.isascii() or _is_text(value) for value in values):
        return "the values are plain text of no known form; let a shipper (Vector, Fluent Bit, …) send them"
    return "the values are binary, and in no format that is known here (Avro? Protobuf of your own?)"


def _broken(value: bytes) -> str:
    """What is wrong with it as JSON; empty if nothing is."""
    try:
        orjson.loads(value)
    except ValueError as error:
        return str(error)
    return ""


def _is_text(value: bytes) -> bool:
    try:
        return value.decode().isprintable()
    except UnicodeDecodeError:
        return False
