"""Grouping accuracy and speed of the template miner on labelled log samples (loghub's *.log_structured.csv).

    python benchmarks/templates.py --data FOLDER [--found FOLDER]

FOLDER holds SYSTEM/SYSTEM_2k.log_structured.csv with the columns Content and EventId. GA is the share of lines whose
group is exactly the true group. Lines are mined once, in order; "final" takes each line's template as it is at the end
(templates that were joined are one), "online" as it was when the line came. `--found` writes the final ids, one a line.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

from floodmark.config.models import Limits, Logs
from floodmark.detect.logs.miner import TemplateMiner

PASSES = 20
"""Speed is taken over this many passes with a new miner, and one that knows the lines."""


def groups(labels: Sequence[Hashable]) -> set[frozenset[int]]:
    members: defaultdict[Hashable, set[int]] = defaultdict(set)
    for i, label in enumerate(labels):
        members[label].add(i)
    return {frozenset(lines) for lines in members.values()}


def accuracy(found: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    return sum(map(len, groups(found) & groups(truth))) / len(truth)


def new_miner() -> TemplateMiner:
    return TemplateMiner(Logs().similarity, Limits().templates)


def speed(lines: list[str]) -> tuple[float, float]:
    """Lines a second: of a miner that starts from nothing, and of one that knows these lines."""
    start = time.perf_counter()
    for _ in range(PASSES):
        cold = new_miner()
        for line in lines:
            cold.match(line)
    middle = time.perf_counter()
    for _ in range(PASSES):
        for line in lines:
            cold.match(line)
    end = time.perf_counter()
    return PASSES * len(lines) / (middle - start), PASSES * len(lines) / (end - middle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder a system")
    parser.add_argument("--found", type=Path, help="write SYSTEM.txt here, a template id a line")
    args = parser.parse_args()
    files = sorted(args.data.glob("*/*.log_structured.csv"))
    if not files:
        raise SystemExit(f"no SYSTEM/*.log_structured.csv under {args.data}")
    print(f"{'system':12} {'GA final':>9} {'GA online':>9} {'found':>6} {'true':>6} {'cold':>13} {'warm':>13}  lines/s")
    rows = []
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        lines, truth = [r["Content"] for r in records], [r["EventId"] for r in records]
        miner = new_miner()
        templates = []
        online = []
        for line in lines:
            templates.append(miner.match(line).template)
            online.append(templates[-1].id)
        final = [template.current().id for template in templates]
        cold, warm = speed(lines)
        rows.append((accuracy(final, truth), accuracy(online, truth), cold, warm))
        name = path.parent.name
        print(
            f"{name:12} {rows[-1][0]:9.3f} {rows[-1][1]:9.3f} {len(set(final)):6} {len(set(truth)):6}"
            f" {cold:13,.0f} {warm:13,.0f}"
        )
        if args.found:
            args.found.mkdir(parents=True, exist_ok=True)
            (args.found / f"{name}.txt").write_text("".join(f"{i}\n" for i in final), encoding="utf-8")
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    print(f"{'mean':12} {mean[0]:9.3f} {mean[1]:9.3f} {'':6} {'':6} {mean[2]:13,.0f} {mean[3]:13,.0f}")


if __name__ == "__main__":
    main()
