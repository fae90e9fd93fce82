"""What a console that reads costs the engine: the demo with and without it, turn about.

    python benchmarks/beside.py [--runs 3] [--days 1]

The console is a process of its own, so what is measured is the CPU (user and system) of the demo's own process, in
which the broker and the engine are: whatever a reader asks of them is in it. Prints Markdown, medians, and the ratio.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--days", type=float, default=1.0)
    args = parser.parse_args()
    spent: dict[str, list[float]] = {"--no-console": [], "--console": []}
    for _ in range(args.runs):
        for option, found in spent.items():
            found.append(_cpu([sys.executable, "-m", "floodmark", "demo", option, "--days", str(args.days)]))
    without, beside = (statistics.median(found) for found in spent.values())
    print("| demo | CPU of the engine's process, s | runs |\n|---|---|---|")
    for option, found in spent.items():
        runs = ", ".join(f"{each:.1f}" for each in found)
        print(f"| `{option}` | {statistics.median(found):.1f} | {runs} |")
    print(f"\nRatio {beside / without:.3f}.")


def _cpu(command: list[str]) -> float:
    """Seconds of the process itself, as it was last seen; it ends by itself."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen, watched = 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            times = watched.cpu_times()
            seen = max(seen, times.user + times.system)
        except psutil.Error:
            break
        time.sleep(0.1)
    process.wait()
    return seen


if __name__ == "__main__":
    main()
