"""Whether the alert budget is kept: false alarms on simulated series without anomalies, over what was asked for.

    python benchmarks/calibration.py [--series 2000] [--weeks 8] [--interval 60] [--budgets 1/day 1/week 1/month]
                                     [--only FAMILY ...]

Each series has its own seed; 2 % of its points are missing; the detector is the default one but for the budget. The
first day is counted apart, as alarms a series: by then a budget of 1/week has allowed a seventh of an alarm. Nothing
else is left out. Series of events in windows (`counts`) are judged in Python objects, not in the bank, so there are
fewer of them.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodmark.config.models import Config, Detector, Limits
from floodmark.detect.bank import layout
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series, SeriesKind

Values = NDArray[np.float64]
START: Final = 1_700_006_400.0
DAY: Final = 86_400.0
WEEK: Final = 604_800.0
MISSING: Final = 0.02
CHUNK: Final = 500
"""Series simulated at once."""
MARK: Final = (0.5, 1.5)
FEWER: Final = 20
"""Series of `counts` are fewer by this factor."""


class Simulated(NamedTuple):
    """Values of one family: seconds since the start by point, and a generator → one series."""

    kind: SeriesKind
    draw: Callable[[np.random.Generator, Values], Values]


def _autoregressive(draw: np.random.Generator, at: Values, phi: float) -> Values:
    values: Values = draw.standard_normal(len(at))
    values[0] /= math.sqrt(1 - phi * phi)
    for i in range(1, len(values)):
        values[i] += phi * values[i - 1]
    return 100 + 3 * values


FAMILIES: Final[dict[str, Simulated]] = {
    "gaussian": Simulated("gauge", lambda draw, at: 100 + 3 * draw.standard_normal(len(at))),
    "student t3": Simulated("gauge", lambda draw, at: 100 + 3 * draw.standard_t(3, len(at))),
    "AR(1) 0.8": Simulated("gauge", lambda draw, at: _autoregressive(draw, at, 0.8)),
    "season + noise": Simulated(
        "gauge", lambda draw, at: 100 + 30 * np.sin(2 * np.pi * at / DAY) + 3 * draw.standard_normal(len(at))
    ),
    "random walk": Simulated(
        "gauge",
        lambda draw, at: 100 + np.cumsum(0.3 * draw.standard_normal(len(at))) + 3 * draw.standard_normal(len(at)),
    ),
    "poisson 0.3": Simulated("gauge", lambda draw, at: draw.poisson(0.3, len(at)).astype(float)),
    "poisson 0.3, counts": Simulated("count", lambda draw, at: draw.poisson(0.3, len(at)).astype(float)),
    "gamma latency": Simulated("gauge", lambda draw, at: draw.gamma(2.0, 20.0, len(at))),
    "season of counts": Simulated(
        "count", lambda draw, at: draw.poisson(0.9 + 0.6 * np.sin(2 * np.pi * at / DAY)).astype(float)
    ),
}


class Fleet:
    """Series of one family before one budget. It counts the anomalies that open, and when."""

    def __init__(self, kind: SeriesKind, number: int, budget: str) -> None:
        config = Config(detectors=[Detector.model_validate({"false_alarms": budget})], limits=Limits(series=number + 1))
        self._core = SeriesCore(config)
        self._series = [Series(f"s{i}", f"s{i}", {}, f"s{i}", "default", "metric", kind=kind) for i in range(number)]
        self._compiled = kind != "count"
        self._refs = np.array([self._core.enter(each, START) for each in self._series] if self._compiled else [0])
        self.early = self.opened = 0

    def tick(self, now: float, values: Values, here: NDArray[np.bool_]) -> None:
        """One point of each series that is `here`."""
        which = np.flatnonzero(here)
        if self._compiled:
            self._bank(now, values, which)
        else:
            for i in which.tolist():
                self._observe(i, now, float(values[i]))
        self._count(now, sum(a.event == "opened" for a in self._core.advance(now - 30.0)))

    def _bank(self, now: float, values: Values, which: NDArray[np.int64]) -> None:
        points = layout.Points(self._refs[which], np.full(len(which), now), values[which])
        at, nothing = 0, np.zeros(0, layout.METRIC)
        while at < len(which):
            at, why = self._core.run(points, nothing, at, (0.0, 0.0, 1.0))
            if why == layout.PYTHON:
                self._observe(int(which[at]), now, float(points.values[at]))
            elif why == layout.SCHEDULE:
                self._core.schedule(self._series[int(which[at])])
            elif why == layout.SETTLE:
                self._core.settle(self._series[int(which[at])])
            at += why in (layout.PYTHON, layout.SCHEDULE, layout.SETTLE, layout.ROOM)

    def _observe(self, i: int, now: float, value: float) -> None:
        found = self._core.observe(Sample(self._series[i], now, value))
        self._count(now, sum(a.event == "opened" for a in found))

    def _count(self, now: float, opened: int) -> None:
        if now < START + DAY:
            self.early += opened
        else:
            self.opened += opened


def simulated(family: str, first: int, number: int, points: int, interval: float) -> tuple[Values, NDArray[np.bool_]]:
    """Values of some series, and which of them are there, by point and series."""
    at: Values = np.arange(points, dtype=np.float64) * interval
    values = np.empty((points, number))
    here = np.empty((points, number), bool)
    place = list(FAMILIES).index(family)
    for i in range(number):
        draw = np.random.default_rng([place, first + i])
        values[:, i] = FAMILIES[family].draw(draw, at)
        here[:, i] = draw.random(points) >= MISSING
    return values, here


def measured(
    family: str, number: int, weeks: float, interval: float, budgets: list[str]
) -> Iterator[tuple[float, float]]:
    """By budget: false alarms after the first day over the budget, and alarms a series on the first day."""
    points = round(weeks * WEEK / interval)
    kind = FAMILIES[family].kind
    number = max(1, number // FEWER) if kind == "count" else number
    early, opened = dict.fromkeys(budgets, 0), dict.fromkeys(budgets, 0)
    for first in range(0, number, CHUNK):
        size = min(CHUNK, number - first)
        values, here = simulated(family, first, size, points, interval)
        for budget in budgets:
            fleet = Fleet(kind, size, budget)
            for i in range(points):
                fleet.tick(START + i * interval, values[i], here[i])
            early[budget] += fleet.early
            opened[budget] += fleet.opened
    for budget in budgets:
        rate = Detector.model_validate({"false_alarms": budget}).false_alarms
        yield opened[budget] / (rate * (weeks * WEEK - DAY) * number), early[budget] / number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--weeks", type=float, default=8)
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between points")
    parser.add_argument("--budgets", nargs="+", default=["1/day", "1/week", "1/month"])
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    args = parser.parse_args()
    print(f"{args.series:,} series, {args.weeks:g} weeks, a point each {args.interval:g} s\n")
    print(
        "| family | "
        + " | ".join(f"{b}: false alarms ÷ budget" for b in args.budgets)
        + " | first day, alarms a series | s |"
    )
    print("|---|" + "---|" * (len(args.budgets) + 2))
    missed = []
    for family in args.only:
        began = time.monotonic()
        found = list(measured(family, args.series, args.weeks, args.interval, args.budgets))
        ratios = dict(zip(args.budgets, (ratio for ratio, _ in found), strict=True))
        if not MARK[0] <= ratios.get("1/week", 1.0) <= MARK[1]:
            missed.append(family)
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios.values())
        first = " · ".join(f"{early:.2f}" for _, early in found)
        print(f"| {family} | {cells} | {first} | {time.monotonic() - began:.0f} |", flush=True)
    print(f"\nOutside of {MARK[0]} to {MARK[1]} at 1/week: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
