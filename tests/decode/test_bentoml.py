import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reading import NOON, error, one

from floodmark.signals import Prediction

ROW = {"length": 4.9, "width": 3, "pred": "setosa", "timestamp": "2026-01-31T12:00:00.5", "request_id": "146"}
FEATURES = {"length": 4.9, "width": 3.0}


def test_the_default_monitor_tells_no_roles():
    expected = Prediction(NOON + 0.5, "topic", "", "146", FEATURES, "setosa")
    assert one("bentoml", ROW, "prediction") == expected
    assert one("bentoml", ROW | {"timestamp": "2026-01-31T13:00:00.5"}, "prediction") == expected  # a local clock
    assert error("bentoml", ROW, "prediction", timestamp=-1) == "not_a_time"


def test_roles_of_the_otlp_exporter():
    row = {k: v for k, v in ROW.items() if k != "pred"} | {"kind": "setosa", "truth": "x", "timestamp": NOON}
    columns = {"length": "feature", "width": "feature", "kind": "prediction", "truth": "target"}
    schema = {name: {"name": name, "role": role, "type": "numerical"} for name, role in columns.items()}
    meta = {"bento_name": "iris", "bento_version": "7", "monitor_name": "iris_monitor", "schema": schema}
    expected = Prediction(NOON, "iris_monitor", "7", "146", FEATURES, "setosa")
    assert one("bentoml", row | {"bento_meta": meta}, "prediction") == expected


def test_refusals():
    assert error("bentoml", {k: v for k, v in ROW.items() if k != "pred"}, "prediction") == "missing_field"
    assert error("bentoml", {k: v for k, v in ROW.items() if k != "request_id"}, "prediction") == "missing_field"
    assert error("bentoml", {k: v for k, v in ROW.items() if k != "timestamp"}, "prediction") == "missing_field"
    assert error("bentoml", ROW | {"pred": {"deep": {}}}, "prediction") == "missing_field"
    assert error("bentoml", ROW | {"timestamp": "now"}, "prediction") == "not_a_time"


def test_an_odd_column_costs_no_other():
    odd = ROW | {"length": [1], "image": {"b64": "QUJD"}, "far": float("inf"), "text": "x" * 2000}
    features = one("bentoml", odd, "prediction").features
    assert features == one("bentoml", ROW, "prediction").features | {"length": 1.0, "far": None}


def test_a_vector_is_scores_or_targets():
    told = one("bentoml", ROW | {"pred": [0.2, 0.8]}, "prediction")
    assert (told.prediction, told.scores) == ("1", {"0": 0.2, "1": 0.8})
    told = one("bentoml", ROW | {"pred": [10.5, 3.2]}, "prediction")
    assert (told.prediction, told.scores) == (None, {})
