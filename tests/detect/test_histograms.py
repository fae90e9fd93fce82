import math
from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Config, Limits
from floodmark.detect import DetectStage
from floodmark.detect.histograms import Histograms, quantile
from floodmark.signals import Histogram, Origin, Samples

T0 = 1_769_860_800.0


def cumulative(time, counts, total=None, start=T0 - 60, bounds=(1.0, 2.0, 4.0), **more):
    return Histogram(T0 + time, "took", float(sum(counts)), total, bounds, tuple(map(float, counts)),
                     {"service": "a"}, "ms", start, cumulative=True, **more)  # fmt: skip


def spread(of, *histograms):
    found = of.spread(Samples([], [], [], [(0, each) for each in histograms]))
    return [
        (origin.name, origin.labels.get("quantile"), origin.kind, time - T0, value)
        for origin, time, value in zip(*found[:3], strict=True)
    ]


def test_a_delta_tells_of_its_own_interval():
    delta = Histogram(T0, "took", 10.0, 15.0, (1.0, 2.0), (5.0, 5.0, 0.0), {}, "ms")
    assert spread(Histograms(Limits()), delta) == [
        ("took_count", None, "delta", 0.0, 10.0),
        ("took_mean", None, "gauge", 0.0, 1.5),
        ("took", "0.5", "gauge", 0.0, 1.0),
        ("took", "0.9", "gauge", 0.0, pytest.approx(1.8)),
        ("took", "0.99", "gauge", 0.0, pytest.approx(1.98)),
    ]


def test_a_cumulative_one_tells_of_what_came_since_the_last():
    of = Histograms(Limits())
    assert spread(of, cumulative(0, [100, 0, 0, 0], 50.0)) == []
    found = spread(of, cumulative(10, [100, 0, 10, 0], 80.0))
    assert [value for *_, value in found] == [10.0, 3.0, 3.0, pytest.approx(3.8), pytest.approx(3.98)]
    assert spread(of, cumulative(20, [100, 0, 10, 0], 80.0)) == [("took_count", None, "delta", 20.0, 0.0)]


@pytest.mark.parametrize("again", [{"start": T0 + 5}, {"counts": [1, 9, 0, 0], "start": T0 - 30}])
def test_a_reset_makes_all_of_it_the_gain(again):
    of = Histograms(Limits())
    spread(of, cumulative(0, [2, 3, 0, 0]))
    found = spread(of, cumulative(10, **{"counts": [5, 5, 0, 0]} | again))
    assert found[0][-1] == 10.0
    assert of.counts()["histogram_resets"] == 1


def test_old_and_double_ones_are_skipped():
    of = Histograms(Limits())
    spread(of, cumulative(10, [1, 0, 0, 0]))
    assert spread(of, cumulative(10, [2, 0, 0, 0]), cumulative(0, [2, 0, 0, 0])) == []
    assert Counter(of.counts()) >= Counter({"skipped:duplicate": 1, "skipped:out_of_order": 1})


def test_an_exponential_one_may_become_coarser_and_wider():
    """Scale 1 to scale 0: bounds 1, √2, 2, 2√2, 4 become 1, 2, 4, 8."""
    of = Histograms(Limits())
    fine = tuple(2.0 ** (i / 2) for i in range(5))
    spread(of, cumulative(0, [0, 1, 1, 1, 1, 0], bounds=fine, geometric=True))
    found = spread(of, cumulative(10, [0, 2, 2, 8, 0], bounds=(1.0, 2.0, 4.0, 8.0), geometric=True))
    assert found[0][-1] == 8.0
    assert found[1][-1] == pytest.approx(4 * math.sqrt(2))
    assert of.counts()["histogram_resets"] == 0


def test_they_stand_where_they_came_among_the_samples():
    of, plain = Histograms(Limits()), Origin("x", {}, "gauge", "")
    delta = Histogram(T0, "took", 1.0)
    found = of.spread(Samples([plain] * 2, [1.0, 2.0], [0.0, 0.0], [(0, delta), (1, delta), (2, delta)]))
    assert [origin.name for origin in found.origins] == ["took_count", "x", "x"]
    assert of.spread(Samples([plain], [1.0], [0.0])).origins == [plain]


def test_the_least_recently_used_goes():
    of = Histograms(Limits(series=2))
    for name in "abac":
        of.spread(Samples([], [], [], [(0, Histogram(T0 + ord(name), name, 1.0))]))
    assert of.sizes() == {"histograms": 2}
    assert of.counts()["evicted:histogram"] == 1
    of.restore(of.state())
    smaller = Histograms(Limits(series=1))
    smaller.restore(of.state())
    assert smaller.sizes() == {"histograms": 1}


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.floats(0.01, 0.99), st.booleans())
def test_a_quantile_lies_in_its_bucket(counts, q, geometric):
    bounds = [float(2**i) for i in range(len(counts) - 1)]
    found = quantile(q, bounds, counts, geometric=geometric)
    if sum(counts) == 0:
        assert found is None
        return
    sums = list(accumulate(counts))
    at = next(i for i, below in enumerate(sums) if below >= q * sums[-1] * (1 - 1e-12))
    lower, upper = (bounds[at - 1] if at else 0.0), bounds[min(at, len(bounds) - 1)]
    assert min(lower, upper) * (1 - 1e-9) <= found <= upper * (1 + 1e-9)


@given(st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=1, max_size=8), st.data())
@settings(max_examples=50)
def test_batches_and_a_restart_change_nothing(gains, data):
    config = Config.model_validate({"inputs": [{"topic": "m", "signal": "metric"}]})
    totals, points = [0] * 4, []
    for i, gain in enumerate(gains):
        totals = [a + b for a, b in zip(totals, gain, strict=True)]
        points.append(cumulative(10 * i, totals, float(sum(totals))))
    whole, parts = DetectStage(config, "m/0", 1), DetectStage(config, "m/0", 1)
    wanted = whole.process(points)
    cut = data.draw(st.integers(0, len(points)))
    found = parts.process(points[:cut])
    again = DetectStage(config, "m/0", 1)
    again.restore(parts.snapshot())
    assert found + again.process(points[cut:]) == wanted
    assert again.sizes() == whole.sizes()
    counts = Counter(parts.counts()) + Counter(again.counts())
    assert counts["signals:histogram"] == len(points)
