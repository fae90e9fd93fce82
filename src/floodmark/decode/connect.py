"""What is in the JSON of Kafka Connect's converters and of Debezium: a row.

An envelope is told by its whole shape, for a row may have columns called `op`, `payload`, `schema` or `after`. Source:
JsonConverter; Debezium's change events, and what its ExtractNewRecordState makes of them; Connect's logical types.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from floodmark.decode.decoder import EventError

Content = bytes | str
"""What is to be decoded; or, as text, the name under which it is counted that there is nothing."""
_Convert = Callable[[Any], Any]

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_OUTER: Final = {"schema", "payload"}
_ROWS: Final = {b'"c"', b'"u"', b'"r"', b'"d"'}
_EMPTY: Final = {b'"t"': "truncated", b'"m"': "messages"}
_BARE: Final = {"op", "before", "after", "transaction", "ts_us", "ts_ns"}
"""What a change has that says neither when nor where it was: nothing else, or it is a row."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 65_536
"""Bytes of a schema up to which what it says is remembered."""


def of_connect(value: bytes) -> Content:
    """The row in a value: JsonConverter's payload, with or without its schema; of a Debezium event the row as it is
    after the change. Raises msgspec.DecodeError, ValueError."""
    if not value:
        return "deleted"
    payload, schema = value, b"null"
    if value[:1] == b"{":
        outer = fields(value)
        if "payload" in outer and outer.keys() <= _OUTER and bytes(outer.get("schema", b"null"))[:1] in b"{n":
            payload, schema = bytes(outer["payload"]), bytes(outer.get("schema", b"null"))
    if payload[:1] == b'"':
        return msgspec.json.decode(payload, type=str).encode()
    if payload[:1] != b"{":
        return "deleted" if payload == b"null" else payload
    if (convert := _converted(schema)) is not None:
        payload = _text(convert(_loosely(payload)))
    return _of_change(payload)


def _of_change(payload: bytes) -> Content:
    row = fields(payload)
    if bytes(row.get("__deleted", b"")) in (b'"true"', b"true"):  # ExtractNewRecordState's, where it rewrites
        return "deleted"
    op = bytes(row.get("op", b""))
    told = _is(row.get("source"), b"{") or _is(row.get("ts_ms"), b"0123456789")
    if op in _EMPTY and told:
        return _EMPTY[op]
    states = [bytes(row[name]) for name in ("before", "after") if name in row]
    if op not in _ROWS or not states or not all(map(_is_state, states)) or not (told or row.keys() <= _BARE):
        return payload
    after = bytes(row.get("after", b"null"))
    if after[:1] == b'"':  # MongoDB's document, as JSON in text
        return _text(_plain(_loosely(msgspec.json.decode(after, type=str).encode())))
    if after == b"null":
        return "deleted" if op == b'"d"' else "no_row"
    return after


def _is(value: Raw | None, first: bytes) -> bool:
    return value is not None and bytes(value)[:1] in first and len(value) > 0


def _is_state(text: bytes) -> bool:
    """Whether it can be a row before or after a change: an object, in text or not, or nothing."""
    return text[:1] in (b"{", b"n") or text[:2] == b'"{'


def fields(value: bytes) -> Mapping[str, Raw]:
    """The members of an object, undecoded. NaN and Infinity are not JSON, and written all the same."""
    try:
        return _fields(value)
    except msgspec.DecodeError:
        if b"NaN" not in value and b"Infinity" not in value:
            raise
    found = json.loads(value)
    if not isinstance(found, dict):
        raise EventError("wrong_type", "the envelope must be an object")
    return {name: Raw(_text(each)) for name, each in found.items()}


def _loosely(value: bytes) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return json.loads(value)


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """A document of MongoDB's extended JSON without its types."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, inner)] = value.items()
        if name in ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal") and isinstance(inner, str):
            number = float(inner)
            return int(inner) if name in ("$numberLong", "$numberInt") else number if math.isfinite(number) else inner
        if name in ("$oid", "$uuid", "$symbol", "$date"):
            return _plain(inner)
    return {name: _plain(each) for name, each in value.items()}


def _converted(schema: bytes) -> _Convert | None:
    """What makes plain values of a schema's logical types; None if it has none, or is none."""
    if schema == b"null" or b'"name"' not in schema:
        return None
    return _conversion(schema) if len(schema) <= _LARGEST else _made(schema)


def _made(schema: bytes) -> _Convert | None:
    try:
        return _of(msgspec.json.decode(schema))
    except (msgspec.DecodeError, RecursionError, ValueError, TypeError, AttributeError):
        return None


_conversion = lru_cache(maxsize=100)(_made)


def _of(schema: Any) -> _Convert | None:
    if not isinstance(schema, dict):
        return None
    kind, name = schema.get("type"), str(schema.get("name", ""))
    if kind == "struct":
        if name.endswith(".VariableScaleDecimal"):
            return lambda value: (
                _decimal(value.get("value"), value.get("scale", 0)) if isinstance(value, dict) else value
            )
        members = {each.get("field"): _of(each) for each in schema.get("fields") or ()}
        known = {field: convert for field, convert in members.items() if convert is not None}
        return (lambda value: _members(value, known)) if known else None
    if kind in ("array", "map"):
        inner = _of(schema.get("items" if kind == "array" else "values"))
        return None if inner is None else (lambda value: _each(value, inner))
    if name == "org.apache.kafka.connect.data.Decimal":
        scale = int((schema.get("parameters") or {}).get("scale", 0))
        return lambda value: _decimal(value, scale)
    if name in ("org.apache.kafka.connect.data.Date", "io.debezium.time.Date"):
        return _day
    return None


def _members(value: Any, known: Mapping[Any, _Convert]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: known[name](each) if name in known else each for name, each in value.items()}


def _each(value: Any, convert: _Convert) -> Any:
    if isinstance(value, list):
        return [convert(each) for each in value]
    return {name: convert(each) for name, each in value.items()} if isinstance(value, dict) else value


def _decimal(value: Any, scale: Any) -> Any:
    """A number of the bytes of a whole one, in Base64."""
    if not isinstance(value, str) or not isinstance(scale, int) or abs(scale) > 300 or len(value) > 200:
        return value
    try:
        number = int.from_bytes(base64.b64decode(value, validate=True), "big", signed=True)
        return number / 10**scale if scale > 0 else number * 10**-scale
    except (ValueError, OverflowError):
        return value


def _day(value: Any) -> Any:
    """Days since 1970, as midnight of that day."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1_000_000:
        return value
    return (_EPOCH + timedelta(days=value)).isoformat()
