"""A histogram through the tasks: to the rekeyed topic and back it is the same, and its series come out of a task."""

import json
from collections import Counter

from floodmark.config.models import Config, Input
from floodmark.flow.tasks import DetectTask, RouteTask
from floodmark.records import Record

NOW = 1_769_860_800


def record(offset: int) -> Record:
    point = {
        "timeUnixNano": str((NOW + 10 * offset) * 10**9), "startTimeUnixNano": str((NOW - 10) * 10**9),
        "count": str(4 * offset), "sum": 8.0 * offset, "bucketCounts": [str(2 * offset)] * 2, "explicitBounds": [2.0],
    }  # fmt: skip
    metric = {"name": "took", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}}
    value = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
    return Record("otlp", 0, offset, (NOW + 10 * offset) * 1000, None, value)


def test_a_histogram_becomes_its_series_also_by_way_of_the_rekeyed_topic() -> None:
    source = Input(topic="otlp", signal="metric", format="otlp_json")
    config = Config(inputs=[source])
    direct = DetectTask(config, source, "otlp", 0, 1)
    direct.process([record(i) for i in range(1, 7)])
    routed = [out for i in range(1, 7) for out in RouteTask(config, source, 0).process([record(i)])]
    assert {out.stream for out in routed} == {"rekeyed"}
    rekeyed = DetectTask(config, None, "rekeyed", 0, 1)
    rekeyed.process([Record("rekeyed", 0, i, -1, out.key, out.value, out.headers) for i, out in enumerate(routed)])
    assert direct.sizes() == rekeyed.sizes()
    assert direct.sizes()["series"] == 5
    assert Counter(direct.counts()) == Counter(rekeyed.counts())
    assert direct.counts()["signals:histogram"] == 6
