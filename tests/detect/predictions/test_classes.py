import math

import pytest

from floodmark.detect.predictions.classes import class_of, is_number, number_of, positive_score


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "1.0", "true", "True", " true "])
def test_truth_is_one_class_however_it_is_written(value):
    assert class_of(value) == "1"


@pytest.mark.parametrize("value", [False, 0, 0.0, -0.0, "0", "false", "False", "0.0"])
def test_falsehood_is_one_class_however_it_is_written(value):
    assert class_of(value) == "0"


@pytest.mark.parametrize(
    ("one", "other"), [("007", 7.0), ("1e5", 1e5), ("yes", True), ("Fraud", "fraud"), (1.5, 1.0), ("", 0.0)]
)
def test_what_may_be_codes_stays_apart(one, other):
    assert class_of(one) != class_of(other)


def test_numbers_that_are_classes():
    assert class_of(2.0) == class_of("2") == class_of(2) == "2"
    assert class_of(0.5) == class_of("0.5")
    assert class_of(1e149) == repr(1e149)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_class(value):
    assert class_of(value) is None


def test_a_class_is_cut():
    assert class_of("x" * 100_000) == "x" * 128


@pytest.mark.parametrize(
    "value", [None, True, False, "", "abc", math.nan, math.inf, "nan", "inf", 1e200, "1e999", 10**400]
)
def test_what_is_no_number(value):
    assert number_of(value) is None


def test_a_string_can_spell_a_number_but_does_not_come_as_one():
    assert number_of("3.5") == 3.5
    assert not is_number("3.5")
    assert not is_number(True)
    assert is_number(3)


@pytest.mark.parametrize(
    ("scores", "name", "positive", "expected"),
    [
        ({"1": 0.9, "0": 0.1}, "1", "1", 0.9),
        ({"true": 0.9, "false": 0.1}, "1", "1", 0.9),
        ({"True": 0.9}, "1", "1", 0.9),
        ({"fraud": 0.9, "legit": 0.1}, "fraud", "fraud", 0.9),
        ({"score": 0.9}, "1", "1", 0.9),
        ({"0": 0.25}, "1", "1", 0.75),
        ({"a": 0.5, "b": 0.5}, "1", "1", None),
        ({"1": math.nan, "0": 0.1}, "1", "1", None),
        ({"1": math.inf}, "1", "1", None),
        ({}, "1", "1", None),
    ],
)
def test_score_of_the_positive_class(scores, name, positive, expected):
    assert positive_score(scores, name, positive) == expected
