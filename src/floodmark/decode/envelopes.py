"""What others wrap around a message: Kafka Connect's and Debezium's JSON, and CloudEvents.

A decoder of an envelope takes it off and hands the record on, with what was inside as its value. What is refused as a
whole is the message as it came, envelope and all.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from floodmark.config.formats import EnvelopeName
from floodmark.config.models import Limits
from floodmark.decode.connect import Content, fields, of_connect
from floodmark.decode.decoder import Decoded, Decoder, EventError, Refused
from floodmark.decode.native import whole
from floodmark.records import Record, changed


class CloudEvent(Struct, gc=False):
    """The attributes of an event in structured mode, so far as a decoder needs them."""

    specversion: str
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None


_event = msgspec.json.Decoder(CloudEvent).decode
_events = msgspec.json.Decoder(list[Raw]).decode
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError)


class Opened:
    """A decoder of what is within envelopes. `name`: connect or cloudevents. Counts: deleted (nothing is in it), and of
    Debezium truncated (tables), messages, no_row (a change that does not carry its row)."""

    def __init__(self, name: EnvelopeName, inner: Decoder, limits: Limits) -> None:
        self._open = _of_connect if name == "connect" else _of_cloudevents
        self._inner = inner
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        """Those of the decoder within, and its own."""
        return self._counts + Counter(self._inner.counts())

    def decode(self, record: Record) -> Decoded:
        """What the envelope held. Refused as a whole: too_large, too_many_events, not_json, wrong_type."""
        value = (record.value or b"").strip()
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        try:
            contents = self._open(record, value)
        except EventError as error:
            return whole(error.error, error.message, value)
        except _ERRORS as error:
            return whole("not_json", f"the envelope cannot be read: {str(error)[:200]}", value)
        if len(contents) > self._limits.events:
            words = f"the message holds {len(contents)} events, more than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        found = Decoded([], [])
        alone = len(contents) == 1
        for index, content in enumerate(contents):
            if isinstance(content, str):
                self._counts[content] += 1
                continue
            if isinstance(content, Refused):
                found.refused.append(content)
                continue
            signals, refused = self._inner.decode(changed(record, value=content))
            found.signals.extend(signals)
            found.refused.extend(
                Refused(None if alone else index, each.error, each.message, value if alone else content)
                if each.index is None
                else each
                for each in refused
            )
        return found


def _of_connect(_: Record, value: bytes) -> list[Content | Refused]:
    """A row, or what there is instead."""
    return [of_connect(value)]


def _of_cloudevents(record: Record, value: bytes) -> list[Content | Refused]:
    """The data: all of the value in binary mode (`ce_` headers), a part of it in structured and in batched mode."""
    if any(name.lower().replace("-", "_") == "ce_specversion" for name, _ in record.headers):
        return [value or "deleted"]
    if not value:
        return ["deleted"]
    if value[:1] != b"[":
        return [data_of(value)]
    found: list[Content | Refused] = []
    for index, each in enumerate(_apart(value)):
        try:
            found.append(data_of(each))
        except EventError as error:
            found.append(Refused(index, error.error, error.message, each))
    return found


def _apart(value: bytes) -> list[bytes]:
    try:
        return [bytes(each) for each in _events(value)]
    except msgspec.DecodeError:  # as below
        return [json.dumps(each, separators=(",", ":")).encode() for each in json.loads(value)]


def data_of(value: bytes) -> Content:
    """The data of a CloudEvent in structured mode. Raises EventError, msgspec.DecodeError."""
    try:
        event = _event(value)
    except msgspec.ValidationError:
        words = "the message is no CloudEvent: it has neither ce_ headers nor specversion"
        raise EventError("wrong_type", words) from None
    except msgspec.DecodeError:  # NaN and Infinity, perhaps
        loose = fields(value)
        if "specversion" not in loose:
            raise
        event = CloudEvent("", loose.get("data", UNSET))
    if event.data_base64 is not None:
        try:
            return base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EventError("wrong_type", f"data_base64 is not Base64: {error}") from None
    if event.data is UNSET or bytes(event.data) == b"null":
        return "deleted"
    data = bytes(event.data)
    return msgspec.json.decode(data, type=str).encode() if data[:1] == b'"' else data
