"""How soon a changed mean or spread is found, and how often one that is none: River's drift detectors beside ours.

    python benchmarks/drift.py [--seeds 20] [--only STREAM ...]

Streams of N(0, 1) change after 5,000 points; the error stream is of ones and zeros. A delay is how many points it took,
from the first changed one to the detection; the median is over all seeds, with a missed change as infinite. Missed is
what is not found in 1,500 points, or 2,500 where the change is slow. False alarms are those before the change, for
10,000 points. The peer is the fastest of River's that gives at most five of them; the last column is the delay over
that of the peer.

The second table has false alarms for 10,000 points of streams that do not change. `season` has a period of 1,440
points. Ours take a value as a point a minute. The level of `SeriesDrift` is its default, 1e-4, and that of the engine
(all heads and the life of its alarms) 1/week, which is the same. River's detectors have their defaults unless it says
otherwise; a delta of 0.25 and a threshold of 15 are for who knows that the spread is 1, and `of abs(x)` for who
knows that the mean is 0. With 20 seeds it takes ten minutes.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import drift

from floodmark.config.models import Config, Detector
from floodmark.detect import SeriesDrift
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

Values = NDArray[np.float64]
Update = Callable[[float], bool]
BEFORE: Final = 5_000
STEADY: Final = 10_000
START: Final = 1_700_006_400.0
MOST: Final = 5.0
"""False alarms in 10,000 points of a peer that is to be compared with."""


class Stream(NamedTuple):
    """`draw`: a generator and a number of points → the values after the change. `errors`: they are ones and zeros."""

    points: int
    draw: Callable[[np.random.Generator, int], Values]
    errors: bool = False


def gradual(draw: np.random.Generator, points: int) -> Values:
    """More and more of the values, all of them after 2,000, are of another mean."""
    values: Values = draw.standard_normal(points) + 2.0 * (draw.random(points) < np.arange(points) / 2000)
    return values


CHANGES: Final[dict[str, Stream]] = {
    "mean +1 sd": Stream(1500, lambda draw, n: draw.normal(1, 1, n)),
    "mean +0.5 sd": Stream(1500, lambda draw, n: draw.normal(0.5, 1, n)),
    "sd 1 → 2": Stream(1500, lambda draw, n: draw.normal(0, 2, n)),
    "mean +3 sd in 2,000": Stream(2500, lambda draw, n: draw.normal(np.minimum(np.arange(n) / 2000, 1) * 3, 1)),
    "mean +2 sd, gradual": Stream(2500, gradual),
    "errors 10 → 25 %": Stream(1500, lambda draw, n: (draw.random(n) < 0.25).astype(float), errors=True),
}


def correlated(draw: np.random.Generator, points: int) -> Values:
    values: Values = draw.standard_normal(points)
    for i in range(1, points):
        values[i] = 0.8 * values[i - 1] + 0.6 * values[i]
    return values


FAMILIES: Final[dict[str, Callable[[np.random.Generator, int], Values]]] = {
    "Gaussian": lambda draw, n: draw.standard_normal(n),
    "AR(1) 0.8": correlated,
    "Student t3": lambda draw, n: draw.standard_t(3, n),
    "season": lambda draw, n: 3 * np.sin(2 * np.pi * np.arange(n) / 1440) + draw.standard_normal(n),
}


def engine() -> Update:
    """The engine with its default detector: a detection is an anomaly that opens."""
    core, one = SeriesCore(Config(detectors=[Detector()])), Series("x", "x", {}, "x", "default", "metric")
    time = START

    def update(value: float) -> bool:
        nonlocal time
        time += 60.0
        told = core.observe(Sample(one, time, value))
        return any(each.event == "opened" for each in [*told, *core.advance(time - 30.0)])

    return update


def of(detector: Any, seen: Callable[[float], Any] = float) -> Update:
    """A drift detector of River; `seen` is what it is shown of a value."""

    def update(value: float) -> bool:
        detector.update(seen(value))
        return bool(detector.drift_detected)

    return update


OURS: Final[dict[str, Callable[[], Update]]] = {
    "**SeriesDrift**": lambda: of(SeriesDrift()),
    "**SeriesDrift, level**": lambda: of(SeriesDrift(("level",))),
    "**SeriesDrift, drift**": lambda: of(SeriesDrift(("drift",))),
    "**SeriesDrift, variance**": lambda: of(SeriesDrift(("variance",))),
    "**the engine**": engine,
}
PEERS: Final[dict[str, Callable[[], Update]]] = {
    "ADWIN": lambda: of(drift.ADWIN()),
    "ADWIN of abs(x)": lambda: of(drift.ADWIN(), abs),
    "PageHinkley": lambda: of(drift.PageHinkley()),
    "PageHinkley, delta 0.25, threshold 15": lambda: of(drift.PageHinkley(delta=0.25, threshold=15)),
    "KSWIN": lambda: of(drift.KSWIN(seed=1)),
    "KSWIN, alpha 1e-4": lambda: of(drift.KSWIN(alpha=1e-4, seed=1)),
}
OF_ERRORS: Final[dict[str, Callable[[], Update]]] = {
    "ADWIN": lambda: of(drift.ADWIN()),
    "PageHinkley": lambda: of(drift.PageHinkley()),
    "DDM": lambda: of(drift.binary.DDM(), bool),
    "EDDM": lambda: of(drift.binary.EDDM(), bool),
    "FHDDM": lambda: of(drift.binary.FHDDM(), bool),
    "HDDM_A": lambda: of(drift.binary.HDDMA(), bool),
    "HDDM_W": lambda: of(drift.binary.HDDMW(), bool),
}


class Found(NamedTuple):
    """`delay`: the median; infinite if half are missed. `alarms`: false ones for 10,000 points."""

    delay: float
    missed: float
    alarms: float


def detections(update: Update, values: Sequence[float]) -> list[int]:
    return [i for i, value in enumerate(values) if update(value)]


def measured(stream: Stream, fresh: Callable[[], Update], seeds: int) -> Found:
    delays, false = [], 0
    for seed in range(seeds):
        draw = np.random.default_rng([1, seed])
        before = (draw.random(BEFORE) < 0.1).astype(float) if stream.errors else draw.standard_normal(BEFORE)
        found = detections(fresh(), [*before.tolist(), *stream.draw(draw, stream.points).tolist()])
        false += sum(i < BEFORE for i in found)
        delays.append(min((float(i - BEFORE + 1) for i in found if i >= BEFORE), default=math.inf))
    return Found(statistics.median_high(delays), sum(map(math.isinf, delays)) / seeds, false / seeds / BEFORE * 10_000)


def fastest(rows: dict[str, Found], peers: dict[str, Callable[[], Update]]) -> str | None:
    """The peer to compare with, if one finds the change."""
    fit = [name for name in peers if rows[name].alarms <= MOST and not math.isinf(rows[name].delay)]
    return min(fit, key=lambda name: rows[name].delay, default=None)


def changes(streams: list[str], seeds: int) -> None:
    print("| change | detector | median delay | missed | false alarms, 10k | ÷ peer |\n|---|---|---|---|---|---|")
    for name in streams:
        stream = CHANGES[name]
        peers = OF_ERRORS if stream.errors else PEERS
        rows = {each: measured(stream, fresh, seeds) for each, fresh in (OURS | peers).items()}
        peer = fastest(rows, peers)
        for each, row in rows.items():
            missed = math.isinf(row.delay)
            ratio = f"{row.delay / rows[peer].delay:.2f}" if peer and not missed else "-"
            delay = "-" if missed else f"{row.delay:.0f}"
            ratio += " (peer)" if each == peer else ""
            print(f"| {name} | {each} | {delay} | {row.missed:.0%} | {row.alarms:.1f} | {ratio} |", flush=True)


def steady(seeds: int) -> None:
    print(f"| detector | {' | '.join(FAMILIES)} |\n|---|{'---|' * len(FAMILIES)}")
    for name, fresh in (OURS | PEERS).items():
        rates = []
        for place, family in enumerate(FAMILIES.values()):
            drawn = (family(np.random.default_rng([2, place, seed]), STEADY) for seed in range(seeds))
            rates.append(sum(len(detections(fresh(), values.tolist())) for values in drawn) / seeds / STEADY * 10_000)
        print(f"| {name} | {' | '.join(f'{rate:.1f}' for rate in rates)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    args = parser.parse_args()
    print(f"{args.seeds} seeds\n")
    changes(args.only, args.seeds)
    print("\nFalse alarms in 10,000 points of a stream that does not change\n")
    steady(args.seeds)


if __name__ == "__main__":
    main()
