"""When a person is not to be disturbed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from floodmark.config.hours import ends
from floodmark.config.notify import Undisturbed
from floodmark.notify.routes import at_least


def undisturbed(quiet: Sequence[Undisturbed], severity: str, now: float, zone: str) -> float | None:
    """Until when a person is not to be told of something so severe; None: it may be told now."""
    return ends([each for each in quiet if not at_least(severity, each.below)], now, zone)
