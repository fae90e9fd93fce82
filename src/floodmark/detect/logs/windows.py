"""What is counted of one log source in one window. It holds counts and a few lines, never all lines."""

from __future__ import annotations

from collections import deque
from typing import Final

from floodmark.detect.logs.miner import Template

SEVERITIES: Final = ("", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""OpenTelemetry's short names, mildest first."""
ERRORS: Final = frozenset({"ERROR", "FATAL"})
_RANK: Final = {name: rank for rank, name in enumerate(SEVERITIES)}
_KEPT: Final = 2_000
"""Characters of a line that are held; more than ever leaves, so that masking can see past the cut."""


class Tally:
    """How many lines of one kind, the worst severity, and the newest few with their number in the order of arrival."""

    __slots__ = ("count", "errors", "lines", "severity")

    def __init__(self, lines: int) -> None:
        self.count = 0
        self.errors = 0
        self.severity = ""
        self.lines: deque[tuple[int, str]] = deque(maxlen=lines)

    def add(self, number: int, body: str, severity: str, times: int, *, late: bool) -> None:
        """Take one line, which stands for so many. A late one is shown but not counted: its window has been judged
        already."""
        if not late:
            self.count += times
            if severity in ERRORS:
                self.errors += times
        if _RANK.get(severity, 0) > _RANK[self.severity]:
            self.severity = severity
        self.lines.append((number, body[:_KEPT]))

    def merge(self, other: Tally) -> None:
        """Take what another tally of the same window has counted."""
        self.count += other.count
        self.errors += other.errors
        self.severity = max(self.severity, other.severity, key=_RANK.__getitem__)
        newest = sorted((*self.lines, *other.lines))
        self.lines.clear()
        self.lines.extend(newest)


class Codes:
    """How many of each code a field had, how many lines in all, how many with a bad one, and the newest of these."""

    __slots__ = ("bad", "count", "counts", "lines")

    def __init__(self, lines: int) -> None:
        """`lines`: lines with bad codes that are kept."""
        self.count = 0
        self.bad = 0
        self.counts: dict[str, int] = {}
        self.lines: deque[str] = deque(maxlen=lines)

    def add(self, code: str, times: int, body: str, *, bad: bool) -> None:
        """Take the code of a line that stands for so many; the line is shown if it is bad."""
        self.count += times
        self.counts[code] = self.counts.get(code, 0) + times
        if bad:
            self.bad += times
            self.lines.append(body[:_KEPT])

    def merged(self, later: Codes) -> Codes:
        """Both together, with the newest lines."""
        both = Codes(max(self.lines.maxlen or 0, later.lines.maxlen or 0))
        both.count, both.bad = self.count + later.count, self.bad + later.bad
        both.counts = {
            code: self.counts.get(code, 0) + later.counts.get(code, 0) for code in self.counts | later.counts
        }
        both.lines.extend((*self.lines, *later.lines))
        return both


class Window:
    """One source in one window: all lines, the errors, each template, and those that are new or come back."""

    __slots__ = ("_lines", "_most", "all", "births", "born", "errors", "returned", "returns", "templates")

    def __init__(self, lines: int, most: int) -> None:
        """`lines`: lines kept of each kind. `most`: templates the source may have."""
        self._lines = lines
        self._most = most
        self.all = Tally(lines)
        self.errors = Tally(lines)
        self.templates: dict[Template, Tally] = {}
        self.born = 0
        self.births: list[tuple[Template, str]] = []
        self.returned = 0
        self.returns: list[tuple[Template, str]] = []

    def add(
        self, template: Template, number: int, body: str, severity: str, times: int, *, is_new: bool, late: bool
    ) -> None:
        """Take one line of `template`, which stands for so many; `number` is its place in the source's order of
        arrival."""
        self.all.add(number, body, severity, times, late=late)
        if severity in ERRORS:
            self.errors.add(number, body, severity, times, late=late)
        tally = self.templates.get(template)
        if tally is None:
            if len(self.templates) >= 2 * self._most:  # evicted ones pile up; the living are at most `most`
                self.templates = self.settled()
            tally = self.templates[template] = Tally(self._lines)
        tally.add(number, body, severity, times, late=late)
        if is_new:
            self.born += 1
            if len(self.births) < self._lines:
                self.births.append((template, body[:_KEPT]))

    def came_back(self, template: Template, body: str) -> None:
        """A template that was not heard for long is heard again."""
        self.returned += 1
        if len(self.returns) < self._lines:
            self.returns.append((template, body[:_KEPT]))

    def append(self, template: Template, number: int, body: str) -> None:
        """Put a further line to line `number` of `template`, where it is still held."""
        for tally in (self.all, self.errors, self.templates.get(template)):
            if tally is not None and tally.lines and tally.lines[-1][0] == number:
                tally.lines[-1] = (number, f"{tally.lines[-1][1]}\n{body}"[:_KEPT])

    def settled(self) -> dict[Template, Tally]:
        """The tallies by the template as it is now: joined ones together, evicted ones gone."""
        tallies: dict[Template, Tally] = {}
        for template, tally in self.templates.items():
            current = template.current()
            if current.forgotten:
                continue
            if current in tallies:
                tallies[current].merge(tally)
            else:
                tallies[current] = tally
        return tallies
