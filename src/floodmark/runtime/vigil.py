"""Who is waited for in vain, and what is left unread: by the runtime's clock, which a task has none of (law 10).

A task says how often it has heard each of those that it waits for (`records.Awaited`). Whoever is silent is named here,
and after a patience given up; that decision goes into a record which the task reads as any other, so that a replay
decides the same. Time in which we could not listen (our own process stood still, the broker was away, records were
unread) is no silence of others.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from floodmark.records import Awaited, Heard

log = structlog.get_logger(__name__)

_STALL: Final = 5.0
"""A pause between two looks that is longer was ours: the process, or its event loop, stood still."""
_NAMED: Final = 5
"""Names in a sentence; the rest are counted."""
WORDS: Final = 3
"""Times that a task repeats its word within `correlate.patience`, so that one may be lost."""


@dataclass
class _Silence:
    heard: Heard
    word_at: float
    move_at: float
    named: bool = False
    forgone: bool = False


class Vigil:
    """Watches over whom one task waits for. `patience`: seconds after which it goes on without them.

    `missing` are those that have never been heard, or not for two thirds of the patience.
    """

    def __init__(self, patience: float, where: dict[str, object]) -> None:
        """`where`: the task, for the log."""
        self.missing: list[str] = []
        self._patience = patience
        self._where = where
        self._silences: dict[str, _Silence] = {}
        self._looked: float | None = None
        self._waited = 0.0
        self._usual = math.inf
        self._behind = ""
        self._whom, self._item = "", ""

    @property
    def waited(self) -> float:
        """Seconds that the oldest item has waited, 0 if none waits."""
        return self._waited

    def look(self, now: float, wall: float, awaited: Awaited, *, listening: bool) -> list[str]:
        """Whom to give up now; called about once a second. `now`: monotonic, `wall`: epoch seconds.

        `listening`: nothing of what they may have said is unread.
        """
        step = now - self._looked if self._looked is not None else 0.0
        self._looked = now
        deaf = step if not listening or step > _STALL else 0.0
        silences, before = {}, self._silences
        for name, heard in awaited.heard.items():
            known = before.get(name)
            if known is None:
                silences[name] = _Silence(heard, now, now)
                continue
            known.word_at, known.move_at = min(now, known.word_at + deaf), min(now, known.move_at + deaf)
            if heard.words != known.heard.words:
                known.word_at = now
            if heard.moves != known.heard.moves:
                known.move_at, known.forgone = now, False
            known.heard = heard
            silences[name] = known
        self._silences = silences
        self._waited = max(0.0, wall - awaited.since) if math.isfinite(awaited.since) else 0.0
        self._usual, self._behind = awaited.bound, awaited.behind
        self._whom, self._item = awaited.whom, awaited.item
        self._name(now)
        return self._given_up(now)

    def silence(self, names: Iterable[str]) -> float:
        """Seconds for which the longest silent of `names` has said nothing new."""
        now = self._looked or 0.0
        return max((now - self._silences[name].move_at for name in names if name in self._silences), default=0.0)

    def troubles(self) -> list[str]:
        """Why what arrives now would not be told in time, in words; empty if it would."""
        words = []
        never = [name for name in self.missing if not self._silences[name].heard.words]
        silent = [name for name in self.missing if self._silences[name].heard.words]
        if never:
            words.append(_unheard(self._whom, never, "yet"))
        if silent:
            seconds = max((self._looked or 0.0) - self._silences[name].word_at for name in silent)
            words.append(_unheard(self._whom, silent, f"for {seconds:.0f} s"))
        if self._waited > self._usual + self._patience:
            why = f": {self._behind}" if self._behind else ""
            words.append(self._item.format(f"{self._waited:.0f} s") + why)
        return words

    def _name(self, now: float) -> None:
        limit = self._patience * 2 / 3
        self.missing, named, back = [], [], []
        for name, silence in self._silences.items():
            overdue = now - silence.word_at >= limit
            if overdue or not silence.heard.words:
                self.missing.append(name)
            if overdue and not silence.named:
                silence.named = True
                named.append(name)
            elif silence.named and not overdue:
                silence.named = False
                back.append(name)
        if named:
            words = _unheard(self._whom, named, f"for {limit:.0f} s")
            log.warning(f"{words}: what it may tell is waited for", patience=self._patience, **self._where)
        if back:
            log.info(f"heard again: {_listed(self._whom, back)}", **self._where)

    def _given_up(self, now: float) -> list[str]:
        """Who is silent beyond the patience; and who speaks, but has nothing new to say, while something waits."""
        stuck = self._waited > self._usual + self._patience
        names = []
        for name, silence in self._silences.items():
            since = silence.move_at if stuck else silence.word_at
            if not silence.forgone and now - since >= self._patience:
                silence.forgone = True
                names.append(name)
        if names:
            seconds = f"{self.silence(names):.0f} s"
            log.warning(
                f"going on without {_listed(self._whom, names)} after {seconds}: what it tells later is late",
                **self._where,
            )
        return names


class Unread:
    """How long ago everything of a partition was read: seconds since the newest moment whose end has been reached.

    Open transactions of others hold a reader up, so that the end is seldom reached exactly on a busy topic.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque()
        self._read_at: float | None = None
        self._moved_at: float | None = None
        self._position = -1

    def note(self, now: float, position: int | None, end: int | None) -> None:
        """Called about once a second. `end`: the topic's end as far as it is known."""
        if self._read_at is None or self._moved_at is None:
            self._read_at = self._moved_at = now
        if position is None or end is None:
            return
        if position != self._position:
            self._position, self._moved_at = position, now
        if not self._ends or self._ends[-1][1] != end or position >= end:
            self._ends.append((now, end))
        while self._ends and position >= self._ends[0][1]:
            self._read_at = self._ends.popleft()[0]
        if len(self._ends) > 1000:  # hundreds of seconds behind: the exact second says no more
            self._ends.pop()

    def seconds(self, now: float) -> float:
        """Since everything was read."""
        return now - self._read_at if self._read_at is not None else 0.0

    def stuck(self, now: float) -> float:
        """Since anything was read, where something is unread; else 0."""
        return now - max(self._moved_at, self._ends[0][0]) if self._ends and self._moved_at is not None else 0.0


def _listed(whom: str, names: list[str]) -> str:
    if names == [""]:
        return f"any {whom}"
    some = ", ".join(name for name in names[:_NAMED] if name)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{whom}{'s' if len(names) > 1 else ''} {some}{more}"


def _unheard(whom: str, names: list[str], when: str) -> str:
    if names == [""]:
        return f"no {whom} has been heard {when}"
    return f"{_listed(whom, names)} {'have' if len(names) > 1 else 'has'} not been heard {when}"
