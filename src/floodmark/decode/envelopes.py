"""What others wrap around a message: Kafka Connect's and Debezium's JSON, and CloudEvents.

A decoder of an envelope takes it off and hands the record on, with what was inside as its value. What is refused as a
whole is the message as it came, envelope and all.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from floodmark.config.formats import EnvelopeName
from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, Decoder, EventError, Refused
from floodmark.decode.native import whole
from floodmark.records import Record, changed


class _Connect(Struct, gc=False):
    payload: Raw | UnsetType = UNSET


class _Change(Struct, gc=False):
    op: str | UnsetType = UNSET
    after: Raw | UnsetType = UNSET


class CloudEvent(Struct, gc=False):
    """The attributes of an event in structured mode, so far as a decoder needs them."""

    specversion: str
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None


_connect = msgspec.json.Decoder(_Connect).decode
_change = msgspec.json.Decoder(_Change).decode
_event = msgspec.json.Decoder(CloudEvent).decode
_events = msgspec.json.Decoder(list[Raw]).decode


class Opened:
    """A decoder of what is within envelopes. `name`: connect or cloudevents. Counts: deleted (nothing is in it)."""

    def __init__(self, name: EnvelopeName, inner: Decoder, limits: Limits) -> None:
        self._open = _of_connect if name == "connect" else _of_cloudevents
        self._inner = inner
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        """Those of the decoder within, and `deleted`."""
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
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return whole("not_json", f"the envelope cannot be read: {error}", value)
        if len(contents) > self._limits.events:
            words = f"the message holds {len(contents)} events, more than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        found = Decoded([], [])
        for index, content in enumerate(contents):
            if content is None:
                self._counts["deleted"] += 1
                continue
            signals, refused = self._inner.decode(changed(record, value=content))
            found.signals.extend(signals)
            alone = len(contents) == 1
            found.refused.extend(
                Refused(None if alone else index, each.error, each.message, value if alone else content)
                if each.index is None
                else each
                for each in refused
            )
        return found


def _of_connect(_: Record, value: bytes) -> list[bytes | None]:
    """JsonConverter's payload, with or without its schema; of a Debezium event the row as it is after the change.

    Nothing for a tombstone, and for a row that was deleted.
    """
    if not value:
        return [None]
    outer = _connect(value)
    payload = value if outer.payload is UNSET else bytes(outer.payload)
    if payload[:1] == b'"':
        return [msgspec.json.decode(payload, type=str).encode()]
    if payload[:1] != b"{":
        return [None if payload == b"null" else payload]
    change = _change(payload)
    if change.op is UNSET:
        return [payload]
    row = b"null" if change.after is UNSET else bytes(change.after)
    return [None if row == b"null" else row]


def _of_cloudevents(record: Record, value: bytes) -> list[bytes | None]:
    """The data: all of the value in binary mode (`ce_` headers), a part of it in structured and in batched mode."""
    if any(name.lower() == "ce_specversion" for name, _ in record.headers):
        return [value]
    if value[:1] == b"[":
        return [_data(bytes(each)) for each in _events(value)]
    return [_data(value)]


def _data(value: bytes) -> bytes | None:
    try:
        event = _event(value)
    except msgspec.ValidationError:
        words = "the message is no CloudEvent: it has neither ce_ headers nor specversion"
        raise EventError("wrong_type", words) from None
    if event.data_base64 is not None:
        try:
            return base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EventError("wrong_type", f"data_base64 is not Base64: {error}") from None
    if event.data is UNSET:
        return None
    data = bytes(event.data)
    return msgspec.json.decode(data, type=str).encode() if data[:1] == b'"' else data
