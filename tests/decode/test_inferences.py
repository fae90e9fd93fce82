import json
import sys
from pathlib import Path

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
        ({"predictions": [[4.5, -1.0]]}, ["0"], []),  # no probabilities
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
        ({"instances": [[{"a": {}}]]}, "wrong_type"),
        ({"instances": [[1] * 30]}, "too_many_features"),
        ({"instances": [1] * 30}, "too_many_events"),
        ({"inputs": [tensor("a", [2], data=[1, 2, 3])]}, "wrong_type"),
        ({"inputs": [tensor("a", [2], data=[1, 2]), tensor("b", [1], data=[1])]}, "wrong_type"),
        ({"inputs": [tensor("a", ["x"], data=[1])]}, "wrong_type"),
        ({"instances": [["x" * 2000]]}, "too_long"),
    ],
)
def test_refusals(body, expected):
    assert error("kserve", body, "prediction", headers=headers("request"), features=20, events=20) == expected


def test_a_half_needs_its_id_and_its_model():
    assert error("mlserver", {"model_name": "m"} | ASKED, "prediction") == "missing_field"
    assert error("mlserver", ASKED, "prediction", key=b"k") == "missing_field"
    assert error("kserve", ATTRIBUTES | {"data": 7}, "prediction") == "wrong_type"
