"""What the tests need and this machine has not is made once, and then kept in the user's cache folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "floodmark")


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The file or folder `name` in the cache; made by one process the first time, while all others wait for it.

    `make` is given a path in a temporary folder beside it, at which it must put the thing. If it raises, nothing stays,
    and the next one tries again.
    """
    place = CACHE / name
    if place.exists():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, however that ends
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
                made = Path(temporary, name)
                make(made)
                made.rename(place)
    return place
