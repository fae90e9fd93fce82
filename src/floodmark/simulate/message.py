"""What the simulator hands to a producer."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """One Kafka message: when it is sent (event time, epoch seconds), where, and how many events it holds."""

    time: float
    topic: str
    key: bytes
    value: bytes
    events: int
