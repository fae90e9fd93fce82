"""Labelled cloud telemetry by events: what is found, and what it costs in false alarms, beside other detectors.

    python benchmarks/cloud.py --data DATA --scorer SCORER [--budgets 1/week 1/day]

DATA is a folder of CSVs (timestamp, value, label), one a series; SCORER is a program that takes --truth and --alarms
and prints recall and false alarms a series-week as JSON. Floodmark runs with its default detector but for the budget:
one configuration, no look-ahead, no threshold. Each of the others scores every point before it learns it; its one
threshold over all series is then chosen, with the labels in view, as the lowest with no more false alarms than
Floodmark made. Their alarms are joined as ours are: over when six points in a row were below the threshold.

`krcf`, a random cut forest, is left out unless it is installed (`pip install krcf`).
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from river import anomaly, preprocessing, stats, time_series

from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

QUIET: Final = 6
"""Points below the threshold after which an alarm is over."""
BURN_IN: Final = 50
"""First points of a series that others do not alarm at."""


class Points(NamedTuple):
    """A series of the corpus; times in seconds, in order."""

    name: str
    times: list[float]
    values: list[float]


Alarm = tuple[str, float, float]
"""Series, start, end."""
Verdict = dict[str, float]


def corpus(folder: Path) -> Iterator[Points]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            given = (row for row in csv.DictReader(file) if row["value"])  # some points are missing
            rows = sorted((_seconds(row["timestamp"]), float(row["value"])) for row in given)
        yield Points(path.stem, [at for at, _ in rows], [value for _, value in rows])


def ours(series: list[Points], budget: str) -> list[Alarm]:
    """The anomalies of the default detector."""
    found: list[Alarm] = []
    for points in series:
        core = SeriesCore(Config(detectors=[Detector.model_validate({"false_alarms": budget})]))
        one = Series(points.name, points.name, {}, points.name, "default", "metric")
        starts: dict[str, float] = {}
        for now, value in zip(points.times, points.values, strict=True):
            for told in [*core.observe(Sample(one, now, value)), *core.advance(now - 30.0)]:
                if told.event == "opened":
                    starts[told.id] = told.started_at.timestamp()
                elif told.event == "closed" and told.ended_at is not None and told.id in starts:
                    start = starts.pop(told.id)
                    found.append((points.name, start, max(start, told.ended_at.timestamp())))
        found += [(points.name, start, points.times[-1]) for start in starts.values()]
    return found


# -- others: a fresh scorer of one series, which scores a value and then learns it


def holt_winters() -> Callable[[float], float]:
    model = time_series.HoltWinters(alpha=0.3, beta=0.1)
    size = stats.EWMean(0.02)
    seen = 0

    def score(value: float) -> float:
        nonlocal seen
        seen += 1
        residual = abs(value - model.forecast(1)[0]) if seen > 3 else 0.0
        surprise = residual / max(size.get(), 1e-9) if seen > BURN_IN else 0.0
        if seen > 3:
            size.update(residual)
        model.learn_one(value)
        return surprise

    return score


def absolute_deviation() -> Callable[[float], float]:
    model = anomaly.StandardAbsoluteDeviation(stats.Mean())

    def score(value: float) -> float:
        surprise = model.score_one(None, value)
        model.learn_one(None, value)
        return float(surprise)

    return score


def half_space_trees() -> Callable[[float], float]:
    model = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1)

    def score(value: float) -> float:
        surprise = float(model.score_one({"value": value}))
        model.learn_one({"value": value})
        return surprise

    return score


def random_cut_forest() -> Callable[[float], float]:
    krcf: Any = importlib.import_module("krcf")
    options = {"dimensions": 1, "shingle_size": 8, "num_trees": 50, "sample_size": 256, "output_after": 32}
    forest = krcf.RandomCutForest({**options, "random_seed": 1})

    def score(value: float) -> float:
        surprise = float(forest.score([value]))
        forest.update([value])
        return surprise

    return score


OTHERS: Final = {
    "River StandardAbsoluteDeviation": absolute_deviation,
    "River HoltWinters residual": holt_winters,
    "River HalfSpaceTrees": half_space_trees,
    "krcf random cut forest": random_cut_forest,
}


def scored(series: list[Points], fresh: Callable[[], Callable[[float], float]]) -> list[np.ndarray[Any, Any]]:
    """A score by point of each series; 0 for the first ones."""
    found = []
    for points in series:
        score = fresh()
        scores = np.nan_to_num(np.array([score(value) for value in points.values]), posinf=1e300)
        scores[:BURN_IN] = 0.0
        found.append(scores)
    return found


def joined(series: list[Points], scores: list[np.ndarray[Any, Any]], threshold: float) -> list[Alarm]:
    found: list[Alarm] = []
    for points, row in zip(series, scores, strict=True):
        start = end = -math.inf
        last = -QUIET - 1
        for i in np.flatnonzero(row >= threshold).tolist():
            if i - last > QUIET:
                if last >= 0:
                    found.append((points.name, start, end))
                start = points.times[i]
            last, end = i, points.times[i]
        if last >= 0:
            found.append((points.name, start, end))
    return found


def judged(alarms: list[Alarm], truth: Path, scorer: Path) -> Verdict:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for name, start, end in alarms:
            file.write(json.dumps({"series": name, "start": _iso(start), "end": _iso(end)}) + "\n")
        file.flush()
        command = [sys.executable, str(scorer), "--truth", str(truth), "--alarms", file.name]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    verdict: Verdict = json.loads(told)
    return verdict


def at_most(
    series: list[Points], scores: list[np.ndarray[Any, Any]], rate: float, truth: Path, scorer: Path
) -> Verdict:
    """The verdict at the lowest threshold with no more false alarms a series-week than `rate`."""
    levels = np.unique(np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-5, 0.3, 400)))
    low, high = 0, len(levels) - 1  # more alarms at low levels
    best = judged(joined(series, scores, float(levels[high])), truth, scorer)
    while low < high:
        middle = (low + high) // 2
        verdict = judged(joined(series, scores, float(levels[middle])), truth, scorer)
        if verdict["false_alarms_per_series_week"] <= rate:
            best, high = verdict, middle
        else:
            low = middle + 1
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--budgets", nargs="+", default=["1/week", "1/day"])
    args = parser.parse_args()
    series = list(corpus(args.data))
    others = {}
    for name, fresh in OTHERS.items():
        try:
            others[name] = scored(series, fresh)
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    for budget in args.budgets:
        mine = judged(ours(series, budget), args.data, args.scorer)
        print(f"\n### {budget}: {mine['series']} series, {mine['events']} events\n")
        print("| detector | events found | false alarms a series-week | precision | delay, median s |")
        print("|---|---|---|---|---|")
        _show(f"**Floodmark, budget {budget}**", mine)
        for name, scores in others.items():
            _show(name, at_most(series, scores, mine["false_alarms_per_series_week"], args.data, args.scorer))


def _show(name: str, verdict: Verdict) -> None:
    cells = (verdict["recall"], verdict["false_alarms_per_series_week"], verdict["precision"])
    delay = verdict["delay_s_median"]
    shown = "-" if delay is None else f"{delay:,.0f}"
    print(f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + f" | {shown} |", flush=True)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


if __name__ == "__main__":
    main()
