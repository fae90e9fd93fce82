from __future__ import annotations

import sys

import orjson
import pytest

from floodmark.config.models import Config
from floodmark.decode import decoder
from floodmark.records import Record
from floodmark.simulate import machine

pytest.importorskip("psutil")


def test_readings_are_native_metric_events():
    watched = machine.Machine("box")
    first = watched.read(1_000.0)
    second = watched.read(1_002.0)
    for event in [*first, *second]:
        assert event.keys() == {"timestamp", "name", "value", "labels", "kind", "unit"}
        assert isinstance(event["value"], int | float)
        assert event["labels"]["host"] == "box"
        assert event["kind"] == ("counter" if event["name"].endswith("_total") else "gauge")
    assert {event["timestamp"] for event in second} == {1_002_000}
    assert orjson.loads(orjson.dumps(second)) == second
    names = {event["name"] for event in second}
    assert {"cpu_usage_ratio", "cpu_core_usage_ratio", "load_average_1m", "memory_used_ratio"} <= names
    assert all(0 <= e["value"] <= 1.01 for e in second if e["name"].endswith("_ratio"))


def test_series_are_unique_and_few():
    watched = machine.Machine("box")
    for now in (0.0, 2.0, 4.0):
        keys = [(e["name"], tuple(sorted(e["labels"].items()))) for e in watched.read(now)]
        assert len(keys) == len(set(keys))
        assert len(keys) < 12 * machine.MOST


def test_a_busy_process_keeps_its_series():
    watched = machine.Machine("box")
    watched.read(0.0)
    watched._names.append("long-gone")
    assert {e["labels"].get("service"): e["value"] for e in watched.read(2.0)}["long-gone"] == 0.0


async def test_watching_goes_on():
    readings = machine.watch(0.01, host="box")
    times = [(await anext(readings))[0]["timestamp"] for _ in range(3)]
    await readings.aclose()
    assert times == sorted(times)


def test_without_psutil_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(machine.MissingPsutilError, match=r"pip install psutil"):
        machine.Machine()


def test_the_decoder_refuses_nothing():
    watched = machine.Machine("box")
    value = orjson.dumps(watched.read(1_750_000_000.0))
    decoded = decoder("metric", "native", Config().limits).decode(Record("m", 0, 0, 1_750_000_000_000, None, value))
    assert not decoded.refused
    assert len(decoded.signals) == len(orjson.loads(value))
