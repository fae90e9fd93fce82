from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Watermark, utc
from floodmark.config.models import Config, Input, ModelMonitor
from floodmark.events import event_type
from floodmark.flow import groups
from floodmark.flow.merge import Merge
from floodmark.records import Output, Record
from floodmark.signals import Outcome

START = 1_750_000_000
CONFIG = Config(
    inputs=[Input(topic="predictions", signal="prediction"), Input(topic="outcomes", signal="outcome")],
    models=[ModelMonitor(window=50, every=20, reference=100)],
)
PLACES = {"predictions": 2, "outcomes": 1}
SOURCES = [("predictions", 0), ("predictions", 1), ("outcomes", 0)]
MODEL_EVENTS = CONFIG.topics.model_events
NOT_KNOWN = math.nan


def events(n: int = 900) -> list[tuple[str, int, dict[str, object]]]:
    """(topic, partition, event) of a classifier that begins to err: a row each four seconds, whose truth comes a
    minute and a bit later, sometimes out of order."""
    draw = random.Random(5)
    timed: list[tuple[float, str, int, dict[str, object]]] = []
    for i in range(n):
        time, truth = START + 4.0 * i, draw.random() < 0.5
        said = truth != (draw.random() < (0.7 if i > 600 else 0.05))
        row = {"timestamp": time, "model": "fraud", "version": "1", "prediction_id": f"p{i}", "features": {"x": i % 7}}
        timed.append((time, "predictions", i % 2, {**row, "prediction": said}))
        known = time + 60 + draw.random() * 20
        truth_event = {"timestamp": known - draw.random() * 10, "model": "fraud", "prediction_id": f"p{i}"}
        timed.append((known, "outcomes", 0, {**truth_event, "label": truth}))
    return [(topic, partition, event) for _, topic, partition, event in sorted(timed, key=lambda each: each[0])]


@cache
def routed() -> dict[tuple[str, int], list[Output]]:
    """What each route task gives, to its last word: that nothing comes any more."""
    tasks = {place: groups(CONFIG)["route"][place[0]](*place, PLACES) for place in SOURCES}
    out: dict[tuple[str, int], list[Output]] = {place: [] for place in SOURCES}
    for offset, (topic, partition, event) in enumerate(events()):
        record = Record(topic, partition, offset, -1, None, json.dumps(event).encode())
        out[topic, partition] += tasks[topic, partition].process([record])
    for place, task in tasks.items():
        out[place] += task.speak(idle=True)
    return out


def judged(order: Sequence[tuple[str, int]]) -> list[Output]:
    """What the task of the model events says, but for being idle, when it reads the route tasks' outputs in `order`
    (a place for each output), and then the rest one after the other."""
    left = {place: list(reversed(outputs)) for place, outputs in routed().items()}
    rest = [place for place in SOURCES for _ in routed()[place]]
    task = groups(CONFIG)["detect"][MODEL_EVENTS](MODEL_EVENTS, 0, {MODEL_EVENTS: 1})
    said = []
    for offset, place in enumerate([*order, *rest]):
        if left[place]:
            output = left[place].pop()
            said += task.process([Record(MODEL_EVENTS, 0, offset, -1, output.key, output.value, output.headers)])
    assert not any(left.values())
    return [output for output in said if b'"idle":true' not in (output.value or b"")]


@cache
def expected() -> list[Output]:
    """As they come when nobody runs ahead."""
    return judged([place for group in zip(*([p] * 3 for p in SOURCES), strict=True) for place in group] * 400)


def test_the_model_that_errs_is_found() -> None:
    told = [event_type(output.headers) for output in expected()]
    assert told.count("dev.floodmark.anomaly.v1") >= 2
    assert told.count("dev.floodmark.watermark.v1") > 100


@given(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(1, 900)), max_size=30))
@settings(max_examples=15, deadline=None)
def test_how_far_one_topic_is_read_ahead_of_another_changes_nothing(runs: list[tuple[tuple[str, int], int]]) -> None:
    assert judged([place for place, length in runs for _ in range(length)]) == expected()


def mark(task: str, time: float, *, tasks: int = 2, idle: bool = False) -> Watermark:
    return Watermark(task=task, tasks=tasks, time=utc(time), idle=idle)


def outcome(time: float) -> Outcome:
    return Outcome(time=time, model="m", prediction_id=f"{time}", label=1)


def test_nothing_leaves_before_all_have_passed_it() -> None:
    merge = Merge(60.0)
    assert list(merge.hear(mark("a/0", 100))) == []
    assert list(merge.push(outcome(101), NOT_KNOWN, "a/0")) == []
    assert list(merge.hear(mark("a/0", 200))) == []  # b/0 has not spoken
    assert list(merge.push(outcome(99), NOT_KNOWN, "b/0")) == []
    assert [event.time for event, _ in merge.hear(mark("b/0", 110))] == [99, 101]
    assert [event.time for event, _ in merge.push(outcome(105), NOT_KNOWN, "b/0")] == [105]  # late, and told at once
    assert merge.counts()["late:event"] == 1


def test_who_is_idle_is_not_waited_for_and_silence_is_said_once() -> None:
    merge = Merge(60.0)
    list(merge.hear(mark("b/0", 0, idle=True)))
    list(merge.push(outcome(101), NOT_KNOWN, "a/0"))
    assert [event.time for event, _ in merge.hear(mark("a/0", 110))] == [101]
    assert not merge.falls_silent()
    list(merge.hear(mark("a/0", 170)))
    assert merge.falls_silent()
    assert not merge.falls_silent()
    assert merge.silent
    list(merge.push(outcome(175), NOT_KNOWN, "a/0"))
    assert not merge.silent


def test_what_waits_is_bounded_and_goes_in_order() -> None:
    merge = Merge(60.0, capacity=10)
    gone = [event.time for time in range(40) for event, _ in merge.push(outcome(float(time)), NOT_KNOWN, "a/0")]
    assert gone == list(range(30))
    assert merge.sizes() == {"waiting": 10}
    assert merge.counts()["forced"] == 30
    assert [event.time for event, _ in merge.drain()] == list(range(30, 40))


def test_a_partition_without_models_says_that_it_is_idle() -> None:
    """Words of route tasks come all the time, so that the runtime never finds it silent."""
    task = groups(CONFIG)["detect"][MODEL_EVENTS](MODEL_EVENTS, 3, {MODEL_EVENTS: 4})
    words = [o for place in SOURCES for o in routed()[place] if event_type(o.headers) == "dev.floodmark.watermark.v1"]
    said = task.process([Record(MODEL_EVENTS, 3, i, -1, o.key, o.value, o.headers) for i, o in enumerate(words)])
    assert len(said) == 1
    assert b'"idle":true' in (said[0].value or b"")


def test_changes_and_unjoined_inputs_say_nothing_of_their_time() -> None:
    source = Input(topic="changes", signal="change")
    task = groups(Config(inputs=[*CONFIG.inputs, source]))["route"]["changes"]("changes", 0, {**PLACES, "changes": 1})
    event = {"timestamp": START, "service": "web", "kind": "deploy", "summary": "v2"}
    out = task.process([Record("changes", 0, 0, -1, None, json.dumps(event).encode())])
    assert [output.stream for output in out] == ["anomalies"]
    assert task.speak(idle=True) == []


@pytest.mark.parametrize("at", [1, 7, 60])
def test_a_word_comes_before_the_event_that_moved_it(at: int) -> None:
    out = routed()["predictions", 0]
    words = [i for i, o in enumerate(out) if event_type(o.headers) == "dev.floodmark.watermark.v1"]
    word, event = (json.loads(out[i].value or b"") for i in (words[at], words[at] + 1))
    moment = utc(event["time"] - CONFIG.detect.lateness)
    assert word["time"] == f"{moment.replace(second=moment.second // 10 * 10, microsecond=0):%Y-%m-%dT%H:%M:%SZ}"
