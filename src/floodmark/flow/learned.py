"""What the snapshot of a task has learned, by the bytes that its task has made."""

from __future__ import annotations

from typing import Any

import msgspec

from floodmark.detect.learned import Difference, Learned, Picture, Shift, difference, picture
from floodmark.state import StateError

__all__ = ["Difference", "Learned", "Picture", "Shift", "difference", "learned", "unforgettable"]


def learned(state: bytes) -> Picture:
    """What a detect task has learned. Raises StateError if it is no state of one, or of another release."""
    return picture(_parts(state)[1])


def unforgettable(state: bytes) -> str:
    """Why a detect task cannot go on from a state as if nothing had come since; empty if it can. Raises StateError.

    What has been told of an alarm since then could not be followed; and what is held until others have passed it waits
    for records that have gone by.
    """
    merge, stage = _parts(state)
    if merge:
        return "it holds records of several inputs in order, and those would not come again"
    odd = [key for key, each in picture(stage).series.items() if each.alarm]
    if odd:
        more = f" and {len(odd) - 1:,} more" if len(odd) > 1 else ""
        return f"an alarm was open at that time on {odd[0]}{more}, and what was told of it since could not be followed"
    return ""


def _parts(state: bytes) -> tuple[bytes, bytes]:
    """What is held in the order of several inputs, and the state of the stage."""
    try:
        _, merge, stage = msgspec.msgpack.decode(state, type=tuple[list[Any], bytes, bytes])
    except msgspec.MsgspecError as error:
        raise StateError(f"this is no snapshot of a detect task: {error}") from None
    return merge, stage
