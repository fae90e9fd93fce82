"""What people do, heard by every process whole, and handed to all desks, also to those that begin later.

What is kept for those is bounded: what is about one incident for as long as anything can hold (a silence is for 30 days
at most), what is about none by number.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

import structlog

from floodmark.actions import OF_ALL, Action, ActionOutcome
from floodmark.events import MalformedEventError, decode
from floodmark.records import Record, Remark

log = structlog.get_logger(__name__)

OLDEST: Final = timedelta(days=31)
"""Nothing that is done to one incident holds for longer."""
MOST: Final = 20_000
"""Actions that are kept, of each of the two kinds."""


class Hears(Protocol):
    """A desk, as far as it hears."""

    def hear(self, action: Action, offset: int, now: float) -> None: ...


class Heard(NamedTuple):
    """An action, and where it stands in its partition."""

    action: Action
    offset: int


class Hearing:
    """A `records.Listener` of the actions topic. `told` is called after each action that desks have heard."""

    def __init__(self, topic: str, clock: Callable[[], float] = time.time) -> None:
        self.topic = topic
        self.what = "actions"
        self.left_out = 0
        self._clock = clock
        self._of_one: OrderedDict[str, Heard] = OrderedDict()
        self._of_all: OrderedDict[str, Heard] = OrderedDict()
        self._desks: dict[Hears, Callable[[], None]] = {}

    def join(self, desk: Hears, told: Callable[[], None]) -> None:
        """Hand a desk all that was heard, and from now on what is; `told` is called when something new was."""
        for heard in self._all():
            self._tell(desk, heard)
        self._desks[desk] = told

    def leave(self, desk: Hears) -> None:
        self._desks.pop(desk, None)

    def hear(self, record: Record) -> Remark:
        """Take a record of the topic."""
        try:
            body = decode(record)
        except MalformedEventError as error:
            return Remark("this is no action: it changes nothing", True, {"reason": str(error)})
        if isinstance(body, ActionOutcome):
            return Remark("the engine has answered", False, {"action": body.action, "result": body.result})
        if not isinstance(body, Action):
            return Remark("this is no action: it changes nothing", True, {"reason": f"it is a {type(body).__name__}"})
        facts = {"action": body.id, "verb": body.verb, "by": body.by, "incident": body.incident}
        if not self._keep(Heard(body, record.offset)):
            return Remark("heard again", False, facts)
        for desk, told in list(self._desks.items()):
            self._tell(desk, Heard(body, record.offset))
            told()
        return Remark("heard", False, facts)

    def standing(self) -> int:
        """How many actions are kept."""
        return len(self._of_one) + len(self._of_all)

    def of_one(self) -> Iterator[Action]:
        """What was done to single incidents, the oldest first."""
        return (heard.action for heard in self._of_one.values())

    def _tell(self, desk: Hears, heard: Heard) -> None:
        try:
            desk.hear(heard.action, heard.offset, self._clock())
        except Exception:  # else every start would end at the same one
            log.exception("an action could not be taken in (a bug in Floodmark, please report it)", id=heard.action.id)

    def _keep(self, heard: Heard) -> bool:
        """Whether it is new."""
        kept = self._of_all if heard.action.verb in OF_ALL else self._of_one
        if heard.action.id in kept:
            return False
        kept[heard.action.id] = heard
        oldest = datetime.fromtimestamp(self._clock(), UTC) - OLDEST
        while self._of_one and (len(self._of_one) > MOST or next(iter(self._of_one.values())).action.at < oldest):
            self._forget(self._of_one)
        while len(self._of_all) > MOST:
            self._forget(self._of_all)
        return True

    def _forget(self, kept: OrderedDict[str, Heard]) -> None:
        kept.popitem(last=False)
        self.left_out += 1

    def _all(self) -> Iterator[Heard]:
        yield from self._of_all.values()
        yield from self._of_one.values()
