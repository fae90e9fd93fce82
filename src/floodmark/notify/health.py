"""Which targets take messages now. One that has failed many times in a row is asked with one message at a time, less
and less often, so that all others stay as they are: what is over by the time it is back never has to be told. Pure.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from floodmark.notify.lanes import backoff

PATIENCE: Final = 8
"""Failures in a row after which a target is ill."""
_LONGEST: Final = 86400.0
_PROBE: Final = 30.0
"""How long the answer to the one message is waited for, before another one may go."""


class Health:
    """Of all targets, by name. It is in no record: after a restart it is found out again."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._shut: dict[str, float] = {}

    def ill(self, target: str) -> bool:
        return self._failures[target] >= PATIENCE

    def turn(self, target: str, attempts: int) -> tuple[bool, int]:
        """In which order messages are tried at a target that is ill: those that were, so that the others are not
        touched; and every fourth time one that was not, for what was tried may be what it cannot take."""
        if not self.ill(target):
            return False, 0
        fresh = self._failures[target] % 4 == 0
        return (attempts == 0) != fresh, attempts

    def opens(self, target: str) -> float:
        """From when on it may be told something."""
        return self._shut.get(target, 0.0)

    def probed(self, target: str, now: float) -> None:
        """One message is on its way to a target that is ill."""
        self._shut[target] = max(self.opens(target), now + _PROBE)

    def failed(self, target: str, after: float | None, now: float) -> None:
        """It did not take a message; `after`: what it asks to wait for."""
        self._failures[target] += 1
        if self.ill(target):
            pause = backoff(target, self._failures[target] - PATIENCE + 1, after)
            self._shut[target] = now + pause
        elif after:
            self._shut[target] = max(self.opens(target), now + min(after, _LONGEST))

    def well(self, target: str) -> bool:
        """It took one, or refused it. Whether it was ill before."""
        before = self.ill(target)
        del self._failures[target]
        if before:
            self._shut.pop(target, None)
        return before
