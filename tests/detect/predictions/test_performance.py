import math
import random

import pytest

from floodmark.detect.predictions.join import Joined, Waiting
from floodmark.detect.predictions.performance import MOST_CLASSES, Classification, Regression


def joined(prediction, label, score=None):
    return Joined("id", Waiting(0.0, "1", prediction, score, None), label, 0.0)


def read(performance, pairs):
    for pair in pairs:
        performance.update(joined(*pair))
    return performance.read()


def test_binary_metrics_by_hand():
    pairs = [(True, True)] * 6 + [(True, False)] * 2 + [(False, True)] * 3 + [(False, False)] * 9
    values, facts = read(Classification(100, None), pairs)
    assert values == pytest.approx({"accuracy": 0.75, "precision": 0.75, "recall": 6 / 9, "f1": 12 / 17})
    assert facts["true_positives"] == 6
    assert (facts["false_positives"], facts["false_negatives"], facts["true_negatives"]) == (2, 3, 9)
    assert facts["1 predicted as 0"] == 3


def test_labels_of_another_type_are_the_same_classes():
    pairs = [(True, "1"), ("true", 1.0), (1.0, True), ("0", False), (False, 0.0)]
    values, _ = read(Classification(100, None), pairs)
    assert values["accuracy"] == values["f1"] == 1.0


def test_a_positive_class_that_is_named():
    pairs = [("fraud", "fraud"), ("fraud", "legit"), ("legit", "fraud"), ("legit", "legit")]
    values, facts = read(Classification(100, "fraud"), pairs)
    assert values == {"accuracy": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert facts["true_positives"] == 1


def test_several_classes_are_averaged():
    pairs = [("a", "a"), ("a", "a"), ("b", "b"), ("c", "b")]
    values, facts = read(Classification(100, None), pairs)
    assert values["precision"] == pytest.approx((1 + 1 + 0) / 3)
    assert values["recall"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert facts["average"] == "macro"
    assert facts["b predicted as c"] == 1


def test_the_undefined_is_not_told_as_zero():
    values, _ = read(Classification(100, None), [(False, False)] * 50)
    assert values == {"accuracy": 1.0}
    values, _ = read(Classification(100, None), [(False, True, 0.2)] * 50)
    assert values == {"accuracy": 0.0, "recall": 0.0, "f1": 0.0}


def test_auc_is_exact():
    rng = random.Random(5)
    rows = []
    for _ in range(300):
        label = rng.random() < 0.3
        rows.append((label, round(min(0.02, max(0.0, rng.gauss(0.012 if label else 0.01, 0.002))), 4)))
    values, _ = read(Classification(300, None), [(score > 0.011, label, score) for label, score in rows])
    positives = [s for y, s in rows if y]
    negatives = [s for y, s in rows if not y]
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    assert values["auc"] == pytest.approx(wins / len(positives) / len(negatives))


def test_predictions_without_a_score_do_not_enter_the_auc():
    pairs = [(True, True, 0.9), (True, True, None), (False, False, 0.2), (True, False, None)]
    assert read(Classification(100, None), pairs)[0]["auc"] == 1.0


def test_only_the_window_counts():
    values, facts = read(Classification(20, None), [(True, False)] * 100 + [(True, True)] * 20)
    assert values["accuracy"] == 1.0
    assert facts["labelled"] == 20


def test_classes_without_bound_stay_bounded_and_right():
    performance = Classification(1000, None)
    errors = [performance.update(joined(f"c{i}", f"c{i}")) for i in range(500)]
    errors += [performance.update(joined(f"c{i}", f"c{i + 1}")) for i in range(500)]
    assert errors == [0.0] * 500 + [1.0] * 500
    values, _ = performance.read()
    assert values["accuracy"] == 0.5
    assert len(performance._codes) == MOST_CLASSES


@pytest.mark.parametrize("label", [None, math.nan])
def test_a_label_that_is_none_is_not_compared(label):
    performance = Classification(100, None)
    assert performance.update(joined(True, label)) is None
    assert len(performance) == 0


def test_regression_by_hand():
    values, facts = read(Regression(100), [(1.0, 2.0), (5.0, "2"), (3, 3.0)])
    assert values == pytest.approx({"mae": 4 / 3, "rmse": math.sqrt(10 / 3)})
    assert facts["mean_error"] == pytest.approx(2 / 3)


def test_regression_forgets_one_huge_error():
    performance = Regression(20)
    values, _ = read(performance, [(1e140, 0.0)] + [(1.0, 2.0)] * 20)
    assert values == {"mae": 1.0, "rmse": 1.0}


@pytest.mark.parametrize("label", [None, math.nan, math.inf, "many", True])
def test_regression_refuses_what_is_no_number(label):
    performance = Regression(20)
    assert performance.update(joined(1.0, label)) is None
    assert performance.update(joined(label, 1.0)) is None
    assert len(performance) == 0
