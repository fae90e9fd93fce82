"""What a task does by the clock and not by records: it says that it is there, and whom it waits for in vain.

The task itself has no clock: it is asked for its word, and told whom to give up (see vigil.py). It must never look into
what is said.
"""

from __future__ import annotations

import time
from typing import Final

from floodmark.records import Output, Task
from floodmark.runtime.presence import Presence
from floodmark.runtime.vigil import WORDS, Unread, Vigil

_ATTEND_SECONDS: Final = 0.5
_UNREAD_SECONDS: Final = 3.0
"""Where what was written so long ago is unread, the silence of others may be our own."""


class Attending:
    """The clock of one task. Seconds; `now` is monotonic. `idle`, `patience`: see `partition.Member`."""

    def __init__(self, topic: str, partition: int, idle: float, patience: float, presence: Presence) -> None:
        self._place = f"{topic}/{partition}"
        self._where: dict[str, object] = {"topic": topic, "partition": partition}
        self._idle = idle
        self._patience = patience
        self._presence = presence
        self._heard = float("-inf")
        self._said_idle = False
        self._speak_at = self._attend_at = float("-inf")
        self._unread = Unread()
        self._vigil: Vigil | None = None

    @property
    def missing(self) -> int | None:
        """Of those that the task has to hear of, how many it does not hear; None where it waits for nobody."""
        return len(self._vigil.missing) if self._vigil is not None else None

    @property
    def waited(self) -> float:
        """Seconds that the oldest item which waits for others has waited, 0 if none does."""
        return self._vigil.waited if self._vigil is not None else 0.0

    def begin(self) -> None:
        """The task begins to work, or goes on: whoever begins to listen now has not heard of it."""
        self._speak_at = self._attend_at = float("-inf")

    def heard(self, now: float, *, records: bool = True) -> None:
        """Something has come; without `records`: the task begins to listen."""
        self._heard = now
        self._said_idle = self._said_idle and not records

    def wait(self, now: float, longest: float) -> float:
        """How long nothing is due, at most `longest`."""
        if self._said_idle:
            return longest
        return min(longest, max(0.0, self._heard + self._idle - now) or longest)

    def look(self, now: float, task: Task, position: int | None, end: int | None, *, live: bool) -> list[Output]:
        """What the task says by now; to be called between any two steps. `position`: of the next record, if that is
        known; `end`: of the partition; `live`: whether the task is heard."""
        quiet = not self._said_idle and now - self._heard >= self._idle
        if now < self._attend_at and not quiet:
            return []
        self._attend_at = now + _ATTEND_SECONDS
        self._unread.note(now, position, end)
        if not live:
            return []
        lag = None if position is None or end is None else max(0, end - position)
        return [*self._word(now, task, lag), *self._decision(now, task)]

    def troubles(self, now: float, lag: int | None) -> list[str]:
        """Why what arrives now would not be told, in words; empty if it would."""
        words = [f"{self._place}: {trouble}" for trouble in self._vigil.troubles()] if self._vigil is not None else []
        stuck = self._unread.stuck(now)
        if stuck > self._patience:
            why = f"could not be read for {stuck:.0f} s: does a writer's transaction hang?"
            words.append(f"{self._place} holds records that {why}")
        elif self._unread.seconds(now) > self._patience:
            words.append(f"{self._place} is being caught up with: {lag or 0:,} records are unread")
        return words

    def _word(self, now: float, task: Task, lag: int | None) -> list[Output]:
        """That the task is there, at once and then every few seconds; and that nothing comes, as soon as that is so."""
        every = self._patience / WORDS
        if lag is None and now - self._heard < every:  # the broker has not said yet whether there is anything to read
            return []
        idle = lag == 0 and now - self._heard >= self._idle
        if now < self._speak_at and not (idle and not self._said_idle):
            return []
        self._speak_at, self._said_idle = now + every, idle
        return task.speak(idle=idle)

    def _decision(self, now: float, task: Task) -> list[Output]:
        """That the task goes on without those that it has not heard for too long."""
        awaited = task.awaited()
        if awaited is None:
            return []
        if self._presence.away_since is not None:  # nobody can be heard, and afterwards all begin to speak anew
            self._vigil = None
            return []
        if self._vigil is None:
            self._vigil = Vigil(self._patience, self._where)
        names = self._vigil.look(now, time.time(), awaited, listening=self._unread.seconds(now) < _UNREAD_SECONDS)
        return task.forgo(names, self._vigil.silence(names)) if names else []
