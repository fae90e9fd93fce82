"""Histograms as series: how many values a second, their mean, and quantiles between the buckets' bounds.

A cumulative histogram tells of all since its start; what the buckets gained since the last one is the distribution of
the interval. If anything in it went down, or its start moved, it is a new one and all of it is the gain.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.signals import Histogram, Origin, Samples

QUANTILES: Final = (0.5, 0.9, 0.99)

_Identity = tuple[str, tuple[tuple[str, str], ...]]


class Last(NamedTuple):
    """What is kept of a histogram until the next one. Of one that is not cumulative, the time counts."""

    time: float
    start: float
    size: float
    total: float | None
    bounds: tuple[float, ...]
    counts: tuple[float, ...]


class Histograms:
    """The last point of at most `limits.series` histograms, the least recently used going first.

    The series are NAME_count (a delta), NAME_mean and NAME{quantile="0.5"} and so on. In an interval without values
    there is no mean and no quantile.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.series
        self._last: OrderedDict[_Identity, Last] = OrderedDict()
        self._origins: dict[_Identity, list[Origin]] = {}  # no state: made anew at any time
        self._counts: Counter[str] = Counter()

    def spread(self, samples: Samples) -> Samples:
        """The samples, with those that the histograms become in their places."""
        if not samples.histograms:
            return samples
        out = Samples([], [], [])
        done = 0
        for at, histogram in (*samples.histograms, (len(samples.times), None)):
            out.origins.extend(samples.origins[done:at])
            out.times.extend(samples.times[done:at])
            out.values.extend(samples.values[done:at])
            done = at
            if histogram is not None:
                self._observe(histogram, out)
        return out

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: points from beyond `limit` were never so."""
        for identity in [each for each, last in self._last.items() if last.time > limit]:
            del self._last[identity]

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"histograms": len(self._last)}

    def state(self) -> object:
        return self._last

    def restore(self, state: OrderedDict[_Identity, Last]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._last = state
        self._origins.clear()
        while len(self._last) > self._most:
            self._evict()

    def _observe(self, new: Histogram, out: Samples) -> None:
        self._counts["signals:histogram"] += 1
        identity = (new.name, tuple(sorted(new.labels.items())))
        last = self._last.get(identity)
        if last is not None and new.time <= last.time:
            self._counts["skipped:duplicate" if new.time == last.time else "skipped:out_of_order"] += 1
            return
        if last is None and len(self._last) >= self._most:
            self._evict()
        whole = Last(new.time, new.start, new.count, new.total, new.bounds, new.counts)
        self._last[identity] = whole if new.cumulative else whole._replace(bounds=(), counts=())
        self._last.move_to_end(identity)
        gain: Last | None = whole
        if new.cumulative:
            gain = None
            if last is not None and (gain := _gain(last, whole)) is None:
                self._counts["histogram_resets"] += 1
                gain = whole
        if gain is None:
            return
        count, mean, *quantiles = self._origins.get(identity) or self._named(identity, new)
        found = [(count, gain.size)]
        if gain.size > 0 and gain.total is not None:
            found.append((mean, gain.total / gain.size))
        values = [quantile(q, gain.bounds, gain.counts, geometric=new.geometric) for q in QUANTILES]
        found += [(origin, value) for origin, value in zip(quantiles, values, strict=True) if value is not None]
        for origin, value in found:
            if math.isfinite(value):
                out.origins.append(origin)
                out.times.append(new.time)
                out.values.append(value)

    def _named(self, identity: _Identity, new: Histogram) -> list[Origin]:
        name, labels, unit = new.name, new.labels, new.unit
        origins = [Origin(f"{name}_count", labels, "delta", ""), Origin(f"{name}_mean", labels, "gauge", unit)]
        origins += [Origin(name, labels | {"quantile": f"{q:g}"}, "gauge", unit) for q in QUANTILES]
        self._origins[identity] = origins
        return origins

    def _evict(self) -> None:
        identity, _ = self._last.popitem(last=False)
        self._origins.pop(identity, None)
        self._counts["evicted:histogram"] += 1


def _gain(last: Last, new: Last) -> Last | None:
    """What came since the last point; None if the histogram began again.

    Exponential buckets may be widened and moved: the bounds of wider ones are among those of the narrower ones.
    """
    if new.start != last.start or new.size < last.size:
        return None
    if new.bounds == last.bounds:
        before: Sequence[float] = last.counts
    else:
        below = [0.0, *accumulate(last.counts)]
        sums = [below[bisect_right(last.bounds, bound)] for bound in new.bounds]
        sums.append(below[-1])
        before = [b - a for a, b in zip([0.0, *sums], sums, strict=False)]
    counts = tuple(b - a for a, b in zip(before, new.counts, strict=False))
    if len(before) != len(new.counts) or any(count < 0 for count in counts):
        return None
    total = new.total - last.total if new.total is not None and last.total is not None else None
    return Last(new.time, new.start, new.size - last.size, total, new.bounds, counts)


def quantile(q: float, bounds: Sequence[float], counts: Sequence[float], *, geometric: bool = False) -> float | None:
    """The value below which a share `q` lies, as Prometheus's `histogram_quantile` has it; None if there are no values.

    The first bucket begins at zero if it ends above; what lies in the last is taken to be the highest bound.
    """
    whole = sum(counts)
    if not bounds or whole <= 0:
        return None
    rank = q * whole
    for i, count in enumerate(counts[:-1]):
        if count > 0 and rank <= count:
            upper = bounds[i]
            lower = bounds[i - 1] if i else min(0.0, upper)
            share = rank / count
            if geometric and lower * upper > 0:
                return lower * math.exp(share * math.log(upper / lower))
            return lower + (upper - lower) * share
        rank -= count
    return bounds[-1]
