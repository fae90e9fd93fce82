import math
import random
from collections import Counter

import pytest

from floodmark.detect.predictions import tests_of_change
from floodmark.detect.predictions.feature import Manner, Watch
from floodmark.detect.predictions.quality import MOST_CATEGORIES, SURPRISING, Novelty, Schema


def changes(values, counts=None, *, reference=500):
    watch = Watch(
        Manner("feature x", "feature_drift", reference, 10.0, 20, True), Counter() if counts is None else counts
    )
    return [(i, change) for i, value in enumerate(values) for change in watch.update(value, float(i))]


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf])
def test_missing_values_are_found_once_and_nothing_is_poisoned(gap):
    rng = random.Random(2)
    values = [gap if i >= 1000 and rng.random() < 0.2 else rng.gauss(0, 1) for i in range(4000)]
    counts = Counter()
    found = changes(values, counts)
    assert [change.head for _, change in found] == ["missing_values"]
    at, change = found[0]
    assert at < 1500
    assert change.observed == pytest.approx(0.2, abs=0.08)
    assert change.expected == 0.0
    assert change.p_value < 1e-6
    assert "is missing from" in change.words
    assert change.points
    assert (counts["feature_not_finite"] > 0) == (gap is not None)
    # the stream goes on, and a drift is still seen
    again = changes([*values, *(rng.gauss(3, 1) for _ in range(2000))])
    assert [change.head for _, change in again] == ["missing_values", "feature_drift"]


def test_gaps_that_were_always_there_are_normal():
    rng = random.Random(2)
    assert changes([None if rng.random() < 0.5 else 1.0 for _ in range(6000)]) == []


def test_bursts_of_gaps_in_the_reference_are_normal_too():
    assert changes([None if i % 200 < 40 else float(i % 7) for i in range(8000)]) == []


def test_a_new_category_is_told_once_it_comes_again():
    rng = random.Random(4)
    values = [rng.choice("abcd") for _ in range(2000)]
    for i in range(1000, 2000, 15):
        values[i] = "zz"
    found = [c for c in changes(values) if c[1].head == "new_category"]
    assert len(found) == 1
    at, change = found[0]
    assert 1000 < at < 1100
    assert change.facts["value"] == "zz"
    assert change.p_value <= 1e-4
    assert "“zz”" in change.words


def test_one_stray_category_is_nothing_to_tell():
    rng = random.Random(4)
    values = [rng.choice("abcd") for _ in range(2000)]
    values[1500] = "typo"
    assert changes(values) == []


def test_a_stray_category_after_a_long_life_is():
    novelty = Novelty(["a", "b"] * 500)
    assert [novelty.update("ab"[i % 2]) for i in range(40_000)] == [None] * 40_000
    assert novelty.update("c") == pytest.approx(3 / 41_000)
    assert novelty.update("c") is None


def test_too_many_categories_are_ids():
    novelty = Novelty([f"u{i}" for i in range(50)] * 20)
    assert novelty.watched
    told = [novelty.update(f"v{i}") for i in range(1000)]
    assert not novelty.watched
    assert sum(p is not None for p in told) == 0
    assert len(novelty) == 0
    assert not Novelty([f"u{i}" for i in range(MOST_CATEGORIES)]).watched
    assert not Novelty([f"u{i % 90}" for i in range(100)]).watched


class Plain:
    """The rule of `Novelty` as one would write it down: each coming adds up the tail anew."""

    def __init__(self, values):
        self.seen, self.fresh, self.n = Counter(), {}, 0
        for value in values:
            self.update(value)
        self.fresh = {}

    def update(self, value):
        times = self.seen[value]
        if not times:
            once = sum(count == 1 for count in self.seen.values())
            self.fresh[value] = (max(once, 3.0) / self.n if self.n else 1.0, self.n)
            if len(self.fresh) > 20:
                del self.fresh[next(iter(self.fresh))]
        self.n += 1
        self.seen[value] += 1
        if value not in self.fresh:
            return None
        p_new, begun = self.fresh[value]
        mean = p_new * (self.n - 1 - begun)
        below = math.fsum(math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(times) if mean > 0.0)
        p = p_new * (1.0 - below if mean > 0.0 else float(times == 0))
        if p > SURPRISING:
            return None
        del self.fresh[value]
        return p


@pytest.mark.parametrize("seed", range(6))
def test_newness_is_told_when_and_as_the_plain_rule_tells_it(seed):
    rng = random.Random(seed)
    reference = rng.choices("abcdefgh", weights=[40, 20, 10, 5, 3, 2, 1, 1], k=rng.choice([60, 300, 1000]))
    comings = {f"new-{i}": rng.choice([0.0005, 0.002, 0.004, 0.02]) for i in range(6)}
    slow, quick = Plain(reference), Novelty(reference)
    told = 0
    for at in range(12_000):
        value = rng.choices("abcdefgh", weights=[40, 20, 10, 5, 3, 2, 1, 1])[0]
        for name, rate in comings.items():
            if at > 200 and rng.random() < rate:
                value = name
        expected, found = slow.update(value), quick.update(value)
        assert (found is None) == (expected is None)
        if expected is not None:
            assert found == pytest.approx(expected, rel=1e-6)
            told += 1
    assert told
    assert max(slow.seen[name] for name in comings) > 100


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_value_costs_the_same_however_many_came_before(monkeypatch, size):
    terms = 0

    def counted(x):
        nonlocal terms
        terms += 1
        return math.lgamma(x)

    class Counted:
        exp, log, sqrt, lgamma = math.exp, math.log, math.sqrt, staticmethod(counted)

    monkeypatch.setattr(tests_of_change, "math", Counted)
    novelty = Novelty(["a", "b"] * (size // 2))
    assert terms == 0
    novelty = Novelty(["a", "b"] * 50)
    most = 0
    for i in range(size):  # "c" is never rare enough to be told, so that it stays in question
        before = terms
        assert novelty.update("c" if i % 100 == 0 else "a") is None
        most = max(most, terms - before)
    assert 0 < most <= 100


def test_ids_are_counted_and_not_watched():
    counts = Counter()
    assert changes([f"id-{i}" for i in range(3000)], counts) == []
    assert counts["feature_identifier"] == 1


@pytest.mark.parametrize(
    ("before", "then", "words"),
    [
        (1.5, "1.5", "always a number and is now a string"),
        ("a", 2.0, "always a string"),
        (True, 1.0, "always a boolean"),
    ],
)
def test_a_change_of_type(before, then, words):
    counts = Counter()
    found = changes([before] * 600 + [then] * 400, counts)
    assert [(i, change.head) for i, change in found] == [(602, "schema_change")]
    assert words in found[0][1].words
    assert found[0][1].p_value < 1e-6
    assert counts["feature_type_mismatch"] == 400


def test_one_stray_type_is_counted_only():
    counts = Counter()
    assert changes([1.0] * 600 + ["oops", 1.0] * 100, counts) == []
    assert counts["feature_type_mismatch"] == 100


def test_a_type_that_comes_back_can_change_again():
    schema = Schema("number", 1000)
    kinds = ["string"] * 5 + ["number"] * 5 + ["string"] * 5
    assert [i for i, kind in enumerate(kinds) if schema.update(kind) is not None] == [2, 12]
