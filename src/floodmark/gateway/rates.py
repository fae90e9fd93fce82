"""How many requests of a source are taken in a minute: a bucket that fills evenly, and holds what a minute has."""

from __future__ import annotations


class Rate:
    """Bounded: two numbers. The time is an argument, in seconds of any clock that does not go back."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._left = float(per_minute)
        self._at = now

    def take(self, now: float) -> float:
        """0 if one more is taken; else the seconds after which it would be."""
        each = self.per_minute / 60
        self._left = min(float(self.per_minute), self._left + max(0.0, now - self._at) * each)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / each
        self._left -= 1
        return 0.0
