"""Floods: so much that has nothing to do with each other begins at once that it has one cause.

A broker's clock, a deploy of everything, a network that is cut: no group need be surprising by itself, and nothing may
relate them. What is counted is how many groups begin. Bounded, and by event time alone.
"""

from __future__ import annotations

from typing import Final

from floodmark.correlate.evidence import ln_poisson_tail

_LEAST: Final = 20
"""Fewer groups are no flood."""
_BEYOND: Final = 9.0
"""Nats above the bar, since there are many moments at which a flood could begin."""
_KEPT: Final = 4_096
"""Spans of time, of all scopes, in which beginnings are counted."""


class Floods:
    """How many groups of each scope began in each span of `width` seconds, and the last flood of each scope."""

    def __init__(self, width: float) -> None:
        self._width = width
        self._begun: dict[tuple[str, int], int] = {}
        self._last: dict[str, str] = {}

    def state(self) -> object:
        return self._begun, self._last

    def restore(self, state: tuple[dict[tuple[str, int], int], dict[str, str]]) -> None:
        """Go on from what `state` gave."""
        self._begun, self._last = state

    def begins(self, scope: str, started: float, rate: float, bar: float) -> bool:
        """A group has begun at `started`: whether so many began around then as chance, with `rate` groups a second,
        never brings: more surprising than `bar`, in nats."""
        span = int(started // self._width)
        self._begun[scope, span] = self._begun.get((scope, span), 0) + 1
        if len(self._begun) > _KEPT:
            del self._begun[next(iter(self._begun))]
        many = self._begun[scope, span] + self._begun.get((scope, span - 1), 0)
        if many < _LEAST:
            return False
        return -ln_poisson_tail(many, max(1e-9, 2 * self._width * rate)) >= bar + _BEYOND

    def began(self, scope: str, group_id: str) -> None:
        """The incident of a scope's flood."""
        self._last.pop(scope, None)
        self._last[scope] = group_id
        if len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]

    def last(self, scope: str) -> str:
        """The id of the scope's last flood, empty if there was none."""
        return self._last.get(scope, "")
