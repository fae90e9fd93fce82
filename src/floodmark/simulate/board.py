"""The scoreboard as tables, and the few words of time that the demo's display is made of.

Pure: it must never write to a console.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from floodmark.simulate.score import Row, Score

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN = str.maketrans({"→": "->", "…": "...", "“": '"', "”": '"', "\N{MINUS SIGN}": "-", "µ": "u", "°": ""})
_OVER = re.compile(r", over since \d.*")


def visible(text: str, *, ascii_only: bool = False) -> str:
    """The text without control characters: it holds words of the telemetry, which must not steer a terminal. Arrows
    and the like in plain signs where a terminal has only ASCII."""
    text = _CONTROL.sub("", text)
    return text.translate(_PLAIN).encode("ascii", "replace").decode() if ascii_only else text


def moment(time: float) -> str:
    """Epoch seconds as "Wed 14:05" (UTC)."""
    return f"{datetime.fromtimestamp(time, UTC):%a %H:%M}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: "40 s", "3 min", "2 h 10 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _grade(share: float) -> str:
    return "green" if share >= 0.9 else "yellow" if share >= 0.6 else "red"


def board(score: Score, console: Console) -> Table:
    """The totals: name, figure, and what it is measured against."""
    table = Table(box=box.SIMPLE_HEAD, title="Scoreboard", title_style="bold", title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    n = max(1, score.faults)
    arrow = "to" if console.options.ascii_only else "→"

    def row(name: str, figure: str, note: str = "", style: str = "bold") -> None:
        table.add_row(name, Text(figure, style=style), note)

    row("faults injected", f"{score.faults}")
    row("found", f"{score.found}", f"{score.found / n:.0%} of the faults", f"bold {_grade(score.found / n)}")
    exact = score.exactly_one / n
    row(
        "with exactly one incident",
        f"{score.exactly_one}",
        "with nothing of another fault in it",
        f"bold {_grade(exact)}",
    )
    first = score.first_cause / n
    row("first cause is the culprit", f"{score.first_cause}", f"{first:.0%} of the faults", f"bold {_grade(first)}")
    noise = len(score.noise)
    row("incidents of noise alone", f"{noise}", "no fault explains them", f"bold {_grade(1 - noise / n)}")
    if score.delay is not None:
        row("time to open", duration(score.delay), "median from injection, simulated time")
    if score.raw:
        row("surprising points", f"{score.raw:,}", "an alert each, by a threshold per series")
    row(
        f"anomalies {arrow} incidents",
        f"{score.anomalies:,} {arrow} {score.incidents:,}",
        f"{score.reduction:.1%} fewer to read" if score.anomalies else "",
    )
    if score.events:
        speed = f"{score.rate:,.0f} a second, in {score.seconds:.0f} s" if score.rate is not None else ""
        row("events", f"{score.events:,}", speed)
    return table


def fault_table(score: Score, console: Console) -> Table:
    """One line a fault: what was injected where and when, how soon it was found, and the incident that told of it."""
    table = Table(box=box.SIMPLE_HEAD, title="Faults", title_style="bold", title_justify="left", header_style="dim")
    table.padding = (0, 1, 0, 0)
    table.add_column("", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("service", no_wrap=True)
    table.add_column("injected", no_wrap=True, style="dim")
    table.add_column("found", justify="right", no_wrap=True)
    table.add_column("cause", justify="right", no_wrap=True)
    table.add_column("incident", ratio=1)  # the one that gives way on a narrow terminal
    for row in score.rows:
        fault = row.fault
        table.add_row(
            _mark(row, console.options.ascii_only),
            fault.kind.replace("_", " "),
            fault.service,
            moment(fault.start),
            "" if row.delay is None else duration(row.delay),
            _place(row),
            _told(row, console.options.ascii_only),
        )
    return table


def _mark(row: Row, ascii_only: bool) -> Text:
    if row.main is None:
        return Text("x" if ascii_only else "✗", style="red")
    if not row.exactly_one:
        return Text("~" if ascii_only else "◐", style="yellow")
    return Text("v" if ascii_only else "✓", style="green")


def _place(row: Row) -> Text:
    if row.main is None:
        return Text("")
    if row.rank is None:
        return Text("-", style="dim")
    return Text({1: "1st", 2: "2nd", 3: "3rd"}.get(row.rank, f"{row.rank}th"), style="" if row.rank == 1 else "yellow")


def _told(row: Row, ascii_only: bool) -> Text:
    """What moved first, by the main incident's title: less the service in front, and all that stands behind."""
    if row.main is None:
        return Text("missed", style="red")
    text = Text(no_wrap=True, overflow="ellipsis")
    if len(row.incidents) > 1:
        text.append(f"{len(row.incidents)} incidents: ", style="yellow")
    elif not row.exactly_one:
        text.append("mixed: ", style="yellow")
    moved = row.main.title.removeprefix(f"{row.fault.service}: ").partition("; ")[0]
    return text.append(visible(_OVER.sub("", moved), ascii_only=ascii_only))
