"""Puts predictions and outcomes, which come from several topics and partitions, into one order of event time.

Each route task says in the model events how far it is. What it brings waits here until all of them have passed its
time, and leaves by (time, task, arrival), so that a model is judged alike however the topics were read: side by side
as they come, or one ahead of the other when a backlog is caught up with, by up to `MOST` events. It never drops an
event and never reads a clock; an event that is late, by more than `detect.lateness`, leaves at once and is counted.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

from msgspec.msgpack import decode, encode

from floodmark.alerts import Absence, Watermark
from floodmark.correlate.order import EventOrder, Stamp
from floodmark.detect.stage import Judged
from floodmark.state import Codec, StateError, classes_in

MOST: Final = 20_000
"""Most events that wait; with fifty features each takes some kilobytes."""
_MADE_BY: Final = "merge 1"
"""The form of the state."""


Arrived = tuple[Judged, float]
"""An event, and when its record was here."""


class Merge:
    """The order of one partition of the model events. `patience`: seconds of event time without an event after which
    nobody has to wait for what this partition may still hold."""

    def __init__(self, patience: float, capacity: int = MOST) -> None:
        self.order = EventOrder(capacity)
        self._patience = patience
        self._awake: set[str] = set()
        self._newest = -math.inf
        self._silent = False
        self._arrivals = self._late = 0

    @property
    def silent(self) -> bool:
        """Whether no event waits and none has come for a while, or no route task has any."""
        return self._silent

    def hear(self, mark: Watermark) -> Iterator[Arrived]:
        """Take a route task's word; the events that all have passed with it, in order."""
        self.order.hear(mark)
        (self._awake.discard if mark.idle else self._awake.add)(mark.task)
        self._awake &= self.order.known  # who is gone brings nothing
        yield from self._ready()

    def forgo(self, absence: Absence) -> Iterator[Arrived]:
        """Go on without the route tasks that it names; the events that may leave with it, in order."""
        self.order.forgo(absence)
        self._awake.difference_update(absence.tasks)
        yield from self._ready()

    def push(self, event: Judged, arrival: float, task: str, since: float = math.nan) -> Iterator[Arrived]:
        """Take an event that a route task brought; the events that may leave with it, in order.

        `arrival`: see `arrivals.Run`. `since`: Kafka's time of the event, epoch seconds.
        """
        self._silent = False
        # One whose clock is ahead is in order where it came, and nobody waits until that time has come.
        time = event.time if math.isnan(arrival) else min(event.time, abs(arrival))
        self._newest = max(self._newest, time)
        self._arrivals += 1
        stamp = Stamp(time, 0, time, task, self._arrivals)
        if stamp.time < self.order.passed:
            self._late += 1
            yield event, arrival
            return
        for _, forced in self.order.push(stamp, cast("Any", (event, arrival)), since):
            yield cast("Any", forced)
        yield from self._ready()

    def falls_silent(self) -> bool:
        """Whether it has become `silent` since last asked."""
        quiet = not self._awake or self.order.passed - self._newest > self._patience
        before, self._silent = self._silent, quiet and not len(self.order) and self.order.passed > -math.inf
        return self._silent and not before

    def drain(self) -> Iterator[Arrived]:
        """All that waits: the input has ended."""
        for _, event in self.order.drain():
            yield cast("Any", event)

    def counts(self) -> Mapping[str, int]:
        return {"late:event": self._late, "forced": self.order.forced}

    def sizes(self) -> Mapping[str, int]:
        return {"waiting": len(self.order)}

    def state(self) -> bytes:
        own = self._awake, self._newest, self._silent, self._arrivals
        return encode((_MADE_BY, _codec().dumps((self.order.state(), own))))

    def restore(self, data: bytes) -> None:
        """Raises StateError."""
        try:
            made_by, written = decode(data, type=tuple[str, bytes])
        except ValueError as error:
            raise StateError(f"this is no snapshot of the order of model events: {error}") from None
        if made_by != _MADE_BY:
            raise StateError(f"the snapshot is of another release ({made_by}; this one is {_MADE_BY})")
        order, own = _codec().loads(written)
        self.order.restore(order)
        self._awake, self._newest, self._silent, self._arrivals = own

    def _ready(self) -> Iterator[Arrived]:
        self.order.heal()
        for _, event in self.order.take():
            yield cast("Any", event)


@cache
def _codec() -> Codec:
    return Codec(classes_in(sys.modules, "floodmark.correlate", "floodmark.signals"))
