from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.predictions.join import Joiner
from floodmark.signals import Outcome, Prediction

DAY = 86_400.0


def prediction(key, time=0.0, version="1", value=True):
    return Prediction(time, "m", version, key, {}, value)


def outcome(key, time=0.0, label=True):
    return Outcome(time, "m", key, label)


def feed(joiner, events):
    """Take predictions and outcomes as the monitor does; the pairs that were made."""
    pairs = []
    for event in events:
        if isinstance(event, Prediction):
            if joiner.knows(event.prediction_id):
                continue
            joined = joiner.predict(event, event.version, 0.5)
        else:
            joined = joiner.label(event)
        if joined is not None:
            pairs.append(joined)
    return pairs


def test_late_and_early_labels_join_the_version_that_predicted():
    joiner = Joiner(DAY, 100, Counter())
    late = feed(joiner, [prediction("a", 10.0, "7"), outcome("a", 5000.0, False)])
    early = feed(joiner, [outcome("b", 10.0), prediction("b", 20.0, "8")])
    assert [(j.prediction.version, j.label, j.delay) for j in late + early] == [
        ("7", False, 4990.0),
        ("8", True, -10.0),
    ]
    assert joiner.sizes() == (0, 0, 2)


def test_a_second_outcome_is_counted_and_ignored():
    counts = Counter()
    joiner = Joiner(DAY, 100, counts)
    pairs = feed(joiner, [prediction("a"), outcome("a", 1, True), outcome("a", 2, "true"), outcome("a", 3, False)])
    assert [j.label for j in pairs] == [True]
    assert (counts["duplicate_outcome"], counts["corrected"], counts["joined"]) == (1, 1, 1)


def test_the_first_of_two_early_outcomes_counts():
    counts = Counter()
    pairs = feed(Joiner(DAY, 100, counts), [outcome("a", 1, "x"), outcome("a", 2, "y"), prediction("a")])
    assert [j.label for j in pairs] == ["x"]
    assert counts["corrected"] == 1


def test_a_repeated_prediction_is_counted_and_ignored():
    counts = Counter()
    events = [prediction("a", value=True), prediction("a", value=False), outcome("a"), prediction("a", value=False)]
    pairs = feed(Joiner(DAY, 100, counts), events)
    assert [j.prediction.prediction for j in pairs] == [True]
    assert counts["duplicate_prediction"] == 2


def test_beyond_the_horizon_nothing_joins():
    counts = Counter()
    joiner = Joiner(100.0, 10, counts)
    assert feed(joiner, [prediction("a", 0.0), outcome("a", 101.0), outcome("b", 0.0), prediction("b", 101.0)]) == []
    assert counts["expired_outcome"] == 2
    joiner.expire(202.0)
    assert counts["expired_prediction"] == 2
    assert joiner.sizes() == (0, 0, 0)


def test_what_is_joined_is_forgotten_in_time():
    joiner = Joiner(100.0, 10, Counter())
    feed(joiner, [prediction("a", 0.0), outcome("a", 50.0)])
    joiner.expire(149.0)
    assert joiner.sizes() == (0, 0, 1)
    joiner.expire(151.0)
    assert joiner.sizes() == (0, 0, 0)


def test_the_oldest_go_when_full():
    counts = Counter()
    joiner = Joiner(DAY, 3, counts)
    assert feed(joiner, [prediction(str(i), i) for i in range(5)]) == []
    assert [j.prediction_id for j in feed(joiner, [outcome(str(i), i) for i in range(5)])] == ["2", "3", "4"]
    assert (counts["evicted_prediction"], joiner.sizes()) == (2, (0, 2, 3))
    feed(joiner, [outcome(str(i), i) for i in range(5, 15)])
    assert counts["evicted_outcome"] == 9
    assert joiner.sizes() == (0, 3, 3)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 100), st.booleans()), max_size=12),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 200), st.booleans()), max_size=12),
    st.data(),
)
def test_no_interleaving_changes_the_pairs(predictions, outcomes, data):
    """Within the bounds, only the order among predictions and among outcomes matters, not how the two interleave."""
    made = [prediction(str(key), float(t), value=value) for key, t, value in predictions]
    labelled = [outcome(str(key), float(t), value) for key, t, value in outcomes]
    order = data.draw(st.permutations([0] * len(made) + [1] * len(labelled)))
    sources = (iter(made), iter(labelled))
    mixed = [next(sources[which]) for which in order]
    one = feed(Joiner(1000.0, 100, Counter()), made + labelled)
    other = feed(Joiner(1000.0, 100, Counter()), mixed)
    assert {j.prediction_id: j for j in one} == {j.prediction_id: j for j in other}
    assert len(one) == len({key for key, _, _ in predictions} & {key for key, _, _ in outcomes})


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 1000)), max_size=200), st.integers(1, 5))
def test_never_more_than_the_bound(events, most):
    joiner = Joiner(300.0, most, Counter())
    for is_prediction, key, time in events:
        feed(joiner, [prediction(str(key), time) if is_prediction else outcome(str(key), time)])
        assert max(joiner.sizes()) <= most


def test_all_that_is_kept_fits_into_a_smaller_bound():
    counts = Counter()
    joiner = Joiner(DAY, 100, counts)
    pairs = [event for n in range(9) for event in (prediction(f"done-{n}"), outcome(f"done-{n}"))]
    feed(joiner, [*pairs, *(prediction(f"p-{n}") for n in range(8)), *(outcome(f"o-{n}") for n in range(7))])
    assert joiner.sizes() == (8, 7, 9)
    joiner.resize(DAY, 2)
    assert joiner.sizes() == (2, 2, 2)
    assert (counts["evicted_prediction"], counts["evicted_outcome"]) == (6, 5)
    assert [joiner.knows(f"p-{n}") for n in (5, 6, 7)] == [False, True, True]  # the oldest went
