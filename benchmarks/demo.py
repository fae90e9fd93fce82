"""Whether the demo gives the same incidents in every run of a seed, also if it is stopped in the middle.

    python benchmarks/demo.py [--runs 3] [--seed 7] [--days 1] [--stop 20]

Each run is `floodmark demo --save`, one after the other; every revision of every incident counts, byte for byte. With
`--stop S` each run but the first is held (SIGSTOP) for S seconds, once it has run for as long as it took to say its
third incident. Prints a line a run; exits with 1 if they differ or one fails.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

_NEWS: Final = ("info", "warning", "error", "critical")


def run(file: Path, seed: int, days: float, hold: float) -> tuple[int, float]:
    """Exit status and seconds of one run, which writes `file`."""
    command = [sys.executable, "-m", "floodmark", "demo", f"--seed={seed}", f"--days={days}", f"--save={file}"]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        opened = 0
        for line in process.stdout:
            opened += line[11:].startswith(_NEWS)
            if hold and opened == 3:
                hold, held = 0.0, hold
                process.send_signal(signal.SIGSTOP)
                time.sleep(held)
                process.send_signal(signal.SIGCONT)
    return process.returncode, time.monotonic() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--stop", type=float, default=0.0, help="seconds for which a run is held")
    arguments = parser.parse_args()
    found = set()
    print("| run | exit status | seconds | held, s | revisions | digest |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, arguments.runs + 1):
            file = Path(folder) / f"{number}.jsonl"
            hold = arguments.stop if number > 1 else 0.0
            status, seconds = run(file, arguments.seed, arguments.days, hold)
            said = file.read_bytes() if file.exists() else b""
            digest = hashlib.blake2b(said, digest_size=6).hexdigest()
            revisions = len(said.splitlines())
            found.add((status, digest))
            print(f"| {number} | {status} | {seconds:.0f} | {hold:g} | {revisions} | {digest} |", flush=True)
    return int(len(found) > 1 or next(iter(found))[0] != 0)


if __name__ == "__main__":
    sys.exit(main())
