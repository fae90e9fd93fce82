"""How often somebody may try: so many in a minute, for each address or person. Bounded."""

from __future__ import annotations

from collections import OrderedDict, deque

_MINUTE = 60.0


class Rates:
    """`often` in a minute for each key; of `most` keys the one that tried least lately goes."""

    def __init__(self, often: int, most: int = 10_000) -> None:
        self._often = often
        self._most = most
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until one more is let through; 0: now."""
        tries = self._tries.get(key)
        while tries and tries[0] <= now - _MINUTE:
            tries.popleft()
        return 0.0 if tries is None or len(tries) < self._often else tries[0] + _MINUTE - now

    def note(self, key: str, now: float) -> None:
        """One was made."""
        self._tries.setdefault(key, deque(maxlen=self._often)).append(now)
        self._tries.move_to_end(key)
        while len(self._tries) > self._most:
            self._tries.popitem(last=False)
