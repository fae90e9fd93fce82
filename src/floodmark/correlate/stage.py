"""The correlate stage: the items of one partition of the anomalies topic in, revisions of incidents out.

It puts items into event-time order (`order`), hands them to the incidents (`lifecycle`) and counts what happens.
Sans-IO and deterministic: the same items give the same revisions, however the detect tasks' streams interleave.
It never reads a clock; nothing but watermarks moves its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from floodmark.alerts import Anomaly, ChangeNotice, Incident, Watermark
from floodmark.config.models import Correlate, Service
from floodmark.correlate.lifecycle import Lifecycle
from floodmark.correlate.order import BUFFER, EventOrder, Stamp
from floodmark.correlate.topology import Topology

_KINDS = ("changes", "anomalies", "updates", "closes")  # by `Stamp.kind`


class CorrelateStage:
    """Turns anomalies into incidents. `buffer` is the most items that wait for watermarks.

    Contract with the detect tasks: an anomaly's `updated_at` (of all its events) is not older than the last
    watermark of the task that sends it. What is, is late: it is attached all the same, at once, and counted; only
    for late items does the interleaving matter.
    """

    def __init__(self, correlate: Correlate, services: Mapping[str, Service], *, buffer: int = BUFFER) -> None:
        self._order = EventOrder(buffer)
        self._lifecycle = Lifecycle(correlate, Topology(services))
        self._taken = dict.fromkeys((*_KINDS, "watermarks"), 0)
        self._late = {f"late:{kind}": 0 for kind in _KINDS}

    def process(self, item: Anomaly | ChangeNotice | Watermark) -> list[Incident]:
        """Take the next item of the partition; return the revisions that are now certain, in event-time order."""
        if isinstance(item, Watermark):
            self._taken["watermarks"] += 1
            self._order.hear(item)
            for stamp, ready in self._order.take():
                self._hand_over(stamp, ready)
            self._lifecycle.advance(self._order.passed)
            return self._lifecycle.revisions()
        stamp = self._order.stamp(item)
        self._taken[_KINDS[stamp.kind]] += 1
        if stamp.time < self._order.passed:
            self._late[f"late:{_KINDS[stamp.kind]}"] += 1
            self._hand_over(stamp, item, late=True)
            return self._lifecycle.revisions()
        for forced, ready in self._order.push(stamp, item):
            self._hand_over(forced, ready)
        return self._lifecycle.revisions()

    def finish(self) -> list[Incident]:
        """The end of the input (replay, demo): as if every task had sent an infinite watermark.

        Everything that waits is handled and every incident resolves. The stage is spent: later items are late.
        """
        for stamp, ready in self._order.drain():
            self._hand_over(stamp, ready)
        self._lifecycle.advance(self._order.passed)
        return self._lifecycle.revisions()

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by `name` or `name:reason`."""
        return {
            **self._taken,
            **self._late,
            "forced": self._order.forced,
            "watermarks:backwards": self._order.backwards,
            "tasks:forgotten": self._order.forgotten,
            **self._lifecycle.counts(),
        }

    def sizes(self) -> Mapping[str, int]:
        """How much state is held now."""
        return {"waiting": len(self._order), "tasks": self._order.tasks, **self._lifecycle.sizes()}

    def _hand_over(self, stamp: Stamp, item: Anomaly | ChangeNotice, *, late: bool = False) -> None:
        if isinstance(item, ChangeNotice):
            self._lifecycle.change(item, stamp.time, late=late)
        elif item.event == "opened":
            self._lifecycle.opened(item, stamp.time, late=late)
        elif item.event == "updated":
            self._lifecycle.updated(item, stamp.time, late=late)
        else:
            self._lifecycle.closed(item, stamp.time, late=late)
