"""A fading mean that starts well: River's EWMean, but a plain mean over the first points.

An exponential mean that starts from one point takes long to forget it; the plain mean of the first 1/fading points has
the same variance as the exponential one later. `value` is kept beside River's state because it is read far more often
than it changes.
"""

from __future__ import annotations

from river import stats


class FadingMean:
    """`value` is the mean so far (0.0 before the first point), `n` the number of points, counted up to `warm`."""

    __slots__ = ("_ew", "n", "value", "warm")

    def __init__(self, fading_factor: float, warm: int = 0) -> None:
        """`warm`: points over which the mean is a plain one; 0 for a purely exponential mean, as River's is."""
        self._ew = stats.EWMean(fading_factor)
        self.warm = max(warm, 1)
        self.n = 0
        self.value = 0.0

    def update(self, x: float) -> None:
        """River's name for learning one value. `x` must be finite: one NaN would stay for ever."""
        if self.n < self.warm:
            self.n += 1
            self.value += (x - self.value) / self.n
            if self.n == self.warm:
                self._ew.update(self.value)
            return
        self._ew.update(x)
        self.value = self._ew.get()

    def restart(self, value: float, n: int | None = None) -> None:
        """Forget all but `value`, the mean of so many points (at least one; None: of enough)."""
        self._ew = stats.EWMean(self._ew.fading_factor)
        self.n, self.value = self.warm if n is None else min(n, self.warm), value
        if self.n == self.warm:
            self._ew.update(value)
