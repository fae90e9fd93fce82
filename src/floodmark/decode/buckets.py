"""Bounds and counts of histograms whose buckets are told by numbers: OpenTelemetry's exponential ones, Prometheus's
native ones, and sketches.

A bound is a power of two whose exponent is exact, so those of a coarser scale are among those of a finer one to the
last bit. One that is beyond all floats is the largest of them, or zero; buckets between equal bounds are one bucket. So
bounds always ascend, whatever a producer says.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

from floodmark.decode.decoder import EventError

MOST_BUCKETS: Final = 1_000
"""Of a histogram. OpenTelemetry's own have at most 320 and a few."""
CUSTOM: Final = -53
"""Prometheus's schema of bounds that are listed."""
_LARGEST: Final = sys.float_info.max
_SCALES: Final = (-20, 1_000)
"""Beyond, a bucket holds all floats above one; or no float lies between two bounds."""
_GAMMA: Final = 1 + 2 / 128
"""The base of a sketch; its bin 1 holds a billionth, the smallest number that is told from zero."""
_BIAS: Final = 1 - math.floor(math.log(1e-9) / math.log(_GAMMA))

Buckets = tuple[tuple[float, ...], tuple[float, ...]]
"""Bounds that ascend, and a count more than there are bounds."""
_Side = Sequence[tuple[int, float]]
"""Buckets of one sign: n of each, which ends at the n-th power of the base, and its count; ascending."""


def exponential(point: Any) -> Buckets:
    """Of a data point of OpenTelemetry: negative buckets, that of zero, and positive ones. Raises EventError."""
    below, above = (_offset(side) for side in (point.negative, point.positive))
    return _around_zero(int(point.scale), float(point.zero_threshold), float(point.zero_count), below, above)


def native(histogram: Any) -> Buckets:
    """Of a native histogram of Prometheus. Raises EventError."""
    schema = int(histogram.schema)
    above = _spans(histogram.positive_spans, histogram.positive_deltas, histogram.positive_counts)
    if schema == CUSTOM:
        return _custom(histogram.custom_values, above)
    if not -9 <= schema <= 52:
        raise EventError("wrong_type", f"a native histogram has schema {schema}, which is none that is known")
    below = _spans(histogram.negative_spans, histogram.negative_deltas, histogram.negative_counts)
    in_floats = histogram.HasField("zero_count_float")
    zero = float(histogram.zero_count_float if in_floats else histogram.zero_count_int)
    return _around_zero(schema, float(histogram.zero_threshold), zero, below, above)


def sketch(keys: Sequence[int], counts: Sequence[float]) -> Buckets:
    """Of a DDSketch with the parameters of Datadog's agent: bin k begins at a power of the base, that of a negative k
    is its mirror image, and 0 holds what is smaller than any other. Raises EventError."""
    if len(keys) != len(counts):
        raise EventError("wrong_type", f"a sketch has {len(counts)} counts for {len(keys)} bins")
    bounds: list[float] = []
    found: list[float] = []
    for key, count in sorted(zip(keys, numbers(counts), strict=True)):
        start, end = (_of_sketch(abs(key) + i) for i in (0, 1))
        if key <= 0:
            start, end = -end, end if key == 0 else -start
        _bucket(bounds, found, start, end, count)
    return tuple(bounds), (*found, 0.0) if bounds else ()


def explicit(bounds: Sequence[float], counts: Sequence[float]) -> Buckets:
    """Listed bounds: an infinite one at the end says no more than that there is a last bucket; without counts, bounds
    say nothing. Whether they fit each other is not looked at."""
    bounds, counts = tuple(bounds), tuple(counts)
    if not counts:
        return (), ()
    if bounds and bounds[-1] == math.inf:
        bounds = bounds[:-1]
        if len(counts) == len(bounds) + 2:
            counts = (*counts[:-2], counts[-2] + counts[-1])
    return bounds, counts


def power(n: int, scale: int) -> float:
    """The n-th power of the base, 2 to the 2 to the -scale; as near to it as a float can be."""
    exponent = n * 2.0 ** -min(max(scale, _SCALES[0]), _SCALES[1])
    return _LARGEST if exponent >= sys.float_info.max_exp else 2.0**exponent


def _of_sketch(key: int) -> float:
    exponent = (key - _BIAS) * math.log2(_GAMMA)
    return 0.0 if key == 0 else _LARGEST if exponent >= sys.float_info.max_exp else _GAMMA ** (key - _BIAS)


def _around_zero(scale: int, threshold: float, zero: float, below: _Side, above: _Side) -> Buckets:
    if not 0 <= threshold < math.inf:
        raise EventError("wrong_type", f"the zero threshold of a histogram is {threshold:g}")
    inside = zero  # what lies between -threshold and threshold; a bucket that ends there as well is among it
    upper: list[tuple[float, float, float]] = []
    lower: list[tuple[float, float, float]] = []
    for side, found in ((above, upper), (below, lower)):
        for n, count in side:
            start, end = power(n - 1, scale), power(n, scale)
            if end <= threshold:
                inside += count
            else:
                found.append((max(start, threshold), end, count))
    bounds: list[float] = []
    counts: list[float] = []
    for start, end, count in reversed(lower):
        _bucket(bounds, counts, -end, -start, count)
    _bucket(bounds, counts, -threshold if lower else None, threshold, inside)
    for start, end, count in upper:
        _bucket(bounds, counts, start, end, count)
    return tuple(bounds), (*counts, 0.0)


def _bucket(bounds: list[float], counts: list[float], start: float | None, end: float, count: float) -> None:
    """Add a bucket; what lies between the last bound and its start is empty."""
    if start is not None and (not bounds or start > bounds[-1]):
        bounds.append(start + 0.0)  # no -0.0
        counts.append(0.0)
    if bounds and end <= bounds[-1]:
        counts[-1] += count
    else:
        bounds.append(end + 0.0)
        counts.append(count)


def _offset(side: Any) -> _Side:
    """OpenTelemetry's bucket i begins at the i-th power of the base."""
    if side is None:
        return ()
    counts = numbers(side.bucket_counts or ())
    first = int(side.offset or 0) + 1
    return [(first + i, count) for i, count in enumerate(counts)]


def _spans(spans: Iterable[Any], deltas: Sequence[int], counts: Sequence[float]) -> _Side:
    """Prometheus's buckets: runs of neighbours, each with its distance from the run before; counts, or by how much each
    differs from the one before. Raises EventError."""
    if len(deltas) > MOST_BUCKETS:
        raise _too_many(len(deltas))
    known = numbers(counts) if counts else tuple(map(float, accumulate(deltas)))  # of whole numbers: exact
    places = list(_places(spans))
    if len(places) != len(known):
        words = f"a native histogram has {len(known)} counts for the {len(places)} buckets of its spans"
        raise EventError("wrong_type", words)
    return list(zip(places, known, strict=True))


def _places(spans: Iterable[Any]) -> Iterator[int]:
    at = found = 0
    for i, span in enumerate(spans):
        if i and span.offset < 0:
            raise EventError("wrong_type", "the spans of a native histogram overlap")
        at += int(span.offset)
        found += span.length
        if found > MOST_BUCKETS:
            raise _too_many(found)
        yield from range(at, at + span.length)
        at += span.length


def _custom(listed: Sequence[float], above: _Side) -> Buckets:
    """Buckets whose upper bounds are listed; the one after them all is that of the rest."""
    listed = numbers(listed)
    bounds, counts = explicit(listed, [0.0] * (len(listed) + 1))
    kept = list(counts)
    for n, count in above:
        if not 0 <= n <= len(listed):
            raise EventError("wrong_type", f"a native histogram has a bucket {n} of {len(listed)} bounds")
        kept[min(n, len(bounds))] += count
    return bounds, tuple(kept)


def numbers(column: Sequence[Any]) -> tuple[float, ...]:
    """A column of a histogram. Raises EventError if it is too long."""
    if len(column) > MOST_BUCKETS:
        raise _too_many(len(column))
    return tuple(map(float, column))


def _too_many(found: int) -> EventError:
    return EventError("too_many_buckets", f"a histogram has {found} buckets, more than {MOST_BUCKETS}")
