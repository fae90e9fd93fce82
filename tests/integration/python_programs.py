"""Programs from PyPI that tests talk to, each in an environment of its own that stays in the user's cache folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cached import kept

START_SECONDS = 240.0


class ProgramUnavailableError(Exception):
    """It cannot be run here; the text is the reason."""


def environment(name: str, python: str, *requirements: str) -> Path:
    """The folder with the programs of an environment. Raises ProgramUnavailableError."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if uv is None:
        raise ProgramUnavailableError("there is no uv to install it with")

    def make(folder: Path) -> None:
        _call(uv, "venv", "-q", "-p", python, "--relocatable", str(folder))
        _call(uv, "pip", "install", "-q", "-p", str(folder / "bin" / "python"), *requirements)

    return kept(name, make) / "bin"


@contextlib.contextmanager
def started(command: Sequence[str], more: Mapping[str, str], log: Path, ready: str | None = None) -> Iterator[None]:
    """Run a program while entered, until it answers at `ready`. Raises ProgramUnavailableError.

    It ends with us, however we end.
    """
    keeper = '"$@" & child=$!; read _; kill $child; wait $child'
    with log.open("wb") as out:
        running = subprocess.Popen(
            ["setsid", "sh", "-c", keeper, "sh", *command],
            stdin=subprocess.PIPE, stdout=out, stderr=out, env={**os.environ, **more},
        )  # fmt: skip
    try:
        until = time.monotonic() + START_SECONDS
        while ready is not None and not answers(ready):
            if running.poll() is not None or time.monotonic() > until:
                raise ProgramUnavailableError(f"it did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.5)
        yield
    finally:
        if running.stdin is not None:
            running.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, 9)
        running.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramUnavailableError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
