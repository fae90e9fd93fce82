"""The bytes of one snapshot: what is in it, in which format, and whether it is whole. No store, no clock, no network.

    magic (8) · format version (u16) · length of the header (u32) · header (JSON)
    blocks, each: stored bytes (u32) · raw bytes (u32) · zstd
    BLAKE2b-256 of all before (32)

Integers are big-endian. A block holds at most `BLOCK` raw bytes, so neither side needs more than that beside the state,
and a forged length cannot make the reader take more memory than the header declares. Reading never runs code.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from typing import BinaryIO, NamedTuple

import cramjam

VERSION = 1
BLOCK = 4 * 1024 * 1024
MAXIMUM = 8 * 1024**3
"""Largest state in bytes that is written or read back: a sane bound, far above what a task's caps allow."""

_MAGIC = b"FLOODMRK"
_LEAD = struct.Struct(">8sHI")
_BLOCK = struct.Struct(">II")
_HEADER_BYTES = 64 * 1024
_DIGEST_BYTES = 32
_LEVEL = 3  # zstd's default: five times the speed of level 9 for a tenth more bytes


class DamagedError(Exception):
    """These bytes are not a sound snapshot; the text is the reason."""


class Header(NamedTuple):
    task: str
    position: int
    taken: float
    """Seconds since the epoch."""
    floodmark: str
    """The version that wrote it."""
    length: int
    """Raw bytes of the state."""


def write(file: BinaryIO, header: Header, state: bytes) -> None:
    """Append the frame of `state` to `file`. Raises OSError, and ValueError if the state is larger than `MAXIMUM`."""
    if len(state) > MAXIMUM:
        raise ValueError(f"the state has {len(state)} bytes; the most is {MAXIMUM}")
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def put(part: bytes) -> None:
        digest.update(part)
        file.write(part)

    described = json.dumps(header._asdict()).encode()
    put(_LEAD.pack(_MAGIC, VERSION, len(described)))
    put(described)
    view = memoryview(state)
    for start in range(0, len(view), BLOCK):
        block = view[start : start + BLOCK]
        stored = bytes(cramjam.zstd.compress(block, _LEVEL))
        put(_BLOCK.pack(len(stored), len(block)))
        put(stored)
    file.write(digest.digest())


def read(frame: bytes | bytearray | memoryview) -> tuple[Header, bytes]:
    """The header and state of a whole frame. Raises DamagedError."""
    view = memoryview(frame)
    if len(view) < _LEAD.size + _DIGEST_BYTES:
        raise DamagedError(f"it is cut short: {len(view)} bytes")
    magic, version, described = _LEAD.unpack_from(view)
    if magic != _MAGIC:
        raise DamagedError("it is not a snapshot of Floodmark")
    if version != VERSION:
        raise DamagedError(f"it has format {version}, and this Floodmark reads {VERSION}")
    content = view[:-_DIGEST_BYTES]
    if hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest() != view[-_DIGEST_BYTES:]:
        raise DamagedError("its checksum is wrong: it is cut short or was changed")
    body = _LEAD.size + described
    if described > _HEADER_BYTES or body > len(content):
        raise DamagedError("its header is longer than a header may be")
    header = _header(bytes(content[_LEAD.size : body]))
    return header, _state(content[body:], header.length)


def _header(described: bytes) -> Header:
    try:
        match json.loads(described):
            case {
                "task": str(task),
                "position": int(position),
                "taken": float(taken),
                "floodmark": str(by),
                "length": int(length),
            } if 0 <= length <= MAXIMUM:
                return Header(task, position, taken, by, length)
    except (ValueError, RecursionError):
        pass
    raise DamagedError("its header does not say what a header must")


def _state(blocks: memoryview, length: int) -> bytes:
    """The state, checked block by block; io.BytesIO gives out what it gathered without another copy."""
    state = io.BytesIO()
    space = memoryview(bytearray(min(BLOCK, length)))
    at = 0
    while at < len(blocks):
        if at + _BLOCK.size > len(blocks):
            raise DamagedError("a block is cut short")
        stored, raw = _BLOCK.unpack_from(blocks, at)
        at += _BLOCK.size
        if at + stored > len(blocks) or raw > BLOCK or state.tell() + raw > length:
            raise DamagedError("a block is longer than its snapshot")
        try:
            written = cramjam.zstd.decompress_into(blocks[at : at + stored], space[:raw])
        except cramjam.DecompressionError as error:
            raise DamagedError(f"a block cannot be decompressed ({error})") from error
        if written != raw:
            raise DamagedError(f"a block has {written} bytes instead of {raw}")
        state.write(space[:raw])
        at += stored
    if state.tell() != length:
        raise DamagedError(f"it has {state.tell()} bytes of state instead of {length}")
    return state.getvalue()
