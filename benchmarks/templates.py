"""Grouping accuracy and speed of the template miner on labelled log samples (loghub's), beside drain3 in the same run.

    python benchmarks/templates.py --data FOLDER [--found FOLDER] [--drain3] [--novelty LINES]

FOLDER holds SYSTEM/SYSTEM_2k.log and SYSTEM/SYSTEM_2k.log_structured.csv with the columns Content and EventId. GA is
the share of lines whose group is exactly the true group. Each system's lines are mined once, in order, by a new miner
with the default config: the message column, and the raw lines with their headers. "online" takes the id that each line
was given when it came, "final" each line's template as it is at the end (templates that were joined are one).

Speed: the raw lines of all systems in turn, by one miner, over and over; with each pass all digits are other digits,
and numbers have other lengths, so that times, ids and numbers never come again. drain3 (its default config) has an
environment of its own, made the first time. `--found` writes the ids, one a line. `--novelty` mines lines that share
nothing and shows the memory.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil

from engine import GaveUpError
from floodmark.config.models import Limits, Logs
from floodmark.detect.logs.miner import TemplateMiner
from measuring import peer_python

PASSES = 10
_NUMBER = re.compile(r"(?<=[ =(])\d{1,9}(?=[ ,;)]|$)")
DRAIN3 = Path(__file__).parent / "peers" / "drain.py"


class System(NamedTuple):
    name: str
    truth: list[str]
    message: list[str]
    raw: list[str]


class Found(NamedTuple):
    """A template id for each line."""

    final: list[str]
    online: list[str]


def groups(labels: Sequence[Hashable]) -> set[frozenset[int]]:
    members: defaultdict[Hashable, set[int]] = defaultdict(set)
    for i, label in enumerate(labels):
        members[label].add(i)
    return {frozenset(lines) for lines in members.values()}


def accuracy(found: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    return sum(map(len, groups(found) & groups(truth))) / len(truth)


def read(folder: Path) -> list[System]:
    systems = []
    for path in sorted(folder.glob("*/*.log_structured.csv")):
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            records = list(csv.DictReader(file))
        raw = (
            path.with_name(path.name.removesuffix("_structured.csv")).read_bytes().decode(errors="replace").split("\n")
        )
        if len(raw) < len(records):
            raise SystemExit(f"{path.parent.name}: {len(raw)} raw lines for {len(records)} records")
        truth, message = [r["EventId"] for r in records], [r["Content"] for r in records]
        systems.append(System(path.parent.name, truth, message, raw[: len(records)]))
    if not systems:
        raise SystemExit(f"no SYSTEM/*.log_structured.csv under {folder}")
    return systems


def new_miner() -> TemplateMiner:
    return TemplateMiner(Logs().similarity, Limits().templates)


def mined(lines: Sequence[str]) -> Found:
    miner = new_miner()
    templates, online = [], []
    for line in lines:
        templates.append(miner.match(line).template)
        online.append(templates[-1].id)
    return Found([template.current().id for template in templates], online)


def passes(systems: Sequence[System]) -> list[list[str]]:
    """The raw lines in turn, with other digits in each pass, and numbers of other lengths."""
    mixed = [line for lines in zip(*(system.raw for system in systems), strict=False) for line in lines]
    digits, random = "0123456789", Random(1)
    found = []
    for i in range(PASSES):
        shift = str.maketrans(digits, digits[i % 10 :] + digits[: i % 10])
        found.append(
            [_NUMBER.sub(lambda _: str(int(10 ** random.uniform(0, 6))), line.translate(shift)) for line in mixed]
        )
    return found


def speeds(lines: Sequence[Sequence[str]]) -> list[float]:
    """Lines a second in each pass."""
    miner = new_miner()
    rates = []
    for some in lines:
        begun = time.perf_counter()
        for line in some:
            miner.match(line)
        rates.append(len(some) / (time.perf_counter() - begun))
    return rates


def drain3(systems: Sequence[System], lines: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What peers/drain.py says of the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "asked.json")
        separate = {f"{s.name}:{column}": getattr(s, column) for s in systems for column in ("message", "raw")}
        asked.write_text(json.dumps({"separate": separate, "passes": lines}), encoding="utf-8")
        done = subprocess.run([peer_python("drain3"), DRAIN3, asked], capture_output=True, text=True, check=False)
        if done.returncode:
            raise GaveUpError((done.stderr or done.stdout).strip()[-300:])
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def novelty(lines: int) -> None:
    """Lines whose words, and whose number of words, are their own."""
    miner, process = new_miner(), psutil.Process()
    only_letters = str.maketrans("0123456789", "ghijklmnop")
    begun = time.perf_counter()
    for i in range(1, lines + 1):
        letters = hashlib.shake_128(i.to_bytes(8, "big")).hexdigest(40).translate(only_letters)
        width = 4 + i % 13
        miner.match(" ".join(letters[j : j + width] + "=:,;"[i % 5 : j % 5] for j in range(0, 80, width)))
        if i % max(lines // 10, 1) == 0:
            megabytes, rate = process.memory_info().rss / 1e6, i / (time.perf_counter() - begun)
            print(f"{i:12,} novel lines {megabytes:8.1f} MB {len(miner):6} templates {rate:10,.0f} lines/s", flush=True)


def write(folder: Path, name: str, found: Found) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for when, ids in found._asdict().items():
        (folder / f"{name}.{when}.txt").write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with a folder a system")
    parser.add_argument("--found", type=Path, help="write SYSTEM.COLUMN.final.txt and .online.txt here")
    parser.add_argument("--drain3", action="store_true", help="run drain3 on the same lines")
    parser.add_argument(
        "--novelty", type=int, default=0, metavar="LINES", help="show the memory over so many new lines"
    )
    args = parser.parse_args()
    if not args.data and not args.novelty:
        parser.error("--data, --novelty or both")
    if args.data:
        systems = read(args.data)
        lines = passes(systems)
        peer = drain3(systems, lines) if args.drain3 else None
        names = ["message final", "message online", "raw final", "raw online"]
        names += ["drain3 message", "drain3 raw"] if peer else []
        print(f"{'GA':12}", *(f"{name:>14}" for name in names))
        rows = []
        for system in systems:
            row = []
            for column in ("message", "raw"):
                found = mined(getattr(system, column))
                row += [accuracy(ids, system.truth) for ids in found]
                if args.found:
                    write(args.found, f"{system.name}.{column}", found)
            if peer:
                row += [
                    accuracy(peer["found"][f"{system.name}:{column}"], system.truth) for column in ("message", "raw")
                ]
            rows.append(row)
            print(f"{system.name:12}", *(f"{value:14.3f}" for value in row))
        print(f"{'mean':12}", *(f"{sum(column) / len(rows):14.3f}" for column in zip(*rows, strict=True)))
        every = {"floodmark": speeds(lines)} | ({"drain3": peer["rates"]} if peer else {})
        print(f"{'lines/s':12} {'first pass':>14} {'median':>14}")
        for name, rates in every.items():
            print(f"{name:12} {rates[0]:14,.0f} {sorted(rates)[len(rates) // 2]:14,.0f}")
    if args.novelty:
        novelty(args.novelty)


if __name__ == "__main__":
    main()
