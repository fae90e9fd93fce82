"""Rows of features and rows of answers from the bodies of model servers: KServe's V1, the Open Inference Protocol (V2).

A batch has a row for each of its instances, and an odd one costs no other. Features without a name are called by their
place: `x0`, `x1`, or after their tensor: `input_0`; what is no plain value (an image, an object) is left out, and
counted. An answer of one value is the prediction. A vector of probabilities (0 to 1, together 1) is scores, by the
place of the class, and the prediction is the class with the largest; so is one that is called scores. Any other vector
is the targets of a regression, or numbers of several labels: of it no one value is the prediction. Source: KServe's
"V1 protocol"; the Open Inference Protocol's REST and gRPC forms; Seldon's `data.ndarray`.
"""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.decode import tensor_bytes
from floodmark.decode.decoder import EventError
from floodmark.signals import Scalar

_NAMES: Final = ("prediction", "predicted_label", "label", "class", "output", "value")
_SCORE: Final = re.compile("prob|score", re.IGNORECASE)
_SCORES: Final = ("probabilities", "scores", "probability", "score")
_NEAR_ONE: Final = 0.02
"""How far the sum of probabilities may be from one: some round them to two digits."""
_NONE: Final[Mapping[str, float | None]] = {}


class Answer(NamedTuple):
    """What was answered for a row."""

    prediction: Scalar
    scores: Mapping[str, float | None]


_UNREAD: Final = Answer(None, _NONE)


class Bodies:
    """Reads bodies within the limits. Counts: features_dropped (no plain value, too long, or more of them than
    limits.features), features_not_finite, tensors_dropped (of another length or shape), several_targets, answers_unread
    (rows whose answer is not understood)."""

    def __init__(self, limits: Limits, counts: Counter[str]) -> None:
        self._limits = limits
        self._counts = counts

    def features(self, body: Mapping[str, Any]) -> list[dict[str, Scalar]] | None:
        """The rows of a request; None if the body is no request. Raises EventError."""
        instances = body.get("instances")
        if isinstance(instances, list):
            self._few(len(instances))
            return [self._instance(row) for row in instances]
        if tensors := _objects(body.get("inputs")):
            return self._columns(self._tensors(tensors))
        names, rows = self._ndarray(body)
        return None if rows is None else [self._named(zip(_names(names, len(row)), row, strict=True)) for row in rows]

    def answers(self, body: Mapping[str, Any]) -> list[Answer] | None:
        """The rows of an answer; None if the body is no answer. Raises EventError."""
        predictions = body.get("predictions")
        if isinstance(predictions, list):
            self._few(len(predictions))
            return self._read([self._row(each) for each in predictions])
        if tensors := _objects(body.get("outputs")):
            return self._outputs(self._tensors(tensors))
        names, rows = self._ndarray(body)
        return None if rows is None else self._read([self._vector(row, _names(names, len(row))) for row in rows])

    def answer(self, value: Any) -> Answer:
        """An answer by itself: a value, a vector, or an object that names them."""
        return self._read([self._row(value)])[0]

    def cell(self, name: str, value: Any) -> dict[str, Scalar]:
        """A feature as a row of one, or of several if it is a list; of none if it is left out."""
        return self._instance({name: value})

    def _read(self, rows: list[Answer | None]) -> list[Answer]:
        """Raises EventError if no row is understood."""
        unread = rows.count(None)
        if rows and unread == len(rows):
            words = f"no answer is a value, a vector of numbers or an object with one of {', '.join(_NAMES)}"
            raise EventError("missing_field", words)
        self._counts["answers_unread"] += unread
        return [row or _UNREAD for row in rows]

    def _tensors(self, tensors: Sequence[dict[str, Any]]) -> list[_Tensor]:
        """Those that can be read and have as many rows as most. Raises EventError if none can."""
        found: list[_Tensor] = []
        first: EventError | None = None
        for each in tensors:
            try:
                found.append(self._tensor(each))
            except EventError as error:
                if error.error == "too_many_events":
                    raise
                first = first or error
        if not found and first is not None:
            raise first
        usual, _ = Counter(len(tensor.rows) for tensor in found).most_common(1)[0]
        kept = [tensor for tensor in found if len(tensor.rows) == usual]
        self._counts["tensors_dropped"] += len(tensors) - len(kept)
        return kept

    def _tensor(self, each: Mapping[str, Any]) -> _Tensor:
        datatype = each.get("datatype")
        data = each.get("data")
        if isinstance(data, bytes):
            data = tensor_bytes.cells(data, datatype)
        elif data is None and isinstance(each.get("contents"), dict):  # gRPC's form as JSON: fp32Contents, …
            data = next((values for values in each["contents"].values() if isinstance(values, list) and values), [])
            data = [_of_json(value, str(datatype)) for value in data]
        flat = _flat(data if isinstance(data, list) else [data])
        shape = each.get("shape")
        first = shape[0] if isinstance(shape, list) and shape else 1
        try:
            count = int(first)
        except (TypeError, ValueError, OverflowError):
            raise EventError("wrong_type", f"a tensor's shape cannot begin with {str(first)[:40]!r}") from None
        if count < 0 or (count and len(flat) % count) or (not count and flat):
            raise EventError("wrong_type", f"a tensor of shape {str(shape)[:60]} cannot hold {len(flat)} values")
        self._few(count)
        width = len(flat) // count if count else 0
        name = each.get("name")
        rows = [flat[i * width : (i + 1) * width] for i in range(count)]
        return _Tensor(name if isinstance(name, str) and name else "x", rows)

    def _columns(self, tensors: Sequence[_Tensor]) -> list[dict[str, Scalar]]:
        rows: list[dict[str, Any]] = [{} for _ in tensors[0].rows]
        for name, values in tensors:
            for row, cells in zip(rows, values, strict=True):
                row[name] = cells if len(cells) != 1 else cells[0]
        return [self._instance(row) for row in rows]

    def _outputs(self, tensors: Sequence[_Tensor]) -> list[Answer]:
        """The first tensor that is not called a score is the prediction; one that is has the scores."""
        scores = next((tensor for tensor in tensors if _SCORE.search(tensor.name)), None)
        first = next((tensor for tensor in tensors if tensor is not scores), None)
        found: list[Answer | None] = []
        for i in range(len(tensors[0].rows)):
            answer: Answer | None = _UNREAD
            if scores is not None:
                answer = self._vector(scores.rows[i], called=True)
            if first is not None:
                told = self._vector(first.rows[i])
                answer = None if told is None else Answer(told.prediction, (answer or _UNREAD).scores or told.scores)
            found.append(answer)
        return self._read(found)

    def _instance(self, row: Any) -> dict[str, Scalar]:
        """An instance of V1: a list of values, an object of them, or one value."""
        if not isinstance(row, dict):
            cells = _flat(row if isinstance(row, list) else [row])
            return self._named((f"x{i}", cell) for i, cell in enumerate(cells))
        if row.keys() == {"b64"}:  # one value, as bytes
            self._counts["features_dropped"] += 1
            return {}
        named: dict[str, Scalar] = {}
        for name, value in row.items():
            cells = _flat(value) if isinstance(value, list) else [value]
            if len(named) + len(cells) > self._limits.features:
                self._counts["features_dropped"] += 1
            elif isinstance(value, list) and len(cells) != 1:
                named.update(self._named((f"{name}_{i}", cell) for i, cell in enumerate(cells)))
            else:
                named.update(self._named([(name, cells[0])]))
        return named

    def _named(self, cells: Iterable[tuple[str, Any]]) -> dict[str, Scalar]:
        """The features that can be used."""
        limit = self._limits.label
        kept: dict[str, Scalar] = {}
        for name, value in cells:
            if len(kept) >= self._limits.features or len(name) > limit:
                self._counts["features_dropped"] += 1
            elif value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= limit):
                kept[name] = value
            elif isinstance(value, int | float):
                kept[name] = _finite(value)
                self._counts["features_not_finite"] += kept[name] is None
            else:
                self._counts["features_dropped"] += 1
        return kept

    def _row(self, value: Any) -> Answer | None:
        """An answer of V1: a value, a vector of numbers, or an object that names them; None if it is not understood."""
        if not isinstance(value, dict):
            return self._vector(_flat(value if isinstance(value, list) else [value]))
        scores: Any = next((value[name] for name in _SCORES if name in value), [])
        name = next((name for name in _NAMES if name in value), None)
        if isinstance(scores, dict):
            numbers = {key: _score(each) for key, each in scores.items()}
            told: Answer | None = Answer(None, numbers if len(numbers) <= self._limits.features else _NONE)
        else:
            cells = _flat(scores if isinstance(scores, list) else [scores])
            told = self._vector(cells, called=True) if len(cells) > 1 else _UNREAD
        kept = told.scores if told is not None else _NONE
        if name is None:
            return told if told is not None and (kept or told.prediction is not None) else None
        alone = self._row(value[name]) if not isinstance(value[name], dict) else None
        return Answer(alone.prediction, kept or alone.scores) if alone is not None else None

    def _vector(self, cells: Sequence[Any], names: Sequence[str] = (), *, called: bool = False) -> Answer | None:
        """`called`: they are called scores. None if they are no answer."""
        limit = self._limits
        if len(cells) == 1:
            [cell] = cells
            if isinstance(cell, str):
                return Answer(cell, _NONE) if len(cell) <= limit.label else None
            if isinstance(cell, dict | list):
                return None
            return Answer(cell if cell is None or isinstance(cell, bool) else _finite(cell), _NONE)
        numbers = [_score(cell) for cell in cells]
        told = [(number, -i) for i, number in enumerate(numbers) if number is not None and not math.isnan(number)]
        if not told or len(told) < len(cells):
            return None if any(isinstance(cell, dict) for cell in cells) else _UNREAD
        probabilities = all(0.0 <= number <= 1.0 for number, _ in told)
        if not called and not (probabilities and abs(math.fsum(numbers) - 1.0) <= _NEAR_ONE):  # type: ignore[arg-type]
            self._counts["several_targets"] += 1
            return _UNREAD
        best = -max(told)[1]
        classes = _names(names, len(cells))
        kept = probabilities and len(cells) <= limit.features
        return Answer(classes[best], dict(zip(classes, numbers, strict=True)) if kept else _NONE)

    def _ndarray(self, body: Mapping[str, Any]) -> tuple[Sequence[str], list[list[Any]] | None]:
        """Seldon's own protocol: names, and rows; or its tensor, of a shape and values."""
        data = body.get("data")
        rows = data.get("ndarray") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(rows, list):
            return (), None
        self._few(len(rows))
        names = data.get("names")
        named = names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()
        return named, [_flat(row if isinstance(row, list) else [row]) for row in rows]

    def _few(self, rows: int) -> None:
        if rows > self._limits.events:
            raise EventError("too_many_events", f"{rows} rows are more than limits.events ({self._limits.events})")


class _Tensor(NamedTuple):
    name: str
    rows: list[list[Any]]


def _objects(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) and all(isinstance(each, dict) for each in value) else []


def _names(names: Sequence[str], width: int) -> Sequence[str]:
    return names if len(names) == width else [str(i) for i in range(width)]


def _flat(values: list[Any]) -> list[Any]:
    """The values of nested lists, in order."""
    cells: list[Any] = []
    waiting: list[Iterable[Any]] = [iter(values)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                waiting.append(iter(value))
                break
            cells.append(value)
        else:
            waiting.pop()
    return cells


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _score(value: Any) -> float | None:
    """A number of a vector; None if it is none, or not finite."""
    return _finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of_json(value: Any, datatype: str) -> Any:
    """Protobuf's JSON has 64-bit numbers as text, and text as Base64."""
    if not isinstance(value, str):
        return value
    if "INT" in datatype:
        return float(value) if value.lstrip("-").isdecimal() and len(value) < 21 else value
    if datatype == "BYTES":
        try:
            return base64.b64decode(value, validate=True).decode()
        except ValueError:
            return value
    return value
