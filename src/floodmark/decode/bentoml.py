"""BentoML's monitoring records to predictions: flat rows whose columns have roles.

The roles are in `bento_meta.schema` (the OTLP exporter's records) or, in what the default monitor writes, not in the
row at all: then the column called `prediction` or `pred` is the prediction, and every other is a feature. The time has
no offset; it is told by `local_times`. Source: BentoML's monitoring/default.py and monitoring/otlp.py.
"""

from __future__ import annotations

from typing import Any, Final

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError
from floodmark.decode.local_times import local_time
from floodmark.decode.native import JsonDecoder
from floodmark.decode.places import child
from floodmark.decode.tensors import Bodies
from floodmark.records import Record
from floodmark.signals import Prediction, Scalar

_META: Final = {"timestamp", "request_id", "trace_id", "span_id", "bento_meta"}
_PREDICTIONS: Final = ("prediction", "pred", "predicted")


class BentoMlDecoder(JsonDecoder[dict[str, Any]]):
    """Decodes rows of BentoML's monitors. A model that a row does not name is called after the topic."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(dict[str, Any], self._prediction, admission, limits, raw=False)
        self._bodies = Bodies(limits, admission.counts)
        self._topic = ""

    def decode(self, record: Record) -> Decoded:
        """The rows of a message."""
        self._topic = record.topic
        return super().decode(record)

    def _prediction(self, row: dict[str, Any], latest: float) -> Prediction:
        admission = self._admission
        meta = row.get("bento_meta")
        schema = child(meta, "schema")
        roles = {name: child(column, "role") for name, column in schema.items()} if isinstance(schema, dict) else {}
        predicted = next((name for name, role in roles.items() if role == "prediction" and name in row), None)
        if predicted is None:
            predicted = next((name for name in _PREDICTIONS if name in row), None)
        if predicted is None:
            words = "no column is the prediction: none has that role, and none is called prediction or pred"
            raise EventError("missing_field", words)
        columns: dict[str, Scalar] = {}
        for name, value in row.items():
            if name not in _META and roles.get(name, "feature") == "feature" and name != predicted:
                columns.update(self._bodies.cell(name, value))
        answer = self._bodies.answer(row[predicted])
        model = child(meta, "monitor_name") or child(meta, "bento_name") or self._topic
        version = child(meta, "bento_version")
        identity = row.get("request_id")
        return Prediction(
            self._when(row.get("timestamp"), latest),
            admission.named("model", str(model)),
            str(version)[: self._limits.label] if version else "",
            admission.named("request_id", str(identity) if isinstance(identity, str | int) else ""),
            admission.features(columns),
            admission.answer("prediction", answer.prediction),
            admission.scores(answer.scores),
        )

    def _when(self, stamp: object, latest: float) -> float:
        if not isinstance(stamp, str | int | float):
            raise EventError("missing_field", "timestamp is missing")
        try:
            return self._admission.time(stamp, latest)
        except EventError:
            if not isinstance(stamp, str) or not stamp[:4].isdigit():
                raise
        return self._admission.time(local_time(stamp, self._admission.kafkas), latest)
