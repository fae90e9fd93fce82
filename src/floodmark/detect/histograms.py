"""Histograms as series: how many values a second, their mean, and quantiles between the buckets' bounds.

A cumulative histogram tells of all since its start; what the buckets gained since the last one is the distribution of
the interval. If its start moved, or it lost an eighth and more, it is a new one and all of it is the gain. If less than
that went down, or anything while its start stands still, it is a stale reading: see `readings`, whose rules for
counters are those of a histogram's count.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.detect.readings import ACCEPTED, FAST, SAME
from floodmark.scales import converted, ratio
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
    unit: str = ""


class Dip(NamedTuple):
    """A histogram that was lower than it can be, and how many readings have gone on from it."""

    last: Last
    lows: int


class Taken(NamedTuple):
    """What a reading gained, since when, and what the next one goes on from. `least`: more may have come in that time
    than is known."""

    gain: Last | None
    since: float
    last: Last
    dip: Dip | None = None
    counted: str = ""
    least: bool = False


class Histograms:
    """The last point of at most `limits.series` histograms, the least recently used going first.

    The series are NAME_count (a delta), NAME_mean and NAME{quantile="0.5"} and so on. In an interval without values
    there is no mean and no quantile.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.series
        self._last: OrderedDict[_Identity, Last] = OrderedDict()
        self._dips: dict[_Identity, Dip] = {}
        self._rates: dict[_Identity, float] = {}
        self._origins: dict[tuple[_Identity, str], list[Origin]] = {}  # no state: made anew at any time
        self._counts: Counter[str] = Counter()

    def spread(self, samples: Samples) -> Samples:
        """The samples, with those that the histograms become in their places."""
        if not samples.histograms:
            return samples
        starts: list[tuple[int, float]] = []
        out = Samples([], [], [], (), (), starts)
        said, place = samples.starts, 0
        done = 0
        for at, histogram in (*samples.histograms, (len(samples.times), None)):
            while place < len(said) and said[place][0] < at:
                starts.append((len(out.times) + said[place][0] - done, said[place][1]))
                place += 1
            out.origins.extend(samples.origins[done:at])
            out.times.extend(samples.times[done:at])
            out.values.extend(samples.values[done:at])
            done = at
            if histogram is not None:
                self._observe(histogram, out, starts)
        return out

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: points from beyond `limit` were never so."""
        for identity in [each for each, last in self._last.items() if last.time > limit]:
            self._forget(identity)
        for identity in [each for each, dip in self._dips.items() if dip.last.time > limit]:
            del self._dips[identity]

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"histograms": len(self._last)}

    def state(self) -> object:
        return self._last, self._dips, self._rates

    def restore(self, state: tuple[OrderedDict[_Identity, Last], dict[_Identity, Dip], dict[_Identity, float]]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._last, self._dips, self._rates = state
        self._origins.clear()
        while len(self._last) > self._most:
            self._evict()

    def _observe(self, new: Histogram, out: Samples, starts: list[tuple[int, float]]) -> None:
        self._counts["signals:histogram"] += 1
        identity = (new.name, tuple(sorted(new.labels.items())))
        last, dip = self._last.get(identity), self._dips.get(identity)
        newest = dip.last.time if dip is not None else last.time if last is not None else -math.inf
        if new.time <= newest:
            self._counts["skipped:duplicate" if new.time == newest else "skipped:out_of_order"] += 1
            return
        if last is None and len(self._last) >= self._most:
            self._evict()
        whole = Last(new.time, new.start, new.count, new.total, new.bounds, new.counts, new.unit)
        if new.cumulative:
            taken = _taken(last, dip, whole, self._rates.get(identity, math.nan))
        else:
            taken = Taken(whole, new.start, whole._replace(bounds=(), counts=()))
        self._last[identity] = taken.last
        self._last.move_to_end(identity)
        self._dips.pop(identity, None)
        if taken.dip is not None:
            self._dips[identity] = taken.dip
        if taken.counted:
            self._counts[taken.counted] += 1
        gain = taken.gain
        if gain is None:
            return
        if new.cumulative:
            self._rates[identity] = math.nan if taken.least else gain.size / (new.time - taken.since)
        count, mean, *quantiles = self._origins.get((identity, new.unit)) or self._named(identity, new)
        if taken.since > 0 and not taken.least:
            starts.append((len(out.times), taken.since))
        found = [(count, gain.size)] * (not taken.least)
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
        if len(self._origins) > 2 * self._most:
            self._origins.clear()
        self._origins[identity, unit] = origins
        return origins

    def _evict(self) -> None:
        self._forget(next(iter(self._last)))
        self._counts["evicted:histogram"] += 1

    def _forget(self, identity: _Identity) -> None:
        last = self._last.pop(identity)
        self._origins.pop((identity, last.unit), None)
        self._dips.pop(identity, None)
        self._rates.pop(identity, None)


def _taken(last: Last | None, dip: Dip | None, new: Last, usual: float) -> Taken:
    """What the reading of a cumulative histogram is: its gain, if it has one, and what is kept. `usual`: the last rate
    of its count."""
    if last is None:
        return Taken(None, 0.0, new)
    before = dip.last if dip is not None else last
    less = new.size / (new.time - before.time) < usual
    if before.time < new.start < new.time and new.start != before.start:
        return Taken(new, before.time, new, None, "histogram_resets", less)
    gain, lost = _gain(before, new)
    if gain is None:
        known = new.start > 0 and last.start > 0
        if new.start <= last.start + SAME if known else lost * 8 < before.size:
            return Taken(None, 0.0, last, Dip(new, 0), "histogram_dips")
        if not known and new.size * 8 >= last.size and new.size / (new.time - before.time) > FAST * usual:
            return Taken(None, 0.0, new, None, "histogram_resets")
        return Taken(new, before.time, new, None, "histogram_resets", less)
    if dip is None:
        return Taken(gain, before.time, new)
    back, _ = _gain(last, new)
    onward = gain.size / (new.time - before.time)
    if back is not None and not abs(onward - usual) < abs(back.size / (new.time - last.time) - usual):
        return Taken(back, last.time, new)
    found = None if back is None and (onward * 2 < usual or onward > usual * 2) else gain
    if back is not None or dip.lows + 1 >= ACCEPTED:
        return Taken(found, before.time, new)
    return Taken(found, before.time, last, Dip(new, dip.lows + 1))


def _gain(last: Last, new: Last) -> tuple[Last | None, float]:
    """What came since the last point; or nothing and how much was lost, infinite if that cannot be said.

    Exponential buckets may be widened and moved: the bounds of wider ones are among those of the narrower ones.
    """
    bounds, total = last.bounds, last.total
    if new.unit != last.unit and (turned := converted(bounds, last.unit, new.unit)) is not None:
        bounds, total = turned, None if total is None else total * (ratio(last.unit, new.unit) or 1.0)
    if new.bounds == bounds:
        before: Sequence[float] = last.counts
    else:
        below = [0.0, *accumulate(last.counts)]
        sums = [below[bisect_right(bounds, bound)] for bound in new.bounds]
        sums.append(below[-1])
        before = [b - a for a, b in zip([0.0, *sums], sums, strict=False)]
    counts = tuple(b - a for a, b in zip(before, new.counts, strict=False))
    if len(before) != len(new.counts):
        return None, math.inf
    lost = max(last.size - new.size, -sum(count for count in counts if count < 0))
    if lost > 0:
        return None, lost
    total = new.total - total if new.total is not None and total is not None else None
    return Last(new.time, new.start, new.size - last.size, total, new.bounds, counts, new.unit), 0.0


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
