"""Whether an incident is learned as normal, and whether a change for good is.

    python benchmarks/contamination.py [--series 100]

Two incidents of the same form on a series of points a minute, the second 6 h, 1 d or 7 d after the first one: a level
that is eight deviations higher for twenty minutes, or three spikes of twelve. Shown is the share of series in which the
first, and in which the second was found: an anomaly that opens within it or up to five points after its beginning.
Then a level that moves by eight deviations for good: when the anomaly of it ends, against `adopt`.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

Values = NDArray[np.float64]
START: Final = 1_700_006_400.0
MINUTE: Final = 60.0
DAY: Final = 1440
LASTS: Final = 20
SIZE: Final = 3.0
"""Standard deviation of the noise."""
BEFORE: Final = 3 * DAY
APART: Final = {"6 h": 360, "1 d": DAY, "7 d": 7 * DAY}


def noise(draw: np.random.Generator, points: int) -> Values:
    return 100 + SIZE * draw.standard_normal(points)


def seasonal(draw: np.random.Generator, points: int) -> Values:
    values: Values = noise(draw, points) + 30 * np.sin(2 * np.pi * np.arange(points) / DAY)
    return values


def correlated(draw: np.random.Generator, points: int) -> Values:
    values: Values = draw.standard_normal(points)
    for i in range(1, points):
        values[i] = 0.8 * values[i - 1] + 0.6 * values[i]
    return 100 + SIZE * values


BASES: Final[dict[str, Callable[[np.random.Generator, int], Values]]] = {
    "noise": noise,
    "season + noise": seasonal,
    "AR(1) 0.8": correlated,
}


def raised(values: Values, at: int) -> None:
    values[at : at + LASTS] += 8 * SIZE


def spiked(values: Values, at: int) -> None:
    values[[at, at + 4, at + 9]] += 12 * SIZE


INCIDENTS: Final = {"level": raised, "spikes": spiked}


def told(values: Values) -> list[Anomaly]:
    """The anomalies of a series."""
    core = SeriesCore(Config(detectors=[Detector()]))
    one = Series("simulated", "simulated", {}, "simulated", "default", "metric")
    found: list[Anomaly] = []
    for i, value in enumerate(values.tolist()):
        now = START + MINUTE * i
        found += core.observe(Sample(one, now, value))
        found += core.advance(now - 30.0)
    return found


def opens(found: list[Anomaly], at: int) -> bool:
    first, last = START + MINUTE * at, START + MINUTE * (at + LASTS)
    return any(each.event == "opened" and first <= each.started_at.timestamp() <= last for each in found)


def repeated(base: str, incident: str, apart: int, number: int) -> tuple[float, float]:
    """Share of series in which the first and the second incident were found."""
    hits: list[tuple[bool, bool]] = []
    for i in range(number):
        values = BASES[base](np.random.default_rng([apart, i]), BEFORE + apart + 2 * LASTS)
        INCIDENTS[incident](values, BEFORE)
        INCIDENTS[incident](values, BEFORE + apart)
        found = told(values)
        hits.append((opens(found, BEFORE), opens(found, BEFORE + apart)))
    return sum(first for first, _ in hits) / number, sum(second for _, second in hits) / number


def adopted(base: str, number: int) -> tuple[list[float], float]:
    """Hours from a change for good to the end of its anomaly; and how many more opened in the day after, a series."""
    hours, later = [], 0
    for i in range(number):
        values = BASES[base](np.random.default_rng([1, i]), BEFORE + 2 * DAY)
        values[BEFORE:] += 8 * SIZE
        moved = START + MINUTE * BEFORE
        after = [each for each in told(values) if moved <= each.started_at.timestamp() < moved + DAY * MINUTE]
        ends = [_end(each) for each in after if each.event == "closed"]
        hours.append((ends[0] - moved) / 3600 if ends else 0.0)
        later += sum(each.event == "opened" for each in after) - 1
    return hours, later / number


def _end(anomaly: Anomaly) -> float:
    ended: Any = anomaly.ended_at
    return float(ended.timestamp())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100)
    number = parser.parse_args().series
    print("| series | incident | again after | first found | second found |\n|---|---|---|---|---|")
    for base in BASES:
        for incident in INCIDENTS:
            for apart, points in APART.items():
                first, second = repeated(base, incident, points, number)
                print(f"| {base} | {incident} | {apart} | {first:.0%} | {second:.0%} |", flush=True)
    hour = Detector().adopt / 3600
    print(f"\nA level that moves for good (`adopt`: {hour:g} h)\n")
    print("| series | its anomaly ends after, median h | worst h | more opened in the day after, a series |")
    print("|---|---|---|---|")
    for base in BASES:
        hours, later = adopted(base, number)
        print(f"| {base} | {statistics.median(hours):.1f} | {max(hours):.1f} | {later:.2f} |", flush=True)


if __name__ == "__main__":
    main()
