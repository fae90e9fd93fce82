"""What a process costs: CPU and events between two points, resident memory, and the core that it is kept on."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine import GaveUpError, Worker
from kafka_side import Committed

HERE = Path(__file__).resolve().parent
PEERS = {"quix": "quix.py", "bytewax": "bytewax_flow.py", "faust": "faust_app.py"}
MEASURED, OTHER = 0, 1
"""The core of the measured process, and the core of everything else."""
FILLED = 300
"""Events of each model before a peer is measured. HalfSpaceTrees answers at once, and cheaply, until its first window
of 250 is full."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Result(NamedTuple):
    """One measurement. `note` says what a reader must know of it; without events it says why there is no result."""

    events: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    resident: int = 0
    note: str = ""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def micros(self) -> float:
        """CPU, user and system, of an event, in microseconds."""
        return 1e6 * self.cpu / self.events if self.events else 0.0


def median(results: Sequence[Result]) -> Result:
    """The one with the middle CPU cost, of those that have one; else the first."""
    with_events = [result for result in results if result.events]
    if not with_events:
        return results[0]
    middle = statistics.median_low([result.micros for result in with_events])
    return next(result for result in with_events if result.micros == middle)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads; see proc(5), fields 14 and 15 of stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def pin(pid: int, core: int) -> None:
    """Keep a process, with the threads that it has and will have, on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), {core})


def peer_python(name: str) -> Path:
    """The interpreter of a peer's own environment, made the first time. Raises GaveUpError."""
    wanted = HERE / "peers" / f"requirements-{name}.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "floodmark", "peers", name)
    python, stamp = cache / "bin" / "python", cache / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return python
    steps = (f"{sys.executable} -m venv --clear {cache}", f"{python} -m pip install --quiet -r {wanted}")
    for step in (shlex.split(each) for each in steps):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GaveUpError(f"cannot be installed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    stamp.write_text(wanted.read_text())
    return python


def run_program(command: Sequence[object], seconds: float) -> Result:
    """Run a program that measures itself (peers/meter.py) on the measured core, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="floodmark-peer-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
        )
        os.sched_setaffinity(process.pid, {MEASURED})
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Result(note=f"no end within {seconds:.0f} s: {' '.join(err.split()[-30:])}")
        finally:
            process.kill()  # if we are ended ourselves
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if not lines:
        return Result(note=f"exit code {process.returncode}: {' '.join((err or out).split()[-30:])}")
    found = json.loads(lines[-1])
    note = ""
    if found["out_of_memory"]:
        note = f"out of memory: {found['resident'] / 2**30:.1f} GiB at {found['keys']:,} keys"
    return Result(found["events"], found["seconds"], found["cpu"], found["resident"], note)


def run_peer(name: str, bootstrap: str, topic: str, out: str, keys: int, events: int, memory: int) -> Result:
    """One of `PEERS`, over so many events once it has so many models in use, or until it holds `memory` bytes."""
    try:
        python = peer_python(name)
    except GaveUpError as error:
        return Result(note=str(error))
    program = HERE / "peers" / PEERS[name]
    return run_program([python, program, bootstrap, topic, out, FILLED * keys, keys, events, memory], 600)


def run_bare(bootstrap: str, topic: str, first: int, events: int, *, parse: bool) -> Result:
    """The bare loop, with orjson or without, over so many events after the `first` ones."""
    flag = ["--parse"] if parse else []
    return run_program(
        [sys.executable, HERE / "peers" / "bare.py", *flag, bootstrap, topic, "none", first, 0, events, 2**40], 300
    )


def between(worker: Worker, position: Callable[[], int], first: int, last: int, seconds: float) -> Result:
    """What a worker that is at work costs from `first` events to `last`. Raises GaveUpError."""
    pid = worker.pid
    begun: tuple[int, float, float] | None = None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and worker.alive:
        now = (position(), time.perf_counter(), cpu_seconds(pid))
        if begun is None and now[0] >= first:
            begun = now
        if begun is not None and now[0] >= last:
            return Result(now[0] - begun[0], now[1] - begun[1], now[2] - begun[2], resident(pid))
        time.sleep(0.05)
    raise GaveUpError(f"only {position():,} of {last:,} events were taken within {seconds:.0f} s")


def run_engine(worker: Worker, committed: Committed, first: int, last: int) -> Result:
    """A worker that is not started yet, from `first` committed events to `last`. It stays at work."""
    worker.start()
    pin(worker.pid, MEASURED)
    try:
        return between(worker, committed.total, first, last, 600)
    except GaveUpError as error:
        raise GaveUpError(f"{error}\n{worker.last_words()}") from error


def engine_config(
    bootstrap: str, topic: str, name: str, store: Path | None, **more: Mapping[str, object]
) -> dict[str, object]:
    """The default configuration, for one metric topic that is read from its beginning."""
    return {
        "kafka": {"brokers": [bootstrap], "group": name, "start": "earliest", **more.pop("kafka", {})},
        "inputs": [{"topic": topic, "signal": "metric"}],
        "topics": output_topics(name),
        "state": {"store": None if store is None else str(store), **more.pop("state", {})},
        **more,
    }


def output_topics(name: str) -> dict[str, str]:
    return {stream: f"{name}.{stream}" for stream in ("anomalies", "alerts", "dead_letters")}
