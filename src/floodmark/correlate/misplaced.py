"""Finds series that arrive on two partitions: their producers do not key by series, so each task learns half of them.

Two witnesses, and neither costs a detect task anything for an event:

- Each task tells a small sample of the series that it hears. A series in the samples of two tasks of a topic is
  misplaced, once both have gone on for so long that a series that has merely moved (the topic got more partitions)
  would have left the older sample.
- A metric's anomalies come from one task, then from another one, then from the first again.

It must never change an incident.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from floodmark.alerts import Anomaly, SeriesSample

_TASKS: Final = 1_000
"""Tasks whose samples are kept."""
_SERIES: Final = 10_000
"""Misplaced series that are told apart, and series whose tasks are remembered; more are not counted."""


class _Sample:
    """What a task hears: the keys, and from which watermark on it counts. `mark` is how far the task has gone."""

    __slots__ = ("mark", "settled")

    def __init__(self) -> None:
        self.settled: dict[str, float] = {}
        self.mark = -math.inf


class _Trail:
    """The task that the newest anomaly of a series came from, when, and another task before that one."""

    __slots__ = ("before", "task", "time")

    def __init__(self, task: str, time: float) -> None:
        self.before = ""
        self.task = task
        self.time = time


class Misplaced:
    """What one correlate task knows of it. The samples of a topic all come to the same one."""

    def __init__(self) -> None:
        self._samples: OrderedDict[str, _Sample] = OrderedDict()
        self._doubtful: dict[tuple[str, str], list[str]] = {}
        """(topic, series) → the tasks that hear it, where these are several."""
        self._trails: OrderedDict[tuple[str, str], _Trail] = OrderedDict()
        self._found: dict[tuple[str, str], None] = {}
        self._said: dict[str, None] = {}
        self._remarks: list[str] = []
        self._count = 0

    def sample(self, body: SeriesSample) -> None:
        """A task says what it hears."""
        sample = self._samples.setdefault(body.task, _Sample())
        self._samples.move_to_end(body.task)
        settled = body.settled.timestamp()
        sample.settled = {key: sample.settled.get(key, settled) for key in body.series}
        if len(self._samples) > _TASKS:
            self._samples.popitem(last=False)
        self._doubt(_topic(body.task))

    def watermark(self, task: str, time: float) -> None:
        """A task has come to `time`: what was doubtful may now be certain."""
        sample = self._samples.get(task)
        if sample is None:
            return
        sample.mark = max(sample.mark, time)
        topic = _topic(task)
        certain = {at[1]: tasks for at, tasks in self._doubtful.items() if at[0] == topic and self._certain(at, tasks)}
        if certain:
            for key in certain:
                del self._doubtful[topic, key]
            self._find(topic, certain)

    def anomaly(self, item: Anomaly, task: str) -> None:
        """An anomaly that `task` told."""
        # Silence and its end are no points, and a log source that has moved is counted on with zeros.
        if item.signal != "metric" or item.head == "stale" or item.event == "closed":
            return
        at, time = (_topic(task), item.series), item.updated_at.timestamp()
        trail = self._trails.get(at)
        if trail is None:
            self._trails[at] = _Trail(task, time)
            if len(self._trails) > _SERIES:
                self._trails.popitem(last=False)
            return
        self._trails.move_to_end(at)
        if time <= trail.time:
            return
        if trail.before == task and at not in self._found:
            self._find(at[0], {at[1]: [trail.task, task]})
        if trail.task != task:
            trail.before, trail.task = trail.task, task
        trail.time = time

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked; one a topic."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def counts(self) -> Mapping[str, int]:
        return {"misplaced:series": self._count}

    def state(self) -> object:
        return self._samples, self._doubtful, self._trails, self._found, self._said

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._samples, self._doubtful, self._trails, self._found, self._said = state

    def _doubt(self, topic: str) -> None:
        """Which series of a topic are heard by several tasks, as far as is said now."""
        for at in [at for at in self._doubtful if at[0] == topic]:
            del self._doubtful[at]
        tasks: dict[str, list[str]] = {}
        for task in sorted(task for task in self._samples if _topic(task) == topic):
            for key in self._samples[task].settled:
                tasks.setdefault(key, []).append(task)
        for key in sorted(tasks):
            if len(tasks[key]) > 1 and (topic, key) not in self._found and len(self._found) < _SERIES:
                self._doubtful[topic, key] = tasks[key]

    def _certain(self, at: tuple[str, str], tasks: list[str]) -> bool:
        """Whether two of the tasks have gone on past the time from which all that they said of the series counts."""
        samples = [self._samples[task] for task in tasks]
        settled = max(sample.settled[at[1]] for sample in samples)
        return sum(sample.mark >= settled for sample in samples) > 1

    def _find(self, topic: str, found: Mapping[str, list[str]]) -> None:
        new = [key for key in found if (topic, key) not in self._found][: max(0, _SERIES - len(self._found))]
        self._found.update(dict.fromkeys((topic, key) for key in new))
        self._count += len(new)
        if not new or topic in self._said:
            return
        self._said[topic] = None
        partitions = sorted({int(task.rpartition("/")[2]) for task in found[new[0]]})
        listed = " and ".join((", ".join(map(str, partitions[:-1])), str(partitions[-1])))
        more = f" (and {len(new) - 1} more that were looked at)" if len(new) > 1 else ""
        self._remarks.append(
            f"Series {new[0]}{more} of topic {topic} arrives on partitions {listed}: its producers do not key by "
            "series, so each partition learns only a part of it. Key the records, or set `rekey: true` on this input."
        )


def _topic(task: str) -> str:
    return task.rpartition("/")[0]
