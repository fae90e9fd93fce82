"""Options of earlier releases: for one release they are accepted, do nothing, and are said to do nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from floodmark.config.locate import Located
from floodmark.config.problems import Path, Problem

_RETIRED: Final[Mapping[tuple[str, str], str]] = {
    ("correlate", "cap"): "an incident takes in what begins with it, and a later burst is another; remove it",
    ("correlate", "alone"): "correlate.false_incidents decides what opens an incident, alone or not; remove it",
}
"""Section and option, and what to know instead."""


def withdraw(tree: Located) -> list[Problem]:
    """Take retired options out of the tree; a warning for each."""
    warnings = []
    for (section, option), instead in _RETIRED.items():
        here = tree.child(section)
        if here is None or not isinstance(here.value, dict) or option not in here.value:
            continue
        path: Path = (section, option)
        warnings.append(here.keys[option].problem(path, "is no longer an option and has no effect", instead))
        del here.value[option], here.keys[option]
    return warnings
