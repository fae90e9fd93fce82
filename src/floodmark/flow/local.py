"""All tasks in one place without Kafka: every output handed on at once. Topics of our own have one partition each.

This is `floodmark replay`, and how tests run the whole flow over lists. The tasks are those of the runtime, so the
answer is the same bytes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from floodmark.config.models import Config
from floodmark.detect.feedback import Feedback
from floodmark.detect.upkeep import Upkeep
from floodmark.flow import groups
from floodmark.flow.tasks import CorrelateTask, DetectTask, RouteTask
from floodmark.records import Output, Record, Schemas, Task


class LocalFlow:
    """The flow of a config over records that are given to it. Outputs come back in the order in which they arose."""

    def __init__(
        self,
        config: Config,
        feedback: Feedback | None = None,
        partitions: Mapping[str, int] | None = None,
        schemas: Schemas | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """`partitions`: of the inputs that have more than one. `schemas`: those that the values need which a schema
        registry's serialisers have framed. `upkeep`: the maintenance that people have announced."""
        streams = config.topics.model_dump()
        work = groups(config, feedback, schemas, upkeep)
        counts = {topic: (partitions or {}).get(topic, 1) for topics in work.values() for topic in topics}
        self._tasks: dict[tuple[str, int], Task] = {
            (topic, number): factory(topic, number, {each: counts[each] for each in topics})
            for topics in work.values()
            for topic, factory in topics.items()
            for number in range(counts[topic])
        }
        self._order = list(self._tasks)
        self._streams: Mapping[str, str] = streams
        self._offsets: Counter[str] = Counter()

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Handle records of any inputs, in the order given. Raises KeyError for a partition that no task reads."""
        out: list[Output] = []
        for record in records:
            self._follow(self._tasks[record.topic, record.partition].process([record]), out)
        return out

    def finish(self) -> list[Output]:
        """The input has ended: close windows and alarms, resolve incidents."""
        out: list[Output] = []
        for place in self._order:
            task = self._tasks[place]
            if isinstance(task, RouteTask):
                self._follow(task.finish(), out)
            if isinstance(task, DetectTask):
                self._follow(task.finish(), out)
                self._follow(task.speak(idle=True), out)
        for task in self._tasks.values():
            if isinstance(task, CorrelateTask):
                self._follow(task.finish(), out)
        return out

    def templates(self) -> list[tuple[str, str, int]]:
        """The log templates of all tasks: source, text, lines."""
        detecting = (task for task in self._tasks.values() if isinstance(task, DetectTask))
        return [row for task in detecting for row in task.templates()]

    def counts(self) -> Mapping[str, int]:
        """The counters of all tasks together."""
        total: Counter[str] = Counter()
        for task in self._tasks.values():
            total.update(task.counts())
        return total

    def sizes(self) -> Mapping[str, int]:
        """The state of all tasks together."""
        total: Counter[str] = Counter()
        for task in self._tasks.values():
            total.update(task.sizes())
        return total

    def _follow(self, outputs: Iterable[Output], out: list[Output]) -> None:
        """Append outputs and all that follows from them downstream."""
        waiting = deque(outputs)
        while waiting:
            output = waiting.popleft()
            out.append(output)
            topic = self._streams[output.stream]
            task = self._tasks.get((topic, 0))
            if task is None:
                continue
            self._offsets[topic] += 1
            record = Record(topic, 0, self._offsets[topic] - 1, -1, output.key, output.value, output.headers)
            waiting.extend(task.process([record]))
