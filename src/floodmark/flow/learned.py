"""What the snapshot of a task has learned, by the bytes that its task has made."""

from __future__ import annotations

from typing import Any

import msgspec

from floodmark.detect.learned import Difference, Learned, Picture, Shift, difference, picture
from floodmark.state import StateError

__all__ = ["Difference", "Learned", "Picture", "Shift", "difference", "learned"]


def learned(state: bytes) -> Picture:
    """What a detect task has learned. Raises StateError if it is no state of one, or of another release."""
    try:
        _, _, stage = msgspec.msgpack.decode(state, type=tuple[list[Any], bytes, bytes])
    except msgspec.MsgspecError as error:
        raise StateError(f"this is no snapshot of a detect task: {error}") from None
    return picture(stage)
