"""The manifests in deploy/, as they are committed: what helm makes of the chart is in golden/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
FOREIGN = frozenset({"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject", "ServiceMonitor"})
"""Kinds that are not Kubernetes' own; tests/integration/test_charts.py judges them."""


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in YAML(typ="safe").load_all(path) if each]


def golden(name: str) -> list[dict[str, Any]]:
    return documents(GOLDEN / f"{name}.yaml")


def pods(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each part that has pods: its component, and their specification."""
    for each in golden(name):
        if template := each.get("spec", {}).get("template"):
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]
