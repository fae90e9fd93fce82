"""Everything becomes a series: the common currency between the makers (metrics, logs, predictions) and the core.

A maker turns signals into `Sample`s (a value to be judged) and `Finding`s (a verdict that a drift detector or the
like has already reached). The core judges samples and gives both the same alarm state, budget and words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from floodmark.alerts import AnomalySignal, Direction, Evidence

S_contra = TypeVar("S_contra", contravariant=True)

LARGEST: Final = 1e150
"""Largest magnitude of a value; squares of larger ones are not numbers."""

SeriesKind = Literal["gauge", "rate", "count", "ratio"]
"""gauge: any real value. rate: events a second, from a counter. count: events in a window, judged by a counting
tail so that low traffic does not cry. ratio: a share between 0 and 1."""


class Series(Struct, frozen=True, gc=False):
    """The identity of a series. `key` is canonical: name{label="value",…}, labels sorted."""

    key: str
    name: str
    labels: Mapping[str, str]
    entity: str
    scope: str
    signal: AnomalySignal
    kind: SeriesKind = "gauge"
    unit: str = ""
    worse: Literal["both", "up", "down"] = "both"
    """The direction that anybody would want to be told of: a model's accuracy that rises is no trouble."""


def series_key(name: str, labels: Mapping[str, str]) -> str:
    """name{a="x",b="y"}, labels sorted by name; quotes and backslashes escaped as Prometheus does."""
    if not labels:
        return name
    inner = ",".join(
        f'{label}="{value}"'
        if '"' not in value and "\\" not in value
        else f'{label}="{value.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for label, value in sorted(labels.items())
    )
    return f"{name}{{{inner}}}"


class Sample(NamedTuple):
    """A value of a series at an event time, to be judged. `evidence` is only called if it becomes an anomaly.

    `early`: what a window that is not over has counted so far, at its beginning. The count can only grow, so it may
    open an alarm; whatever it does, nothing is learned of it, and the sample of the window comes when it is over.
    """

    series: Series
    time: float
    value: float
    evidence: Callable[[], Evidence] | None = None
    early: bool = False


class Finding(NamedTuple):
    """A verdict reached by the maker itself (a drift detector fired, a category was never seen before).

    `summary` is a sentence for a person. The core deduplicates findings of a series while its alarm is open.
    `seen`: if the p-value was read off a learned tail, the moments that have been learned, below one in which nothing
    is told; 0 if it is that of a test.
    """

    series: Series
    time: float
    head: str
    p_value: float
    direction: Direction
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None
    summary: str
    evidence: Evidence
    seen: int = 0


class Maker(Protocol[S_contra]):
    """Turns the signals of one kind into samples and findings. Deterministic, and bounded by the config's limits."""

    def observe(self, signal: S_contra) -> list[Sample | Finding]:
        """Take one signal; return what is now known."""
        ...

    def advance(self, watermark: float) -> list[Sample | Finding]:
        """Event time has reached `watermark` (seconds): close the windows that end at or before it, in time order."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by `name` or `name:reason`."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """How much state is held."""
        ...


def label_entity(labels: Mapping[str, str], names: list[str], default: str) -> str:
    """The value of the first of `names` that is among the labels and not empty, else `default`."""
    for name in names:
        value = labels.get(name)
        if value:
            return value
    return default


def label_scope(labels: Mapping[str, str], names: list[str]) -> str:
    """The scope of labels: their values joined by "/", or "default" if no scope labels are configured."""
    return "/".join(labels.get(name, "") for name in names) if names else "default"
