"""The whole flow over lists: three kinds of telemetry in, explained incidents out, the same bytes every time."""

import json
import random

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly, Incident
from floodmark.config.models import Config, Input, Service
from floodmark.events import TYPES, MalformedEventError, body_schemas, decode, encode, event_type
from floodmark.flow import groups
from floodmark.flow.local import LocalFlow
from floodmark.records import Output, Record

START = 1_700_006_400
MINUTES = 600
FAULT = range(400, 420)

CONFIG = Config(
    inputs=[
        Input(topic="metrics", signal="metric"),
        Input(topic="logs", signal="log"),
        Input(topic="predictions", signal="prediction"),
        Input(topic="outcomes", signal="outcome"),
        Input(topic="changes", signal="change"),
    ],
    services={"web": Service(depends_on=["cart"]), "cart": Service(depends_on=["db"])},
)


def world() -> list[tuple[str, dict[str, object]]]:
    """Ten hours of three services; the cart is slow and fails for twenty minutes after a deploy."""
    draw = random.Random(4)
    events: list[tuple[str, dict[str, object]]] = []
    for minute in range(MINUTES):
        now = START + 60 * minute
        bad = minute in FAULT
        for service in ("web", "cart", "db"):
            hit = bad and service != "db"
            latency = draw.gauss(50, 2) * (3 if hit else 1)
            events.append(
                ("metrics", {"timestamp": now, "name": "latency_ms", "value": latency, "labels": {"service": service}})
            )
            served = [("INFO", line, f"served order {draw.randrange(9999)}") for line in range(4)]
            failed = [("ERROR", 10 + line, f"cannot reach shard {line}") for line in range(6)]
            for severity, second, body in served + failed * (hit and service == "cart"):
                log = {"timestamp": now + second, "severity": severity, "body": body, "labels": {"service": service}}
                events.append(("logs", log))
        if minute == FAULT.start - 2:
            events.append(("changes", {"timestamp": now, "service": "cart", "kind": "deploy", "summary": "v42"}))
    return events


def records(events: list[tuple[str, dict[str, object]]]) -> list[Record]:
    return [
        Record(topic, 0, i, round(float(str(e["timestamp"])) * 1000), None, json.dumps(e).encode())
        for i, (topic, e) in enumerate(events)
    ]


def bodies(outputs: list[Output], kind: type) -> list[object]:
    return [
        msgspec.json.decode(o.value or b"", type=kind)
        for o in outputs
        if TYPES.get(event_type(o.headers) or "") is kind
    ]


@pytest.fixture(scope="module")
def outputs() -> list[Output]:
    flow = LocalFlow(CONFIG)
    return flow.process(records(world())) + flow.finish()


def test_a_fault_is_one_explained_incident(outputs: list[Output]) -> None:
    incidents = [i for i in bodies(outputs, Incident) if isinstance(i, Incident)]
    (incident,) = {i.id for i in incidents}
    last = incidents[-1]
    assert incident == last.id
    assert next(i.event for i in incidents) == "opened"
    assert last.event == "resolved"
    assert last.causes[0].entity == "cart"
    assert last.changes[0].summary == "v42"
    assert last.causes[0].change == last.changes[0].id
    assert {"cart", "web"} <= set(last.entities)
    assert last.why
    assert last.title
    assert all(member.why and member.summary for member in last.members)
    assert {m.signal for m in last.members} == {"metric", "log"}
    assert abs(last.started_at.timestamp() - (START + 60 * FAULT.start)) <= 60


def test_every_anomaly_is_explained(outputs: list[Output]) -> None:
    anomalies = [a for a in bodies(outputs, Anomaly) if isinstance(a, Anomaly)]
    assert anomalies
    for anomaly in anomalies:
        assert anomaly.summary
        assert 0 < anomaly.p_value <= 0.1
        assert anomaly.surprise > 2
        assert anomaly.event == "updated" or anomaly.evidence.points or anomaly.evidence.lines
    errors = [a for a in anomalies if a.name == "log_errors"]
    assert any("cannot reach shard" in line for a in errors for line in a.evidence.lines)


def test_the_same_input_gives_the_same_bytes(outputs: list[Output]) -> None:
    flow = LocalFlow(CONFIG)
    assert flow.process(records(world())) + flow.finish() == outputs


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=12))
@settings(max_examples=5)
def test_how_the_input_is_cut_into_batches_changes_nothing(cuts: list[int]) -> None:
    """Task by task: what a partition's task gives does not depend on how its records were fetched."""
    metrics = [r for r in records(world()) if r.topic == "metrics"]
    whole = groups(CONFIG)["detect"]["metrics"]("metrics", 0, {"metrics": 3}).process(metrics)
    task = groups(CONFIG)["detect"]["metrics"]("metrics", 0, {"metrics": 3})
    pieces, at = [], 0
    for cut in cuts:
        pieces += task.process(metrics[at : at + cut])
        at += cut
    assert pieces + task.process(metrics[at:]) == whole


def test_bodies_fit_their_published_schemas(outputs: list[Output]) -> None:
    kinds = {
        "dev.floodmark.anomaly.v1": "anomaly",
        "dev.floodmark.incident.v1": "incident",
        "dev.floodmark.watermark.v1": "watermark",
        "dev.floodmark.change.v1": "change-notice",
    }
    validators = {kind: jsonschema.Draft202012Validator(body_schemas()[stem]) for kind, stem in kinds.items()}
    seen = set()
    for output in outputs[::7] + [o for o in outputs if o.stream == "alerts"]:
        kind = event_type(output.headers)
        if kind in validators:
            seen.add(kind)
            validators[kind].validate(json.loads(output.value or b""))
    assert seen >= {"dev.floodmark.incident.v1", "dev.floodmark.watermark.v1"}


def test_outputs_are_cloudevents_in_binary_mode(outputs: list[Output]) -> None:
    output = next(o for o in outputs if o.stream == "alerts")
    headers = dict(output.headers)
    incident = msgspec.json.decode(output.value or b"", type=Incident)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"dev.floodmark.incident.v1"
    assert headers["content-type"] == b"application/json"
    assert headers["ce_id"] == f"{incident.id}/{incident.revision}".encode()
    assert output.key == incident.id.encode()


def test_bad_input_becomes_a_dead_letter_and_the_stream_goes_on() -> None:
    flow = LocalFlow(CONFIG)
    good = json.dumps({"timestamp": START, "name": "cpu", "value": 1, "labels": {"service": "web"}}).encode()
    out = flow.process(
        [
            Record("metrics", 0, 7, START * 1000, b"k", b"{not json"),
            Record("metrics", 0, 8, START * 1000, b"k", good),
        ]
    )
    (letter,) = [o for o in out if o.stream == "dead_letters"]
    headers = dict(letter.headers)
    assert letter.value == b"{not json"
    assert letter.key == b"k"
    assert headers["floodmark.topic"] == b"metrics"
    assert headers["floodmark.offset"] == b"7"
    assert headers["floodmark.error"] == b"not_json"
    assert headers["floodmark.message"]
    assert flow.counts()["refused:not_json"] == 1
    assert flow.counts()["signals:metric"] == 1


def test_a_stranger_in_our_own_topic_is_a_dead_letter() -> None:
    flow = LocalFlow(CONFIG)
    (letter,) = flow.process([Record(CONFIG.topics.anomalies, 0, 0, -1, None, b"{}")])
    assert dict(letter.headers)["floodmark.error"] == b"not_ours"
    with pytest.raises(MalformedEventError, match="only Floodmark may write"):
        decode(Record("t", 0, 0, -1, None, b"{}"))


def test_encode_and_decode_are_inverse(outputs: list[Output]) -> None:
    for output in [o for o in outputs if o.stream in ("anomalies", "alerts")][:200]:
        body = decode(Record("t", 0, 0, -1, output.key, output.value, output.headers))
        source = dict(output.headers)["ce_source"].decode().removeprefix("/floodmark/")
        assert encode(body, source=source, key=(output.key or b"").decode(), everywhere=output.everywhere) == output


def test_what_is_still_learning_is_said_in_words():
    task = groups(Config(inputs=[Input(topic="logs", signal="log")]))["detect"]["logs"]("logs", 0, {"logs": 1})
    assert task.learning() == []
    for minute in range(6):
        event = {"timestamp": START + 60 * minute, "body": "served", "labels": {"service": "nginx"}}
        task.process([Record("logs", 0, minute, (START + 60 * minute) * 1000, None, json.dumps(event).encode())])
    (sentence,) = task.learning()
    assert sentence.startswith("log source nginx: warming up until ")
    assert sentence.endswith(" UTC")
