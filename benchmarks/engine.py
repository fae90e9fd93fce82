"""`floodmark run` as the benchmarks meet it: a black box, a process with a config file, an endpoint and signals.

Nothing here imports floodmark: what is measured is what an operator starts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FLOODMARK = (sys.executable, "-m", "floodmark")
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


class GaveUpError(Exception):
    """What was waited for did not come; the text says what."""


def until(condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    """Return once `condition` holds. Raises GaveUpError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise GaveUpError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def end_in_order() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that what it has started ends too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


def write_config(path: Path, config: Mapping[str, Any]) -> Path:
    """JSON is YAML."""
    path.write_text(json.dumps(config, indent=2))
    return path


class Worker:
    """One process of `floodmark run`. It can be started again after it ended; its log file goes on."""

    verb = "run"

    def __init__(self, config: Mapping[str, Any], folder: Path, name: str, *, core: int | None = None) -> None:
        """`core`: the one that all its threads stay on. The config's `http` is set here."""
        self.port = free_port()
        self.name = name
        self.log = folder / f"{name}.log"
        self.starts = 0
        self.config = write_config(folder / f"{name}.yaml", self.served(config))
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def served(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The config, with the port on which it answers."""
        return {**config, "http": {"port": self.port}}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        command = [*FLOODMARK, self.verb, "-c", str(self.config)]
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})  # before it has a second thread; those inherit it

    def kill(self) -> None:
        """kill -9, and its children if it has any."""
        self._signal(signal.SIGKILL)
        self.wait(10)

    def terminate(self) -> None:
        """SIGTERM: it finishes what is in flight and leaves. Does not wait."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Its exit code; it is killed if it takes longer, and the answer is None."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def pause(self) -> None:
        """SIGSTOP: to everybody else it looks dead, and it does not know."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def ready(self) -> bool:
        """Whether /readyz says so."""
        return self.alive and self._ask("/readyz")[0] == 200

    def metrics(self) -> dict[str, float]:
        """The values of /metrics by name, summed over their labels; empty while it does not answer."""
        sums: dict[str, float] = {}
        for name, _, value in self.samples():
            sums[name] = sums.get(name, 0.0) + value
        return sums

    def samples(self) -> list[tuple[str, str, float]]:
        """The samples of /metrics: name, labels as they are written, value."""
        status, text = self._ask("/metrics") if self.alive else (0, "")
        found = [_SAMPLE.match(line) for line in text.splitlines()] if status == 200 else []
        return [(match[1], match[2] or "", float(match[3])) for match in found if match]

    def said(self) -> list[dict[str, Any]]:
        """Its log so far."""
        lines = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
        return [line for line in lines if isinstance(line, dict)]

    def last_words(self) -> str:
        """The end of its log, for an error message."""
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""

    def _ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except (OSError, ValueError):
            return 0, ""

    def _signal(self, number: int) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
