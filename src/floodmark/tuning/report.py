"""A backtest as tables of text, and as one page with them and the pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from floodmark.detect.anomalies import span
from floodmark.tuning.backtest import WEEK, Backtest
from floodmark.tuning.labels import Event
from floodmark.tuning.recording import shown

NOISIEST: Final = 10
"""Series that are listed and drawn."""

_STYLE: Final = """\
body{font:15px/1.5 system-ui,sans-serif;color:#26323d;max-width:1080px;margin:2.5rem auto;padding:0 1.5rem}
h1{font-size:1.6rem;margin:0 0 .2rem}h2{font-size:1.1rem;margin:2.2rem 0 .5rem}
p{margin:.3rem 0;color:#5b6770}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .7rem;text-align:right;border-bottom:1px solid #e6eaed;vertical-align:top}
th{font-weight:600;border-bottom:2px solid #26323d;white-space:nowrap}
td:first-child,th:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere}
td:last-child,th:last-child{padding-right:0}
.text{text-align:left}
figure{margin:1.2rem 0 0}img{width:100%;height:auto}
"""


class Table(NamedTuple):
    """Cells of text under a header, and a note on what they are. Columns are numbers and stand to the right, but for
    the first and those in `text`."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""
    text: tuple[str, ...] = ()


class Picture(NamedTuple):
    """A PNG, the name of its file, and what it shows."""

    name: str
    shows: str
    png: bytes


def costs(test: Backtest) -> Table:
    """What each budget would have cost."""
    rows = []
    for run in test.runs:
        cost = test.cost(run)
        heads = ", ".join(f"{head} {n:,}" for head, n in cost.heads.most_common())
        rows.append(
            (
                run.budget,
                f"{len(test.spans):,}",
                _few(test.weeks),
                f"{cost.alarms:,}",
                _few(cost.per_week),
                f"{cost.realised:.2f}",
                f"{cost.share:.2%}",
                heads or "none",
            )
        )
    header = ("budget", "series", "series-weeks", "alarms", "per week", "ratio", "in alarm", "heads")
    note = (
        "Per week: of one series. Ratio: of that to the budget. In alarm: of the series' time. Heads: what opened them."
    )
    return Table("Alarms under each budget", header, rows, note, ("heads",))


def scores(test: Backtest, events: Sequence[Event]) -> Table:
    """How each budget does against labelled events, all of them known."""
    rows = []
    for run in test.runs:
        score = test.score(run, events)
        rows.append(
            (
                run.budget,
                f"{score.found:,} of {score.events:,}",
                _share(score.recall),
                f"{score.false:,}",
                _few(score.false / test.weeks if test.weeks else 0.0),
                _share(score.precision),
                "" if score.delay is None else span(score.delay),
            )
        )
    header = ("budget", "found", "recall", "false alarms", "per week", "precision", "median delay")
    note = "An event is found by an alarm at any moment of it. An alarm is false that overlaps none."
    return Table("Against the labelled events", header, rows, note)


def noisiest(test: Backtest) -> Table:
    """The series with the most alarms, and how many under each budget."""
    rows = []
    for key in test.noisiest(NOISIEST):
        weeks = (test.spans[key].last - test.spans[key].first) / WEEK
        alarms = (f"{sum(alarm.series == key for alarm in run.alarms):,}" for run in test.runs)
        rows.append((key, _few(weeks), *alarms))
    return Table("The noisiest series", ("series", "weeks", *(run.budget for run in test.runs)), rows)


def page(test: Backtest, tables: Sequence[Table], pictures: Sequence[Picture]) -> str:
    """The whole of it as HTML that needs no other file."""
    spans = test.spans.values()
    when = f"{shown(min(s.first for s in spans))} to {shown(max(s.last for s in spans))} UTC" if spans else "no points"
    points = sum(each.points for each in spans)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Floodmark backtest</title>',
        f"<style>{_STYLE}</style></head><body><h1>Backtest</h1>",
        f"<p>{len(spans):,} series, {points:,} points, {_few(test.weeks)} series-weeks, {when}.</p>",
        *(_html(table) for table in tables if table.rows),
    ]
    for picture in pictures:
        data = b64encode(picture.png).decode()
        parts.append(f'<figure><img alt="{escape(picture.shows)}" src="data:image/png;base64,{data}"></figure>')
    return "\n".join([*parts, "</body></html>\n"])


def _html(table: Table) -> str:
    left = [' class="text"' if name in table.text else "" for name in table.header]
    head = "".join(f"<th{how}>{escape(name)}</th>" for how, name in zip(left, table.header, strict=True))
    rows = ("".join(f"<td{how}>{escape(cell)}</td>" for how, cell in zip(left, row, strict=True)) for row in table.rows)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return f"<h2>{escape(table.title)}</h2>{note}\n<table><tr>{head}</tr>\n{body}</table>"


def _few(number: float) -> str:
    """Three digits, and no exponent."""
    return f"{number:,.0f}" if number >= 100 or not number else f"{number:.3g}" if number >= 0.001 else f"{number:.4f}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
