"""The drift of a category's shares, and how to say it."""

from __future__ import annotations

from collections.abc import Sequence

from floodmark.detect.predictions.change import Change, share_change
from floodmark.detect.predictions.drift import Blocks, Drift
from floodmark.detect.predictions.reference import CategoricalReference


class CategoricalDrift:
    """`values`: the reference, in the order of time."""

    __slots__ = ("_drift", "_reference")

    def __init__(self, values: Sequence[str], blocks: Blocks, now: float) -> None:
        self._reference = CategoricalReference(values)
        self._drift = Drift(self._reference.places(values), self._reference.counts, blocks, now)

    @property
    def state(self) -> Drift:
        return self._drift

    def names(self) -> list[str]:
        """What the bins are called; the last is of all others."""
        return [*self._reference.names, "…"]

    def update(self, value: str, now: float, head: str, subject: str) -> Change | None:
        """Take a category; the drift that is found with it, under the name of `head` and told of `subject`."""
        place, index = self._reference.place(value)
        if not self._drift.update(place, index, now):
            return None
        verdict = self._drift.close(now)
        return None if verdict is None else share_change(head, subject, self._reference, self._drift, verdict)
