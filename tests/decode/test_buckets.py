"""Histograms whose buckets are told by numbers: bounds ascend and nothing is lost, whatever a producer says."""

import math
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode.buckets import explicit, exponential, native, power, sketch
from floodmark.decode.decoder import EventError
from floodmark.detect.histograms import Histograms, quantile
from floodmark.signals import Histogram, Samples

LARGEST = sys.float_info.max


def side(offset=0, *counts):
    return SimpleNamespace(offset=offset, bucket_counts=list(counts))


def point(scale=0, positive=None, negative=None, zero=0, threshold=0.0):
    return SimpleNamespace(scale=scale, positive=positive, negative=negative, zero_count=zero, zero_threshold=threshold)


def test_the_top_bucket_ends_at_the_largest_float():
    assert exponential(point(0, side(1023, 3))) == ((0.0, 2.0**1023, LARGEST), (0.0, 0.0, 3.0, 0.0))
    assert exponential(point(0, side(1022, 1, 2, 3)))[0] == (0.0, 2.0**1022, 2.0**1023, LARGEST)
    assert exponential(point(0, side(1022, 1, 2, 3)))[1] == (0.0, 0.0, 1.0, 5.0, 0.0)
    assert exponential(point(0, None, side(1023, 3))) == ((-LARGEST, -(2.0**1023), 0.0), (0.0, 3.0, 0.0, 0.0))


def test_what_is_smaller_than_any_float_is_zero():
    assert exponential(point(0, side(-1200, 2))) == ((0.0,), (2.0, 0.0))


@pytest.mark.parametrize(("threshold", "bounds", "counts"), [
    (0.5, (0.5, 1.0, 2.0, 4.0), (7, 0, 1, 2, 0)),
    (1.0, (1.0, 2.0, 4.0), (7, 1, 2, 0)),
    (1.5, (1.5, 2.0, 4.0), (7, 1, 2, 0)),
    (2.0, (2.0, 4.0), (8, 2, 0)),
    (9.0, (9.0,), (10, 0)),
])  # fmt: skip
def test_a_zero_bucket_that_reaches_beyond_other_buckets_holds_them(threshold, bounds, counts):
    assert exponential(point(0, side(0, 1, 2), None, 7, threshold)) == (bounds, counts)


def test_the_zero_bucket_reaches_to_both_sides():
    bounds, counts = exponential(point(0, side(0, 1, 2), side(0, 3, 4), 7, 1.5))
    assert bounds == (-4.0, -2.0, -1.5, 1.5, 2.0, 4.0)
    assert counts == (0.0, 4.0, 3.0, 7.0, 1.0, 2.0, 0.0)


@pytest.mark.parametrize("scale", [-2000, -11, -10, -1, 0, 1, 8, 20, 60, 2000])
def test_powers_at_any_scale(scale):
    assert power(0, scale) == 1.0
    assert 0.0 <= power(-(2**31), scale) <= power(-1, scale) <= 1.0 <= power(1, scale) <= power(2**31, scale) <= LARGEST


@pytest.mark.parametrize("threshold", [-1.0, math.nan, math.inf])
def test_a_threshold_that_cannot_be(threshold):
    with pytest.raises(EventError, match="zero threshold"):
        exponential(point(threshold=threshold))


COUNTS = st.lists(st.integers(0, 9), max_size=12)
OFFSETS = st.integers(-12, 12) | st.integers(-(2**31), 2**31 - 1)
SIDES = st.builds(lambda offset, counts: side(offset, *counts), OFFSETS, COUNTS)
THRESHOLDS = st.floats(0, 10) | st.floats(0, LARGEST)


@settings(max_examples=300)
@given(st.integers(-10, 20), SIDES, SIDES, st.integers(0, 9), THRESHOLDS)
def test_bounds_ascend_and_no_count_is_lost(scale, positive, negative, zero, threshold):
    bounds, counts = exponential(point(scale, positive, negative, zero, threshold))
    assert all(a < b for a, b in pairwise(bounds))
    assert all(map(math.isfinite, bounds))
    assert len(counts) == len(bounds) + 1
    assert sum(counts) == zero + sum(positive.bucket_counts) + sum(negative.bucket_counts)
    found = quantile(0.5, bounds, counts, geometric=True)
    assert found is None or min(0.0, bounds[0]) <= found <= bounds[-1] or LARGEST in (-bounds[0], bounds[-1])


@settings(max_examples=200)
@given(st.integers(1, 8), st.integers(-20, 20), st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_what_a_coarser_scale_gained_is_found_among_the_finer_bounds(scale, first, counts):
    """Of two neighbours of the finer scale the coarser one has the sum, so that nothing has come since."""
    wide = [0] * ((first + len(counts) - 1) // 2 - first // 2 + 1)
    for i, count in enumerate(counts):
        wide[(first + i) // 2 - first // 2] += count
    found = Histograms(Limits())
    for time, (bounds, numbers) in enumerate(
        (exponential(point(scale, side(first, *counts))), exponential(point(scale - 1, side(first // 2, *wide)))), 1
    ):
        whole = Histogram(float(time), "took", float(sum(counts)), None, bounds, numbers, cumulative=True)
        samples = found.spread(Samples([], [], [], [(0, whole)]))
    assert (samples.values, [origin.name for origin in samples.origins]) == ([0.0], ["took_count"])


class Native(SimpleNamespace):
    def HasField(self, name):  # noqa: N802
        return getattr(self, name, None) is not None


def histogram(schema=0, positive=(), deltas=(), counts=(), negative=(), negative_deltas=(), **more):
    spans = [[SimpleNamespace(offset=o, length=n) for o, n in each] for each in (positive, negative)]
    return Native(
        schema=schema, positive_spans=spans[0], positive_deltas=deltas, positive_counts=counts,
        negative_spans=spans[1], negative_deltas=negative_deltas, negative_counts=(),
        **{"zero_threshold": 0.0, "zero_count_int": 0, "custom_values": ()} | more,
    )  # fmt: skip


def test_spans_and_deltas():
    bounds, counts = native(histogram(0, [(1, 2), (1, 1)], [2, 1, -2], zero_count_int=4))
    assert bounds == (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    assert counts == (4.0, 0.0, 2.0, 3.0, 0.0, 1.0, 0.0)


def test_floats_and_both_signs():
    found = native(histogram(0, [(0, 1)], counts=[2.5], negative=[(1, 1)], negative_deltas=[3], zero_count_float=0.5))
    assert found == ((-2.0, -1.0, 0.0, 0.5, 1.0), (0.0, 3.0, 0.5, 0.0, 2.5, 0.0))


def test_the_same_buckets_in_both_notations():
    of_prometheus = native(histogram(3, [(-4, 3)], [1, 1, 1], zero_threshold=0.001))
    assert of_prometheus == exponential(point(3, side(-5, 1, 2, 3), None, 0, 0.001))


def test_custom_bounds():
    found = native(histogram(-53, [(0, 1), (1, 2)], [5, -3, 2], custom_values=[0.5, 1.0, 2.0]))
    assert found == ((0.5, 1.0, 2.0), (5.0, 0.0, 2.0, 4.0))


@pytest.mark.parametrize(
    "odd",
    [
        histogram(0, [(0, 2)], [1]),
        histogram(0, [(0, 2), (-5, 1)], [1, 1, 1]),
        histogram(0, [(0, 2**32 - 1)], [1]),
        histogram(-53, [(3, 1)], [1], custom_values=[1.0]),
        histogram(99),
        histogram(0, [(0, 1001)], [0] * 1001),
    ],
)
def test_native_histograms_that_do_not_fit_are_refused(odd):
    with pytest.raises(EventError):
        native(odd)


def test_an_infinite_bound_at_the_end_says_nothing():
    assert explicit([1.0, math.inf], [2.0, 3.0]) == ((1.0,), (2.0, 3.0))
    assert explicit([1.0, math.inf], [2.0, 3.0, 4.0]) == ((1.0,), (2.0, 7.0))
    assert explicit([1.0], []) == ((), ())


def test_a_sketch():
    """Bin 1338 of Datadog's agent begins at one."""
    bounds, counts = sketch([-1338, 0, 1338, 1339, 1400, 1338], [1, 2, 3, 4, 5, 6])
    assert counts == (0.0, 1.0, 0.0, 2.0, 0.0, 9.0, 4.0, 0.0, 5.0, 0.0)
    assert bounds[:2] == (-1.015625, -1.0)
    assert bounds[2:4] == pytest.approx((-1e-9, 1e-9), rel=0.02)
    assert bounds[4:7] == pytest.approx((1.0, 1.015625, 1.015625**2))
    assert sketch([], []) == ((), ())


@given(st.lists(st.tuples(st.integers(-(2**15), 2**15), st.integers(0, 9)), max_size=20))
def test_bounds_of_sketches_ascend(bins):
    bounds, counts = sketch([key for key, _ in bins], [count for _, count in bins])
    assert all(a < b for a, b in pairwise(bounds))
    assert sum(counts) == sum(count for _, count in bins)


def test_a_sketch_that_does_not_fit():
    with pytest.raises(EventError, match="1 counts for 2 bins"):
        sketch([1, 2], [1])
