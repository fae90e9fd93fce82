"""Whether an outage while a series is being learned becomes normal.

    python benchmarks/warmup.py [--runs 40]

A series of points a minute has three outages of the same form. The first begins with its first, its 4th, 11th or 20th
point and lasts 2 to 30 minutes; the others follow 4 minutes to two hours after the end of the one before. Shown is the
share of runs in which the first, second and third were told: a word on the series, opened or updated, for a point from
the beginning of the outage to three points later. `end`: the share in which the first was told when it ended, by what
is then unlike it. Then the false alarms in the day after, a series, and beside them those of the same series without
any outage.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series, SeriesKind

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]
START: Final = 1_700_006_400.0
MINUTE: Final = 60.0
DAY: Final = 1440
ONSETS: Final = (0, 3, 10, 19)
AFTER: Final = 3
"""Points from the beginning of an outage in which it counts as told."""


class Case(NamedTuple):
    """A kind of series: what it is, and what it is in an outage."""

    kind: SeriesKind
    errors: bool
    usual: Draw
    outage: Draw


def poisson(mean: float) -> Draw:
    return lambda draw, n: draw.poisson(mean, n).astype(np.float64)


def bursty(draw: np.random.Generator, n: int) -> Values:
    values: Values = draw.negative_binomial(1 / 3, 1 / 4, n).astype(np.float64)
    return values


def normal(mean: float, deviation: float, most: float = np.inf) -> Draw:
    return lambda draw, n: np.clip(draw.normal(mean, deviation, n), 0.0, most)


def lognormal(median: float, spread: float) -> Draw:
    return lambda draw, n: median * np.exp(spread * draw.standard_normal(n))


def correlated(draw: np.random.Generator, n: int) -> Values:
    values: Values = draw.standard_normal(n)
    for i in range(1, n):
        values[i] = 0.9 * values[i - 1] + 0.43 * values[i]
    return np.clip(30 + 6 * values, 0.0, 100.0)


CASES: Final[dict[str, Case]] = {
    "errors: none, then 150": Case("count", True, poisson(0.0), poisson(150)),
    "errors: none, then 4": Case("count", True, poisson(0.0), poisson(4)),
    "errors: 0.2, then 20": Case("count", True, poisson(0.2), poisson(20)),
    "errors: 5, then 100": Case("count", True, poisson(5), poisson(100)),
    "errors: bursts of 1, then 60": Case("count", True, bursty, poisson(60)),
    "error ratio: 0.01, then 0.5": Case("ratio", True, normal(0.01, 0.005, 1.0), normal(0.5, 0.1, 1.0)),
    "requests: 300, then 0": Case("count", False, poisson(300), poisson(0.0)),
    "cpu: 20 ± 3, then 100": Case("gauge", False, normal(20, 3), normal(100, 0.5, 100)),
    "cpu: AR(1) 30 ± 6, then 98": Case("gauge", False, correlated, normal(98, 1, 100)),
    "latency: 0.1, then 2 to 9": Case("gauge", False, lognormal(0.1, 0.2), lognormal(4, 0.4)),
}


def told(case: Case, values: Values) -> list[Anomaly]:
    core = SeriesCore(Config(detectors=[Detector()]))
    signal = "log" if case.kind in ("count", "ratio") else "metric"
    one = Series("x", "x", {}, "x", "default", signal, case.kind, worse="up" if case.errors else "both")  # type: ignore[arg-type]
    found: list[Anomaly] = []
    for i, value in enumerate(values.tolist()):
        now = START + MINUTE * i
        found += core.observe(Sample(one, now, value))
        found += core.advance(now)
    return found


def outages(draw: np.random.Generator, onset: int) -> list[tuple[int, int]]:
    """Beginning and end of each, in points."""
    lasts = int(draw.integers(2, 31))
    found = [(onset, onset + lasts)]
    for _ in range(2):
        begins = found[-1][1] + int(np.exp(draw.uniform(np.log(4), np.log(120))))
        found.append((begins, begins + lasts))
    return found


def words(found: list[Anomaly], first: int, last: int) -> bool:
    """Whether a point from `first` to before `last` was told of."""
    times = [(each.updated_at.timestamp() - START) / MINUTE for each in found if each.event != "closed"]
    return any(first - 0.5 <= time < last - 0.5 for time in times)


def measured(case: Case, onset: int, runs: int) -> tuple[list[float], float, float, float]:
    hits, ended, false, control = [0.0, 0.0, 0.0], 0, 0, 0
    for run in range(runs):
        draw = np.random.default_rng([onset, run])
        usual = case.usual(draw, DAY + 400)
        values, troubles = usual.copy(), outages(draw, onset)
        for begins, ends in troubles:
            values[begins:ends] = case.outage(draw, ends - begins)
        found = told(case, values)
        for i, (begins, ends) in enumerate(troubles):
            hits[i] += words(found, begins, min(ends, begins + AFTER + 1))
        ended += words(found, troubles[0][1], troubles[0][1] + AFTER + 1)
        opened = [(each.started_at.timestamp() - START) / MINUTE for each in found if each.event == "opened"]
        false += sum(time >= troubles[-1][1] + 30 for time in opened)
        control += sum(each.event == "opened" for each in told(case, usual))
    return [hit / runs for hit in hits], ended / runs, false / runs, control / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--only", default="", help="the series whose names begin so")
    args = parser.parse_args()
    runs = args.runs
    print("| series | first begins at point | first | end | second | third | false, day after | without outage |")
    print("|---|---|---|---|---|---|---|---|")
    for name, case in CASES.items():
        if not name.startswith(args.only):
            continue
        for onset in ONSETS:
            (first, second, third), ended, false, control = measured(case, onset, runs)
            told_of = f"{first:.0%} | {ended:.0%} | {second:.0%} | {third:.0%}"
            print(f"| {name} | {onset + 1} | {told_of} | {false:.2f} | {control:.2f} |", flush=True)


if __name__ == "__main__":
    main()
