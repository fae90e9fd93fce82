"""Detection quality on the Numenta Anomaly Benchmark corpus, with the default configuration.

    python benchmarks/nab.py --corpus DATA [--budget 1/week] [--scores OUT] [--scorer PATH]

DATA is a checkout's `data` and `labels` folders side by side. Every file is one series, one global configuration, no
look-ahead. A row's score is the surprise (-log10 of the p-value) of the anomaly that opens there, else 0: what an
operator would have been sent, so the budget and the refractory time are in force and the scorer's sweep can only
raise the threshold. With --scorer (a program that takes --corpus and --scores) its verdict is printed too.
"""

from __future__ import annotations

import argparse
import csv
import math
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series


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
            scores.append(max((-math.log10(a.p_value) for a in odd), default=0.0))
    return scores, opened


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
        command = [sys.executable, str(args.scorer), "--corpus", str(args.corpus), "--scores", str(out)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
