"""One feature (or the prediction, or its score) of one version of a model: first learned, then watched.

The first values are the reference; after it every value is judged for drift, missing values, new categories and a
change of type. NaN and infinite numbers are missing values, and counted. Never lets one of them reach a model, and
never holds more than the reference while it learns, and a few kilobytes after.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from floodmark.detect.predictions.categorical import CategoricalDrift
from floodmark.detect.predictions.change import Change, Facts
from floodmark.detect.predictions.classes import LARGEST, LONGEST
from floodmark.detect.predictions.drift import Blocks
from floodmark.detect.predictions.numeric import NumericDrift
from floodmark.detect.predictions.quality import Missing, MissingRise, Novelty, Schema, Type
from floodmark.detect.predictions.reference import percent
from floodmark.signals import Scalar

LEAST: Final = 50
"""Present values that a reference needs before drift is judged by it."""


class Manner(NamedTuple):
    """How a thing is watched. `subject`: what a sentence calls it; `head`: the head of its drift findings.

    `reference`: predictions that are learned from first; `every`: seconds that a window lasts at least; `points`:
    windows kept as evidence; `novelty`: whether a new category is reported.
    """

    subject: str
    head: str
    reference: int
    every: float
    points: int
    novelty: bool


class Watch:
    """Learns its reference, then watches. Feed it the value that every prediction has, None where it has none.

    Counts feature_not_finite, feature_type_mismatch (a value of another type than the reference's: left out),
    feature_identifier (nearly every value is another: no drift, no novelty), feature_sparse (too few present values to
    judge drift by) and drift_recovered.
    """

    __slots__ = ("_counts", "_first", "_gaps", "_manner", "_type", "_watched")

    def __init__(self, manner: Manner, counts: Counter[str]) -> None:
        self._manner = manner
        self._counts = counts
        self._type: Type | None = None
        self._gaps = array("b")
        self._first: array[float] | list[str] = []
        self._watched: Watched | None = None

    @property
    def drifted(self) -> bool:
        """Whether a drift was reported that is not over."""
        return self._watched is not None and self._watched.drifted

    @property
    def judged(self) -> NumericDrift | CategoricalDrift | None:
        """What judges its drift; None while it learns, or if nothing does."""
        return self._watched.judged if self._watched is not None else None

    @property
    def learned(self) -> float:
        """How full its reference is, 0 to 1."""
        return 1.0 if self._watched is not None else len(self._gaps) / self._manner.reference

    @property
    def missing(self) -> float:
        """The share of the reference that has no value; 0 once it is full."""
        return sum(self._gaps) / len(self._gaps) if self._gaps else 0.0

    def update(self, value: Scalar, now: float) -> Sequence[Change]:
        """Take the value of a prediction at `now`, the newest event time; what has changed with it (mostly nothing)."""
        found: Type = "number"
        clean: float | str | None = None
        if isinstance(value, str):
            found, clean = "string", value[:LONGEST]
        elif value is True or value is False:
            found, clean = "boolean", "true" if value else "false"
        elif value is not None:
            if -LARGEST < value < LARGEST:
                clean = float(value)
            else:
                self._counts["feature_not_finite"] += 1
        if self._watched is not None:
            return self._watched.update(found, clean, now)
        self._learn(found, clean)
        if len(self._gaps) >= self._manner.reference:
            self._watched = Watched(self._manner, self._type or "mixed", self._first, self._gaps, now, self._counts)
            self._gaps, self._first = array("b"), []
        return ()

    def _learn(self, found: Type, value: float | str | None) -> None:
        self._gaps.append(value is None)
        if value is None:
            return
        if self._type is None:
            self._type = found
            self._first = array("d") if found == "number" else []
        elif self._type not in {found, "mixed"}:
            # A feature that mixes types from the start is one of categories, whatever they look like.
            self._type = "mixed"
            self._first = [str(x) for x in self._first]
        if isinstance(self._first, list):
            self._first.append(str(value))
        else:
            self._first.append(float(value))


class Watched:
    """A feature whose reference is full: `first` are its present values, `gaps` is 1 for a prediction without one."""

    __slots__ = ("_counts", "_drift", "_manner", "_missing", "_novelty", "_schema", "_type")

    def __init__(
        self,
        manner: Manner,
        usual: Type,
        first: array[float] | list[str],
        gaps: array[int],
        now: float,
        counts: Counter[str],
    ) -> None:
        self._manner = manner
        self._counts = counts
        self._type = usual
        size = min(max(manner.reference // 4, 25), 500)
        blocks = Blocks(size, manner.every, manner.points)
        self._missing = Missing(gaps.tolist(), blocks._replace(size=max(20, size // 2)), now)
        self._schema = Schema(usual, len(first)) if usual != "mixed" else None
        self._drift: NumericDrift | CategoricalDrift | None = None
        self._novelty = Novelty(first) if isinstance(first, list) else None
        if self._novelty is not None and not self._novelty.watched:
            counts["feature_identifier"] += 1
        elif len(first) < LEAST:
            counts["feature_sparse"] += 1
        elif isinstance(first, list):
            self._drift = CategoricalDrift(first, blocks, now)
        else:
            self._drift = NumericDrift(first, blocks, now)

    @property
    def judged(self) -> NumericDrift | CategoricalDrift | None:
        return self._drift

    @property
    def drifted(self) -> bool:
        return self._drift is not None and self._drift.state.drifted

    def update(self, found: Type, value: float | str | None, now: float) -> Sequence[Change]:
        """Take a value whose type was `found`; None is a missing one, of any type."""
        rise = self._missing.update(value is None, now)
        changes = [] if rise is None else [_missing(self._manner.subject, rise)]
        if value is None:
            return changes
        if self._schema is not None:
            p = self._schema.update(found)
            if p is not None:
                changes.append(_new_type(self._manner.subject, self._type, found, p))
            if found != self._type:
                self._counts["feature_type_mismatch"] += 1
                return changes
        if self._novelty is not None and self._novelty.watched:
            p = self._novelty.update(str(value))
            if p is not None and self._manner.novelty:
                changes.append(_new_category(self._manner.subject, str(value), self._novelty, p))
        drift = self._drift
        if drift is not None:
            head, subject = self._manner.head, self._manner.subject
            if isinstance(drift, CategoricalDrift):
                change = drift.update(str(value), now, head, subject)
            else:
                change = drift.update(float(value), now, head, subject)
            if change is not None:
                changes.append(change)
            if drift.state.recovered:
                self._counts["drift_recovered"] += drift.state.recovered
                drift.state.recovered = 0
        return changes


def _missing(subject: str, rise: MissingRise) -> Change:
    words = (
        f"{subject} is missing from {percent(rise.share)} of the last {rise.n:,} predictions; "
        f"it was missing from {percent(rise.before)} of the first"
    )
    facts: Facts = {"missing_share": rise.share, "missing_share_reference": rise.before, "predictions": rise.n}
    return Change("missing_values", rise.p_value, "up", rise.share, rise.before, None, None, words, facts, rise.points)


def _new_category(subject: str, value: str, known: Novelty, p: float) -> Change:
    others = len(known) - 1
    words = f"{subject} has the new value “{value}”; there were {others} others in {known.n:,} predictions"
    facts: Facts = {"value": value, "categories": others, "values": known.n}
    return Change("new_category", p, "none", None, None, None, None, words, facts, [])


def _new_type(subject: str, usual: Type, found: Type, p: float) -> Change:
    words = f"{subject} changed its type: it was always a {usual} and is now a {found}"
    facts: Facts = {"type": found, "type_reference": usual}
    return Change("schema_change", p, "none", None, None, None, None, words, facts, [])
