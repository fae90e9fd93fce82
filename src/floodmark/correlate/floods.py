"""Floods: so much that has nothing to do with each other begins at once that it has one cause.

A broker's clock, a deploy of everything, a network that is cut: no group need be surprising by itself, and nothing may
relate them. What is counted is how many groups begin, against how many usually do. Bounded, and by event time alone.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from floodmark.correlate.evidence import ln_poisson_tail

_LEAST: Final = 20
_LEAST_AT_FIRST: Final = 500
"""Fewer groups are no flood; and as long as it is not known how many there usually are."""
_KNOWN: Final = 20
_MEMORY: Final = 960
"""Spans after which it is known how many groups usually begin in one, and over which that is learned: a day of 90 s."""
_STEP: Final = 3.0
"""Times the usual that a span counts for at most when that is learned: a flood is not usual."""
_BEYOND: Final = 9.0
"""Nats above the bar, since there are many moments at which a flood could begin."""
_SCOPES: Final = 1_000


class _Scope(Struct):
    """The span of now and the groups that began in it and in the one before; how many usually do; spans known."""

    span: int
    begun: int = 0
    before: int = 0
    usual: float = 0.0
    known: int = 0
    flood: str = ""

    def advance(self, span: int) -> None:
        """A later span has begun."""
        for begun in (self.begun, *[0] * min(_MEMORY, span - self.span - 1)):
            self.known += 1
            counted = min(begun, _STEP * self.usual + _LEAST)
            self.usual += (counted - self.usual) / min(self.known, _MEMORY)
        self.before = self.begun if span == self.span + 1 else 0
        self.span, self.begun = span, 0


class Floods:
    """How many groups of each scope begin in spans of `width` seconds, and the last flood of each scope."""

    def __init__(self, width: float) -> None:
        self._width = width
        self._scopes: dict[str, _Scope] = {}

    def state(self) -> object:
        return self._scopes

    def restore(self, scopes: dict[str, _Scope]) -> None:
        """Go on from what `state` gave."""
        self._scopes = scopes

    def begins(self, scope: str, started: float, bar: float) -> bool:
        """A group has begun at `started`: whether so many began around then as chance never brings: that is more
        surprising than `bar`, in nats."""
        span = int(started // self._width)
        known = self._scope(scope, span)
        if span > known.span:
            known.advance(span)
        if span == known.span:
            known.begun += 1
        elif span == known.span - 1:
            known.before += 1
        else:
            return False  # told too late to be of a moment
        many = known.begun + known.before
        if many < (_LEAST if known.known >= _KNOWN else _LEAST_AT_FIRST):
            return False
        return -ln_poisson_tail(many, max(1.0, 2 * known.usual)) >= bar + _BEYOND

    def began(self, scope: str, group_id: str) -> None:
        """The incident of a scope's flood."""
        if scope in self._scopes:
            self._scopes[scope].flood = group_id

    def last(self, scope: str) -> str:
        """The id of the scope's last flood, empty if there was none."""
        known = self._scopes.get(scope)
        return known.flood if known is not None else ""

    def _scope(self, scope: str, span: int) -> _Scope:
        known = self._scopes.pop(scope, None) or _Scope(span)
        self._scopes[scope] = known
        if len(self._scopes) > _SCOPES:
            del self._scopes[next(iter(self._scopes))]
        return known
