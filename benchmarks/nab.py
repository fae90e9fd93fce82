"""Detection quality on the Numenta Anomaly Benchmark corpus, with the default configuration.

    python benchmarks/nab.py --corpus DATA [--budget 1/week] [--scores OUT] [--scorer PATH]

DATA is a checkout's `data` and `labels` folders side by side. Every file is one series, one global configuration, no
look-ahead. A row's score is the surprise (-log10 of the p-value) of the anomaly that opens there, else 0: what an
operator would have been sent, so the budget and the refractory time are in force and the scorer's sweep can only
raise the threshold. With --scorer (a program that takes --corpus and --scores, and prints JSON) three of its verdicts
are printed: with the threshold that it chooses on all files, with each file's chosen on the other four fifths of them,
and with the budget's own, where every anomaly counts.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

FOLDS: Final = 5


def score_file(path: Path, config: Config) -> tuple[list[float], int]:
    """One score a row of a NAB file, and how many anomalies opened."""
    core = SeriesCore(config)
    series = Series(path.stem, path.stem, {}, path.stem, "default", "metric")
    scores, opened, last = [], 0, -math.inf
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            now = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp()
            now = max(now, last + 1.0)  # two files repeat an hour where the clocks went back
            last = now
            found = core.observe(Sample(series, now, float(row["value"])))
            odd = [a for a in found if a.event == "opened"]
            opened += len(odd)
            scores.append(max((a.surprise for a in odd), default=0.0))
    return scores, opened


def verdicts(scorer: Path, corpus: Path, scores: Path) -> None:
    """Print what the scorer says of the scores, by how the threshold was chosen."""
    files = {
        path.relative_to(scores): [float(line) for line in path.open() if line != "score\n"]
        for path in sorted(scores.rglob("*.csv"))
    }

    def verdict(of: Callable[[int, float], float]) -> dict[str, Any]:
        """`of`: the number of a file and a score → the score that is told."""
        with tempfile.TemporaryDirectory() as folder:
            for number, (name, values) in enumerate(files.items()):
                told = Path(folder) / name
                told.parent.mkdir(parents=True, exist_ok=True)
                told.write_text("score\n" + "".join(f"{of(number, value)!r}\n" for value in values))
            command = [sys.executable, str(scorer), "--corpus", str(corpus), "--scores", folder]
            found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            return found

    swept = verdict(lambda _, score: score)
    print("\n| profile | the scorer's threshold | of four fifths | the budget's |\n|---|---|---|---|")
    own = verdict(lambda _, score: float(score > 0))
    for profile in swept:
        levels = [
            verdict(lambda number, score, fold=fold: 0.0 if number % FOLDS == fold else score)[profile]["threshold"]  # type: ignore[misc]
            for fold in range(FOLDS)
        ]
        folded = verdict(lambda number, score, levels=levels: float(score >= levels[number % FOLDS]))  # type: ignore[misc]
        print(f"| {profile} | " + " | ".join(f"{each[profile]['score']:.1f}" for each in (swept, folded, own)) + " |")
    one = swept["standard"]
    print(f"\nstandard: {one['windows_hit']} windows found, {one['false_positive_rows']} false alarms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--budget", default="1/week", help="false alarms per series (default: the product's)")
    parser.add_argument("--scores", type=Path, help="keep the scores here")
    parser.add_argument("--scorer", type=Path, help="a scorer to run on the scores")
    args = parser.parse_args()
    config = Config(detectors=[Detector(false_alarms=args.budget)])
    out = args.scores or Path(tempfile.mkdtemp(prefix="nab-scores-"))
    rows = alarms = 0
    days = 0.0
    started = time.process_time()
    files = sorted((args.corpus / "data").rglob("*.csv"))
    print(f"{'file':<62}{'rows':>7}{'alarms':>8}")
    for path in files:
        scores, opened = score_file(path, config)
        name = path.relative_to(args.corpus / "data")
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", newline="") as file:
            file.write("score\n" + "".join(f"{s!r}\n" for s in scores))
        rows, alarms = rows + len(scores), alarms + opened
        with path.open() as file:
            stamps = [line[:19] for line in file][1:]
        days += (datetime.fromisoformat(stamps[-1]) - datetime.fromisoformat(stamps[0])).total_seconds() / 86400
        print(f"{name!s:<62}{len(scores):>7}{opened:>8}")
    spent = time.process_time() - started
    print(
        f"\n{len(files)} files, {rows:,} rows, {alarms} anomalies: "
        f"{7 * alarms / days:.2f} a series-week (budget {args.budget}),"
    )
    print(f"{spent:.1f} s of CPU, {1e6 * spent / rows:.1f} µs a point")
    if args.scorer:
        verdicts(args.scorer, args.corpus, out)


if __name__ == "__main__":
    main()
