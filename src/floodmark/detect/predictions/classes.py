"""What predictions and labels mean: the class or number behind "1", 1, 1.0 and true. Never guesses a model's task.

Labels and predictions rarely have the same producer: the one writes true, the other "1" or 1.0. They mean one class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from floodmark.signals import Scalar

LARGEST: Final = 1e150
"""Numbers beyond this in magnitude count as not finite: their squares would be."""
LONGEST: Final = 128
"""Characters of a class or category that are looked at."""
DEFAULT_POSITIVE: Final = "1"
_TRUTHS: Final = {"true": "1", "True": "1", "TRUE": "1", "false": "0", "False": "0", "FALSE": "0"}
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?")


def class_of(value: Scalar) -> str | None:
    """The canonical name of a class: true, "true", 1, 1.0, "1" and "1.0" are all "1"; None for None and NaN.

    Strings that only look like numbers ("007", "1e5") stay what they are: they may be codes.
    """
    if isinstance(value, str):
        text = value.strip()[:LONGEST]
        known = _TRUTHS.get(text)
        if known is not None:
            return known
        return _number_name(float(text)) if _PLAIN_NUMBER.fullmatch(text) else text
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return _number_name(value)


def number_of(value: Scalar) -> float | None:
    """The finite number that a value is or spells, else None. A truth value is not a number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if -LARGEST < number < LARGEST else None


def is_number(value: Scalar) -> bool:
    """Whether it came as a number (not as a string that spells one, nor as a truth value)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def positive_score(scores: Mapping[str, float], name: str, positive: str) -> float | None:
    """The finite score of the positive class, usually called `name` there, or None if `scores` do not tell it.

    `positive` is its canonical name, for scores that write it otherwise.
    A single score that is not under another class's name ({"score": 0.93}) is the positive class's, as scikit-learn's
    `decision_function` has it; the single score of class 0 is its complement.
    """
    score = scores.get(name)
    if score is None:
        score = next((value for key, value in scores.items() if class_of(key) == positive), None)
    if score is None:
        if len(scores) != 1:
            return None
        key, score = next(iter(scores.items()))
        if positive == DEFAULT_POSITIVE and class_of(key) == "0":
            score = 1.0 - score
    return score if -LARGEST < score < LARGEST else None


def only_binary(classes: Iterable[str]) -> bool:
    """Whether no class but 0 and 1 is among them, so that "1" is the positive one without being told."""
    return all(name in {"0", "1"} for name in classes)


def _number_name(number: float) -> str | None:
    if not math.isfinite(number):
        return None
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else repr(float(number))
