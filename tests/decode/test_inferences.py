import base64
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON, error, one

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.records import Record
from floodmark.signals import Inference

KIND = "org.kubeflow.serving.inference."
ATTRIBUTES = {
    "specversion": "1.0",
    "source": "http://localhost:9081/",
    "id": "0009174a",
    "time": "2026-01-31T12:00:00.250000000Z",
    "inferenceservicename": "iris",
    "namespace": "default",
    "endpoint": "canary",
}


def structured(half, data):
    return ATTRIBUTES | {"type": KIND + half, "datacontenttype": "application/json", "data": data}


def headers(half, **more):
    return tuple((f"ce_{name}", value.encode()) for name, value in (ATTRIBUTES | {"type": KIND + half} | more).items())


ASKED = {"instances": [[6.8, 2.8], [6.0, 3.4]]}
TOLD = {"predictions": [1, 2]}
REQUEST = Inference(NOON + 0.25, "iris", "canary", "0009174a", False, [{"x0": 6.8, "x1": 2.8}, {"x0": 6.0, "x1": 3.4}])
ANSWER = Inference(NOON + 0.25, "iris", "canary", "0009174a", True, [], [1.0, 2.0])


def test_kserve_structured_and_binary_are_the_same():
    for half, body, expected in (("request", ASKED, REQUEST), ("response", TOLD, ANSWER)):
        assert one("kserve", structured(half, body), "prediction") == expected
        assert one("kserve", body, "prediction", headers=headers(half)) == expected
        dashed = tuple((name.replace("_", "-").title(), value) for name, value in headers(half))
        assert one("kserve", body, "prediction", headers=dashed) == expected


def test_kserves_key_is_not_the_request():
    assert one("kserve", structured("request", ASKED), "prediction", key=b"iris").request_id == "0009174a"


def test_other_events_are_counted():
    d = decoder("prediction", "kserve", Limits())
    record = Record("t", 0, 0, ARRIVAL, None, b"{}", (("ce_type", b"org.kubeflow.serving.inference.outlier"),))
    assert d.decode(record) == ([], [])
    assert d.counts() == {"other_event": 1}


OUTPUTS = {"modelName": "cifar10_1", "modelVersion": "3", "outputs": []}


def tensor(name, shape, datatype="FP32", **more):
    return {"name": name, "shape": shape, "datatype": datatype} | more


def test_seldon_is_keyed_by_request_and_its_topic_names_the_model():
    value = OUTPUTS | {"outputs": [tensor("fc", ["1", "3"], contents={"fp32Contents": [0.1, 0.2, 0.7]})]}
    record = Record("seldon.default.model.cifar10.outputs", 0, 0, ARRIVAL, b"cife1", json.dumps(value).encode())
    decoded = decoder("prediction", "seldon", Limits()).decode(record)
    scores = {"0": 0.1, "1": 0.2, "2": 0.7}
    assert decoded == ([Inference(ARRIVAL / 1000, "cifar10", "3", "cife1", True, [], ["2"], [scores])], [])


def test_seldons_whole_numbers_are_text_and_halves_are_told_by_the_topic():
    value = {"inputs": [tensor("age", ["2", "1"], "INT64", contents={"int64Contents": ["53", "41"]})], "outputs": []}
    record = Record("seldon.ns.pipeline.income.inputs", 0, 0, ARRIVAL, b"k", json.dumps(value).encode())
    half = decoder("prediction", "seldon", Limits()).decode(record).signals[0]
    assert (half.model, half.answered, half.features) == ("income", False, [{"age": 53.0}, {"age": 41.0}])


def test_mlserver_has_the_model_in_its_headers_and_the_key_before_the_id():
    value = {"id": "body", "inputs": [tensor("predict", [1, 4], data=[1, 2, 3, 4])]}
    said = (("mlserver-model", b"mnist"), ("mlserver-version", b"v0.1"))
    half = one("mlserver", value, "prediction", headers=said, key=b"key")
    assert (half.model, half.version, half.request_id) == ("mnist", "v0.1", "key")
    assert half.features == [{"predict_0": 1.0, "predict_1": 2.0, "predict_2": 3.0, "predict_3": 4.0}]
    assert one("mlserver", value, "prediction", headers=said).request_id == "body"


def test_columns_rows_and_names():
    value = {
        "model_name": "m",
        "inputs": [tensor("a", [2], data=[1, None]), tensor("b", [2, 2], data=[[1, 2], [3, 4]])],
    }
    assert one("mlserver", value, "prediction", key=b"k").features == [
        {"a": 1.0, "b_0": 1.0, "b_1": 2.0},
        {"a": None, "b_0": 3.0, "b_1": 4.0},
    ]
    named = {"instances": [{"amount": 1, "country": "NL", "v": [1, 2]}, {"amount": True}]}
    half = one("kserve", named, "prediction", headers=headers("request"))
    assert half.features == [{"amount": 1.0, "country": "NL", "v_0": 1.0, "v_1": 2.0}, {"amount": True}]


@pytest.mark.parametrize(
    ("body", "predictions", "scores"),
    [
        ({"predictions": ["a", "b"]}, ["a", "b"], []),
        ({"predictions": [[0.9, 0.1]]}, ["0"], [{"0": 0.9, "1": 0.1}]),
        ({"predictions": [[4.5, -1.0]]}, [None], []),  # no probabilities: two targets, or what becomes scores later
        ({"predictions": [[0.9, 0.8], [0.7, 0.3]]}, [None, "0"], [{}, {"0": 0.7, "1": 0.3}]),
        ({"predictions": [[0.333, 0.333, 0.333]]}, ["0"], [{"0": 0.333, "1": 0.333, "2": 0.333}]),
        ({"outputs": [tensor("y", [1, 2], data=[10.5, 3.2])]}, [None], []),
        ({"data": {"ndarray": [[10.5, 3.2]]}}, [None], []),
        ({"predictions": [{"scores": [4.5, -1.0]}]}, ["0"], []),  # called scores
        ({"predictions": [{"what": 1}, 2]}, [None, 2.0], []),
        ({"predictions": [[{"a": 1}, 2], 3]}, [None, 3.0], []),
        ({"predictions": [{"prediction": [0.2, 0.8]}]}, ["1"], [{"0": 0.2, "1": 0.8}]),
        ({"predictions": ["x" * 2000, "y"]}, [None, "y"], []),
        ({"outputs": [tensor("label", [1], "BYTES", data=["cat"])]}, ["cat"], []),
        ({"predictions": [[7.5]]}, [7.5], []),
        ({"predictions": [{"label": "x", "scores": {"x": 0.8}}]}, ["x"], [{"x": 0.8}]),
        ({"predictions": [{"probabilities": [0.2, 0.8]}]}, ["1"], [{"0": 0.2, "1": 0.8}]),
        (
            {
                "outputs": [
                    tensor("predict", [2, 1], data=[0, 1]),
                    tensor("predict_proba", [2, 2], data=[1, 0, 0.5, 0.5]),
                ]
            },
            [0.0, 1.0],
            [{"0": 1.0, "1": 0.0}, {"0": 0.5, "1": 0.5}],
        ),
        ({"data": {"names": ["t:0", "t:1"], "ndarray": [[0.85, 0.15]]}}, ["t:0"], [{"t:0": 0.85, "t:1": 0.15}]),
    ],
)
def test_answers(body, predictions, scores):
    half = one("kserve", body, "prediction", headers=headers("response"))
    assert (half.predictions, half.scores) == (predictions, scores)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "missing_field"),
        ({"predictions": [{"what": 1}]}, "missing_field"),
        ({"instances": [1] * 30}, "too_many_events"),
        ({"inputs": [tensor("a", [2], data=[1, 2, 3])]}, "wrong_type"),
        ({"inputs": [tensor("a", ["x"], data=[1])]}, "wrong_type"),
        ({"inputs": [tensor("a", [2], "FP16", data=[1, 2, 3])]}, "wrong_type"),
    ],
)
def test_refusals(body, expected):
    half = "response" if "predictions" in body else "request"
    assert error("kserve", body, "prediction", headers=headers(half), features=20, events=20) == expected


BLOB = np.array([1, 2], "<f2").tobytes() + b"\x02\0\0\0NL\x01\0\0\0x"
BINARY = {
    "inputs": [
        tensor("a", [2, 1], "FP16", parameters={"binary_data_size": 4}),
        tensor("b", [2], "BYTES", parameters={"binary_data_size": 11}),
    ]
}
RAW = {
    "inputs": [tensor("a", [2, 1], "BF16"), tensor("b", [2], "BYTES")],
    "rawInputContents": [
        base64.b64encode((np.array([1, 2], "<f4").view("<u4") >> 16).astype("<u2").tobytes()).decode(),
        base64.b64encode(BLOB[4:]).decode(),
    ],
}


@pytest.mark.parametrize(
    ("body", "rows", "counted"),
    [
        ([[math.inf, 2], [1, 2]], [{"x0": None, "x1": 2.0}, {"x0": 1.0, "x1": 2.0}], "features_not_finite"),
        ([{"a": -math.inf, "b": 1}, {"a": 10**400}], [{"a": None, "b": 1.0}, {"a": None}], "features_not_finite"),
        ([{"image": {"b64": "QUJD"}, "age": 7}], [{"age": 7.0}], "features_dropped"),
        ([{"b64": "QUJD"}, {"age": 7}], [{}, {"age": 7.0}], "features_dropped"),
        ([[1, {"deep": {}}, 3]], [{"x0": 1.0, "x2": 3.0}], "features_dropped"),
        ([{"user": {"age": 7}, "v": [1, {"a": 1}]}], [{"v_0": 1.0}], "features_dropped"),
        ([["x" * 2000, 1], [2, 3]], [{"x1": 1.0}, {"x0": 2.0, "x1": 3.0}], "features_dropped"),
        ([{"pixels": [[1] * 8] * 8, "age": 7}], [{"age": 7.0}], "features_dropped"),
        ([[1] * 30], [{f"x{i}": 1.0 for i in range(20)}], "features_dropped"),
    ],
)
def test_an_odd_row_costs_no_other(body, rows, counted):
    found, counts = counting(json.dumps({"instances": body}).encode())
    assert found.features == rows
    assert counts[counted]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ([tensor("a", [2], data=[1, 2]), tensor("b", [1], data=[1])], [{"a": 1.0}, {"a": 2.0}]),
        ([tensor("a", [2], data=[1, 2, 3]), tensor("b", [2], data=[1, 2])], [{"b": 1.0}, {"b": 2.0}]),
        ([tensor("a", ["x"], data=[1]), tensor("b", [1], data=[{}])], [{}]),
    ],
)
def test_an_odd_tensor_costs_no_other(body, rows):
    found, counts = counting(json.dumps({"inputs": body}).encode())
    assert found.features == rows
    assert counts["tensors_dropped"] == 1


@pytest.mark.parametrize("value", [json.dumps(BINARY).encode() + BLOB, json.dumps(RAW).encode()])
def test_tensors_as_bytes(value):
    assert counting(value)[0].features == [{"a": 1.0, "b": "NL"}, {"a": 2.0, "b": "x"}]


@pytest.mark.parametrize("data", ["data", "data_base64"])
@pytest.mark.parametrize("more", [b"", BLOB])
def test_the_data_of_a_structured_event_may_be_text(data, more):
    text = json.dumps(BINARY if more else {"instances": [[1, 2]]}).encode() + more
    if data == "data" and more:
        return
    event = ATTRIBUTES | {"type": KIND + "request"}
    event[data] = text.decode() if data == "data" else base64.b64encode(text).decode()
    assert one("kserve", event, "prediction").features[0] in ({"x0": 1.0, "x1": 2.0}, {"a": 1.0, "b": "NL"})


def counting(value):
    """The half of a request, and what was counted."""
    d = decoder("prediction", "kserve", Limits(features=20, events=20))
    decoded = d.decode(Record("t", 0, 0, ARRIVAL, None, value, headers("request")))
    assert decoded.refused == []
    return decoded.signals[0], d.counts()


def test_a_half_needs_its_id_and_its_model():
    assert error("mlserver", {"model_name": "m"} | ASKED, "prediction") == "missing_field"
    assert error("mlserver", ASKED, "prediction", key=b"k") == "missing_field"
    assert error("kserve", ATTRIBUTES | {"data": 7}, "prediction") == "wrong_type"
