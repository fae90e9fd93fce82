"""What an engine publishes while it runs, as the demo's display needs it: incidents, and how far event time is.

It must never decide anything: it hears what was written, and adds it up.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from floodmark.alerts import Anomaly, Incident, Watermark
from floodmark.events import TYPES, event_type
from floodmark.records import Output


class Watcher:
    """Give `see` to the run as `on_output`. `incidents`: every revision, in the order of publication."""

    def __init__(self) -> None:
        self._decode = {name: msgspec.json.Decoder(TYPES[name]) for name in TYPES}
        self._said: dict[str, Watermark] = {}
        self._tasks = 0
        self._open: set[str] = set()
        self._opened: list[float] = []
        self._news: list[Incident] = []
        self.counts: Counter[str] = Counter()
        self.incidents: list[Incident] = []
        self.told: list[Incident] = []
        """The same, whatever is cut."""
        self.odd: dict[str, Anomaly] = {}
        """The alarm that is open, by series."""

    def see(self, output: Output) -> None:
        """The runtime's `on_output`."""
        if output.stream not in ("anomalies", "alerts"):
            self.counts[output.stream] += 1
            return
        body = self._decode[event_type(output.headers) or ""].decode(output.value or b"")
        if isinstance(body, Watermark):
            self._said[body.task] = body
            self._tasks = max(self._tasks, body.tasks)
        elif isinstance(body, Incident):
            self.incidents.append(body)
            self.told.append(body)
            self._news.append(body)
            (self._open.discard if body.event in ("resolved", "merged") else self._open.add)(body.id)
        elif isinstance(body, Anomaly):
            if body.event == "opened":
                self._opened.append(body.updated_at.timestamp())
            if body.event == "closed":
                self.odd.pop(body.series, None)
            else:
                self.odd[body.series] = body

    def news(self) -> list[Incident]:
        """The revisions since last asked."""
        news, self._news = self._news, []
        return news

    @property
    def anomalies(self) -> int:
        """How many have opened."""
        return len(self._opened)

    @property
    def open(self) -> int:
        """How many incidents are open."""
        return len(self._open)

    @property
    def reached(self) -> float | None:
        """Event time (epoch seconds) that every detect task with something to say has passed; None before the first."""
        times = [said.time.timestamp() for said in self._said.values()]
        awake = [said.time.timestamp() for said in self._said.values() if not said.idle]
        return min((time for time in awake if time > 0), default=max(times, default=0.0) or None)

    @property
    def complete(self) -> bool:
        """Whether every detect task has said how far it is, or that it has nothing: nobody waits for a first word."""
        told = sum(said.idle or said.time.timestamp() > 0 for said in self._said.values())
        return 0 < self._tasks <= told

    def cut(self, time: float) -> None:
        """Forget what belongs after event time `time`: how much there is of that depends on when the run ends."""
        self.incidents = [incident for incident in self.incidents if incident.updated_at.timestamp() <= time]
        self._opened = [opened for opened in self._opened if opened <= time]
