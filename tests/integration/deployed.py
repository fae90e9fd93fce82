"""The chart as helm writes it, for each set of values: `python tests/integration/deployed.py` writes the golden files.

What helm makes of deploy/helm/floodmark with its own values (`default`) and with each file of its folder ci/ is kept in
tests/deploy/golden/, so that a change of a template is seen as what it changes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "floodmark"
GOLDEN = ROOT / "tests" / "deploy" / "golden"
SETS: dict[str, Sequence[str]] = {
    "default": (),
    **{path.stem: ("--values", str(path)) for path in sorted((CHART / "ci").glob("*.yaml"))},
}


def templated(helm: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`helm template` of a release called shop in a namespace called aiops, right or wrong."""
    return told(helm, "template", "shop", str(CHART), "--namespace", "aiops", *more)


def told(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What helm says."""
    return subprocess.run([str(helm), *arguments], capture_output=True, text=True, check=False, timeout=120)


def write(helm: Path) -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, more in SETS.items():
        done = templated(helm, *more)
        if done.returncode:
            sys.exit(f"{name}: {done.stderr}")
        (GOLDEN / f"{name}.yaml").write_text(done.stdout)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from kubernetes_parts import helm

    write(helm())
