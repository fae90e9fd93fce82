"""Time that cannot be trusted, through the whole flow: clocks that are wrong, and Kafka's times that cannot be."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly, Incident, Watermark
from floodmark.config.formats import FormatName
from floodmark.config.models import Config, Input
from floodmark.decode import DECODERS
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.flow.tasks import DetectTask, RouteTask
from floodmark.records import Output, Record

NOON = 1_769_860_800
WEEK = 7 * 86_400.0
Event = tuple[float, dict[str, Any]]
"""When the record was here, and what it says."""


def flow(signal: str, events: Iterable[Event], *, format: str = "native") -> tuple[list[Any], LocalFlow]:
    """What was told, decoded; and the flow."""
    made = LocalFlow(Config.model_validate({"inputs": [{"topic": "t", "signal": signal, "format": format}]}))
    out: list[Output] = []
    for i, (here, event) in enumerate(events):
        out += made.process([Record("t", 0, i, round(here * 1000), b"k", json.dumps(event).encode())])
    out += made.finish()
    kinds = ((TYPES.get(event_type(each.headers) or ""), each.value) for each in out)
    return [msgspec.json.decode(value or b"", type=kind) for kind, value in kinds if kind is not None], made


def opened(told: Sequence[Any]) -> list[Anomaly]:
    return [each for each in told if isinstance(each, Anomaly) and each.event == "opened"]


def marks(told: Sequence[Any]) -> list[float]:
    return [each.time.timestamp() for each in told if isinstance(each, Watermark)]


def web(minutes: range, burst: range) -> Iterable[Event]:
    """A line each three seconds; in the burst half of them are errors."""
    for minute in minutes:
        for second in range(0, 60, 3):
            time = NOON + 60 * minute + second
            bad = minute in burst and second % 6 == 0
            body = "upstream payment refused the connection" if bad else f"request {1000 + minute} served"
            level = "ERROR" if bad else "INFO"
            yield time + 1, {"timestamp": time, "severity": level, "body": body, "labels": {"service": "web"}}


def camera(minutes: range, skew: float) -> Iterable[Event]:
    for minute in minutes:
        time = NOON + 60 * minute + 31
        labels = {"service": "camera", "host": "cam7"}
        yield time + 1, {"timestamp": time + skew, "severity": "INFO", "body": "heartbeat ok", "labels": labels}


def by_arrival(*streams: Iterable[Event]) -> list[Event]:
    return sorted((event for stream in streams for event in stream), key=lambda event: event[0])


@pytest.mark.parametrize("skew", [120, 600, 3_500, -120, -600, -7_200])
def test_a_wrong_clock_hides_no_burst_of_others_and_is_told_as_what_it_is(skew: float) -> None:
    events = by_arrival(web(range(250), range(200, 210)), camera(range(60, 250), skew))
    told, made = flow("log", events)
    found = opened(told)
    assert any(each.series.startswith("log_error") for each in found)
    assert {each.entity for each in found if each.head != "clock"} == {"web"}
    (clock,) = [each for each in found if each.head == "clock"]
    assert (clock.name, clock.entity, clock.severity) == ("clock_skew_seconds", "camera", "warning")
    assert clock.summary.startswith(f"cam7's clock is {'2 min' if abs(skew) == 120 else ''}")
    assert ("fast" in clock.summary) == (skew > 0)
    assert "NTP" in clock.summary
    assert clock.observed == pytest.approx(skew, abs=2)
    assert made.counts().get("late:log", 0) <= (30 if skew < 0 else 0)
    assert max(marks(told)) <= events[-1][0] + 70


def test_a_clock_that_is_beyond_what_may_be_ahead_is_refused_and_hurts_nobody() -> None:
    events = by_arrival(web(range(120), range(100, 110)), camera(range(20, 120), 7_200))
    told, made = flow("log", events)
    assert any(each.series.startswith("log_error") for each in opened(told))
    assert made.counts()["refused:from_the_future"] == 100


def test_a_clock_that_is_mended_is_told_as_over() -> None:
    cam = [*camera(range(10, 190), 600), *camera(range(190, 240), 0)]
    told, made = flow("log", by_arrival(web(range(240), range(0)), cam))
    clocks = [each for each in told if isinstance(each, Anomaly) and each.head == "clock"]
    assert [each.event for each in clocks] == ["opened", "closed"]
    assert made.counts()["clock:mended"] == 1
    assert not [each for each in opened(told) if each.head != "clock"]
    assert made.sizes()["skewed_sources"] == 0


@pytest.mark.parametrize("skew", [120, 600, 1_800, -600])
def test_nobody_is_silent_for_a_host_whose_clock_is_wrong(skew: float) -> None:
    draw, events = random.Random(4), list[Event]()
    for minute in range(200):
        time = NOON + 60 * minute
        for h in range(4):
            labels = {"host": f"h{h}"}
            events.append(
                (time + 1, {"timestamp": time + h, "name": "load", "value": draw.gauss(9, 1), "labels": labels})
            )
        if minute >= 100:
            value = draw.gauss(20, 1)
            labels = {"host": "cam7"}
            events.append((time + 2, {"timestamp": time + skew, "name": "temp", "value": value, "labels": labels}))
    told, made = flow("metric", events)
    assert not opened(told)
    assert max(marks(told)[:-1]) <= events[-1][0] + 70
    assert made.counts()["clock:fast" if skew > 0 else "clock:slow"] >= 80


def test_the_rate_of_a_counter_stays_what_it_is_when_the_clock_goes_wrong() -> None:
    draw, value, events = random.Random(4), 0, list[Event]()
    for minute in range(400):
        time, value = NOON + 60 * minute, value + draw.randint(590, 610)
        skew = 900 if minute >= 200 else 0
        event = {"timestamp": time + skew, "name": "served_total", "value": value, "kind": "counter"}
        events.append((time + 1, {**event, "labels": {"host": "a"}}))
    told, made = flow("metric", events)
    assert not [each for each in opened(told) if each.head != "clock"]
    assert made.counts()["clock:fast"] == 198


@pytest.mark.parametrize("skew", [600, -600])
def test_spans_of_a_service_with_a_wrong_clock_are_judged_in_their_own_time(skew: float) -> None:
    draw, events = random.Random(5), list[Event]()
    for minute in range(150):
        for second in range(0, 60, 3):
            time = NOON + 60 * minute + second
            bad = 120 <= minute < 130 and second % 2 == 0
            span = {"timestamp": time, "duration": draw.uniform(0.1, 0.2), "operation": "GET /", "error": bad}
            events.append((time + 1, {**span, "service": "web"}))
            if minute >= 60 and second % 30 == 0:
                event = {**span, "error": False, "timestamp": time + skew, "service": "edge", "labels": {"host": "e1"}}
                events.append((time + 1.5, event))
    told, made = flow("span", events)
    found = [each for each in opened(told) if each.head != "clock"]
    assert {each.entity for each in found} == {"web"}
    assert any(each.name.startswith("span_error") for each in found)
    assert made.counts().get("late:span", 0) <= (45 if skew < 0 else 0)


def test_predictions_of_a_fast_clock_do_not_end_the_windows_of_other_models() -> None:
    draw, events = random.Random(6), list[Event]()
    for i in range(2_000):
        time = NOON + 5 * i
        event = {"prediction": draw.random(), "features": {"x": draw.random()}, "version": "1"}
        events.append((time + 1, {**event, "timestamp": time, "model": "a", "prediction_id": f"a{i}"}))
        if i >= 500 and i % 4 == 0:
            events.append((time + 1, {**event, "timestamp": time + 900, "model": "b", "prediction_id": f"b{i}"}))
    told, made = flow("prediction", events)
    assert made.counts().get("late_prediction", 0) == 0
    assert max(marks(told)[:-1]) <= events[-1][0] + 70
    assert not [each for each in opened(told) if each.head != "clock"]


WILD = [
    0,
    -5,
    1_769_860_805,
    1_769_860_805_000_000,
    (NOON + WEEK) * 1000,
    (NOON + 90_000) * 1000,
    1_769_860_805 * 10**9,
]


@pytest.mark.parametrize("stamp", WILD)
@pytest.mark.parametrize("own", [True, False])
def test_a_wild_time_of_kafka_moves_nothing(stamp: float, own: bool) -> None:
    lines = [(here, {"@timestamp": e["timestamp"], "log": f"{e['severity']} {e['body']}", "container_name": "web"})
             for here, e in web(range(80), range(70, 78))]  # fmt: skip
    odd: dict[str, Any] = {"log": "hello", "container_name": "odd"}
    if own:
        odd["@timestamp"] = lines[600][0]
    told, made = flow("log", [*lines[:600], (stamp / 1000, odd), *lines[600:]], format="fluentbit")
    assert any(each.series.startswith("log_error") for each in opened(told))
    assert made.counts().get("refused:missing_field", 0) == (0 if own else 1)
    assert made.counts().get("late:log", 0) == 0
    assert max(marks(told)) <= lines[-1][0] + 70


@pytest.mark.parametrize("stamp", WILD)
def test_where_all_times_of_kafka_are_wild_the_events_own_are_taken(stamp: float) -> None:
    events = [(stamp / 1000, event) for _, event in web(range(80), range(70, 78))]
    told, made = flow("log", events)
    assert any(each.series.startswith("log_error") for each in opened(told))
    assert made.counts()["signals:log"] == len(events)
    assert not [name for name in made.counts() if name.startswith("refused") and made.counts()[name]]


@pytest.mark.parametrize("wild", [1, 3, 6])
def test_a_watermark_that_has_gone_wrong_is_mended(wild: int) -> None:
    """The first lines have no time of their own, and Kafka's is a week ahead."""
    odd = [(NOON + WEEK + i, {"log": "ERROR hello", "container_name": "web"}) for i in range(wild)]
    lines = [(here, {"@timestamp": e["timestamp"], "log": f"{e['severity']} {e['body']}", "container_name": "web"})
             for here, e in web(range(80), range(70, 78))]  # fmt: skip
    told, made = flow("log", [*odd, *lines], format="fluentbit")
    assert any(each.series.startswith("log_error") for each in opened(told))
    assert made.counts()["watermark:mended"] == 1
    assert made.counts()["signals:log"] == len(lines) + wild
    assert marks(told)[-1] <= lines[-1][0] + 70


def test_an_event_of_2090_in_a_file_does_not_make_what_follows_late() -> None:
    events = [(-0.001, event) for _, event in web(range(80), range(70, 78))]
    events.insert(300, (-0.001, {**events[0][1], "timestamp": "2090-01-01T00:00:00Z"}))
    told, made = flow("log", events)
    assert any(each.series.startswith("log_error") for each in opened(told))
    assert made.counts().get("late:log", 0) == 0
    assert made.counts()["refused:from_the_future"] == 1


def test_a_file_with_gaps_of_days_is_read_to_its_end() -> None:
    events = list[Event]()
    for day in range(4):
        for i in range(50):
            event = {
                "timestamp": NOON + 86_400 * (2 * day) + 60 * i,
                "name": "x",
                "value": i % 7,
                "labels": {"host": "a"},
            }
            events.append((-0.001, event))
    _, made = flow("metric", events)
    assert made.counts()["signals:metric"] == len(events)
    assert not made.counts().get("kafka_time:wild", 0)


def task(signal: str, format: str) -> DetectTask:
    config = Config.model_validate(
        {"inputs": [Input.model_validate({"topic": "t", "signal": signal, "format": format})]}
    )
    return DetectTask(config, config.inputs[0], "t", 0, 1)


def cut(
    made: DetectTask, records: Sequence[Record], places: Iterable[int], *, restart: bool
) -> tuple[DetectTask, list[Any]]:
    out: list[Any] = []
    at = 0
    for place in sorted({min(each, len(records)) for each in places} | {len(records)}):
        out += made.process(records[at:place])
        at = place
        if restart:
            state = made.snapshot()
            made = task("log", "native")
            made.restore(state)
    return made, out


clocks = st.sampled_from([0, 0, 0, 5, 120, 600, 3_000, 9_000, -120, -600, -90_000])
arrivals = st.sampled_from([0, 0, 0, 0, 1, 40, 700, WEEK, -WEEK])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), clocks, arrivals), max_size=80),
    st.lists(st.integers(0, 80), max_size=5),
    st.booleans(),
)
def test_whatever_the_clocks_say_neither_cuts_nor_restarts_change_anything(
    lines: list[tuple[str, float, float]], places: list[int], restart: bool
) -> None:
    records = []
    for i, (source, skew, wild) in enumerate(lines):
        event = {"timestamp": NOON + 7 * i + skew, "body": "hello", "labels": {"service": source}}
        records.append(Record("t", 0, i, round((NOON + 7 * i + wild) * 1000), None, json.dumps(event).encode()))
    whole, expected = cut(task("log", "native"), records, [], restart=False)
    part, found = cut(task("log", "native"), records, places, restart=restart)
    letters = [each for each in expected if each.stream == "dead_letters"]
    assert [each for each in found if each.stream == "dead_letters"] == letters
    rest = [each for each in expected if each.stream != "dead_letters"]
    assert [each for each in found if each.stream != "dead_letters"] == rest
    assert part.finish() == whole.finish()
    if not restart:
        taken = whole.counts()
        assert taken["signals:log"] + sum(n for name, n in taken.items() if name.startswith("refused:")) == len(records)


kafkas = st.one_of(st.sampled_from([-1, 0, -(2**63), 2**63 - 1, 10**18]), st.integers(-(2**63), 2**63 - 1))


@settings(deadline=None, max_examples=5, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize(("format", "signal"), sorted((f, s) for f, s in DECODERS if s in {"metric", "log", "span"}))
@given(
    stamps=st.lists(kafkas, min_size=1, max_size=12), values=st.lists(st.binary(max_size=40), min_size=1, max_size=12)
)
def test_no_time_of_kafka_makes_a_task_raise(
    format: FormatName, signal: str, stamps: list[int], values: list[bytes]
) -> None:
    made = task(signal, format)
    plain: Mapping[str, bytes] = {
        "syslog": b"<34>Jan 31 12:00:00 h su: x",
        "fluentbit": b'{"log": "x"}',
        "telegraf_influx": b"cpu,host=a usage=1",
        "collectd_command": b"PUTVAL h/load/load interval=10 N:1",
        "rsyslog_json": b'{"message": "x"}',
        "vector_logs": b'{"message": "x"}',
    }
    records = [
        Record("t", 0, i, stamp, None, plain.get(format, values[i % len(values)])) for i, stamp in enumerate(stamps * 2)
    ]
    made.process(records)
    made.finish()


def test_incidents_stay_few_where_many_clocks_are_wrong() -> None:
    events = list[Event]()
    for minute in range(200):
        for h in range(12):
            time = NOON + 60 * minute + h
            labels = {"service": f"s{h}"}
            event = {"timestamp": time + 60 * h + 60, "severity": "INFO", "body": "heartbeat ok", "labels": labels}
            events.append((time + 1, event))
    told, _ = flow("log", events)
    assert len([each for each in opened(told) if each.head == "clock"]) == 12
    assert len({each.id for each in told if isinstance(each, Incident)}) <= 1


def routed(signal: str, events: Iterable[Event]) -> list[Record]:
    """Events through a route task; what it writes was written a year later."""
    config = Config.model_validate({"inputs": [{"topic": "t", "signal": signal, "rekey": True}]})
    route = RouteTask(config, config.inputs[0], 0)
    out: list[Output] = []
    for i, (here, event) in enumerate(events):
        out += route.process([Record("t", 0, i, round(here * 1000), b"k", json.dumps(event).encode())])
    return [Record("r", 0, i, (NOON + 10**7) * 1000, o.key, o.value, o.headers) for i, o in enumerate(out)]


def from_another(records: Iterable[Record]) -> list[Record]:
    """The same, from another partition of the input."""
    return [
        record._replace(headers=[(n, b"/floodmark/t/1" if n == "ce_source" else v) for n, v in record.headers])
        for record in records
    ]


def test_what_is_rekeyed_is_timed_by_when_it_came() -> None:
    records = routed("log", by_arrival(web(range(60), range(0)), camera(range(60), 600)))
    made = DetectTask(Config(), None, "r", 0, 1)
    made.process(records)
    assert made.counts()["clock:fast"] == 58
    assert made.skews() == [("cam7", 599.0)]
    assert made.counts().get("late:log", 0) == 0


def test_tasks_that_write_side_by_side_do_not_make_each_other_wrong() -> None:
    """One is two hours behind the other and catches up, in turns of five hundred."""
    ahead = routed("log", web(range(120, 240), range(0)))
    behind = from_another(routed("log", web(range(120), range(0))))
    made = DetectTask(Config(), None, "r", 0, 1)
    for at in range(0, 2_400, 500):
        made.process(ahead[at : at + 500])
        made.process(behind[at : at + 500])
    counts = made.counts()
    assert counts["signals:log"] == 4_800
    assert not [
        name for name, n in counts.items() if n and name.partition(":")[0] in ("clock", "kafka_time", "watermark")
    ]


def test_records_of_kafkas_client_are_taken_as_they_are() -> None:
    """They have the fields of a record, and are none."""
    events = by_arrival(web(range(40), range(0)), camera(range(40), 600))
    events[300] = (NOON + WEEK, {"body": "hello"})
    events[400] = (0.0, events[400][1])
    records = [
        ConsumerRecord("t", 0, i, round(here * 1000), 0, b"k", json.dumps(e).encode(), None, 1, 1, ())
        for i, (here, e) in enumerate(events)
    ]
    made = task("log", "native")
    made.process(cast("Sequence[Record]", records[:301]))
    made.snapshot()
    made.process(cast("Sequence[Record]", records[301:]))
    made.finish()
    assert made.counts()["signals:log"] == len(events) - 1
    assert made.counts()["clock:fast"] == 38


def predictions(seconds: range, skew: float = 0.0) -> Iterable[Event]:
    for second in seconds:
        event = {"model": "a", "version": "1", "prediction_id": f"a{second}", "prediction": 0.5, "features": {"x": 1.0}}
        yield NOON + second + 1.0, {**event, "timestamp": NOON + second + skew}


def test_one_wild_prediction_does_not_make_those_after_it_late() -> None:
    """Forty days ahead, by its own time and by Kafka's."""
    wild = NOON + 40 * 86_400.0
    odd = {"model": "a", "version": "1", "prediction_id": "odd", "prediction": 0.5, "features": {"x": 1.0}}
    events = [*predictions(range(400)), (wild, {**odd, "timestamp": wild}), *predictions(range(400, 800))]
    told, made = flow("prediction", events)
    assert made.counts().get("late:event", 0) == 0
    assert max(marks(told)) <= NOON + 800


def test_labels_of_yesterday_do_not_hold_up_todays_predictions() -> None:
    inputs = [{"topic": "p", "signal": "prediction"}, {"topic": "o", "signal": "outcome"}]
    made = LocalFlow(Config.model_validate({"inputs": inputs}))
    events = [(here, "p", event) for here, event in predictions(range(0, 1200, 2))]
    for second in range(300, 1200, 2):
        label = {"timestamp": NOON + second - 86_400, "model": "a", "prediction_id": f"a{second - 300}", "label": 0.4}
        events.append((NOON + second + 1.5, "o", label))
    waiting = []
    for i, (here, topic, event) in enumerate(sorted(events, key=lambda each: each[0])):
        made.process([Record(topic, 0, i, round(here * 1000), b"k", json.dumps(event).encode())])
        waiting.append(made.sizes().get("waiting", 0))
    assert max(waiting[len(waiting) // 2 :]) < 60  # the last half minute, and not a day


def test_a_change_that_is_yet_to_come_moves_no_incident_into_the_future() -> None:
    task = RouteTask(Config(), Input(topic="c", signal="change"), 0)
    planned = {"timestamp": NOON + 3_000, "service": "web", "kind": "deploy", "summary": "v2"}
    (output,) = task.process([Record("c", 0, 0, NOON * 1000, None, json.dumps(planned).encode())])
    assert msgspec.json.decode(output.value or b"")["time"] == "2026-01-31T12:00:00Z"
