"""What is still learning, and until when: what arrives now of these series would not be told.

It looks at what has been learned and must never change it. A log source stands for its templates, and an operation for
its latencies: these come and go, and something would always be learning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from floodmark.detect.bank import layout
from floodmark.detect.watched import Watched

MOST: Final = 50
"""Entries that are given."""
_METRICS: Final = 10
"""Metrics among them: they are alike, and there may be a hundred thousand."""
_NOUNS: Final[Mapping[str, str]] = {"log_lines": "log source", "span_requests": "operation"}
"""By the series that each of them has from the beginning."""


class Warming(NamedTuple):
    """Something that is still learning: points `learned` of those `needed`.

    `what`: "log source nginx". `until`: the event time, epoch seconds, at which that is over if it goes on at its pace;
    None while it has none.
    """

    what: str
    until: float | None
    learned: int
    needed: int


def count(series: Iterable[Watched], rows: layout.Rows, warmups: Any) -> int:
    """How many there are. `rows`: those of the bank; `warmups`: by its rules, the points that are needed."""
    return len(_young(rows, warmups)) + sum(1 for _ in _out(series))


def listed(series: Mapping[str, Watched], rows: layout.Rows, warmups: Any) -> list[Warming]:
    """Those with a name of their own first, then a few metrics, at most `MOST` of them; what is over soonest last."""
    found = [
        _entry(_what(each), each.last, each.model.interval, each.model.seen, each) for each in _out(series.values())
    ]
    found = sorted(found, key=_order)[:MOST]
    slots = set(_young(rows, warmups)[:_METRICS].tolist())
    for each in list(series.values()) if slots else ():
        if each.slot in slots:
            row = rows[each.slot]
            found.append(
                _entry(f"metric {each.series.key}", float(row["last"]), float(row["interval"]), int(row["seen"]), each)
            )
    return sorted(found[:MOST], key=_order)


def _young(rows: layout.Rows, warmups: Any) -> Any:
    """The rows of metrics that are in the bank."""
    return np.flatnonzero((rows["token"] > 0) & (rows["out"] == 0) & (rows["seen"] < warmups[rows["rule"]]))


def _out(series: Iterable[Watched]) -> Iterable[Watched]:
    """The log sources and operations, and the metrics that no row holds for now."""
    for each in series:
        model = each.out
        if model is not None and model.seen < each.detector.warmup and (each.slot >= 0 or each.series.name in _NOUNS):
            yield each


def _what(watched: Watched) -> str:
    series = watched.series
    if watched.slot >= 0:
        return f"metric {series.key}"
    others = [value for _, value in sorted(series.labels.items()) if value != series.entity]
    return " ".join([_NOUNS[series.name], series.entity, *others])


def _entry(what: str, last: float, interval: float, learned: int, watched: Watched) -> Warming:
    needed = watched.detector.warmup
    return Warming(what, last + (needed - learned) * interval if interval else None, learned, needed)


def _order(each: Warming) -> tuple[float, str]:
    return (-math.inf if each.until is None else -each.until), each.what
