"""Spans through the whole flow: who calls whom is learned on the way, and the incident's cause is told by it."""

import json
import random

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from typer.testing import CliRunner

from floodmark.alerts import Dependencies, Incident
from floodmark.cli import app
from floodmark.config.models import Config, Detect, Input
from floodmark.correlate.topology import Topology
from floodmark.events import decode, encode_rekeyed
from floodmark.flow.local import LocalFlow
from floodmark.records import Record
from floodmark.signals import Span

START = 1_700_006_400
FAULT = range(80, 90)
CHAIN = ("web", "cart", "db")
"""Each calls the next."""
CONFIG = Config(inputs=[Input(topic="otlp_spans", signal="span", format="otlp_proto")], detect=Detect(lateness=10))


def minutes(n=110):
    """The spans of each minute: requests through the chain, of which the last service is slow for ten minutes.

    Its callers try again, so that their latency is further from normal than its own.
    """
    draw = random.Random(3)
    for minute in range(n):
        spans = []
        for k in range(12):
            trace, end, below = f"{minute:016x}{k:016x}", START + 60 * minute + 5 * k, 0.0
            for depth, service in reversed(list(enumerate(CHAIN))):
                own = max(0.001, draw.gauss(0.05, 0.002)) + (0.4 if minute in FAULT and service == "db" else 0)
                below = own + below * (3 if minute in FAULT else 1)
                parent = f"{depth:016x}" if depth else ""
                spans.append(
                    Span(end, below, service, f"GET /{service}", "server", False, trace, f"{depth + 1:016x}", parent)
                )
        yield spans


def message(spans):
    data = TracesData()
    for each in spans:
        group = data.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = each.service
        made = group.scope_spans.add().spans.add(name=each.operation, kind=2)
        made.trace_id, made.span_id = bytes.fromhex(each.trace_id), bytes.fromhex(each.span_id)
        made.parent_span_id = bytes.fromhex(each.parent_id)
        made.end_time_unix_nano = round(each.time * 1e9)
        made.start_time_unix_nano = made.end_time_unix_nano - round(each.duration * 1e9)
    return data.SerializeToString()


def told(outputs, kind):
    found = [decode(Record("t", 0, 0, -1, o.key, o.value, o.headers)) for o in outputs if o.stream != "dead_letters"]
    return [body for body in found if isinstance(body, kind)]


def run(config, records):
    flow = LocalFlow(config)
    return flow.process(records) + flow.finish()


RECORDS = [Record("otlp_spans", 0, i, -1, None, message(spans)) for i, spans in enumerate(minutes())]


def test_a_slow_service_downstream_is_the_first_cause_by_learned_calls():
    out = run(CONFIG, RECORDS)
    learned = told(out, Dependencies)
    assert [call for each in learned[:1] for call in each.calls] == [("cart", "db"), ("web", "cart")]
    assert all(
        o.everywhere for o in out if isinstance(decode(Record("t", 0, 0, -1, None, o.value, o.headers)), Dependencies)
    )
    incidents = told(out, Incident)
    (incident,) = {each.id for each in incidents}
    last = incidents[-1]
    assert last.id == incident
    assert set(last.entities) == set(CHAIN)
    assert last.causes[0].entity == "db"
    assert "web and cart depend on it" in last.causes[0].reason or "cart and web depend on it" in last.causes[0].reason
    assert "depends on" in last.why
    assert run(CONFIG, RECORDS) == out


def test_without_the_calls_it_would_not_be(monkeypatch):
    monkeypatch.setattr(Topology, "learn", lambda *_: None)
    assert told(run(CONFIG, RECORDS), Incident)[-1].causes[0].entity != "db"


def test_native_spans_of_a_file_are_replayed(tmp_path):
    file = tmp_path / "spans.jsonl"
    names = {"time": "timestamp"}
    events = [
        {names.get(name, name): getattr(each, name) for name in each.__struct_fields__}
        for spans in minutes()
        for each in spans
    ]
    file.write_text("".join(json.dumps(each) + "\n" for each in events))
    result = CliRunner().invoke(app, ["replay", str(file)])
    assert result.exit_code == 0
    assert "3,960 spans" in result.output
    assert "db" in result.output


def test_spans_are_rekeyed_by_their_service():
    config = Config(inputs=[Input(topic="spans", signal="span", rekey=True)])
    event = {"timestamp": START, "duration": 0.1, "service": "web", "operation": "GET /"}
    out = LocalFlow(config).process([Record("spans", 0, 0, -1, None, json.dumps(event).encode())])
    expected = encode_rekeyed(Span(float(START), 0.1, "web", "GET /"), source="spans/0", key="web", number="0.0")
    assert out[0] == expected
    assert out[-1].stream == "anomalies"  # a watermark: the detect task took it
