"""Codes in the lines of logs, through the whole flow: a burst of bad ones is told, in any notation, and calm is not."""

import json
import random

import msgspec
import pytest

from floodmark.alerts import Anomaly, Incident
from floodmark.config.models import Config
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Record

START = 1_769_860_800
HTTP = ["200"] * 80 + ["304"] * 10 + ["404"] * 8 + ["500"] * 2, ["200"] * 40 + ["500"] * 60
EXITS = ["0", "0", "0", "1"], ["1", "1", "137", "0"]
GRPC = ["OK"] * 90 + ["NotFound"] * 8 + ["Unavailable"] * 2, ["OK"] * 40 + ["Unavailable"] * 60
KINDS = {
    "access log": (HTTP, '10.0.0.1 - - [31/Jan/2026:12:00:00 +0000] "GET /i/{n} HTTP/1.1" {c} {n}'),
    "IIS": (HTTP, "2026-01-31 12:00:00 10.0.0.1 GET /i/{n} - 443 - 10.0.0.2 Mozilla/5.0+(X) - {c} 0 0 {n}"),
    "JSON": (HTTP, '{{"msg":"request served","status":{c},"path":"/i/{n}","took":{n}}}'),
    "logfmt": (HTTP, 'level=info msg="request served" status={c} bytes={n}'),
    "exit codes": (EXITS, "job {n} finished with exit code {c}"),
    "gRPC": (GRPC, '{{"msg":"finished unary call","grpc.code":"{c}","grpc.time_ms":{n}}}'),
    "too many requests": ((HTTP[0], ["200"] * 40 + ["429"] * 60), "answered with status {c} after {n} ms"),
}


def told(codes, text, minutes, bad=range(0), busy=30, attributes=None):
    """Anomalies that opened and incidents as told last; lines have the first codes, or within `bad` the others."""
    draw = random.Random(5)
    flow = LocalFlow(Config.model_validate({"inputs": [{"topic": "logs", "signal": "log"}]}))
    opened, incidents = [], {}

    def take(outputs):
        for output in outputs:
            kind = TYPES.get(event_type(output.headers) or "")
            if kind is Incident:
                incident = msgspec.json.decode(output.value, type=Incident)
                incidents[incident.id] = incident
            elif kind is Anomaly:
                anomaly = msgspec.json.decode(output.value, type=Anomaly)
                opened.extend([anomaly] * (anomaly.event == "opened"))

    records = []
    for i in range(minutes * busy):
        now = START + i * 60 // busy
        code = draw.choice(codes[i // busy in bad])
        event = {"timestamp": now, "body": text.format(c=code, n=draw.randint(1, 999)), "labels": {"service": "web"}}
        if attributes is not None:
            event["attributes"] = {attributes: code}
        records.append(Record("logs", 0, i, now * 1000, None, json.dumps(event).encode()))
    for i in range(0, len(records), 500):
        take(flow.process(records[i : i + 500]))
    take(flow.finish())
    return opened, list(incidents.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_burst_of_bad_codes_is_told(kind):
    codes, text = KINDS[kind]
    opened, incidents = told(codes, text, 115, range(90, 100))
    within = [each for each in opened if 90 * 60 <= each.started_at.timestamp() - START <= 96 * 60]
    assert any(each.name.startswith("log_code") for each in within)
    assert any("web" in each.title for each in incidents)


def test_it_is_said_in_words():
    opened, incidents = told(*KINDS["JSON"], 115, range(90, 100), busy=60)
    share = next(each for each in opened if each.name == "log_code_error_ratio")
    assert "the share of 5xx answers in web's log (status) is " in share.summary
    assert share.unit == ""
    assert '"status":500' in share.evidence.lines[-1]
    assert any(each.title.startswith("web: 5xx answers up to ") and "%" in each.title for each in incidents)


def test_a_burst_in_attributes_is_told():
    opened, _ = told(HTTP, "request {n} served", 115, range(90, 100), attributes="http.response.status_code")
    assert {each.labels["field"] for each in opened if each.name.startswith("log_code")} == {
        "http.response.status_code"
    }


@pytest.mark.parametrize("kind", ["access log", "JSON", "exit codes"])
def test_calm_codes_open_no_incident(kind):
    codes, text = KINDS[kind]
    opened, incidents = told(codes, text, 240, busy=20)
    assert incidents == []
    assert len([each for each in opened if each.name.startswith("log_code")]) <= 3


def test_the_first_exits_that_fail_are_told_in_their_first_window():
    """Nothing ever said how it ended, or at which level; then twelve jobs a minute fail."""
    codes = ["all is well"], ["job ended with exit code 1"]
    opened, _ = told(codes, "{c}: {n}", 60, range(40, 50), busy=12)
    first = next(each for each in opened if each.name == "log_code_errors")
    assert first.updated_at.timestamp() - START <= 41 * 60
