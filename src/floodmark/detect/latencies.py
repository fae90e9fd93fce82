"""Quantiles of the durations of one window: exact while they are few, else from buckets of a fixed relative width.

The buckets are those of DDSketch (Masson, Rim and Lee, VLDB 2019): a quantile errs by 1 % at most, and the answer does
not depend on the order of the values. There are never more than 1,400 buckets.
"""

from __future__ import annotations

import math
from typing import Final

_EXACT: Final = 256
_GAMMA: Final = 1.02
_SHORTEST: Final = 1e-6
_LONGEST: Final = 1e6


class Latencies:
    """Durations in seconds; those below a microsecond or beyond 11 days are only told apart while there are few."""

    __slots__ = ("_buckets", "_exact", "_spilled")

    def __init__(self) -> None:
        self._exact: list[float] = []
        self._buckets: dict[int, int] = {}
        self._spilled = 0

    def __len__(self) -> int:
        return self._spilled + len(self._exact)

    def add(self, seconds: float) -> None:
        self._exact.append(seconds)
        if self._spilled or len(self._exact) > _EXACT:
            for value in self._exact:
                bucket = math.ceil(math.log(min(max(value, _SHORTEST), _LONGEST)) / math.log(_GAMMA))
                self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
            self._spilled += len(self._exact)
            self._exact.clear()

    def quantile(self, q: float) -> float:
        """The nearest rank. Raises ValueError if there is no value."""
        if not len(self):
            raise ValueError("no durations")
        rank = max(1, math.ceil(q * len(self)))
        if not self._spilled:
            return sorted(self._exact)[rank - 1]
        found = 0
        for bucket in sorted(self._buckets):
            found += self._buckets[bucket]
            if found >= rank:
                break
        return float(2 * _GAMMA**bucket / (_GAMMA + 1))
