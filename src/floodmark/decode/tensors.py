"""Rows of features and rows of answers from the bodies of model servers: KServe's V1, the Open Inference Protocol (V2).

A batch has a row for each of its instances. Features without a name are called by their place: `x0`, `x1`, or after
their tensor: `input_0`. An answer of one value is the prediction. A vector of numbers is scores, by the place of the
class, and the prediction is the class with the largest; its scores are kept if they are probabilities (0 to 1).
Source: KServe's "V1 protocol"; the Open Inference Protocol's REST and gRPC forms; Seldon's `data.ndarray`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.decode.decoder import EventError
from floodmark.signals import Scalar

_NAMES: Final = ("prediction", "predicted_label", "label", "class", "output", "value")
_SCORE: Final = re.compile("prob|score", re.IGNORECASE)
_SCORES: Final = ("probabilities", "scores", "probability", "score")


class Answer(NamedTuple):
    """What was answered for a row."""

    prediction: Scalar
    scores: dict[str, float | None]


def features(body: dict[str, Any], limits: Limits) -> list[dict[str, Scalar]] | None:
    """The rows of a request; None if the body is no request. Raises EventError."""
    instances = body.get("instances")
    if isinstance(instances, list):
        _few(len(instances), limits)
        return [_instance(row, limits) for row in instances]
    tensors = _tensors(body.get("inputs"))
    if tensors:
        return _columns([_tensor(each, limits) for each in tensors], limits)
    names, rows = _ndarray(body, limits)
    return None if rows is None else [dict(zip(_named(names, len(row)), row, strict=True)) for row in rows]


def answers(body: dict[str, Any], limits: Limits) -> list[Answer] | None:
    """The rows of an answer; None if the body is no answer. Raises EventError."""
    predictions = body.get("predictions")
    if isinstance(predictions, list):
        _few(len(predictions), limits)
        return [_row(each, limits) for each in predictions]
    tensors = _tensors(body.get("outputs"))
    if tensors:
        return _outputs([_tensor(each, limits) for each in tensors], limits)
    names, rows = _ndarray(body, limits)
    return None if rows is None else [_vector(row, _named(names, len(row))) for row in rows]


class _Tensor(NamedTuple):
    name: str
    rows: list[list[Scalar]]


def _tensors(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) and all(isinstance(each, dict) for each in value) else []


def _tensor(each: dict[str, Any], limits: Limits) -> _Tensor:
    data = each.get("data")
    if data is None and isinstance(each.get("contents"), dict):  # the gRPC form as JSON: fp32Contents, int64Contents, …
        data = next((values for values in each["contents"].values() if isinstance(values, list) and values), [])
        data = [_whole(value) for value in data] if "INT" in str(each.get("datatype")) else data
    flat = _flat(data if isinstance(data, list) else [data], limits.features * limits.events, limits)
    shape = each.get("shape")
    first = shape[0] if isinstance(shape, list) and shape else 1
    try:
        count = int(first)
    except (TypeError, ValueError, OverflowError):
        raise EventError("wrong_type", f"a tensor's shape cannot begin with {str(first)[:40]!r}") from None
    if count < 0 or (count and len(flat) % count) or (not count and flat):
        raise EventError("wrong_type", f"a tensor of shape {str(shape)[:60]} cannot hold {len(flat)} values")
    _few(count, limits)
    width = len(flat) // count if count else 0
    name = each.get("name")
    rows = [flat[i * width : (i + 1) * width] for i in range(count)]
    return _Tensor(name if isinstance(name, str) and name else "x", rows)


def _columns(tensors: Sequence[_Tensor], limits: Limits) -> list[dict[str, Scalar]]:
    count = _same_length(tensors)
    if sum(len(tensor.rows[0]) for tensor in tensors if tensor.rows) > limits.features:
        raise _too_many(limits)
    rows: list[dict[str, Scalar]] = [{} for _ in range(count)]
    for name, values in tensors:
        for row, cells in zip(rows, values, strict=True):
            if len(cells) == 1:
                row[name] = cells[0]
            else:
                row.update((f"{name}_{i}", cell) for i, cell in enumerate(cells))
    return rows


def _outputs(tensors: Sequence[_Tensor], limits: Limits) -> list[Answer]:
    """The first tensor that is not called a score is the prediction; one that is has the scores."""
    count = _same_length(tensors)
    scores = next((tensor for tensor in tensors if _SCORE.search(tensor.name)), None)
    first = next((tensor for tensor in tensors if tensor is not scores), None)
    if any(len(row) > limits.features for tensor in (scores, first) if tensor is not None for row in tensor.rows[:1]):
        raise _too_many(limits)
    found = []
    for i in range(count):
        answer = _vector(scores.rows[i], _named((), len(scores.rows[i]))) if scores is not None else Answer(None, {})
        if first is not None:
            told = _vector(first.rows[i], _named((), len(first.rows[i])))
            answer = Answer(told.prediction, answer.scores or told.scores)
        found.append(answer)
    return found


def _instance(row: Any, limits: Limits) -> dict[str, Scalar]:
    """An instance of V1: a list of values, an object of them, or one value."""
    if not isinstance(row, dict):
        cells = _flat(row if isinstance(row, list) else [row], limits.features, limits)
        return {f"x{i}": cell for i, cell in enumerate(cells)}
    named: dict[str, Scalar] = {}
    for name, value in row.items():
        cells = _flat(value if isinstance(value, list) else [value], limits.features, limits)
        if len(cells) == 1:
            named[name] = cells[0]
        else:
            named.update((f"{name}_{i}", cell) for i, cell in enumerate(cells))
        if len(named) > limits.features:
            raise _too_many(limits)
    return named


def _row(value: Any, limits: Limits) -> Answer:
    """An answer of V1: a value, a vector of numbers, or an object that names them."""
    if isinstance(value, dict):
        scores: Any = next((value[name] for name in _SCORES if name in value), [])
        name = next((name for name in _NAMES if name in value), None)
        if isinstance(scores, dict):
            told = Answer(None, {key: _number(each) for key, each in scores.items()})
        else:
            cells = _flat(scores if isinstance(scores, list) else [scores], limits.features, limits)
            told = _vector(cells, _named((), len(cells))) if len(cells) > 1 else Answer(None, {})
        if name is None and not told.scores:
            raise EventError("missing_field", f"a prediction names none of {', '.join(_NAMES)}")
        return told if name is None else Answer(_scalar(value[name]), told.scores)
    cells = _flat(value if isinstance(value, list) else [value], limits.features, limits)
    return _vector(cells, _named((), len(cells)))


def _vector(cells: Sequence[Scalar], names: Sequence[str]) -> Answer:
    if len(cells) == 1:
        return Answer(cells[0], {})
    numbers = [cell if isinstance(cell, float) else None for cell in cells]
    told = [(number, -i) for i, number in enumerate(numbers) if number is not None and not math.isnan(number)]
    if not told or len(told) < len(cells):
        return Answer(None, {})
    best = -max(told)[1]
    probabilities = all(0.0 <= number <= 1.0 for number, _ in told)
    return Answer(names[best], dict(zip(names, numbers, strict=True)) if probabilities else {})


def _ndarray(body: dict[str, Any], limits: Limits) -> tuple[Sequence[str], list[list[Scalar]] | None]:
    """Seldon's own protocol: names, and rows."""
    data = body.get("data")
    rows = data.get("ndarray") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(rows, list):
        return (), None
    _few(len(rows), limits)
    names = data.get("names")
    named = names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()
    return named, [_flat(row if isinstance(row, list) else [row], limits.features, limits) for row in rows]


def _named(names: Sequence[str], width: int) -> Sequence[str]:
    return names if len(names) == width else [str(i) for i in range(width)]


def _flat(values: list[Any], most: int, limits: Limits) -> list[Scalar]:
    """The values of nested lists, in order; more than `most` are refused."""
    cells: list[Scalar] = []
    waiting: list[Iterable[Any]] = [iter(values)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                waiting.append(iter(value))
                break
            cells.append(_scalar(value))
            if len(cells) > most:
                raise _too_many(limits)
        else:
            waiting.pop()
    return cells


def _scalar(value: Any) -> Scalar:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    raise EventError("wrong_type", "a feature or an answer must be a number, text, a truth value or null")


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise EventError("wrong_type", "a score must be a number") from None
    except OverflowError:
        raise EventError("infinite", "a number is too large") from None


def _whole(value: Any) -> Any:
    """Protobuf's JSON has 64-bit numbers as text."""
    return float(value) if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 21 else value


def _same_length(tensors: Sequence[_Tensor]) -> int:
    lengths = {len(tensor.rows) for tensor in tensors}
    if len(lengths) > 1:
        raise EventError("wrong_type", f"the tensors have different numbers of rows: {sorted(lengths)[:5]}")
    return lengths.pop()


def _few(rows: int, limits: Limits) -> None:
    if rows > limits.events:
        raise EventError("too_many_events", f"{rows} rows are more than limits.events ({limits.events})")


def _too_many(limits: Limits) -> EventError:
    return EventError("too_many_features", f"a row has more values than limits.features ({limits.features})")
