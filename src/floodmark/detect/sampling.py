"""A small sample of the series that a task hears, chosen so that two tasks that hear the same series choose the same.

The series with the smallest digests are kept (a bottom-k sample: Cohen and Kaplan, "Summarizing data using bottom-k
sketches", PODC 2007). If producers do not key their records, every partition gets nearly all series, so the samples of
two tasks share most of their keys; if they do, the samples share none. It must never cost anything for a known series.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Callable
from typing import Any, Final, NamedTuple

SIZE: Final = 16
QUIET: Final = 1800.0
"""Seconds after which a series that is no longer heard is no longer told of: it may have moved, and rightly so."""
_GONE: Final = 86_400.0
"""Seconds after which its place in the sample is free."""


Identity = tuple[Any, ...]
"""How a maker finds one of its series again."""


class _Kept(NamedTuple):
    digest: bytes
    key: str
    identity: Identity


class SeriesSampler:
    """The `SIZE` series with the smallest digests. State: what is kept, and what was told last."""

    __slots__ = ("_kept", "_told")

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._told: list[str] = []

    def add(self, key: str, identity: Identity) -> None:
        """To be called at the first sight of a series (again after an eviction does no harm)."""
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        if len(self._kept) == SIZE and digest >= self._kept[-1].digest:
            return
        if all(kept.key != key for kept in self._kept):
            insort(self._kept, _Kept(digest, key, identity), key=lambda kept: kept.digest)
            del self._kept[SIZE:]

    def state(self) -> object:
        return self._kept, self._told

    def restore(self, state: tuple[list[_Kept], list[str]]) -> None:
        """Go on from what `state` gave."""
        self._kept, self._told = state

    def news(self, now: float, heard: Callable[[Identity], float]) -> list[str] | None:
        """The keys that are heard at event time `now`, sorted; None if they are the ones told last.

        `heard`: identity → time of the newest point, -inf if it is not known any more.
        """
        times = [(kept, heard(kept.identity)) for kept in self._kept]
        told = sorted(kept.key for kept, time in times if time > now - QUIET)
        self._kept = [kept for kept, time in times if time > now - _GONE]
        if told == self._told:
            return None
        self._told = told
        return told
