"""Anomalies that go on and belong to nothing: what each has said, so that it begins anew when it becomes worse.

Bounded: the longest known go first, and are counted.
"""

from __future__ import annotations

from typing import Final

from floodmark.alerts import Anomaly
from floodmark.correlate.evidence import nats, nats_of
from floodmark.correlate.symptoms import Symptom

_MOST: Final = 10_000
_WORSE: Final = 2.0
"""Nats by which one must be worse to begin anew."""


class Faint:
    """Nats and returns of anomalies by their id."""

    def __init__(self) -> None:
        self.evicted = 0
        """Anomalies that went because there were too many."""
        self._known: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, anomaly_id: object) -> bool:
        return anomaly_id in self._known

    def state(self) -> object:
        return self._known

    def restore(self, known: dict[str, tuple[float, int]]) -> None:
        """Go on from what `state` gave."""
        self._known = known

    def add(self, symptom: Symptom) -> None:
        """An anomaly that goes on is no member any more."""
        self._known[symptom.anomaly] = nats(symptom), symptom.returns
        while len(self._known) > _MOST:
            self.evicted += 1
            del self._known[next(iter(self._known))]

    def remove(self, anomaly_id: str) -> bool:
        """It has ended. Whether it was known."""
        return self._known.pop(anomaly_id, None) is not None

    def begins_anew(self, anomaly: Anomaly) -> bool | None:
        """Whether it is worse, or back after it had been normal, and so begins anew; None if it is not known."""
        known = self._known.get(anomaly.id)
        if known is None:
            return None
        said, returns = known
        if anomaly.returns <= returns and nats_of(anomaly) < said + _WORSE:
            return False
        del self._known[anomaly.id]
        return True
