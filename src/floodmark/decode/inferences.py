"""What KServe, Seldon Core 2 and MLServer log of requests and answers, as halves of predictions.

They differ in where they say which request, model and version it is: in the attributes of a CloudEvent (headers or
body), in Kafka's headers, key and topic, or in the body of the Open Inference Protocol. Halves are joined where models
are watched, so a request and its answer may be on two topics. Source: KServe's pkg/logger; Seldon Core 2's Kafka
topics; MLServer's mlserver/kafka.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.native import JsonDecoder
from floodmark.decode.tensor_bytes import give, split
from floodmark.decode.tensors import Bodies
from floodmark.records import Record, changed
from floodmark.signals import Inference

Server = Literal["kserve", "mlserver", "seldon"]
_TOPIC = re.compile(r".+?\.(?:model|pipeline)\.(.+)\.(inputs|outputs)")
"""Of Seldon: PREFIX.NAMESPACE.model.NAME.outputs."""


class InferenceDecoder:
    """Decodes what a model server logs. A message whose event is of another type (outlier, feedback) is counted."""

    def __init__(self, server: Server, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._admission = Admission(limits)
        self._bodies = Bodies(limits, self._admission.counts)
        self._json: JsonDecoder[dict[str, Any]] = JsonDecoder(
            dict[str, Any], self._half, self._admission, limits, raw=False
        )
        self._record: Record | None = None
        self._said: dict[str, str] = {}
        self._blob = b""

    def counts(self) -> Mapping[str, int]:
        """Repairs so far (see `Admission` and `Bodies`), and other_event."""
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """The half, or the halves of an array."""
        self._record = record
        self._said = {
            name.lower().replace("-", "_"): value.decode(errors="replace") for name, value in record.headers if value
        }
        kind = self._said.get("ce_type", "")
        if kind and not kind.endswith((".request", ".response")):
            self._admission.counts["other_event"] += 1
            return Decoded([], [])
        value = record.value or b""
        text, self._blob = split(value) if len(value) <= self._limits.message else (value, b"")
        if not self._blob:
            return self._json.decode(record)
        found = self._json.decode(changed(record, value=text))
        return Decoded(found.signals, [Refused(each.index, each.error, each.message, value) for each in found.refused])

    def _half(self, event: dict[str, Any], latest: float) -> Inference:
        said, body = self._said, event
        if "specversion" in event:
            said = {f"ce_{name}": value for name, value in event.items() if isinstance(value, str)}
            body = self._data(event)
        if not isinstance(body, dict):
            raise EventError("wrong_type", "the data of the event must be an object")
        topic = _TOPIC.fullmatch(self._record.topic) if self._record is not None else None
        kind = said.get("ce_type", "").rpartition(".")[2]
        half = kind or {"inputs": "request", "outputs": "response"}.get(topic[2] if topic else "", "")
        give(body, self._blob)
        rows = self._bodies.features(body) if half != "response" else None
        told = self._bodies.answers(body) if rows is None and half != "request" else None
        if rows is None and told is None:
            raise EventError("missing_field", f"there are neither inputs nor outputs of a model{_in_a(half)}")
        stamp = said.get("ce_time")
        admission = self._admission
        return Inference(
            admission.time(stamp, latest) if stamp else admission.arrival(),
            admission.named("model", self._model(said, body, topic)),
            self._version(said, body),
            admission.named("id", self._id(said, body)),
            told is not None,
            rows or [],
            [admission.answer("prediction", each.prediction) for each in told or ()],
            [admission.scores(each.scores) for each in told] if told and any(each.scores for each in told) else [],
        )

    def _data(self, event: dict[str, Any]) -> Any:
        """The body of an event in structured mode: an object, or one as text or in Base64. Raises EventError."""
        data = event.get("data")
        if isinstance(data, dict):
            return data
        encoded = event.get("data_base64")
        try:
            if isinstance(encoded, str):
                text = base64.b64decode(encoded, validate=True)
            elif isinstance(data, str):
                text = data.encode(errors="replace")
            else:
                return data
            head, self._blob = split(text)
            return json.loads(head)
        except (ValueError, RecursionError) as error:
            raise EventError("wrong_type", f"the data of the event cannot be read: {str(error)[:200]}") from None

    def _id(self, said: Mapping[str, str], body: Mapping[str, Any]) -> str:
        """Of Seldon and MLServer the key comes first: it is what a request and its answer have in common."""
        key = self._record.key if self._record is not None and self._server != "kserve" else None
        if key:
            return key.decode(errors="replace")
        return said.get("x_request_id") or said.get("ce_requestid") or said.get("ce_id") or _first(body, "id")

    def _version(self, said: Mapping[str, str], body: Mapping[str, Any]) -> str:
        version = _first(body, "model_version", "modelVersion") or said.get("mlserver_version")
        return (version or said.get("ce_endpoint", ""))[: self._limits.label]

    def _model(self, said: Mapping[str, str], body: Mapping[str, Any], topic: re.Match[str] | None) -> str:
        if self._server == "seldon" and topic is not None:
            return topic[1]
        named = said.get("ce_inferenceservicename") or said.get("mlserver_model") or said.get("ce_modelid")
        return named or _first(body, "model_name", "modelName")


def _first(body: Mapping[str, Any], *names: str) -> str:
    """The first of these names that the body has, as text."""
    for name in names:
        value = body.get(name)
        if value not in (None, "") and isinstance(value, str | int | float):
            return str(value)[:200]
    return ""


def _in_a(half: str) -> str:
    return f" in this {half}" if half else ""
