"""What a metric costs inside a detect task: the compiled bank and the whole task, beside the same in Python objects.

python benchmarks/bank.py [--series 1000 10000 100000] [--rounds 5] [--objects]

Native JSON of about 120 bytes, one event a message, in slices of 500; every series has a point each ten seconds of
event time, drawn from a normal distribution. Microseconds of CPU an event, medians of the rounds. Bytes a series are
those of the arrays alone. `--objects` adds the Python twin, `SeriesModel`, judging and learning as many points.

The second table has River's own objects, one a series, on the same values: to score a point and then learn it (to
forecast and learn it, to update), and that time over the kernel's with the fewest series. None does all that the kernel
does.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from river import anomaly, drift, time_series
from river.preprocessing import MinMaxScaler

from floodmark.config.models import Config, Detector, Input, Limits
from floodmark.detect.model import SeriesModel
from floodmark.flow.tasks import DetectTask
from floodmark.records import Record
from floodmark.signals import Samples

START = 1_769_860_800_000
SLICE = 500
WARM = 600
"""Points of each series before anything is measured: by then every head judges."""


def records(series: int, first: int, count: int, draw: random.Random) -> Iterator[Record]:
    for i in range(first, first + count):
        number, tick = i % series, i // series
        stamp = START + 10_000 * tick + 10_000 * number // series
        value = draw.gauss(100, 3)
        labels = {"service": f"s{number:06}", "env": "prod"}
        event = {"timestamp": stamp, "name": "http_request_duration_ms", "value": round(value, 2), "labels": labels}
        yield Record("metrics", 0, i, stamp, None, json.dumps(event, separators=(",", ":")).encode())


def task_of(series: int) -> tuple[DetectTask, Config]:
    config = Config(inputs=[Input(topic="metrics", signal="metric")], limits=Limits(series=series))
    return DetectTask(config, config.inputs[0], "metrics", 0, 4), config


def measured(series: int, rounds: int) -> tuple[dict[str, float], float]:
    """Medians of microseconds an event by part, and bytes a series."""
    draw = random.Random(1)
    task, _ = task_of(series)
    stage, decode = task._stage, task._decode
    kernel = stage._core._watchlist.bank.run
    spent = 0.0

    def timed(*args: object) -> object:
        nonlocal spent
        began = time.process_time()
        stopped = kernel(*args)  # type: ignore[arg-type]
        spent += time.process_time() - began
        return stopped

    setattr(stage._core._watchlist.bank, "run", timed)  # noqa: B010 - a part that is measured from within
    done, found = 0, 0
    per_round = max(50_000, series)
    parts: dict[str, list[float]] = {"decode": [], "kernel": [], "rest": [], "task": []}
    origins = []
    while done < series:  # each once through the decoder, which knows them from then on
        samples = decode.samples(list(records(series, done, SLICE, draw)), [])
        origins += samples.origins
        stage.take(samples)
        done += SLICE
    values = np.random.default_rng(1)
    for tick in range(1, WARM):
        times = (START / 1000 + 10.0 * tick + np.arange(series) * (10.0 / series)).tolist()
        stage.take(Samples(origins, times, values.normal(100, 3, series).round(2).tolist()))
    done = WARM * series
    for _ in range(rounds):
        slices = [list(records(series, at, SLICE, draw)) for at in range(done, done + per_round, SLICE)]
        done += per_round
        spent, decoding = 0.0, 0.0
        began = time.process_time()
        for batch in slices:
            at = time.process_time()
            samples = decode.samples(batch, [])
            decoding += time.process_time() - at
            found += len(task._encoded(stage.take(samples)))
        whole = time.process_time() - began
        for name, seconds in (("decode", decoding), ("kernel", spent), ("task", whole)):
            parts[name].append(seconds / per_round * 1e6)
        parts["rest"].append((whole - decoding - spent) / per_round * 1e6)
    bank = stage._core._watchlist.bank._bank
    arrays = (bank.rows, bank.day_mean, bank.day_count, bank.cells)
    size = sum(array.nbytes / len(array) for array in arrays) + stage._metrics.rows.itemsize
    return {name: statistics.median(times) for name, times in parts.items()}, size


def objects(series: int, rounds: int) -> float:
    """Microseconds an event of `SeriesModel` alone, judge and learn."""
    draw = random.Random(1)
    models = [SeriesModel("gauge", Detector(), 60, None) for _ in range(min(series, 10_000))]
    times = []
    for turn in range(30 + rounds):
        values = [draw.gauss(100, 3) for _ in models]
        began = time.process_time()
        for i, model in enumerate(models):
            model.learn(model.judge(START / 1000 + 10.0 * turn + i / len(models), values[i]))
        times.append((time.process_time() - began) / len(models) * 1e6)
    return statistics.median(times[30:])


def _score(detector: Any, value: float) -> None:
    detector.score_one({"value": value})
    detector.learn_one({"value": value})


def _score_target(detector: Any, value: float) -> None:
    detector.score_one({}, value)
    detector.learn_one({}, value)


def _forecast(model: Any, value: float) -> None:
    if model.level:  # empty before the second point
        model.forecast(1)
    model.learn_one(value)


def _update(detector: Any, value: float) -> None:
    detector.update(value)


RIVER: Final[dict[str, tuple[Callable[[], Any], Callable[[Any, float], None]]]] = {
    "MinMaxScaler, HalfSpaceTrees": (lambda: MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1), _score),
    "StandardAbsoluteDeviation": (anomaly.StandardAbsoluteDeviation, _score_target),
    "GaussianScorer": (anomaly.GaussianScorer, _score_target),
    "HoltWinters": (lambda: time_series.HoltWinters(alpha=0.3, beta=0.1), _forecast),
    "ADWIN": (drift.ADWIN, _update),
    "PageHinkley": (drift.PageHinkley, _update),
}


def of_river(fresh: Callable[[], Any], use: Callable[[Any, float], None], rounds: int) -> float:
    """Microseconds an event of one kind of object, 300 of them."""
    draw = random.Random(1)
    models = [fresh() for _ in range(300)]
    times = []
    for _ in range(30 + rounds):
        values = [draw.gauss(100, 3) for _ in models]
        began = time.process_time()
        for model, value in zip(models, values, strict=True):
            use(model, value)
        times.append((time.process_time() - began) / len(models) * 1e6)
    return statistics.median(times[30:])


def starts() -> tuple[float, float]:
    """Seconds to import the kernel without a cache, and with one; importing Numba itself is not in it."""
    program = (
        "import time, numba; began = time.perf_counter(); import floodmark.detect.bank.kernel; "
        "print(time.perf_counter() - began)"
    )
    with tempfile.TemporaryDirectory() as folder:
        source = str(Path(__file__).parent.parent / "src")
        env = {"NUMBA_CACHE_DIR": folder, "PATH": "/usr/bin:/bin", "PYTHONPATH": source}
        first, cached = (
            float(subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True).stdout)
            for _ in range(2)
        )
    return first, cached


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--objects", action="store_true")
    chosen = arguments.parse_args()
    first, cached = starts()
    print(f"kernel: {first:.1f} s to compile, {cached:.2f} s from the cache\n")
    print("| series | decode | kernel | rest | task µs/event | bytes/series | SeriesModel µs |")
    print("|---|---|---|---|---|---|---|")
    kernel = math.nan
    for series in sorted(chosen.series):
        parts, size = measured(series, chosen.rounds)
        model = f"{objects(series, chosen.rounds):.1f}" if chosen.objects else "-"
        row = " | ".join(f"{parts[name]:.2f}" for name in ("decode", "kernel", "rest", "task"))
        print(f"| {series:,} | {row} | {size:,.0f} | {model} |", flush=True)
        kernel = parts["kernel"] if math.isnan(kernel) else kernel
    print("\n| River's object | µs/event | ÷ kernel |\n|---|---|---|")
    for name, kind in RIVER.items():
        spent = of_river(*kind, chosen.rounds)
        print(f"| {name} | {spent:.1f} | {spent / kernel:.1f} |", flush=True)


if __name__ == "__main__":
    main()
