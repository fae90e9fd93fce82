"""A stretch of topics as recorded telemetry: what `--topic`, `--from` and `--to` mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from floodmark.config.models import Config, Input
from floodmark.config.quantities import duration
from floodmark.decode.timestamps import arrival
from floodmark.files.notes import FileError, Notes
from floodmark.records import Record
from floodmark.runtime.ranges import Range


class Topics:
    """A `Source`: the records of some inputs. Making one asks Kafka where they begin and end; raises RunError."""

    def __init__(self, config: Config, topics: Sequence[str], since: float, until: float | None) -> None:
        self.notes = Notes()
        known = {each.topic: each for each in config.inputs}
        if not known:
            raise FileError("A topic is read as its input in the config says: give --config with `inputs`")
        for topic in topics:
            if topic not in known:
                raise FileError(f"--topic {topic}: the config has no such input; it has {', '.join(known)}")
        self.inputs: list[Input] = [known[topic] for topic in topics] if topics else list(known.values())
        names = list(dict.fromkeys(each.topic for each in self.inputs))
        self._range = Range(config.kafka, names, int(since * 1000), -1 if until is None else int(until * 1000))
        asyncio.run(self._range.find())

    @property
    def partitions(self) -> Mapping[str, int]:
        return self._range.partitions

    @property
    def size(self) -> int:
        return self._range.size

    def records(self) -> Iterator[Record]:
        """The loop stands still while a record is looked at: there is no group that would miss a heartbeat."""
        self.notes.clear()
        with asyncio.Runner() as runner:
            reading = self._range.read(arrival)
            try:
                while (some := runner.run(_next(reading))) is not None:
                    yield from some
            finally:
                runner.run(reading.aclose())  # type: ignore[attr-defined]

    def place(self, topic: str, partition: int, offset: int) -> str:
        return f"{topic}/{partition}@{offset}"


async def _next(reading: AsyncIterator[list[Record]]) -> list[Record] | None:
    return await anext(reading, None)


def since_when(text: str) -> float:
    """Epoch seconds of "2h" (ago), or of a time in ISO 8601; without an offset it is UTC. Raises ValueError."""
    try:
        return time.time() - duration(text.removesuffix(" ago"))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither a duration such as 2h nor a time such as 2026-01-31T22:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
