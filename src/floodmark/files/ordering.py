"""Lines of files in the order of their times, whatever the order in which they stand. Memory: 32 bytes a line."""

from __future__ import annotations

import math
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from floodmark.records import Headers


class Line(NamedTuple):
    """What becomes a record: `time` to merge files by, `topic` its input, `place` its partition and offset there.

    `arrival` is Kafka's time in milliseconds, -1 if it is not known.
    """

    time: float
    topic: str
    place: tuple[int, int]
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    arrival: int = -1


class Clock:
    """Sees the times of the lines as they stand. What has no time takes that of the line before."""

    def __init__(self) -> None:
        self.lines = 0
        self.back = 0
        """Lines that are earlier than one before them."""
        self._newest = -math.inf

    def sees(self, time: float) -> None:
        self.lines += 1
        if time < self._newest:
            self.back += math.isfinite(time)
        else:
            self._newest = time


def sorted_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines by time; those of one time as they stood. They are kept in a temporary file."""
    times, starts = array("d"), array("q", [0])
    last = -math.inf
    rest: list[tuple[str, tuple[int, int], int, bytes | None, Headers, bool]] = []
    shared: dict[object, object] = {}
    with tempfile.TemporaryFile(prefix="floodmark-") as file:
        for line in lines:
            last = line.time if math.isfinite(line.time) else last
            times.append(last)
            file.write(line.value or b"")
            starts.append(starts[-1] + len(line.value or b""))
            topic = shared.setdefault(line.topic, line.topic)
            headers = shared.setdefault(tuple(line.headers), tuple(line.headers))
            rest.append((str(topic), line.place, line.arrival, line.key, headers, line.value is None))  # type: ignore[arg-type]
        for at in np.argsort(np.frombuffer(times, dtype=np.float64) if times else np.empty(0), kind="stable").tolist():
            topic_, place, arrival, key, headers_, none = rest[at]
            file.seek(starts[at])
            value = None if none else file.read(starts[at + 1] - starts[at])
            yield Line(times[at], topic_, place, value, key, headers_, arrival)
