"""Compressed values, told by their first bytes. What comes out is never larger than a limit: bombs are refused.

The compression of a record batch is Kafka's own matter and long undone; this is what a producer compressed itself.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final

import cramjam

from floodmark.decode.decoder import EventError

_MEMBERS: Final = 100
"""Compressed streams one after another in a value; to look for more would take the square of the time."""
_LZMA_MEMORY: Final = 64_000_000
_XERIAL: Final = b"\x82SNAPPY\x00"

_Unpack = Callable[[bytes, int], bytes]


def packing(value: bytes) -> str:
    """The name of the compression that a value begins with; empty if it begins with none."""
    for magic, name in _MAGIC.get(value[0], ()):
        if value.startswith(magic):
            return name
    return ""


def unpacked(name: str, value: bytes, most: int) -> bytes:
    """What was compressed. Raises EventError `too_large` if that is more than `most` bytes, `malformed`."""
    try:
        plain = _UNPACK[name](value, most)
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, cramjam.DecompressionError) as error:
        if "write whole buffer" in str(error):  # so says cramjam where there is no more room
            plain = bytes(most + 1)
        else:
            words = f"the message begins as {name} does, and cannot be unpacked: {str(error)[:200]}"
            raise EventError("malformed", words) from None
    if len(plain) > most:
        raise EventError("too_large", f"the message has more than limits.message ({most}) bytes when unpacked ({name})")
    return plain


def _in_streams(make: Callable[[], Any]) -> _Unpack:
    """For the standard library's decompressors, which stop at the end of a stream."""

    def unpack(value: bytes, most: int) -> bytes:
        found = bytearray()
        for _ in range(_MEMBERS):
            stream = make()
            found += stream.decompress(value, most + 1 - len(found))
            if len(found) > most:
                return bytes(found)
            if not stream.eof:
                raise ValueError("it ends too early")
            value = stream.unused_data.lstrip(b"\0")
            if not value:
                return bytes(found)
        raise ValueError(f"it has more than {_MEMBERS} parts")

    return unpack


def _into(decompress: Callable[[bytes, bytearray], int]) -> _Unpack:
    """For cramjam's, which fill what they are given and no more."""

    def unpack(value: bytes, most: int) -> bytes:
        room = bytearray(most + 1)
        return bytes(memoryview(room)[: decompress(value, room)])

    return unpack


def _xerial(value: bytes, most: int) -> bytes:
    """Blocks of snappy as Java's library frames them."""
    found = bytearray()
    at = 16
    while at < len(value):
        end = at + 4 + int.from_bytes(value[at : at + 4], "big")
        block = value[at + 4 : end]
        if end > len(value) or not block:
            raise ValueError("it ends within a block")
        if len(found) + cramjam.snappy.decompress_raw_len(block) > most:
            return bytes(most + 1)
        found += bytes(cramjam.snappy.decompress_raw(block))
        at = end
    return bytes(found)


_UNPACK: Final[dict[str, _Unpack]] = {
    "gzip": _in_streams(lambda: zlib.decompressobj(31)),
    "zlib": _in_streams(zlib.decompressobj),
    "bzip2": _in_streams(bz2.BZ2Decompressor),
    "xz": _in_streams(lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)),
    "zstd": _into(cramjam.zstd.decompress_into),
    "lz4": _into(cramjam.lz4.decompress_into),
    "snappy": _into(cramjam.snappy.decompress_into),
    "snappy-java": _xerial,
}

_ALL: Final = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (_XERIAL, "snappy-java"),
    (b"\xfd7zXZ\x00", "xz"),
    *((b"BZh%d1AY&SY" % level, "bzip2") for level in range(1, 10)),
    *((bytes((0x78, level)), "zlib") for level in (0x01, 0x5E, 0x9C, 0xDA)),
)
"""None of these is the beginning of text, of a protobuf message or of a block of snappy: but for zlib's, two bytes that
a block of 120 bytes may have, too."""
_MAGIC: Final = {first: [each for each in _ALL if each[0][0] == first] for first in {magic[0] for magic, _ in _ALL}}
FIRST_BYTES: Final = frozenset(_MAGIC)
