"""What topics hold is guessed by trying; what is drafted is a config that `check` accepts and that decodes them."""

import json
from pathlib import Path

import pytest

from floodmark.config.loader import load_with_warnings
from floodmark.config.models import Config, Kafka
from floodmark.diagnose.contents import contents
from floodmark.diagnose.drafting import Drafted, draft, template
from floodmark.diagnose.guessing import guess, why_not
from floodmark.records import Record

NOW = 1_790_000_000
ISO = "2026-09-21T14:13:20Z"
CONFIG = Config()


def records(values, topic="t", headers=(), keys=b"k"):
    return [
        Record(topic, 0, n, NOW * 1000 + n, keys, v if isinstance(v, bytes) else json.dumps(v).encode(), headers)
        for n, v in enumerate(values)
    ]


def many(make, count=20):
    return [make(n) for n in range(count)]


DEBEZIUM = {"after": {"created_at": NOW * 1000, "sensor": "t1", "reading": 20.5}, "op": "c", "source": {"db": "x"}}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/x",
    "type": "y",
    "data": {"time": ISO, "msg": "a b", "app": "cart"},
}
CASES = {
    "native": (many(lambda n: {"timestamp": NOW, "name": "a", "value": n, "labels": {}}), "metric", "native", {}),
    "influx": ([b"cpu,host=a usage=1 1790000000000000000"], "metric", "telegraf_influx", {}),
    "syslog": ([b"<34>1 2026-09-21T14:13:20Z host app 12 - - boom"], "log", "syslog", {}),
    "ecs": (
        many(lambda n: {"@timestamp": ISO, "log.level": "ERROR", "message": "x", "ecs.version": "1.2"}),
        "log", "filebeat", {},
    ),
    "a line of an own logger": (
        many(lambda n: {"level": "warn", "ts": NOW + 0.5, "msg": f"request {n} failed", "hostname": "h1", "took": n}),
        "log", "json", {"timestamp": "ts", "body": "msg", "severity": "level", "labels": {"host": "hostname"}},
    ),
    "levels in numbers": (
        many(lambda n: {"level": 30, "time": NOW * 1000, "msg": f"request {n} done", "name": "api"}),
        "log", "json", {"timestamp": "time", "body": "msg", "severity": "level"},
    ),
    "serilog": (many(lambda n: {"@t": ISO, "@m": f"did {n}", "@l": "Error"}), "log", "json",
                {"timestamp": "@t", "body": "@m", "severity": "@l", "labels": {"service": "=t"}}),
    "dotted keys": (many(lambda n: {"event.time": ISO, "event.text": f"a {n}", "host.name": "h"}), "log", "json",
                    {"timestamp": '"event.time"', "labels": {"host": '"host.name"'}}),
    "a value and its name": (
        many(lambda n: {"when": ISO, "metric": "queue", "val": str(n), "server": "a", "unit": "ms"}),
        "metric", "json", {"name": "metric", "value": "val", "unit": "unit", "labels": {"host": "server"}},
    ),
    "many values": (
        many(lambda n: {"time": "21/09/2026 14:13:20", "device_id": f"d{n % 3}", "env": {"temp": 20.5 + n, "hum": n}}),
        "metric", "json",
        {"timestamp_format": "%d/%m/%Y %H:%M:%S", "values": {"env_temp": "env.temp", "env_hum": "env.hum"}},
    ),
    "an array within": (
        many(lambda n: {"batch": n, "points": [{"ts": NOW, "key": "q", "value": 1.5}] * 3}),
        "metric", "json", {"events": "points", "name": "key"},
    ),
    "no time": (
        many(lambda n: {"app": "cart", "message": f"step {n} done"}), "log", "json", {"labels": {"service": "app"}},
    ),
    "predictions": (
        many(lambda n: {"model_name": "m", "request_id": f"r{n}", "features": {"a": 1}, "prediction": "ok", "ts": NOW}),
        "prediction", "json", {"model": "model_name", "version": "=1", "features": {"*": "features"}},
    ),
    "outcomes": (
        many(lambda n: {"model": "m", "request_id": f"r{n}", "truth": "bad", "ts": NOW}),
        "outcome", "json", {"label": "truth"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_topic_holds(case):
    values, signal, format, fields = CASES[case]
    found = guess(CONFIG, records(values), "t")
    assert found is not None
    assert (found.source.signal, found.source.format, found.share) == (signal, format, 1.0)
    said = found.source.fields.model_dump(exclude_defaults=True) if found.source.fields else {}
    assert {name: said.get(name) for name in fields} == fields


@pytest.mark.parametrize(("event", "envelope"), [(DEBEZIUM, "connect"), (EVENT, "cloudevents")])
def test_an_envelope_is_taken_off(event, envelope):
    found = guess(CONFIG, records([event] * 5), "t")
    assert found is not None
    assert (found.source.envelope, found.share) == (envelope, 1.0)


def test_what_is_broken_is_no_envelope():
    values = [{"time": ISO, "msg": "a b", "app": "cart"}] * 10 + [b'{"msg": "brok'] * 3
    found = guess(CONFIG, records(values), "t")
    assert (found.source.envelope, found.share) == ("none", 10 / 13)


def test_several_formats_in_a_topic_are_auto():
    values = [b"cpu,host=a usage=1 1790000000000000000", {"timestamp": NOW, "name": "a", "value": 1}] * 5
    found = guess(CONFIG, records(values), "t")
    assert found is not None
    assert (found.source.signal, found.source.format) == ("metric", "auto")


def test_a_few_odd_events_make_no_mapping_of_a_known_format():
    values = many(lambda n: {"timestamp": NOW, "name": "a", "value": n if n % 5 else [], "labels": {}})
    found = guess(CONFIG, records(values), "t")
    assert (found.source.format, found.share) == ("native", 0.8)


def test_without_keys_it_is_rekeyed():
    values = [b"cpu,host=a usage=1 1790000000000000000"] * 5
    keyless = records(values, keys=None)
    assert [guess(CONFIG, keyless, "t", count).source.rekey for count in (1, 3)] == [False, True]
    assert not guess(CONFIG, records(values), "t", 3).source.rekey


def test_changes_are_told_by_the_name_of_the_topic():
    values = [{"app": "cart", "description": "release 4", "time": ISO}] * 3
    assert guess(CONFIG, records(values), "deploys").source.signal == "change"
    assert guess(CONFIG, records(values), "things").source.signal == "log"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([b"\0\0\0\0\x07abc"], "framed by a schema registry (schema 7)"),
        ([b"\x1f\x8b\x08abc"], "compressed with gzip"),
        ([b'{"a": '], "begin like JSON and are none"),
        ([b'{"a": [1, 2]}'], "neither a text"),
        ([b"hello there"], "plain text"),
        ([bytes(range(128, 200))], "binary"),
        ([b""], "no record has a value"),
        ([{"resourceMetrics": [{"scopeMetrics": 5}]}], "it looks like otlp_json (metrics), but 1 are refused"),
    ],
)
def test_what_cannot_be_guessed_has_a_reason(values, words):
    assert guess(CONFIG, records(values), "t") is None
    assert words in why_not(CONFIG, records(values), "t")


def test_every_captured_message_of_a_format_is_guessed_or_has_a_reason():
    """Nobody has described them; whatever they are, asking never fails."""
    for path in sorted((Path(__file__).parents[1] / "decode/samples").rglob("*.message"))[::7]:
        sample = records([path.read_bytes()])
        if guess(CONFIG, sample, "t") is None:
            assert why_not(CONFIG, sample, "t")


def test_the_draft_is_a_config_that_decodes_what_it_was_made_from(tmp_path):
    topics = {case.replace(" ", "-"): records(values, case.replace(" ", "-")) for case, (values, *_) in CASES.items()}
    drafted = []
    for name, sample in topics.items():
        found = guess(CONFIG, sample, name, 3)
        drafted.append(Drafted(name, found.source, found.found, remarks=["20 records: ${NOT} # a variable"]))
    drafted.append(Drafted("odd", None, reason="it is empty"))
    path = tmp_path / "floodmark.yaml"
    security = ["protocol: SASL_SSL", "username: u", "sasl_mechanism: PLAIN", "password: ${P}"]
    path.write_text(draft(Kafka(brokers=["a:9092", "b:9092"]), security, drafted))
    loaded = load_with_warnings(path, {"P": "x"})
    assert loaded.warnings == []
    assert loaded.config.inputs == [each.source for each in drafted if each.source]
    assert loaded.config.kafka.brokers == ["a:9092", "b:9092"]
    assert all(contents(loaded.config, s, topics[s.topic]).share == 1.0 for s in loaded.config.inputs)
    assert "# odd: it is empty" in path.read_text()


@pytest.mark.parametrize(
    "text", [template(Kafka()), draft(Kafka(), [], []), draft(Kafka(), [], [Drafted("a", None, reason="b")])]
)
def test_every_draft_is_right(tmp_path, text):
    path = tmp_path / "floodmark.yaml"
    path.write_text(text)
    assert [w for w in load_with_warnings(path, {}).warnings if "there are no inputs" not in w.message] == []


def test_a_change_is_mapped_with_its_id_and_how_far_it_is():
    body = {"app": "cart", "description": "release 4", "time": ISO, "type": "Deployment", "state": "RUNNING"}
    found = guess(CONFIG, records([{**body, "build_id": "b-7", "commit": "279484c"}] * 3), "deploys")
    fields = found.source.fields
    assert (fields.kind, fields.id, fields.status, fields.version) == ("type", "build_id", "state", "commit")
    assert found.share == 1.0


def test_alerts_and_actions_of_other_tools_are_told():
    alert = {"alerts": [{"status": "firing", "labels": {"alertname": "Down"}, "startsAt": ISO}]}
    found = guess(CONFIG, records([alert] * 3), "hooks")
    assert (found.source.signal, found.source.format) == ("alert", "alertmanager")
    jira = {"webhookEvent": "jira:issue_updated", "timestamp": NOW, "user": {"accountId": "5b"}}
    jira["issue"] = {"key": "OPS-1", "fields": {"labels": ["floodmark-inc-4c1e5a0b9d7f2e63"]}}
    jira["changelog"] = {"id": "1", "items": [{"field": "resolution", "toString": "Done"}]}
    found = guess(CONFIG, records([jira] * 3), "hooks")
    assert (found.source.signal, found.source.format) == ("action", "jira")
