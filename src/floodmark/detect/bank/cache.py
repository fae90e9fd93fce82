"""Where Numba keeps the compiled core, on a file system that cannot be written, as containers like it.

Numba reads its cache only where it could write it too. So what an image holds is copied to a folder of this process
before the core is loaded; without it each start would compile for ten seconds.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from numba.core import config as _config

config: Any = _config  # its attributes are made when it is loaded


def readable() -> None:
    """Point Numba to a copy of `NUMBA_CACHE_DIR` if that is there and cannot be written; else leave all as it is."""
    folder = Path(config.CACHE_DIR)
    if not config.CACHE_DIR or not folder.is_dir() or os.access(folder, os.W_OK):
        return
    try:
        own = tempfile.mkdtemp(prefix="floodmark-core-")  # of this process alone: what lies there is run as code
        shutil.copytree(folder, own, dirs_exist_ok=True)
    except OSError:
        return  # no place for files at all: it is compiled
    config.CACHE_DIR = own
    atexit.register(shutil.rmtree, own, ignore_errors=True)
