"""What may be around the value of any message, whatever its format: told by the first bytes, and taken off.

Compression, the frame of a schema registry, a byte order mark, UTF-16, and several events one after another where a
message should be one. The usual message pays for a look at its first byte. What is refused as a whole is the message as
it came.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from floodmark.config.models import Limits
from floodmark.decode.decoder import ColumnDecoder, Decoded, Decoder, EventError, Refused
from floodmark.decode.native import whole
from floodmark.decode.packing import FIRST_BYTES, packing, unpacked
from floodmark.decode.registered import HEADER, Frame, frame_of, told_in_header, without_frame
from floodmark.records import Record, Schemas, changed
from floodmark.signals import Origin, Samples

_LAYERS: Final = 4
"""Frames around each other: more are left for the decoder to refuse."""
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATOR: Final = 0x1E
"""Begins each event of a JSON text sequence (RFC 7464)."""
_ODD: Final = bytes(byte in {*FIRST_BYTES, 0x00, 0x03, _SEPARATOR, 0xEF, 0xFE, 0xFF} for byte in range(256))
_json = msgspec.json.Decoder(msgspec.Raw).decode


class Framed:
    """A decoder of messages that may be framed. Counts: those of the decoder within, `framed:NAME` for each message
    from which a frame was taken, and `several_events` (one after another in a message)."""

    def __init__(
        self,
        inner: Decoder,
        limits: Limits,
        schemas: Schemas | None = None,
        *,
        protobuf: bool = False,
        eager: bool = False,
    ) -> None:
        """`schemas`: those of a registry, by id, if there is one. `protobuf`: the format within is; then a registry's
        frame is only taken off. `eager`: several events are looked for before the decoder within is asked."""
        self.inner = inner
        self._decode = inner.decode
        self._limits = limits
        self._schemas = schemas
        self._protobuf = protobuf
        self.eager = eager
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        inner = self.inner.counts()
        return self._counts + Counter(inner) if self._counts else inner

    def decode(self, record: Record) -> Decoded:
        """The signals of a message. Refused as a whole: too_large, malformed, unknown_schema, or as within."""
        value = record.value
        if value and (_ODD[value[0]] or self.eager or (record.headers and _schema_told(record) is not None)):
            return self._unusual(record)
        # The usual message: `odd` and `_decoded`, without their calls.
        decoded = self._decode(record)
        return self._decoded(record, decoded) if decoded.refused else decoded

    def odd(self, record: Record) -> bool:
        """Whether something may have to be taken off."""
        value = record.value
        if not value:
            return False
        return _ODD[value[0]] == 1 or (bool(record.headers) and _schema_told(record) is not None)

    def plain(self, record: Record) -> Record:
        """The record without what is around its value. Raises EventError."""
        value = record.value or b""
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            raise EventError("too_large", words)
        told = _schema_told(record)
        if told is not None:
            self._counts["framed:schema_registry"] += 1
            value = self._of_schema(Frame(told[0], 0), told[1] + value)
        for _ in range(_LAYERS):
            inside = self._inside(value) if value and _ODD[value[0]] else None
            if inside is None:
                break
            value = inside
        return changed(record, value=value)

    def _inside(self, value: bytes) -> bytes | None:
        """The value without its outermost frame; None if it has none. Raises EventError."""
        if (name := packing(value)) and (name != "zlib" or _is_zlib(value, self._limits.message)):
            self._counts[f"framed:{name}"] += 1
            return unpacked(name, value, self._limits.message)
        if value.startswith(_BOM) and (len(value) < 4 or value[3] > 8):
            return value[3:]
        if (encoding := _encoding(value)) is not None:
            self._counts["framed:utf_16"] += 1
            return value.decode(encoding, "replace").removeprefix("\ufeff").encode()
        if value[0] == _SEPARATOR:
            return value.translate(None, bytes((_SEPARATOR,)))
        frame = frame_of(value)
        if frame is None:
            return None
        self._counts["framed:schema_registry"] += 1
        return self._of_schema(frame, value)

    def _of_schema(self, frame: Frame, value: bytes) -> bytes:
        return without_frame(frame, value, self._schemas, self._limits.message, protobuf=self._protobuf)

    def _unusual(self, record: Record) -> Decoded:
        if not self.odd(record):
            return self._decoded(record)
        try:
            plain = self.plain(record)
        except EventError as error:
            return whole(error.error, error.message, record.value or b"")
        return _as_it_came(self._decoded(plain), plain, record)

    def _decoded(self, record: Record, decoded: Decoded | None = None) -> Decoded:
        """`decoded`: what was made of the message as one already."""
        if decoded is None:
            if self.has_lines(record) and (pieces := self.pieces(record)) is not None:
                return self._apart(record, pieces)
            decoded = self._decode(record)
        if decoded.refused and (pieces := self.pieces(record, decoded)) is not None:
            return self._apart(record, pieces)
        return decoded

    def has_lines(self, record: Record) -> bool:
        """Whether to look for an event in each line first, since the decoder within would be misled."""
        return self.eager and (record.value or b"").find(b"\n", 1, -1) > 0

    def pieces(self, record: Record, decoded: Decoded | None = None) -> list[bytes] | None:
        """The events of a message that are written one after another; None if it is one, or more than limits.events.

        `decoded`: what was made of the message as one; then it is looked at only if that is nothing."""
        value = record.value or b""
        if decoded is not None and (decoded.signals or [each.index for each in decoded.refused] != [None]):
            return None
        if value[:1].isspace():
            value = value.lstrip()
        if value[:1] not in (b"{", b"[") or len(value) > self._limits.message or _is_json(value):
            return None
        if value[1:2] == b"\0":  # UTF-16 without a mark
            value = value.decode("utf-16-le", "replace").encode()
            self._counts["framed:utf_16"] += 1
            if _is_json(value):
                return [value]
        found = _pieces(value, self._limits.events)
        self._counts["several_events"] += found is not None
        return found

    def _apart(self, record: Record, pieces: Sequence[bytes]) -> Decoded:
        found = Decoded([], [])
        for index, piece in enumerate(pieces):
            signals, refused = self._decode(changed(record, value=piece))
            found.signals.extend(signals)
            found.refused.extend(_at(index, each, piece) for each in refused)
        return found


class FramedColumns:
    """The `ColumnDecoder` of metrics that may be framed: neighbours that are not go within together."""

    def __init__(self, framed: Framed, columns: ColumnDecoder) -> None:
        self._framed = framed
        self._columns = columns

    def decode(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        odd = self._odd if self._framed.eager else self._framed.odd
        if not any(map(odd, records)):
            return self._together(records, refuse)
        found: list[Samples] = []
        run: list[Record] = []
        for record in records:
            if not odd(record):
                run.append(record)
                continue
            found += [self._together(run, refuse), self._alone(record, refuse)]
            run = []
        return _joined([*found, self._together(run, refuse)])

    def _odd(self, record: Record) -> bool:
        return self._framed.odd(record) or self._framed.has_lines(record)

    def _together(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        refused: list[tuple[Record, Decoded]] = []
        found = self._columns.decode(records, lambda *each: refused.append(each))
        apart: dict[int, Samples] = {}
        for record, decoded in refused:
            pieces = self._framed.pieces(record, decoded)
            if pieces is None:
                refuse(record, decoded)
            else:
                apart[id(record)] = self._apart(record, pieces, refuse)
        return _replaced(found, records, apart) if apart else found

    def _alone(self, record: Record, refuse: Callable[[Record, Decoded], None]) -> Samples:
        try:
            plain = self._framed.plain(record)
        except EventError as error:
            refuse(record, whole(error.error, error.message, record.value or b""))
            return Samples([], [], [], shares=[(0, 0)])
        if self._framed.has_lines(plain) and (pieces := self._framed.pieces(plain)) is not None:
            return self._apart(plain, pieces, refuse)
        return self._together([plain], lambda _, decoded: refuse(record, _as_it_came(decoded, plain, record)))

    def _apart(self, record: Record, pieces: Sequence[bytes], refuse: Callable[[Record, Decoded], None]) -> Samples:
        """The points of all pieces, as those of one record."""
        parts = [changed(record, value=piece) for piece in pieces]
        places = {id(part): index for index, part in enumerate(parts)}
        refused: list[Refused] = []

        def note(part: Record, decoded: Decoded) -> None:
            refused.extend(_at(places[id(part)], each, part.value or b"") for each in decoded.refused)

        found = self._columns.decode(parts, note)
        if refused:
            refuse(record, Decoded([], refused))
        return found._replace(shares=[(len(found.times), len(found.histograms))])


def _schema_told(record: Record) -> tuple[str, bytes] | None:
    """The id of the schema of a value where it stands in a header, and what follows it there."""
    for name, value in record.headers:
        if name == HEADER:
            return told_in_header(value)
    return None


def _encoding(value: bytes) -> str | None:
    """What is written in units of two or four bytes: by its mark, or by the zeros of ASCII in it."""
    if value[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if (value[:2] == b"\xff\xfe" and value[3:4] == b"\0") or value[:3] == b"\xfe\xff\0":
        return "utf-16"
    if value[0] == 0 and value[1:2] in (b"{", b"[") and value[2:3] == b"\0":
        return "utf-16-be"
    return None


def _is_zlib(value: bytes, most: int) -> bool:
    try:
        unpacked("zlib", value, most)
    except EventError as error:
        return error.error == "too_large"
    return True


def _is_json(value: bytes) -> bool:
    try:
        _json(value)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _pieces(value: bytes, most: int) -> list[bytes] | None:
    """The events, a line each or with nothing between them; None if that is not what a value is."""
    lines = [line for line in value.splitlines() if line and not line.isspace()]
    if 1 < len(lines) <= most and 2 * sum(map(_is_event, lines)) >= len(lines):
        return lines
    return _without_lines(value, most)


def _is_event(line: bytes) -> bool:
    return line.lstrip()[:1] in (b"{", b"[") and (_is_json(line) or _is_nearly_json(line))


def _is_nearly_json(line: bytes) -> bool:
    """Python's json.dumps writes NaN and Infinity, which are not JSON."""
    if b"NaN" not in line and b"Infinity" not in line:
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _without_lines(value: bytes, most: int) -> list[bytes] | None:
    """Events directly after one another; what cannot be read of the rest is the last piece."""
    text = value.decode("utf-8", "surrogateescape")
    read = json.JSONDecoder().raw_decode
    found: list[bytes] = []
    at = 0
    while at < len(text):
        try:
            _, end = read(text, at)
        except (ValueError, RecursionError):
            if not found:
                return None
            end = len(text)
        found.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
        if len(found) > most:
            return None
    return found if len(found) > 1 and found[1].lstrip()[:1] in (b"{", b"[") else None


def _at(index: int, refused: Refused, piece: bytes) -> Refused:
    return Refused(index, refused.error, refused.message, refused.value if refused.index is not None else piece)


def _as_it_came(decoded: Decoded, plain: Record, record: Record) -> Decoded:
    """What is refused of a message as a whole is what came, and not what was in it."""
    if not decoded.refused or plain.value is record.value:
        return decoded
    refused = [
        each if each.index is not None else Refused(None, each.error, each.message, record.value or b"")
        for each in decoded.refused
    ]
    return Decoded(decoded.signals, refused)


def _replaced(found: Samples, records: Sequence[Record], others: Mapping[int, Samples]) -> Samples:
    """`found`, with other samples for some records that gave none."""
    shares = found.shares or [(1, 0)] * len(records)
    parts: list[Samples] = []
    since, begin, here = 0, (0, 0), (0, 0)
    for index, (record, share) in enumerate(zip(records, shares, strict=True)):
        other = others.get(id(record))
        if other is not None:
            parts += [_part(found, shares[since:index], *begin), other]
            since, begin = index + 1, here
        here = (here[0] + share[0], here[1] + share[1])
    return _joined([*parts, _part(found, shares[since:], *begin)])


def _part(found: Samples, shares: Sequence[tuple[int, int]], at: int, histogram: int) -> Samples:
    end = at + sum(points for points, _ in shares)
    last = histogram + sum(histograms for _, histograms in shares)
    within = [(place - at, each) for place, each in found.histograms[histogram:last]]
    return Samples(found.origins[at:end], found.times[at:end], found.values[at:end], within, shares)


def _joined(parts: Sequence[Samples]) -> Samples:
    origins: list[Origin] = list(chain.from_iterable(part.origins for part in parts))
    histograms = []
    before = 0
    shares: list[tuple[int, int]] = []
    for part in parts:
        histograms += [(before + at, each) for at, each in part.histograms]
        shares += part.shares or [(1, 0)] * len(part.times)
        before += len(part.times)
    times = list(chain.from_iterable(part.times for part in parts))
    values = list(chain.from_iterable(part.values for part in parts))
    return Samples(origins, times, values, histograms, shares)
