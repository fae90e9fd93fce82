"""How far a run has come, for whoever started it and has to know when all is read. It must never change what it does.

Silence does not say it: a task that is slow is as silent as one that is done. Positions do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

Ends = Mapping[TopicPartition, int]


class Reading(Protocol):
    """A consumer group of the run."""

    @property
    def stage(self) -> str: ...

    async def ends(self) -> Ends:
        """The end of each partition of the group's topics. Raises KafkaError."""
        ...

    def delivered(self, ends: Ends) -> bool:
        """Whether all before `ends` is processed, and what came of it is written."""
        ...


class Progress:
    """Hand it to `run`, which sets `groups` (none before it has joined, and between two lives)."""

    def __init__(self) -> None:
        self.groups: Sequence[Reading] = ()

    async def ends(self, stage: str) -> Ends | None:
        """Where the topics that `stage` reads end at this moment; None if that is not known just now."""
        for group in self.groups:
            if group.stage == stage:
                try:
                    return await group.ends()
                except KafkaError:
                    return None
        return None

    def delivered(self, stage: str, ends: Ends) -> bool:
        """Whether `stage` is done with all before `ends`: it is processed, and what came of it is written."""
        return any(group.stage == stage and group.delivered(ends) for group in self.groups)
