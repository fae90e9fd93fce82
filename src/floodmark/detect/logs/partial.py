"""Log lines that came in pieces, joined again: what container runtimes cut at 16 KiB. It never looks into a line.

A line is known by its labels and its stream. It is complete with the first piece that is not partial; one that is not
by the time of the watermark is told as far as it goes. So is the one least recently added to when too many are open.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

from msgspec.structs import replace

from floodmark.signals import Log, Scalar

Line = tuple[Scalar, tuple[tuple[str, str], ...]]
"""The stream, and the labels."""


class PartialLines:
    """At most `most` open lines, each of at most `longest` characters; what is beyond is cut and counted.

    Counts: joined_lines, and unfinished_lines (told without their end).
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most = most
        self._longest = longest
        self._open: OrderedDict[Line, Log] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def take(self, log: Log) -> list[Log]:
        """Take a piece, or a whole line; the lines that are complete or given up with it."""
        line = (log.attributes.get("stream"), tuple(sorted(log.labels.items())))
        before = self._open.pop(line, None)
        if before is not None:
            body = before.body + log.body[: max(0, self._longest - len(before.body))]
            if len(body) < len(before.body) + len(log.body):
                self._counts["body_cut"] += 1
            log = replace(before, body=body, severity=before.severity or log.severity, partial=log.partial)
        if not log.partial:
            if before is not None:
                self._counts["joined_lines"] += 1
            return [log]
        self._open[line] = log
        return self._evict()

    def expire(self, watermark: float) -> list[Log]:
        """The lines that began before `watermark`, which are not waited for any longer."""
        if not self._open:
            return []
        old = [line for line, log in self._open.items() if log.time < watermark]
        return [self._give_up(line) for line in old]

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def state(self) -> OrderedDict[Line, Log]:
        return self._open

    def restore(self, state: OrderedDict[Line, Log]) -> list[Log]:
        """Go on from what `state` gave; the lines for which there is no room any more."""
        self._open = state
        return self._evict()

    def _evict(self) -> list[Log]:
        gone = []
        while len(self._open) > self._most:
            gone.append(self._give_up(next(iter(self._open))))
        return gone

    def _give_up(self, line: Line) -> Log:
        self._counts["unfinished_lines"] += 1
        return replace(self._open.pop(line), partial=False)
