"""A Chromium for the tests of pages: the machine's own, else Debian's, installed the first time (needs root and its
archive). FLOODMARK_CHROMIUM names another one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core")


class ChromiumUnavailableError(Exception):
    """There is none, and none can be had; the text is the reason."""


def program() -> str:
    """The path of a Chromium. Raises ChromiumUnavailableError."""
    if found := os.environ.get("FLOODMARK_CHROMIUM") or _installed():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ChromiumUnavailableError(f"none of {', '.join(PROGRAMS)} is on the path, and only root could install one")
    with Path(tempfile.gettempdir(), "floodmark-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be at it
        if not _installed():
            for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
                done = subprocess.run(["apt-get", *command], capture_output=True, text=True, check=False)
                if done.returncode:
                    raise ChromiumUnavailableError(f"apt-get {command[0]}: {done.stderr.strip()[-300:]}")
    if found := _installed():
        return found
    raise ChromiumUnavailableError("Debian's package brought no program that is known here")


def _installed() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
