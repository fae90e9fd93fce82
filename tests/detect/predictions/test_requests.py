from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits
from floodmark.detect.predictions import ModelMonitors
from floodmark.detect.predictions.requests import PATIENCE, Requests
from floodmark.signals import Inference, Prediction


def asked(identity="r", rows=1, time=0.0):
    return Inference(time, "m", "", identity, False, [{"a": float(row)} for row in range(rows)])


def told(identity="r", rows=1, time=1.0, version="2"):
    return Inference(time, "m", version, identity, True, [], [float(row) for row in range(rows)])


def test_halves_are_joined_in_either_order():
    expected = [Prediction(1.0, "m", "2", "r", {"a": 0.0}, 0.0)]
    for first, second in ((asked(), told()), (told(), asked())):
        counts = Counter()
        requests = Requests(10, counts)
        assert requests.take(first) == []
        assert requests.take(second) == expected
        assert (len(requests), counts) == (0, Counter())


def test_a_row_of_a_batch_has_its_place_in_its_id():
    requests = Requests(10, Counter())
    requests.take(asked(rows=3))
    assert [(p.prediction_id, p.features) for p in requests.take(told(rows=3))] == [
        ("r/0", {"a": 0.0}),
        ("r/1", {"a": 1.0}),
        ("r/2", {"a": 2.0}),
    ]


def test_halves_that_do_not_fit_and_halves_that_come_twice():
    counts = Counter()
    requests = Requests(10, counts)
    requests.take(asked(rows=2))
    requests.take(asked(rows=2))
    assert [p.features for p in requests.take(told(rows=3))] == [{}, {}, {}]
    assert counts == {"duplicate_half": 1, "rows_differ": 1}


def test_an_answer_alone_is_a_prediction_without_features():
    counts = Counter()
    requests = Requests(10, counts)
    requests.take(asked("a", time=0.0))
    requests.take(told("b", time=1.0))
    assert requests.expire(PATIENCE) == []
    assert [p.prediction_id for p in requests.expire(PATIENCE + 2)] == ["b"]
    assert counts == {"unanswered_request": 1, "unasked_answer": 1}
    assert len(requests) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(1, 4)), max_size=60))
def test_rows_are_bounded_and_no_answer_is_lost(halves):
    counts = Counter()
    requests = Requests(6, counts)
    made = 0
    for identity, answered, rows in halves:
        made += len(requests.take(told(str(identity), rows) if answered else asked(str(identity), rows)))
        waiting = requests.state().values()
        assert sum(max(1, len(half.features), len(half.predictions)) for half in waiting) <= 6
    made += len(requests.expire(1e9))
    doubled = counts["duplicate_half"]
    answers = sum(rows for _, answered, rows in halves if answered)
    assert answers - 4 * doubled <= made <= answers


def test_monitors_count_answers_when_they_come_and_watch_them_when_they_are_whole():
    monitors = ModelMonitors([], Limits(), Detect())
    for n in range(300):
        monitors.observe(told(f"r{n}", time=n * 1.0))
        monitors.observe(asked(f"r{n}", time=n * 1.0))
    assert monitors.sizes()["pending_predictions"] == 300
    assert monitors.sizes()["features"] == 1
    samples = monitors.advance(300.0)
    counted = [sample.value for sample in samples if sample.series.name == "model_predictions"]
    assert counted
    assert "late_prediction" not in monitors.counts()
