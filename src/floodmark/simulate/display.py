"""The demo on a terminal: incidents as a calm operator would log them, a progress line, and the scoreboard.

On a terminal it is laid out and coloured, with one line that moves; anywhere else it is plain lines, one for each fact,
without control codes. Everything is told in the order of event time, so it waits until all that is older has come. It
must never decide what is an incident: it only leaves out updates that are no news.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from floodmark.alerts import Incident, Severity
from floodmark.simulate.board import board, duration, fault_table, moment, visible
from floodmark.simulate.faults import HOUR, Fault
from floodmark.simulate.score import Score

_COLOURS: dict[Severity, str] = {"info": "cyan", "warning": "yellow", "error": "red", "critical": "bold red"}
_PLAIN_EVERY = 6 * HOUR
"""Simulated time between two progress lines where nothing can move."""
_LINE = 110
"""Characters of a log line that are shown."""


class Display:
    """A live view on `console`, as a context manager: `with Display(console, …) as display`.

    `start` and `end` are the simulated time (epoch seconds) that the progress spans; if `end` is None it has no end, as
    on a live machine. `title` and `subtitle` are said first. `faults` are announced, faintly, as time passes
    their injection. `clock` writes a time, in at most nine characters.
    """

    def __init__(
        self,
        console: Console,
        *,
        title: str,
        subtitle: str = "",
        start: float = 0.0,
        end: float | None = None,
        faults: Sequence[Fault] = (),
        clock: Callable[[float], str] = moment,
    ) -> None:
        self._console = console
        self._clock = clock
        self._plain = not console.is_terminal
        self._ascii = ascii_only = console.options.ascii_only
        open_, done, fault = "*v+" if ascii_only else "●✓◇"
        self._marks = {"open": open_, "resolved": done, "merged": done, "fault": fault}
        self._dot = "-" if ascii_only else "·"
        self._heading = (title, subtitle)
        self._start, self._end = start, end
        self._coming = sorted(faults, key=lambda fault: fault.start, reverse=True)
        self._learning = self._coming[-1].start if self._coming else start
        self._shown: dict[str, tuple[Severity, str]] = {}
        self._said = start
        self._waiting: list[tuple[float, int, Incident]] = []
        self._arrivals = 0
        self._live: Live | None = None

    def __enter__(self) -> Display:
        title, subtitle = self._heading
        self._line(Text(title, style="bold"))
        if subtitle:
            self._line(Text(subtitle, style="dim"))
        self._line(Text())
        if not self._plain:
            self._live = Live("", console=self._console, refresh_per_second=5, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def incident(self, incident: Incident) -> None:
        """Keep a revision until event time has come to it; then it is shown if it is news: opened, re-opened, resolved,
        merged, worse, or with another first cause."""
        self._arrivals += 1
        heapq.heappush(self._waiting, (incident.updated_at.timestamp(), self._arrivals, incident))

    def tell(self, time: float) -> None:
        """Show what belongs before event time `time`: nothing older will come."""
        while self._waiting and self._waiting[0][0] <= time:
            at, _, incident = heapq.heappop(self._waiting)
            self._announce(at)
            self._revision(at, incident)
        self._announce(time)

    def _revision(self, at: float, incident: Incident) -> None:
        cause = incident.causes[0].entity if incident.causes else ""
        before = self._shown.get(incident.id)
        colour = _COLOURS[incident.severity]
        if incident.event in ("resolved", "merged"):
            self._shown.pop(incident.id, None)
            lasted = duration(((incident.resolved_at or incident.updated_at) - incident.started_at).total_seconds())
            how = f"after {lasted}" if incident.event == "resolved" else f"into {incident.merged_into}"
            details = self._details(incident) if incident.told else []
            self._entry(at, incident.event, "green", f"{how}: {incident.title}", details, faint=True)
            return
        self._shown[incident.id] = (incident.severity, cause)
        if incident.event == "updated" and before is not None:
            severity, blamed = before
            if severity != incident.severity:
                details = self._details(incident) if blamed != cause else []
                self._entry(at, incident.severity, colour, f"up from {severity}: {incident.title}", details)
            elif blamed != cause:
                self._entry(at, incident.severity, colour, incident.title, self._details(incident))
            return
        again = "again: " if incident.event == "reopened" else ""
        self._entry(at, incident.severity, colour, again + incident.title, self._details(incident))

    def progress(self, time: float, *, events: int, rate: float, anomalies: int, incidents: int, opened: int) -> None:
        """Tell all up to `time` (epoch seconds), and say how far it is.

        Events so far and a second, anomalies, incidents so far and how many of them are open.
        """
        facts = f"{events:,} events {self._dot} {rate:,.0f}/s {self._dot} {anomalies:,} anomalies {self._dot} "
        facts += f"{incidents:,} incidents, {opened:,} open"
        while self._plain and time - self._said >= _PLAIN_EVERY:
            self._said += _PLAIN_EVERY
            self.tell(self._said)
            self._line(Text(f"{self._clock(self._said)}  progress  {self._share(self._said)}{facts}"))
        self.tell(time)
        if self._live is not None:
            self._live.update(self._bar(time, facts))

    @property
    def plain(self) -> bool:
        """Whether nothing can move here."""
        return self._plain

    def show(self, body: RenderableType) -> None:
        """Have `body` as what moves, if anything can."""
        if self._live is not None:
            self._live.update(body)

    def finish(self, score: Score) -> None:
        """Take the moving line away; print the scoreboard and what became of each fault."""
        self.__exit__(None, None, None)
        self._line(Text())
        self._console.print(fault_table(score, self._console))
        self._console.print(board(score, self._console))

    def _announce(self, time: float) -> None:
        while self._coming and self._coming[-1].start <= time:
            fault = self._coming.pop()
            self._entry(fault.start, "fault", "magenta", f"injected: {fault.summary}", [], faint=True)

    def _details(self, incident: Incident) -> list[tuple[str, str]]:
        details: list[tuple[str, str]] = []
        if incident.causes:
            first = incident.causes[0]
            details.append(("cause", f"{first.entity} ({first.share:.0%}): {first.reason}"))
        if incident.changes:
            last = incident.changes[-1]
            ago = (incident.started_at - last.time).total_seconds()
            when = f"{duration(ago)} before" if ago >= 0 else f"{duration(-ago)} after the start"
            details.append(("change", f"{last.kind} of {last.service}: {last.summary}, {when}"))
        if incident.lines:
            line = incident.lines[0]
            details.append(("log", line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"))
        if incident.impact:
            details.append(("impact", incident.impact[0].summary))
        return details

    def _entry(
        self,
        time: float,
        word: str,
        colour: str,
        text: str,
        details: Sequence[tuple[str, str]] = (),
        *,
        faint: bool = False,
    ) -> None:
        """One event of the log: when, what, and the details under it. What is faint takes one line, cut if need be."""
        text = visible(text, ascii_only=self._ascii)
        details = [(name, visible(detail, ascii_only=self._ascii)) for name, detail in details]
        if self._plain:
            self._line(Text(f"{self._clock(time)}  {word:<8}  {text}"))
            for name, detail in details:
                self._line(Text(f"{'':<21}{name}: {detail}"))
            return
        mark = self._marks.get(word, self._marks["open"])
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=9)
        grid.add_column(width=10)
        grid.add_column(ratio=1)
        body = Text(text, style="dim", no_wrap=True, overflow="ellipsis") if faint else Text(text, style="bold")
        style = f"dim {colour}" if faint else colour
        grid.add_row(Text(self._clock(time), style="dim"), Text(f"{mark} {word}", style=style), body)
        for name, detail in details:
            cell = Table.grid(padding=(0, 1))
            cell.add_column(width=6)
            cell.add_column(ratio=1)
            cell.add_row(Text(name, style="dim"), Text(detail))
            grid.add_row("", "", cell)
        self._console.print(grid)

    def _bar(self, time: float, facts: str) -> RenderableType:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=9)
        cells: list[RenderableType] = [Text(self._clock(time), style="bold")]
        if self._end is not None:
            grid.add_column(width=16)
            done = min(max(time - self._start, 0.0), self._end - self._start)
            cells.append(ProgressBar(total=self._end - self._start, completed=done))
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        learning = f"learning {self._dot} " if time < self._learning else ""
        cells.append(Text(learning + facts, style="dim"))
        grid.add_row(*cells)
        return grid

    def _share(self, time: float) -> str:
        if self._end is None:
            return ""
        return f"{min(1.0, max(0.0, (time - self._start) / (self._end - self._start))):.0%} {self._dot} "

    def _line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=self._plain)


def introduce(services: int, start: float, days: float, faults: Sequence[Fault]) -> tuple[str, str]:
    """(title, subtitle) for the simulated shop."""
    day = datetime.fromtimestamp(start, UTC)
    title = f"A simulated shop of {services} services, {days:g} day{'s' * (days != 1)} from {day:%A %-d %B %Y}"
    if not faults:
        return title, "No faults are injected: the right number of incidents is none."
    hours = (faults[0].start - start) / HOUR
    return title, f"{len(faults)} faults will be injected, the first after {hours:.0f} hours of learning from nothing."
