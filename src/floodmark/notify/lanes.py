"""What waits for one target about one thing: a queue that never forgets an end, and never begins what is over.

Messages go strictly one after the other. What has not been tried yet may still be put together: updates into one,
an update into the opening before it, and an opening that is over before anybody heard of it into nothing. What has been
tried keeps its id and what it says, for nobody knows whether it arrived.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from msgspec import Struct, field

from floodmark.notify.sink import Event

Told = Literal["no", "maybe", "open", "over"]
"""What a target takes a thing for, as far as we know. maybe: it was tried, and no answer came."""

_FIRST: Final = 1.0
_LONGEST: Final = 300.0
_DAY: Final = 86400.0
_REASONS: Final = 5
"""Reasons that a message put together of several keeps, the newest ones."""


class Pending(Struct, omit_defaults=True):
    """A message that waits. `due`: not before. Once it is tried it has an id, and says what it said then. `failed`: how
    many `attempts` have had an answer, or none in time; those that a crash has cut off are no reason to wait longer."""

    event: Event
    at: float
    loud: bool = False
    reasons: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    due: float = 0.0
    revision: int = 0
    id: str = ""
    state: Literal["open", "acked", "snoozed", "resolved", "merged"] = "open"
    owner: str = ""
    playbook: str = ""
    attempts: int = 0
    failed: int = 0
    first: float = 0.0
    why: str = ""
    fell: bool = False


class Lane(Struct, omit_defaults=True):
    """One target's share of a thing. `revision`: the newest that is there. `named` and `count` make ids unique."""

    queue: list[Pending] = field(default_factory=list)
    told: Told = "no"
    revision: int = 0
    named: int = -1
    count: int = 0
    memory: dict[str, str] = field(default_factory=dict)

    def idle(self) -> bool:
        return not self.queue

    def ending(self) -> bool:
        """Whether an end waits, and no new beginning after it."""
        last = next((each.event for each in reversed(self.queue) if each.event in ("open", "resolve")), "")
        return last == "resolve"

    def name(self, key: str, revision: int, target: str) -> str:
        """An id for the next message: KEY/REVISION/TARGET, and a number where the revision has had one already."""
        self.count = self.count + 1 if self.named == revision else 0
        self.named = revision
        return f"{key}/{revision}/{target}" + (f"/{self.count}" if self.count else "")


def put(lane: Lane, new: Pending, flying: bool, quiet: bool) -> str:
    """Put a message at the end of the queue; what became of it in a word: queued, joined, moot.

    `flying`: the first one is on its way. `quiet`: a target that never heard of a thing is told, without noise, that it
    was and is over.
    """
    last = lane.queue[-1] if lane.queue else None
    if new.event == "resolve":
        return _end(lane, new, flying, quiet)
    if last is not None and not last.id and new.event == last.event == "digest":
        _join(last, new)
        return "joined"
    if new.event not in ("open", "update") or last is None or last.id:
        lane.queue.append(new)
        return "queued"
    if last.event in ("open", "update"):
        _join(last, new)
        if new.event == "open":
            last.event = "open"
        return "joined"
    if last.event == "resolve" and new.event == "update":  # what is said after the end goes with the end
        _join(last, new)
        last.loud = False
        return "joined"
    lane.queue.append(new)
    return "queued"


def _end(lane: Lane, new: Pending, flying: bool, quiet: bool) -> str:
    queue = lane.queue
    dropped = False
    while queue and not queue[-1].id and queue[-1].event in ("open", "update"):
        queue.pop()
        dropped = True
    if queue and queue[-1].event == "resolve" and not queue[-1].id:
        _join(queue[-1], new)
        return "joined"
    if queue and queue[-1].event == "resolve":  # it is being told of an end; it has not heard of the new beginning
        return "moot"
    settle_over(lane, flying)
    if lane.queue or lane.told in ("maybe", "open"):
        lane.queue.append(new)
        return "queued"
    if (dropped or quiet) and quiet:
        lane.queue.append(new)
        return "queued"
    return "moot"


def settle_over(lane: Lane, flying: bool) -> None:
    """Give up an opening or an update that was tried in vain, if all is over: the end alone is still to be told."""
    if flying or not lane.queue or not lane.queue[0].id or lane.queue[0].event not in ("open", "update"):
        return
    if lane.queue.pop(0).event == "open" and lane.told != "open":
        lane.told = "maybe"


def overtaken(lane: Lane) -> bool:
    """Whether what was tried in vain is followed by an end."""
    return len(lane.queue) > 1 and lane.queue[0].event in ("open", "update") and lane.queue[1].event == "resolve"


def _join(last: Pending, new: Pending) -> None:
    last.loud = last.loud or new.loud
    last.people += [name for name in new.people if name not in last.people]
    last.reasons = [*(r for r in last.reasons if r not in new.reasons), *new.reasons][-_REASONS:]
    last.revision = max(last.revision, new.revision)
    last.due = min(last.due, new.due)


def backoff(id: str, attempts: int, after: float | None) -> float:
    """Seconds until the next attempt: 1 s, doubled each time up to 5 min, less up to half of it by chance of the id;
    no less than the target asks for, and no more than a day."""
    longest = min(_LONGEST, _FIRST * 2.0 ** min(attempts - 1, 20))
    digest = hashlib.blake2b(f"{id}/{attempts}".encode(), digest_size=4).digest()
    chance = int.from_bytes(digest, "big") / 2**32
    return min(_DAY, max(longest * (1 - chance / 2), after or 0.0))
