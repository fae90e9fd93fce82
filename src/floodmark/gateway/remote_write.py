"""What a sender of Prometheus remote write 2.0 must be told: how many samples, histograms and exemplars were written.

It takes a yes without these numbers for a receiver that has understood nothing. They are counted by walking over the
protobuf (tags and lengths, no value is read); the body is decoded later, and dead letters tell what could not be used.

Source: Prometheus Remote-Write 2.0 specification, "Required Written Response Headers"; `io/prometheus/write/v2`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import cramjam

_SECOND: Final = "io.prometheus.write.v2.Request"
_FIRST: Final = "prometheus.WriteRequest"
_SERIES: Final = 5
_COUNTED: Final = {2: "Samples", 3: "Histograms", 4: "Exemplars"}
"""Fields of a series, by the word of their header."""


def message(content_type: str) -> str:
    """The protobuf message that a content type names; the first version's where it names none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "proto":
            return value.strip().strip('"')
    return _FIRST


def refusal(content_type: str) -> str:
    """Why nobody could decode it, in words; empty if somebody can."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/x-protobuf":
        return "remote write is application/x-protobuf"
    asked = message(content_type)
    if asked not in (_FIRST, _SECOND):
        return f"of remote write {_FIRST} and {_SECOND} are understood; set protobuf_message to one of these"
    return ""


def written(content_type: str, body: bytes, most: int) -> Mapping[str, str]:
    """The headers of the answer; none for the first version. A body that cannot be walked over counts for nothing."""
    if message(content_type) != _SECOND:
        return {}
    counts = dict.fromkeys(_COUNTED.values(), 0)
    try:
        if cramjam.snappy.decompress_raw_len(body) <= most:
            for field, series in _parts(bytes(cramjam.snappy.decompress_raw(body))):
                if field == _SERIES:
                    for each, _ in _parts(series):
                        if each in _COUNTED:
                            counts[_COUNTED[each]] += 1
    except (cramjam.DecompressionError, ValueError, IndexError):
        counts = dict.fromkeys(counts, 0)
    return {f"X-Prometheus-Remote-Write-{name}-Written": str(count) for name, count in counts.items()}


def _parts(plain: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a message that have a length. Raises ValueError, IndexError."""
    at = 0
    while at < len(plain):
        tag, at = _varint(plain, at)
        match tag & 7:
            case 0:
                _, at = _varint(plain, at)
            case 1:
                at += 8
            case 2:
                size, at = _varint(plain, at)
                if at + size > len(plain):
                    raise ValueError("it ends within a field")
                yield tag >> 3, plain[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise ValueError("no protobuf")


def _varint(plain: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = plain[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number without end")
