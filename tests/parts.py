"""All that CI runs, part by part, and what each part took: `make test`.

    python tests/parts.py [part ...]          # all of them, or those named

A part that fails stops no other one. The exit code is 1 if any part failed. At the end there is a table, and behind it
a line as pytest's own last one, of all parts together.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

PYTEST = (sys.executable, "-m", "pytest", "--durations=5", "--durations-min=5")
INTEGRATION = "tests/integration"
BROWSER = "tests/browser"
KAFKA = (*PYTEST, INTEGRATION)
TWO = ("-n", "2")  # processes
IN_ORDER = ("--dist", "loadgroup", "--no-loadscope-reorder")
SYSTEMS = "airflow or alertmanager or deploy or mlflow or opensearch or senders"
"""Other people's programs, fetched the first time: where one cannot be had, its tests are skipped and say so."""
PARTS: Mapping[str, Sequence[str]] = {
    "lint": ("make", "--no-print-directory", "lint"),
    "unit": (*PYTEST, "tests", f"--ignore={INTEGRATION}", f"--ignore={BROWSER}", *TWO, "--dist", "worksteal"),
    "browser": (*PYTEST, BROWSER, *TWO, "--dist", "loadfile"),
    # A Kafka for each process, and the tests of a file in one; the longest, those of crashes, begin.
    "kafka": (*KAFKA, "-m", f"not ({SYSTEMS} or producers or s3 or chaos or image)", *TWO, *IN_ORDER),
    "producers": (*KAFKA, "-m", "producers"),
    "systems": (*KAFKA, "-m", SYSTEMS, *TWO, *IN_ORDER),
    "object store": (*KAFKA, "-m", "s3"),
    "chaos": (*KAFKA, "-m", "chaos"),
}


class Result(NamedTuple):
    """How a part went. `counts` are pytest's: passed, failed, error, skipped; none for what is no pytest."""

    ok: bool
    counts: Counter[str]
    seconds: float


def run(command: Sequence[str]) -> Result:
    """Run a part; what it says goes where ours goes."""
    with tempfile.TemporaryDirectory(prefix="floodmark-parts-") as folder:
        report = Path(folder, "report.xml")
        more = [f"--junit-xml={report}"] if command[: len(PYTEST)] == PYTEST else []
        began = time.monotonic()
        code = subprocess.run([*command, *more], check=False).returncode
        seconds = time.monotonic() - began
        return Result(code == 0, counted(report), seconds)


def counted(report: Path) -> Counter[str]:
    """What a report of pytest counts; nothing if there is none."""
    found: Counter[str] = Counter()
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            tests, failed, errors, skipped = (
                int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
            )
            found += Counter(
                {"passed": tests - failed - errors - skipped, "failed": failed, "error": errors, "skipped": skipped}
            )
    return found


def table(results: Mapping[str, Result]) -> str:
    """The parts, one a line, and all of them together in pytest's words."""
    lines = [f"{'part':<14}{'':<8}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}"]
    total: Counter[str] = Counter()
    for name, (ok, counts, seconds) in results.items():
        numbers = (counts["passed"], counts["failed"] + counts["error"], counts["skipped"])
        cells = "".join(f"{number or '':>8}" for number in numbers)
        lines.append(f"{name:<14}{'ok' if ok else 'FAILED':<8}{cells}{seconds:>9.0f}")
        total += counts
        total["failed"] += not ok and not numbers[1]  # a part that fails without a failing test
    seconds = sum(result.seconds for result in results.values())
    words = ", ".join(f"{total[kind]} {kind}" for kind in ("failed", "passed", "skipped", "error") if total[kind])
    last = f" {words or 'no tests ran'} in {seconds:.2f}s "
    return "\n".join([*lines, f"{'all':<46}{seconds:>9.0f}", "", f"{last:=^80}"])


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"There is no part {', '.join(unknown)}. The parts: {', '.join(PARTS)}.")
    results = {}
    for name in names or PARTS:
        print(f"\n[test] {name}", flush=True)
        results[name] = run(PARTS[name])
    print(f"\n{table(results)}", flush=True)
    return int(not all(result.ok for result in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
