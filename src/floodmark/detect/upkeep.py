"""Maintenance that people announce while the engine runs: when it holds, as a function of all actions and event time.

It holds as `maintenance` of the config does, from so much event time after it was said that every process has heard of
it (`actions.delay`). So it must never know when or in what order actions came, but for which of two with the same id
was first: a task that starts again, with all of them known, decides as one that heard them on the way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from floodmark.actions import Action
from floodmark.detect.series import Series
from floodmark.detect.watchlist import matches

MOST: Final = 10_000
"""Windows that are kept, those that end last; and as many that were taken back."""


class Window(NamedTuple):
    """A time in which no alarm of some series opens; from `start` on and before `end`, in epoch seconds."""

    end: float
    id: str
    start: float
    match: Mapping[str, str | list[str]]


class Upkeep:
    """All windows that people have announced, shared by the tasks of a process.

    Tasks may ask in one thread while another one learns.
    """

    def __init__(self, delay: float = 0.0) -> None:
        """`delay`: seconds of event time from when a window was said to when it holds at the earliest."""
        self._delay = delay
        self._said: dict[str, Action] = {}
        self._undone: dict[str, float] = {}
        self._windows: tuple[tuple[Window, ...], tuple[float, ...]] = (), ()  # by end, and the ends
        self._lifted: list[Window] = []

    def learn(self, action: Action) -> str:
        """Take a `maintain` or an `unmaintain`; one that is known already, or another action, changes nothing. What is
        odd about it in words, mostly nothing."""
        if action.verb == "maintain":
            return self._announced(action)
        if action.verb == "unmaintain":
            return self._taken_back(action)
        return ""

    def holds(self, series: Series, time: float) -> bool:
        """Whether the series may open no alarm at `time`."""
        return any(window.start <= time and matches(window.match, series) for window in self._after(time))

    def standing_at(self, time: float) -> bool:
        """Whether there is any window that is not over at `time`."""
        return bool(self._after(time))

    def ends(self, series: Series, time: float) -> list[float]:
        """When the windows end that hold for the series at `time`."""
        return [window.end for window in self._after(time) if window.start <= time and matches(window.match, series)]

    def lifted(self, since: int) -> Sequence[Window]:
        """The windows that were taken back, but for the first `since` of them."""
        return self._lifted[since:]

    @property
    def standing(self) -> int:
        """Windows that are not taken back."""
        return sum(id not in self._undone for id in list(self._said))

    def _after(self, time: float) -> Sequence[Window]:
        windows, ends = self._windows
        return windows[bisect_right(ends, time) :]

    def _announced(self, action: Action) -> str:
        if (known := self._said.get(action.id)) is not None:
            return "" if known == action else f"there was another record of id {action.id}, which stands"
        if action.args.until is None:
            return "it does not say until when (args.until)"
        if action.args.until.timestamp() <= self._start(action):
            return "it ends before it holds"
        self._said[action.id] = action
        while len(self._said) > MOST:
            first = min(self._said.values(), key=lambda each: (_until(each), each.id))
            del self._said[first.id]
        if action.id in self._undone and action.id in self._said:
            self._lifted.append(self._window(action))
        self._arrange()
        return ""

    def _taken_back(self, action: Action) -> str:
        undone = action.args.undoes
        if not undone:
            return "it does not say which maintenance is over (args.undoes)"
        time = action.at.timestamp() + self._delay
        if time >= self._undone.get(undone, float("inf")):
            return ""
        self._undone[undone] = time
        while len(self._undone) > MOST:
            del self._undone[min(self._undone, key=lambda id: (self._undone[id], id))]
        if undone in self._said and undone in self._undone:
            self._lifted.append(self._window(self._said[undone]))
        self._arrange()
        return ""

    def _start(self, action: Action) -> float:
        heard = action.at.timestamp() + self._delay
        return heard if action.args.since is None else max(heard, action.args.since.timestamp())

    def _window(self, action: Action) -> Window:
        end = min(_until(action), self._undone.get(action.id, float("inf")))
        return Window(end, action.id, self._start(action), action.args.match)

    def _arrange(self) -> None:
        windows = sorted(map(self._window, self._said.values()), key=lambda window: window[:2])
        self._windows = tuple(windows), tuple(window.end for window in windows)


def _until(action: Action) -> float:
    return action.args.until.timestamp() if action.args.until is not None else float("-inf")
