"""Inputs whose producers do not key by series: each event goes to the task of its series, whole and in order."""

import json
import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Config, Detect, Input
from floodmark.events import decode, encode_rekeyed
from floodmark.flow import groups, written
from floodmark.flow.local import LocalFlow
from floodmark.records import Output, Record
from floodmark.signals import Log, Metric

START = 1_700_006_400
PARTITIONS = 4
REKEYED = Config(
    inputs=[Input(topic="metrics", signal="metric", rekey=True), Input(topic="logs", signal="log", rekey=True)],
    detect=Detect(scope=["env"]),
)


def series(n: int) -> list[dict[str, object]]:
    draw = random.Random(3)
    return [
        {"timestamp": START + 10 * i, "name": name, "value": draw.gauss(5, 1), "labels": {"host": host, "env": "a"}}
        for i in range(n)
        for name in ("cpu", "load")
        for host in ("x", "y", "z")
    ]


def record(topic: str, offset: int, event: object, partition: int = 0) -> Record:
    return Record(topic, partition, offset, START * 1000 + 10**9, None, json.dumps(event).encode())


def routed(topic: str, events: list[dict[str, object]]) -> list[Output]:
    """The events spread over partitions as an unkeyed producer does, routed in the order of their times."""
    tasks = [groups(REKEYED)["route"][topic](topic, p, {topic: PARTITIONS}) for p in range(PARTITIONS)]
    draw = random.Random(9)
    out: list[Output] = []
    for offset, event in enumerate(events):
        partition = draw.randrange(PARTITIONS)
        out += tasks[partition].process([record(topic, offset, event, partition)])
    return out


def test_an_unkeyed_stream_gives_each_task_the_same_points_as_a_keyed_one() -> None:
    events = series(100)
    out = routed("metrics", events)
    assert {output.stream for output in out} == {"rekeyed"}
    keys = [output.key for output in out]
    assert set(keys) == {f'{n}{{env="a",host="{h}"}}'.encode() for n in ("cpu", "load") for h in ("x", "y", "z")}
    partitions = [crc32(key or b"") % PARTITIONS for key in keys]
    assert len(set(partitions)) > 1
    for partition in set(partitions):
        mine = [i for i, p in enumerate(partitions) if p == partition]
        rekeyed = groups(REKEYED)["detect"]["floodmark.rekeyed"]("t", partition, {"t": PARTITIONS})
        keyed = groups(Config(inputs=[Input(topic="t", signal="metric")], detect=REKEYED.detect))["detect"]["t"](
            "t", partition, {"t": PARTITIONS}
        )
        one = rekeyed.process([Record("t", partition, i, -1, out[i].key, out[i].value, out[i].headers) for i in mine])
        two = keyed.process([record("t", i, events[i], partition) for i in mine])
        assert one == two
        assert rekeyed.counts() == keyed.counts()
        assert rekeyed.counts()["signals:metric"] == len(mine)


def test_a_log_is_keyed_by_its_source() -> None:
    labels = [{"service": "web", "host": "1"}, {"service": "web", "host": "2"}, {"host": "2", "env": "b"}, {}]
    out = routed("logs", [{"timestamp": START, "body": "b", "labels": each} for each in labels])
    assert [output.key for output in out] == [
        b'log_lines{service="web"}',
        b'log_lines{service="web"}',
        b'log_lines{env="b",host="2"}',
        b'log_lines{service="unknown"}',
    ]


def test_each_event_has_an_id_of_its_own_and_little_else() -> None:
    task = groups(REKEYED)["route"]["metrics"]("metrics", 2, {"metrics": PARTITIONS})
    out = task.process([record("metrics", 7, series(1)[:2], 2), record("metrics", 8, series(1)[0], 2)])
    assert [dict(output.headers)["ce_id"] for output in out] == [b"7.0", b"7.1", b"8.0"]
    assert {dict(output.headers)["ce_source"] for output in out} == {b"/floodmark/metrics/2"}
    assert sum(len(name) + len(value) for name, value in out[0].headers) < 140
    assert "kind" not in json.loads(out[0].value or b"")


def test_what_is_refused_is_refused_on_the_way() -> None:
    task = groups(REKEYED)["route"]["metrics"]("metrics", 0, {"metrics": PARTITIONS})
    labels = {f"l{n}": "x" for n in range(100)}
    (letter,) = task.process([record("metrics", 1, {**series(1)[0], "labels": labels})])
    assert letter.stream == "dead_letters"
    assert dict(letter.headers)["floodmark.stage"] == b"route"
    assert dict(letter.headers)["floodmark.error"] == b"too_many_labels"


times = st.floats(0, 4e9)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
labels = st.dictionaries(texts, texts, max_size=3)
scalars = st.none() | st.booleans() | texts | st.floats(allow_nan=False, allow_infinity=False)
metrics = st.builds(
    Metric,
    times,
    texts,
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    labels,
    st.sampled_from(["gauge", "counter"]),
    texts,
)
logs = st.builds(Log, times, texts, st.sampled_from(["", "WARN"]), labels, st.dictionaries(texts, scalars), texts)


@given(metrics | logs)
def test_nothing_is_lost_on_the_way(signal: Metric | Log) -> None:
    output = encode_rekeyed(signal, source="t/0", key="k", number="0.0")
    assert decode(Record("t", 0, 0, -1, output.key, output.value, output.headers)) == signal


@pytest.mark.parametrize(
    ("inputs", "detect", "internal"),
    [
        ([("m", "metric", False)], {"m"}, []),
        ([("m", "metric", True), ("l", "log", False)], {"l", "floodmark.rekeyed"}, ["floodmark.rekeyed"]),
        ([("p", "prediction", True)], {"floodmark.model-events"}, ["floodmark.model-events", "floodmark.reports"]),
        ([("c", "change", True)], set(), []),
    ],
)
def test_topics_exist_where_something_goes_through(inputs, detect, internal) -> None:
    config = Config(inputs=[Input(topic=t, signal=s, rekey=r) for t, s, r in inputs])
    assert set(groups(config).get("detect", {})) == detect
    assert written(config)[3:] == internal


def test_a_local_flow_gives_the_same_incidents_with_and_without() -> None:
    plain = REKEYED.model_copy(update={"inputs": [Input(topic="metrics", signal="metric")]})
    events = [
        {**event, "value": 50.0} if i // 6 in range(150, 190) and event["name"] == "cpu" else event
        for i, event in enumerate(series(300))
    ]

    def incidents(config: Config) -> list[Output]:
        flow = LocalFlow(config)
        out = flow.process([record("metrics", i, event) for i, event in enumerate(events)]) + flow.finish()
        return [output for output in out if output.stream == "alerts"]

    assert incidents(REKEYED)
    assert [o.value for o in incidents(REKEYED)] == [o.value for o in incidents(plain)]
