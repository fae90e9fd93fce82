"""What records hold for an input: signals, series, refusals, keys and clocks. A plain function over a sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from floodmark.actions import Action
from floodmark.config.models import Config, Input
from floodmark.decode import input_decoder
from floodmark.decode.timestamps import EARLIEST, LATEST
from floodmark.detect.logs.secrets import masked
from floodmark.records import Record, Schemas
from floodmark.signals import (
    Alert,
    Change,
    Histogram,
    Inference,
    Log,
    Metric,
    Outcome,
    Prediction,
    Signal,
    Span,
)

_SHOWN: Final = 160
"""Characters shown of what a producer wrote."""
_HOSTS: Final = ("host", "hostname", "host.name", "instance", "node", "pod", "device")


@dataclass
class Refusals:
    """Events refused for one reason: how many, and one of them (what was said, and its text, without secrets)."""

    count: int = 0
    message: str = ""
    example: str = ""


@dataclass
class Contents:
    """`series`: on which partitions each is (of logs the source, of spans the service, of predictions the model).
    `ahead`: of each source by how many seconds, at most, its own time was ahead of Kafka's; of all sources that have a
    time of their own. `formats`: messages by the format that `auto` told. `repaired`: what was mended, by kind."""

    records: int = 0
    tombstones: int = 0
    keyless: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    series: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    things: set[str] = field(default_factory=set)
    refused: dict[str, Refusals] = field(default_factory=dict)
    formats: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    ahead: dict[str, float] = field(default_factory=dict)
    impossible: int = 0
    earliest: float = 0.0
    latest: float = 0.0
    arrived: float = 0.0
    example: str = ""

    @property
    def accepted(self) -> int:
        return self.signals.total()

    @property
    def rejected(self) -> int:
        return sum(each.count for each in self.refused.values())

    @property
    def share(self) -> float:
        """Of the events how many are read; 0 if there is none."""
        return self.accepted / max(1, self.accepted + self.rejected)


def contents(config: Config, source: Input, records: Sequence[Record], schemas: Schemas | None = None) -> Contents:
    """Decode the records as the engine would. `schemas`: those that they need."""
    decoder = input_decoder(source, config.limits, schemas)
    found = Contents()
    for record in records:
        found.records += 1
        found.keyless += record.key is None
        if record.value is None:
            found.tombstones += 1
            continue
        arrived = record.timestamp / 1000
        if not EARLIEST <= arrived < LATEST:
            found.impossible += 1
        else:
            found.arrived = max(found.arrived, arrived)
        decoded = decoder.decode(record)
        for signal in decoded.signals:
            _signal(config, found, signal, record)
        for refused in decoded.refused:
            each = found.refused.setdefault(refused.error, Refusals())
            each.count += 1
            if each.count == 1:
                each.message = shown(config, refused.message)
                each.example = shown(config, refused.value)
        if decoded.signals and not found.example:
            found.example = told(config, decoded.signals[0])
    for name, count in decoder.counts().items():
        kind, _, rest = name.partition(":")
        if kind == "format":
            found.formats[rest] += count
        elif name != "unknown_format":
            found.repaired[name] += count
    return found


def _signal(config: Config, found: Contents, signal: Signal, record: Record) -> None:
    found.signals[type(signal).__name__.lower()] += 1
    labels = _labels(signal)
    found.series[_series(config, signal, labels)].add(record.partition)
    thing = next((labels[name] for name in config.detect.entity if labels.get(name)), "")
    if thing:
        found.things.add(thing)
    time = signal.at.timestamp() if isinstance(signal, Action) else signal.time
    found.earliest = min(found.earliest or time, time)
    found.latest = max(found.latest, time)
    arrived = record.timestamp / 1000
    if EARLIEST <= arrived < LATEST and abs(time - arrived) > 0.0005:
        source = next((labels[name] for name in _HOSTS if labels.get(name)), thing) or record.topic
        ahead = time - arrived
        found.ahead[source] = max(found.ahead.get(source, ahead), ahead)


def _labels(signal: Signal) -> dict[str, str]:
    match signal:
        case Metric() | Histogram() | Log() | Alert():
            return signal.labels
        case Span():
            return {**signal.labels, "service": signal.service}
        case Change():
            return {"service": signal.service}
        case Action():
            return {}
        case Prediction() | Inference() | Outcome():
            return {"model": signal.model}


def _series(config: Config, signal: Signal, labels: dict[str, str]) -> str:
    match signal:
        case Metric() | Histogram():
            said = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            return f"{signal.name}{{{said}}}"
        case Log():
            return next((labels[name] for name in config.logs.source if labels.get(name)), "(no source)")
        case Span() | Change():
            return signal.service
        case Alert():
            return f"{signal.source} {signal.fingerprint}"
        case Action():
            return signal.via
        case Prediction() | Inference() | Outcome():
            return signal.model


def told(config: Config, signal: Signal) -> str:
    """A signal in a line, safe to show."""
    match signal:
        case Metric():
            text = (
                f"{_series(config, signal, signal.labels)} = {signal.value:g}"
                if signal.value is not None
                else signal.name
            )
        case Histogram():
            text = f"{_series(config, signal, signal.labels)}, {signal.count:g} values"
        case Log():
            where = _series(config, signal, signal.labels)
            text = f"{where}{f' {signal.severity}' if signal.severity else ''}: {signal.body}"
        case Span():
            text = f"{signal.service} {signal.operation}, {signal.duration * 1000:.3g} ms"
        case Prediction():
            text = f"{signal.model} {signal.version}: {signal.prediction}"
        case Inference():
            text = f"{signal.model} {'answered' if signal.answered else 'was asked'}"
        case Outcome():
            text = f"{signal.model} {signal.prediction_id} was {signal.label}"
        case Change():
            text = f"{signal.service} {signal.kind}: {signal.summary}"
        case Alert():
            text = f"{signal.source}: {signal.name} is {signal.status}"
        case Action():
            text = f"{signal.by}: {signal.verb} {signal.incident}"
    return shown(config, text)


def shown(config: Config, held: bytes | str) -> str:
    """Text of a producer that is safe in a terminal: without secrets, printable, in one line, and cut."""
    text = held[: 8 * _SHOWN].decode("utf-8", "backslashreplace") if isinstance(held, bytes) else held[: 8 * _SHOWN]
    text = masked(text, config.logs.secrets)
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: _SHOWN + 1])
    return safe if len(safe) <= _SHOWN else f"{safe[: _SHOWN - 1]}…"
