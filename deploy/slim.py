"""What an image does not need of the packages in a folder: python deploy/slim.py FOLDER, where the image is built.

Tests, headers, type stubs and installers' scripts of packages go, and symbols that only debuggers read where `strip` is
there. What auditwheel has patched (`*.libs`) is left as it is: stripped, it would not load.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDERS: Final = ("tests", "test", "__pycache__")
SUFFIXES: Final = (".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".a")


def slim(root: Path) -> None:
    """Remove what no command of Floodmark reads."""
    for folder in sorted((each for name in FOLDERS for each in root.rglob(name) if each.is_dir()), reverse=True):
        if (folder.parent / "__init__.py").exists():  # a package's own, and not a package that is called so
            shutil.rmtree(folder)
    for path in root.rglob("*"):
        if path.suffix in SUFFIXES and path.is_file():
            path.unlink()
    shutil.rmtree(root / "bin", ignore_errors=True)
    if shutil.which("strip"):
        for path in root.rglob("*.so"):
            if not path.parent.name.endswith(".libs"):
                subprocess.run(["strip", "--strip-unneeded", path], check=False, capture_output=True)


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
