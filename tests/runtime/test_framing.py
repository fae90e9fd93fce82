"""The bytes of a snapshot: whole or refused with a reason, and never more memory than was declared."""

import hashlib
import io
import json
import struct

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.runtime import framing
from floodmark.runtime.framing import DamagedError, Header


def framed(state, task="g/t/0", position=7):
    file = io.BytesIO()
    framing.write(file, Header(task, position, 1.5, "0.1.0", len(state)), state)
    return file.getvalue()


def forged(*blocks, **changes):
    """A frame with a true checksum, of (stored, declared raw length) blocks, its header changed by `changes`."""
    header = {"task": "g/t/0", "position": 7, "taken": 1.5, "floodmark": "0.1.0", "length": 3} | changes
    described = json.dumps(header).encode()
    content = struct.pack(">8sHI", b"FLOODMRK", 1, len(described)) + described
    for stored, raw in blocks:
        content += struct.pack(">II", len(stored), raw) + stored
    return sealed(content)


def sealed(content):
    return content + hashlib.blake2b(content, digest_size=32).digest()


def zstd(raw):
    return bytes(cramjam.zstd.compress(raw))


SOUND = framed(b"the state of a task")


@given(st.binary(max_size=5_000), st.text(), st.integers(0, 2**62))
def test_what_was_written_is_read_back(state, task, position):
    assert framing.read(framed(state, task, position)) == (Header(task, position, 1.5, "0.1.0", len(state)), state)


@pytest.mark.parametrize("length", [framing.BLOCK - 1, framing.BLOCK, framing.BLOCK + 1, 2 * framing.BLOCK + 5])
def test_states_of_several_blocks_are_read_back(length):
    state = bytes(range(251)) * (length // 251) + b"." * (length % 251)

    assert framing.read(framed(state))[1] == state


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_any_changed_byte_is_seen(at, change):
    changed = bytearray(SOUND)
    changed[at] ^= change

    with pytest.raises(DamagedError):
        framing.read(changed)


@given(st.integers(0, len(SOUND) - 1))
def test_any_truncation_is_seen(length):
    with pytest.raises(DamagedError):
        framing.read(SOUND[:length])


@given(st.binary(max_size=300))
def test_bytes_of_any_other_kind_are_refused(content):
    with pytest.raises(DamagedError):
        framing.read(content)


def test_a_newer_format_is_named():
    content = bytearray(SOUND[:-32])
    content[8:10] = struct.pack(">H", 2)

    with pytest.raises(DamagedError, match="format 2, and this Floodmark reads 1"):
        framing.read(sealed(bytes(content)))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (forged((zstd(b"x" * 10_000_000), 3)), "cannot be decompressed"),  # more than it declares: a bomb
        (forged((zstd(b"x" * 10_000_000), 10_000_000), length=10_000_000), "longer than its snapshot"),
        (forged((zstd(b"abc"), 3), length=2), "longer than its snapshot"),
        (forged((zstd(b"abc"), 3), length=4), "3 bytes of state instead of 4"),
        (forged((zstd(b"ab"), 3)), "2 bytes instead of 3"),
        (forged((b"not zstd", 3)), "cannot be decompressed"),
        (forged((b"", 3)), "cannot be decompressed"),
        (forged(length=framing.MAXIMUM + 1), "header"),
        (forged(length=-1), "header"),
        (forged(length="3"), "header"),
        (forged(task=None), "header"),
        (sealed(struct.pack(">8sHI", b"FLOODMRK", 1, 2**32 - 1)), "header"),
        (sealed(struct.pack(">8sHI", b"FLOODMRK", 1, 40_000) + b"[" * 40_000), "header"),
        (sealed(forged((zstd(b"abc"), 3))[:-32] + b"\0\0"), "cut short"),
    ],
)
def test_a_forged_frame_is_refused_even_with_a_true_checksum(frame, reason):
    with pytest.raises(DamagedError, match=reason):
        framing.read(frame)


def test_a_state_beyond_the_maximum_is_not_written(monkeypatch):
    monkeypatch.setattr(framing, "MAXIMUM", 10)

    with pytest.raises(ValueError, match="11 bytes; the most is 10"):
        framed(b"x" * 11)
