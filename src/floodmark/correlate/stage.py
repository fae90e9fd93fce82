"""The correlate stage: the items of one partition of the anomalies topic in, revisions of incidents out.

It puts items into event-time order (`order`), hands them to the incidents (`lifecycle`) and counts what happens.
Sans-IO and deterministic: the same items give the same revisions, however the detect tasks' streams interleave.
It never reads a clock; nothing but watermarks moves its time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from msgspec.msgpack import decode, encode

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import Absence, Anomaly, ChangeNotice, Dependencies, Incident, SeriesSample, Watermark
from floodmark.config.models import Correlate, Service
from floodmark.config.quantities import budget_in_words
from floodmark.correlate.lifecycle import Lifecycle
from floodmark.correlate.misplaced import Misplaced
from floodmark.correlate.order import BUFFER, EventOrder, Item, Stamp
from floodmark.correlate.topology import Topology
from floodmark.correlate.waiting import MOST, Waiting
from floodmark.state import Codec, StateError, classes_in

_MADE_BY: Final = "correlate 6"
"""The form of the state."""
_SCOPES: Final = 5
"""Scopes whose bar is told."""
_KINDS = ("changes", "anomalies", "updates", "closes", "dependencies", "actions")  # by `Stamp.kind`


class CorrelateStage:
    """Turns anomalies into incidents. `buffer` is the most items that wait for watermarks.

    Contract with the detect tasks: an anomaly's `updated_at` (of all its events) is not older than the last
    watermark of the task that sends it. What is, is late: it is attached all the same, at once, and counted; only
    for late items does the interleaving matter.
    """

    def __init__(self, correlate: Correlate, services: Mapping[str, Service], *, buffer: int = BUFFER) -> None:
        self._settings = _settings(correlate, services)
        self._budget = correlate.false_incidents
        self._order = EventOrder(buffer)
        self._waiting = Waiting()
        self._lifecycle = Lifecycle(correlate, Topology(services))
        self._taken = dict.fromkeys((*_KINDS, "watermarks", "absences"), 0)
        self._misplaced = Misplaced()
        self._late = {f"late:{kind}": 0 for kind in _KINDS}

    def process(
        self, item: Item | Absence | Action | Watermark | SeriesSample, task: str = "", since: float = math.nan
    ) -> list[Incident]:
        """Take the next item of the partition; return the revisions that are now certain, in event-time order.

        `task` is the detect task that sent it, if that is known; it is only used to find misplaced series. `since` is
        Kafka's time of the item (epoch seconds); it is only used to say how long an item has waited.
        """
        if isinstance(item, SeriesSample):
            self._misplaced.sample(item)
            return []
        if isinstance(item, Absence):
            self._taken["absences"] += 1
            self._order.forgo(item)
            return self._advanced()
        if isinstance(item, Watermark):
            self._taken["watermarks"] += 1
            self._misplaced.watermark(item.task, item.time.timestamp())
            self._order.hear(item)
            return self._advanced()
        if isinstance(item, Action):
            self._act(item)
            return self._lifecycle.revisions()
        if isinstance(item, Anomaly) and task and item.signal != "alert":
            self._misplaced.anomaly(item, task)
        stamp = self._order.stamp(item)
        self._taken[_KINDS[stamp.kind]] += 1
        if stamp.time < self._order.passed:
            self._late[f"late:{_KINDS[stamp.kind]}"] += 1
            self._hand_over(stamp, item, late=True)
            return self._lifecycle.revisions()
        self._in_order(self._order.push(stamp, item, since))
        return self._lifecycle.revisions()

    def outcomes(self) -> list[ActionOutcome]:
        """What has come of people's actions since that was last asked."""
        return self._lifecycle.outcomes()

    @property
    def order(self) -> EventOrder:
        """What waits, and for whom; to look at."""
        return self._order

    def finish(self) -> list[Incident]:
        """The end of the input (replay, demo): as if every task had sent an infinite watermark.

        Everything that waits is handled and every incident resolves. The stage is spent: later items are late.
        """
        self._in_order(self._order.drain())
        self._act_before((math.inf,))
        self._lifecycle.advance(self._order.passed)
        return self._lifecycle.revisions()

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked."""
        return self._misplaced.remarks()

    def snapshot(self) -> bytes:
        """All state, so that a stage that restores it goes on as this one would."""
        order = self._order.state(), self._waiting.state()
        state = self._settings, order, self._lifecycle.state(), self._misplaced.state()
        return encode((_MADE_BY, _codec().dumps(state)))

    def restore(self, data: bytes) -> Mapping[str, int]:
        """Go on from a snapshot, under the settings of now: open incidents stay, and nothing is left out.

        Raises StateError.
        """
        try:
            made_by, written = decode(data, type=tuple[str, bytes])
        except ValueError as error:
            raise StateError(f"this is no snapshot of a correlate task: {error}") from None
        if made_by != _MADE_BY:
            raise StateError(f"the snapshot is of another release ({made_by}; this one is {_MADE_BY})")
        state = _codec().loads(written)
        if not isinstance(state, tuple) or len(state) != 4:
            raise StateError("the snapshot does not hold the state of a correlate task")
        settings, order, lifecycle, misplaced = state
        items, actions = order
        self._order.restore(items)
        self._waiting.restore(actions)
        self._lifecycle.restore(lifecycle, same=settings == self._settings)
        self._misplaced.restore(misplaced)
        return {}

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by `name` or `name:reason`."""
        return {
            **self._taken,
            **self._late,
            "forced": self._order.forced,
            "watermarks:backwards": self._order.backwards,
            "watermarks:healed": self._order.healed,
            "tasks:forgotten": self._order.forgotten,
            **self._lifecycle.counts(),
            **self._misplaced.counts(),
        }

    def sizes(self) -> Mapping[str, int]:
        """How much state is held now."""
        order = self._order
        waiting = {"waiting": len(order), "actions_waiting": len(self._waiting)}
        return {**waiting, "tasks": order.tasks, "absent": order.absent, **self._lifecycle.sizes()}

    def learning(self) -> list[str]:
        """What opens an incident today, in words; of the first scopes."""
        often = budget_in_words(self._budget)
        return [
            f"incidents of scope {scope}: a group of anomalies opens one from {bar:.1f} nats of surprise on, which "
            f"chance reaches about {often}, as learned from {groups:,.0f} groups"
            for scope, bar, groups in self._lifecycle.bars()[:_SCOPES]
        ]

    def _advanced(self) -> list[Incident]:
        """What the words heard so far let through."""
        if self._order.heal():
            self._lifecycle.go_back(self._order.passed)
            self._waiting.go_back(self._order.passed)
        self._in_order(self._order.take())
        self._act_before((self._order.passed,))
        if len(self._waiting) and self._order.all_idle:
            for stamp, action in self._waiting.at_once(self._order.passed):
                self._lifecycle.act(action, stamp.time)
        self._lifecycle.advance(self._order.passed)
        return self._lifecycle.revisions()

    def _in_order(self, ready: Iterable[tuple[Stamp, Item]]) -> None:
        """Hand over what is ready, and before each item the actions that stand before it."""
        for stamp, item in ready:
            self._act_before(stamp)
            self._hand_over(stamp, item)

    def _act(self, action: Action) -> None:
        """Take an action: it waits for event time to come to it, or to go on if that has passed it."""
        self._taken["actions"] += 1
        if len(self._waiting) >= MOST:
            self._lifecycle.refuse(action, f"{MOST:,} actions wait already for event time to come to them")
        elif self._waiting.put(action, self._order.passed):
            self._late["late:actions"] += 1

    def _act_before(self, stamp: Stamp | tuple[float]) -> None:
        for own, action in self._waiting.before(stamp):
            self._lifecycle.act(action, own.time)

    def _hand_over(self, stamp: Stamp, item: Item, *, late: bool = False) -> None:
        if isinstance(item, ChangeNotice):
            self._lifecycle.change(item, stamp.time, late=late)
        elif isinstance(item, Dependencies):
            self._lifecycle.learn(item.calls, stamp.time)
        elif item.event == "opened":
            self._lifecycle.opened(item, stamp.time, late=late)
        elif item.event == "updated":
            self._lifecycle.updated(item, stamp.time, late=late)
        else:
            self._lifecycle.closed(item, stamp.time, late=late)


def _settings(correlate: Correlate, services: Mapping[str, Service]) -> str:
    """Equal for equal settings."""
    return correlate.model_dump_json() + "".join(f"{name}:{services[name].model_dump_json()}" for name in services)


@cache
def _codec() -> Codec:
    return Codec(classes_in(sys.modules, "floodmark.correlate", "floodmark.alerts", "floodmark.actions"))
