"""Pictures of series and what was made of them, as PNG. Needs Matplotlib: the extra `plots`."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from floodmark.detect.anomalies import span
from floodmark.tuning.backtest import Run
from floodmark.tuning.explain import Explanation, verdict
from floodmark.tuning.labels import Event
from floodmark.tuning.recording import shown
from floodmark.tuning.trace import Line

# Okabe and Ito's colours (2008), which those who do not see all colours can tell apart.
_INK: Final = "#26323d"
_MUTED: Final = "#7a8691"
_BAND: Final = "#56b4e9"
_ALARM: Final = "#d55e00"
_LABEL: Final = "#009e73"
_HEADS: Final = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#000000", "#8c6d31", "#8b939c")
_MOST: Final = 4_000
"""Points of a line; of a longer one the lowest and highest of each stretch are drawn."""
_SMALLEST: Final = 1e-15
"""Smallest p-value that has a place of its own in a picture."""


def of_series(title: str, unit: str, line: Line, runs: Sequence[Run], chosen: str, events: Sequence[Event]) -> bytes:
    """A series with its band and alarms under the chosen budget; below, the alarms under each, and the labels.

    `runs` hold the alarms of this series only.
    """
    strips = len(runs) + bool(events)
    figure, (axes, strip) = _figure(title, (4.2, 0.28 * strips + 0.1))
    times, values = _thinned(line.times, line.values)
    _band(axes, line.at, line.expected, line.low, line.high, f"band at {chosen}")
    axes.plot(_days(times), values, color=_INK, linewidth=0.9, label="value")
    alarms = next(run for run in runs if run.budget == chosen).alarms
    _shade(axes, [(event.start, event.end) for event in events], _LABEL, "labelled")
    _shade(axes, [(alarm.start, alarm.end) for alarm in alarms], _ALARM, f"alarm at {chosen}")
    count = f"{len(alarms):,} alarm{'s' * (len(alarms) != 1)}"
    _subtitle(axes, f"{count} at {chosen}, in {span(line.times[-1] - line.times[0])}")
    _limits(axes, line.values, line.low, line.high)
    axes.set_ylabel(unit or "value", fontsize=9, color=_INK)
    rows = [(run.budget, [(a.start, a.end) for a in run.alarms], _ALARM) for run in runs]
    if events:
        rows.append(("labelled", [(e.start, e.end) for e in events], _LABEL))
    for row, (_, periods, colour) in enumerate(rows):
        bars = [(_day(start), _day(end) - _day(start)) for start, end in periods]
        strip.broken_barh(bars, (row - 0.36, 0.72), facecolor=colour, edgecolor=colour, linewidth=1.2)
    strip.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    strip.set_ylim(len(rows) - 0.5, -0.5)
    strip.tick_params(axis="y", length=0)
    strip.grid(visible=False, axis="y")
    _finish(figure, axes, strip, line.times)
    return _png(figure)


def of_explanation(explanation: Explanation) -> bytes:
    """The last points with the band, and below each head's p-value over time, rarer upwards."""
    moments = explanation.moments
    times = [each.judgement.context.time for each in moments]
    values = [each.judgement.context.value for each in moments]
    figure, (axes, chances) = _figure(explanation.series.key, (3.4, 2.2))
    expected, low, high = (list(column) for column in zip(*(each.band for each in moments), strict=True))
    _band(axes, times, expected, low, high, "band of the budget")
    axes.plot(_days(times), values, color=_INK, linewidth=1.1, marker=".", markersize=4, label="value")
    axes.plot(
        _days(times[-1:]), values[-1:], linestyle="", marker="o", markersize=9, markerfacecolor="none",
        markeredgecolor=_ALARM, markeredgewidth=1.8, label="the point",
    )  # fmt: skip
    _shade(axes, _alarms(explanation), _ALARM, "alarm")
    _subtitle(axes, f"{shown(times[-1])} UTC. {verdict(explanation)[0]}")
    _limits(axes, values, low, high)
    axes.set_ylabel(explanation.series.unit or "value", fontsize=9, color=_INK)
    names = [reason.head for reason in explanation.last.reasons]
    for i, name in enumerate(names):
        p_values = [max(_SMALLEST, each.reasons[i].p_value) for each in moments]
        colour = _HEADS[i % len(_HEADS)]
        chances.plot(_days(times), p_values, color=colour, linewidth=1.2, marker=".", markersize=4, label=name)
    levels = [each.alpha for each in moments]
    chances.plot(_days(times), levels, color=_ALARM, linewidth=1.2, linestyle="--", label="alarms beyond")
    chances.set_yscale("log")
    odd = [reason.p_value for each in moments for reason in each.reasons]
    chances.set_ylim(2.0, max(_SMALLEST, min([*levels, *odd])) / 10)
    chances.yaxis.set_major_locator(LogLocator(10, numticks=6))
    chances.yaxis.set_minor_locator(NullLocator())
    chances.set_ylabel("p-value of each head, inverted", fontsize=9, color=_INK)
    _legend(chances)
    _finish(figure, axes, chances, times)
    return _png(figure)


def _figure(title: str, heights: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(10, sum(heights) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=_INK)
    parts = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    for axes in parts:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_MUTED)
        axes.tick_params(colors=_INK, labelsize=8.5)
        axes.grid(color="#e6eaed", linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, parts


def _finish(figure: Figure, axes: Axes, lower: Axes, times: Sequence[float]) -> None:
    margin = (times[-1] - times[0]) * 0.01 or 60.0
    axes.set_xlim(_day(times[0] - margin), _day(times[-1] + margin))
    locator = AutoDateLocator(tz=UTC)
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
    lower.xaxis.set_minor_formatter(NullFormatter())
    lower.set_xlabel("time (UTC)", fontsize=8.5, color=_INK)
    lower.xaxis.get_offset_text().set(fontsize=8.5, color=_INK)
    _legend(axes)
    figure.align_ylabels()


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=6, frameon=False, fontsize=8.5, labelcolor=_INK,
        handlelength=1.6, columnspacing=1.5, borderaxespad=0.2,
    )  # fmt: skip


def _subtitle(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9, color=_MUTED, pad=7)


def _band(
    axes: Axes,
    times: Sequence[float],
    expected: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    label: str,
) -> None:
    at = _days(times)
    axes.fill_between(at, low, high, color=_BAND, alpha=0.28, linewidth=0, label=label)
    axes.plot(at, expected, color="#0072b2", linewidth=0.9, zorder=3, label="expected")


def _shade(axes: Axes, periods: Sequence[tuple[float, float]], colour: str, label: str) -> None:
    """A line at the start, so that an alarm of one point is seen, and a tint for as long as it lasts."""
    for i, (start, end) in enumerate(periods):
        axes.axvspan(_day(start), _day(end), color=colour, alpha=0.16, linewidth=0)
        axes.axvline(_day(start), color=colour, linewidth=1.1, label="" if i else label)


def _limits(axes: Axes, values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
    """All values, and the band where it is not the widest: a young band is of any width."""
    floors, tops = (sorted(end for end in ends if math.isfinite(end)) for ends in (low, high))
    lowest = min([*values, *floors[len(floors) // 20 : len(floors) // 20 + 1]])
    highest = max([*values, *tops[-1 - len(tops) // 20 :][:1]])
    margin = (highest - lowest) * 0.06 or abs(highest) * 0.1 or 1.0
    axes.set_ylim(lowest - margin, highest + margin)


def _alarms(explanation: Explanation) -> list[tuple[float, float]]:
    """When alarms were open among the moments."""
    moments = explanation.moments
    first, last = moments[0].judgement.context.time, moments[-1].judgement.context.time
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for each in explanation.anomalies:
        starts.setdefault(each.id, each.started_at.timestamp())
        if each.ended_at is not None:
            ends[each.id] = each.ended_at.timestamp()
    periods = [(start, min(last, ends.get(key, last))) for key, start in starts.items()]
    return [(max(first, start), end) for start, end in periods if end >= first and start <= last]


def _thinned(times: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Few enough points that none of what can be seen is lost: the extremes of each stretch, in order of time."""
    if len(times) <= _MOST:
        return list(times), list(values)
    step = math.ceil(len(times) * 2 / _MOST)
    kept: list[int] = []
    for start in range(0, len(times), step):
        stretch = range(start, min(start + step, len(times)))
        kept += sorted({min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)})
    return [times[i] for i in kept], [values[i] for i in kept]


def _day(time: float) -> float:
    """Matplotlib's dates: days since the epoch."""
    return time / 86_400


def _days(times: Sequence[float]) -> list[float]:
    return [_day(time) for time in times]


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return file.getvalue()
