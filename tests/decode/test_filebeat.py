import json
import sys
from pathlib import Path

import pytest

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import NOON, error, one

EVENT = {
    "@timestamp": "2026-01-31T12:00:03.612Z",
    "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.17.0"},
    "message": "cart 7041 saved",
    "log": {"offset": 1761, "file": {"path": "/var/log/cart.log"}},
    "input": {"type": "filestream"},
    "ecs": {"version": "8.0.0"},
    "host": {"name": "web-1"},
    "agent": {"name": "web-1", "type": "filebeat"},
}
READ = NOON + 3.612


def test_a_plain_line():
    expected = Log(READ, "cart 7041 saved", "", {"host": "web-1"}, {"log.file.path": "/var/log/cart.log"})
    assert one("filebeat", EVENT) == expected


@pytest.mark.parametrize(
    ("more", "time"),
    [
        ({}, READ),
        ({"event": {"created": "2026-01-31T12:00:01Z"}}, NOON + 1),  # read at 12:00:01, by whoever was first
        ({"event": {"created": "2026-01-31T12:00:05Z"}}, READ),  # @timestamp was parsed: it is before the reading
        ({"message": "2026-01-31T12:00:00.500Z INFO ready"}, NOON + 0.5),
        ({"message": "2026-01-31T13:00:00+01:00 INFO ready"}, NOON),
        ({"message": "2026-01-31T12:00:00 no offset"}, READ),  # never guessed
        ({"message": json.dumps({"@timestamp": "2026-01-31T12:00:00Z", "m": "x"})}, NOON),
        ({"message": json.dumps({"ts": NOON, "m": "x"})}, NOON),
        ({"message": json.dumps({"time": "yesterday", "m": "x"})}, READ),
        ({"message": "2099-01-31T12:00:00Z a line that quotes the future"}, READ),
    ],
)
def test_the_time_is_the_lines_own_before_that_of_the_reading(more, time):
    assert one("filebeat", EVENT | more).time == time


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"log": {"level": "warning"}}, "WARN"),
        ({"log.level": "error"}, "ERROR"),
        ({"message": "[main] ERROR c.s.Cart: lost"}, "ERROR"),
        ({"message": "2026/01/31 12:00:00 [error] 7#7: *1 open() failed"}, "ERROR"),
        ({"message": "E0131 12:00:00.499073       1 main.go:39] lost"}, "ERROR"),
        ({"message": "ts=now level=warn msg=slow"}, "WARN"),
        ({"message": json.dumps({"severity": "INFO", "msg": "x"})}, "INFO"),
        ({"message": json.dumps({"level": 50, "msg": "pino"})}, "ERROR"),
        ({"message": "there was no error at all"}, ""),
        ({"log": {"level": "info"}, "message": "ERROR is the word"}, "INFO"),
    ],
)
def test_severities(more, severity):
    assert one("filebeat", EVENT | more).severity == severity


def test_kubernetes_and_service_are_labels():
    event = EVENT | {
        "kubernetes": {
            "namespace": "shop",
            "pod": {"name": "cart-1"},
            "container": {"name": "app"},
            "node": {"name": "node-3"},
            "labels": {"app": "cart"},
        },
        "cloud": {"region": "eu-1"},
        "orchestrator": {"cluster": {"name": "blue"}},
        "labels": {"team": "x", "nested": {"a": 1}},
        "fields": {"env": "prod"},
        "stream": "stderr",
    }
    log = one("filebeat", event)
    assert log.labels == {
        "team": "x",
        "env": "prod",
        "service": "cart",
        "namespace": "shop",
        "pod": "cart-1",
        "container": "app",
        "host": "node-3",
        "region": "eu-1",
        "cluster": "blue",
    }
    assert log.attributes["stream"] == "stderr"
    assert one("filebeat", event | {"service": {"name": "till"}}).labels["service"] == "till"
    assert one("filebeat", event | {"service.name": "till"}).labels["service"] == "till"


def test_a_trace_is_found_wherever_it_is():
    assert one("filebeat", EVENT | {"trace": {"id": "t"}}).trace_id == "t"
    assert one("filebeat", EVENT | {"trace.id": "t"}).trace_id == "t"
    assert one("filebeat", EVENT | {"message": '{"trace_id": "t"}'}).trace_id == "t"


def test_without_a_message_the_original_or_the_parsed_json_is_the_body():
    event = {k: v for k, v in EVENT.items() if k != "message"}
    assert error("filebeat", event) == "missing_field"
    assert one("filebeat", event | {"event": {"original": "raw"}}).body == "raw"
    assert one("filebeat", event | {"json": {"level": "error", "m": 1}}).severity == "ERROR"


def test_what_is_not_ecs_under_its_names_does_no_harm():
    odd = {"log": "x", "event": 7, "trace": True, "service": "till", "host": "h", "kubernetes": [], "labels": 3}
    assert one("filebeat", EVENT | odd).body == "cart 7041 saved"


def test_labels_are_the_same_object_for_the_same_host():
    from floodmark.config.models import Limits
    from floodmark.decode import decoder
    from floodmark.records import Record

    d = decoder("log", "filebeat", Limits())
    record = Record("t", 0, 0, -1, None, json.dumps(EVENT).encode())
    assert d.decode(record).signals[0].labels is d.decode(record).signals[0].labels


def test_refusals():
    assert error("filebeat", {"message": "x"}) == "missing_field"
    assert error("filebeat", EVENT | {"@timestamp": "2027-01-31T12:00:00Z"}) == "from_the_future"
    assert error("filebeat", EVENT | {"labels": {str(n): n for n in range(99)}}) == "too_many_labels"
    assert error("filebeat", b"not json") == "not_json"
