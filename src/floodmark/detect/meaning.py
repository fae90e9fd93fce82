"""What may be meant by a series of numbers: whether it can be a counter, and how a change of mind is told.

Only a name, a unit or the config speak here; what the values show is decided where they are (`readings`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from floodmark.config.models import Detector
from floodmark.detect.readings import FALLS
from floodmark.detect.series import Series
from floodmark.detect.watchlist import matches
from floodmark.scales import scale
from floodmark.signals import SaidKind

_LISTED: Final = """
active age alive allocated avail available average avg backlog balance battery busy cached capacity committed
concurrency cur curr current depth duration filled fill free gauge heap height humidity idle inflight lag last
latency length level limit load loadavg max mean median mem memory min occupied open pct pending percent
percentage percentile pool pressure price quantile queue queued quota rate ratio remaining reserved resident rss
running score share size speed stock storage stored swap temp temperature threads usage used util utilisation
utilization voltage volume waiting watermark
"""
_LEVELS: Final = frozenset(_LISTED.split())
"""Words in a name that say how much there is, and not how much there has been."""
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def never_counts(name: str, unit: str) -> bool:
    """Whether a series is no counter by its name or unit, however it grows: a disk that fills is a level."""
    if (found := scale(unit)) is not None and unit != "1" and found.of in ("1", "Cel", "[degF]", "K"):
        return not unit.startswith("{")
    return not _LEVELS.isdisjoint(word.lower() for word in _WORDS.findall(name))


def of_config(series: Series, detectors: Sequence[Detector]) -> tuple[SaidKind | None, bool]:
    """The kind that the config gives to a series, and whether it has a limit: what must not be reached is a level."""
    if not any(each.kind or each.limit for each in detectors):
        return None, False
    for each in detectors:
        if matches(each.match, series):
            return each.kind, each.limit is not None
    return None, False


def grown(series: Series) -> str:
    return (
        f"{series.key} has only grown for a day, so it is read as a counter from now on: its rate is judged. "
        "If it is none, give it a detector with `kind: gauge`."
    )


def fallen(series: Series) -> str:
    return (
        f"{series.key} was taken for a counter, but has fallen {FALLS} times in a day and not to zero: it is a gauge "
        "again. If it is a counter, give it a detector with `kind: counter`."
    )


def converted(series: Series, now: str, before: str) -> str:
    return f"{series.key} comes in {now} and was in {before} before: its values are turned into {before}."


def apart(series: Series, now: str, before: str) -> str:
    return (
        f"{series.key} comes in {now} and was in {before} before, which cannot be turned into each other: "
        f"what is in {now} is another series."
    )
