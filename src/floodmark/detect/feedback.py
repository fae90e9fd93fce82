"""What people say of anomalies, and how much calmer a series is for it: a function of all verdicts and event time.

It must never know when or in what order verdicts came, but for which of two with the same id was first: a task that
starts again, with all of them known, decides as one that heard them on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from floodmark.alerts import Direction
from floodmark.signals import Verdict

_STEP: Final = 10.0
"""What each verdict divides the level by."""
_MOST: Final = 3
"""More verdicts of a series and direction do not count."""
CALMEST: Final = _STEP**_MOST
_KEPT: Final = 100_000
"""Records that are kept; later ones are refused."""


class _Said(NamedTuple):
    """A "not an anomaly" of a series, and after which event time it holds."""

    id: str
    direction: str
    after: float


class Feedback:
    """All verdicts, at most 100,000, shared by the tasks of a process; some 500 bytes for each.

    Tasks may ask in one thread while another one learns.
    """

    def __init__(self, delay: float = 0.0) -> None:
        """`delay`: seconds of event time from when a verdict was said to when it holds."""
        self._delay = delay
        self._known: dict[str, Verdict] = {}
        self._undone: dict[str, Verdict] = {}
        self._said: dict[str, tuple[_Said, ...]] = {}

    def learn(self, verdict: Verdict) -> str:
        """Take a verdict; one that is known already changes nothing. What is odd about it in words, mostly nothing."""
        if (known := self._known.get(verdict.id)) is not None:
            return "" if known == verdict else f"there was another record of id {verdict.id}, which stands"
        if len(self._known) >= _KEPT:
            return f"it is left out: {_KEPT:,} records are the most that are kept, so begin another topic"
        self._known[verdict.id] = verdict
        if verdict.verdict == "not_anomaly":
            after = verdict.at.timestamp() + self._delay
            before = self._said.get(verdict.series, ())
            self._said[verdict.series] = (*before, _Said(verdict.id, verdict.direction, after))
            return ""
        earlier = self._undone.get(verdict.undoes)
        if earlier is None or verdict.at < earlier.at:
            self._undone[verdict.undoes] = verdict
        undone = self._known.get(verdict.undoes)
        if undone is None or undone.verdict == "undo":
            return f"it undoes {verdict.undoes}, which is no verdict that was heard so far"
        return "" if earlier is None else f"{verdict.undoes} was undone before, by {earlier.by}"

    def calmer(self, series: str, direction: Direction, time: float) -> float:
        """By what the level of a point is divided, by the key of its series: 1, 10, 100 or 1000.

        A deviation without a direction (a series that stands still) is only a matter of verdicts on both.
        """
        said = self._said.get(series)
        if said is None:
            return 1.0
        held = sum(each.direction in (direction, "both") and self._holds(each, time) for each in said)
        return _STEP ** min(held, _MOST)

    def verdicts(self) -> Iterable[Verdict]:
        """All that were heard, undos as well, in the order in which they came first."""
        return self._known.values()

    def undo_of(self, verdict: Verdict) -> Verdict | None:
        """What says that the verdict stands no longer, if anything does."""
        return self._undone.get(verdict.id)

    @property
    def standing(self) -> int:
        """Verdicts that are not undone."""
        return sum(each.id not in self._undone for said in list(self._said.values()) for each in said)

    def _holds(self, said: _Said, time: float) -> bool:
        undo = self._undone.get(said.id)
        return said.after < time and (undo is None or time <= undo.at.timestamp() + self._delay)
