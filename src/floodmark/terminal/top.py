"""The live page: what the engines say of themselves, what the topics hold, and what is odd now. A frame is pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from floodmark.alerts import Anomaly, Incident, Point
from floodmark.terminal.incidents import is_open, services, state
from floodmark.terminal.sparks import merged, spark
from floodmark.terminal.words import COLOURS, clock, lasting, many, safe
from floodmark.units import number, reach

_SPARK: Final = 24
_POINTS: Final = 200
"""Points that are kept of an open anomaly."""
_ODD: Final = 10_000
"""Open anomalies that are kept."""
_INCIDENTS: Final = 10_000
_STALE: Final = timedelta(hours=6)
"""An anomaly of which nothing was told for so long is not taken for open: its engine is another one now."""


class Engine(NamedTuple):
    """What an engine said. `trouble`: why it did not answer, in words; empty if it did."""

    name: str
    trouble: str = ""
    ready: bool = False
    reasons: Sequence[str] = ()
    learning: Sequence[str] = ()
    samples: Sequence[tuple[str, Mapping[str, str], float]] = ()

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all its labels but those that are given."""
        return sum(
            value
            for each, own, value in self.samples
            if each == name and all(own.get(label) == wanted for label, wanted in labels.items())
        )


class Behind(NamedTuple):
    """A partition that a group reads: where it ends, and how far the group is (None: it never was there)."""

    group: str
    topic: str
    partition: int
    end: int
    committed: int | None


@dataclass
class View:
    """All that a frame shows. What is told of topics is added with `hear`; the rest is set."""

    now: datetime
    engines: Sequence[Engine] = ()
    rate: float | None = None
    """Records a second of all engines together, None before there are two counts."""
    behind: Sequence[Behind] = ()
    troubles: Sequence[str] = ()
    """What could not be asked, in words."""
    odd: dict[str, Anomaly] = field(default_factory=dict)
    points: dict[str, list[Point]] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)
    newest_letter: dict[str, str] = field(default_factory=dict)

    def hear(self, body: object) -> None:
        """A record of ours."""
        if isinstance(body, Incident):
            known = self.incidents.get(body.id)
            if known is None or known.revision <= body.revision:
                self.incidents[body.id] = body
            if not is_open(body) and len(self.incidents) > _INCIDENTS:
                del self.incidents[body.id]
        elif isinstance(body, Anomaly):
            if body.event == "closed":
                self.odd.pop(body.id, None)
                self.points.pop(body.id, None)
            else:
                self.odd[body.id] = body
                self.points[body.id] = merged([self.points.get(body.id, []), body.evidence.points])[-_POINTS:]
                if len(self.odd) > _ODD:
                    first = next(iter(self.odd))
                    del self.odd[first], self.points[first]

    def letter(self, error: str, message: str) -> None:
        """A dead letter."""
        self.letters[error] += 1
        self.newest_letter[error] = message


def samples_of(text: str) -> list[tuple[str, Mapping[str, str], float]]:
    """The samples of a page of metrics. Raises ValueError if it is none."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def frame(view: View, rows: int = 8, *, narrow: bool = False, ascii: bool = False) -> RenderableType:
    """The page. `rows`: most lines of each of its lists. `narrow`: what can be done without is left out."""
    parts: list[RenderableType] = [_head(view)]
    parts += [Text(f"! {safe(trouble, 300)}", "red") for trouble in view.troubles]
    for engine in view.engines:
        parts += _engine(engine)
    parts += [Text(), *(_lag(view.behind) if view.behind else [Text("Lag: not known", "bold")])]
    parts += [Text(), *_incidents(view, rows, narrow=narrow)]
    parts += [Text(), *_odd(view, rows, narrow=narrow, ascii=ascii)]
    parts += [Text(), *_letters(view, rows)]
    return Group(*parts)


def _head(view: View) -> Text:
    series = sum(engine.total("floodmark_task_state", kind="series") for engine in view.engines)
    warming = sum(engine.total("floodmark_task_state", kind="warming") for engine in view.engines)
    said = f"floodmark top  {clock(view.now)} UTC"
    if any(not engine.trouble for engine in view.engines):
        said += "" if view.rate is None else f"  ·  {view.rate:,.0f} events a second"
        said += f"  ·  {series:,.0f} series watched, {warming:,.0f} warming up"
    return Text(said, "bold")


def _engine(engine: Engine) -> list[Text]:
    if engine.trouble:
        return [Text(f"! engine {safe(engine.name)} does not answer: {safe(engine.trouble, 200)}", "red")]
    said = [Text(f"engine {safe(engine.name)}: ready, what arrives now would be told", "green")]
    if not engine.ready:
        said = [Text(f"! engine {safe(engine.name)} is not ready", "red")]
        said += [Text(f"    {safe(reason, 300)}", "red") for reason in engine.reasons[:5]]
    said += [Text(f"    {safe(each, 300)}", "dim") for each in engine.learning[:3]]
    if (more := len(engine.learning) - 3) > 0:
        said.append(Text(f"    and {more} more that are being learned", "dim"))
    skews = sorted(
        (
            (value, own.get("source", ""))
            for name, own, value in engine.samples
            if name == "floodmark_clock_skew_seconds"
        ),
        key=lambda pair: -abs(pair[0]),
    )
    for seconds, source in skews[:3]:
        way = "fast" if seconds > 0 else "slow"
        said.append(Text(f"    the clock of {safe(source, 80)} is {abs(seconds):,.0f} s {way}", "yellow"))
    if missing := engine.total("floodmark_correlate_missing_tasks"):
        said.append(Text(f"    {missing:,.0f} detect tasks are not heard", "yellow"))
    if away := engine.total("floodmark_kafka_away_seconds"):
        said.append(Text(f"    it has not heard of Kafka for {away:,.0f} s", "red"))
    return said


def _lag(behind: Sequence[Behind]) -> list[RenderableType]:
    table = Table(
        "group", Column("topic", overflow="fold"), Column("lag", justify="right"), "most behind",
        Column("of", justify="right"),
        box=None, header_style="dim", pad_edge=False,
    )  # fmt: skip
    places: dict[tuple[str, str], list[Behind]] = {}
    for each in behind:
        places.setdefault((each.group, each.topic), []).append(each)
    for (group, topic), some in places.items():
        lags = {each.partition: _behind(each) for each in some}
        worst = max(lags, key=lambda partition: (lags[partition], -partition))
        total = sum(lags.values())
        untouched = sum(each.committed is None for each in some)
        where = f"partition {worst}: {lags[worst]:,}" if lags[worst] else ""
        if untouched == len(some):
            where = "the group has committed nothing there yet"
        table.add_row(
            safe(group), Text(safe(topic)), Text(f"{total:,}", "yellow" if total else ""), where, f"{len(some)}"
        )
    return [Text("Lag, in records", "bold"), table]


def _behind(each: Behind) -> int:
    return max(0, each.end - each.committed) if each.committed is not None else 0


def _incidents(view: View, rows: int, *, narrow: bool) -> list[RenderableType]:
    found = [each for each in view.incidents.values() if is_open(each)]
    found.sort(key=lambda each: (each.started_at, each.id), reverse=True)
    title = Text(f"{many(len(found), 'open incident')}", "bold")
    if not found:
        return [title]
    table = Table(box=None, header_style="dim", pad_edge=False)
    names = (
        "since (UTC)",
        "severity",
        *(() if narrow else ("state",)),
        "title",
        *(() if narrow else ("services", "members")),
        "id",
    )
    for name in names:
        folds = name in ("title", "services")
        table.add_column(name, no_wrap=not folds, overflow="fold", justify="right" if name == "members" else "left")
    for each in found[:rows]:
        cells: dict[str, str | Text] = {
            "since (UTC)": f"{each.started_at:%H:%M:%S}" if narrow else clock(each.started_at),
            "severity": Text(each.severity, COLOURS[each.severity]),
            "state": state(each),
            "title": Text(safe(each.title)),
            "services": Text(services(each)),
            "members": f"{each.member_count:,}",
            "id": each.id,
        }
        table.add_row(*(cells[name] for name in names))
    return [title, table, *_more(len(found) - rows)]


def _odd(view: View, rows: int, *, narrow: bool, ascii: bool) -> list[RenderableType]:
    found = [each for each in view.odd.values() if view.now - each.updated_at < _STALE]
    found.sort(key=lambda each: (-each.surprise, each.p_value, each.id))
    title = Text(f"{len(found):,} series odd now", "bold")
    if not found:
        return [title]
    table = Table(box=None, header_style="dim", pad_edge=False)
    names = ("for", "series", "now", *(() if narrow else ("expected",)), "of late", *(() if narrow else ("head", "id")))
    for name in names:
        table.add_column(name, no_wrap=name != "series", overflow="fold")
    for each in found[:rows]:
        points = view.points.get(each.id, [])
        value = next((point.observed for point in reversed(points) if point.observed is not None), each.observed)
        cells: dict[str, str | Text] = {
            "for": lasting(view.now - each.started_at),
            "series": Text(safe(each.series, 120), COLOURS[each.severity]),
            "now": number(value, each.unit, each.name),
            "expected": ""
            if each.low is None or each.high is None
            else reach(each.low, each.high, each.unit, each.name),
            "of late": spark(points, _SPARK, ascii=ascii),
            "head": each.head,
            "id": each.id,
        }
        table.add_row(*(cells[name] for name in names))
    return [title, table, *_more(len(found) - rows)]


def _letters(view: View, rows: int) -> list[RenderableType]:
    title = Text(f"{many(view.letters.total(), 'dead letter')} in the last hour", "bold")
    if not view.letters:
        return [title]
    table = Table(
        Column("", justify="right"), "reason", Column("the newest", overflow="fold"), box=None, show_header=False,
        pad_edge=False,
    )  # fmt: skip
    for error, count in sorted(view.letters.items(), key=lambda pair: (-pair[1], pair[0]))[:rows]:
        table.add_row(f"{count:,}", safe(error, 60), Text(safe(view.newest_letter[error], 160)))
    return [title, table, *_more(len(view.letters) - rows)]


def _more(count: int) -> Iterable[Text]:
    return [Text(f"and {count:,} more", "dim")] if count > 0 else []
