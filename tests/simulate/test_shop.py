from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest

from floodmark.config.models import Config
from floodmark.decode import decoder
from floodmark.records import Record
from floodmark.simulate.faults import HOUR, MINUTE
from floodmark.simulate.shop import DAY, PREFIX, START, TOPICS, WARMUP, Shop
from floodmark.simulate.topology import MODEL, SERVICES

TOLD = {  # the fields of each event: needed, optional
    "metrics": ({"timestamp", "name", "value", "labels", "kind"}, {"unit"}),
    "logs": ({"timestamp", "body", "labels"}, {"severity", "attributes", "trace_id"}),
    "predictions": (
        {"timestamp", "model", "version", "prediction_id", "features", "prediction"},
        {"scores", "groups"},
    ),
    "outcomes": ({"timestamp", "model", "prediction_id", "label"}, set()),
    "changes": ({"timestamp", "service", "kind", "summary"}, set()),
}


def small(seed=3, **more):
    return Shop(seed, days=0.25, warmup=HOUR, quiet=HOUR, **more)


@pytest.fixture(scope="module")
def shop():
    return small()


@pytest.fixture(scope="module")
def events(shop):
    return {topic: list(shop.events(topic)) for topic in TOPICS}


def seconds(stamp):
    if isinstance(stamp, str):
        return datetime.fromisoformat(stamp).timestamp()
    return stamp / 1000 if stamp > 1e11 else stamp


def test_equal_seeds_give_equal_bytes():
    one, other = list(small().stream()), list(small().stream())
    assert one == other
    assert one != list(small(4).stream())


def test_reading_one_topic_changes_no_other(shop):
    fresh = small()
    list(fresh.messages("logs"))
    assert list(fresh.messages("outcomes")) == list(shop.messages("outcomes"))


@pytest.mark.parametrize("topic", TOPICS)
def test_events_have_the_native_fields(events, topic):
    needed, optional = TOLD[topic]
    assert events[topic]
    for event in events[topic]:
        assert needed <= event.keys() <= needed | optional


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_is_in_event_time_order(shop, events, topic):
    sent = [message.time for message in shop.messages(topic)]
    assert sent == sorted(sent)
    times = [seconds(event["timestamp"]) for event in events[topic]]
    assert all(shop.start <= time < shop.end for time in times)
    slack = 20.001 if topic == "outcomes" else 0.001
    newest = 0.0
    for time in times:
        assert time >= newest - slack
        newest = max(newest, time)


def test_the_stream_merges_all_topics_in_order(shop):
    messages = list(shop.stream())
    assert [message.time for message in messages] == sorted(message.time for message in messages)
    assert {message.topic for message in messages} == {PREFIX + topic for topic in TOPICS}


def test_two_days_are_of_a_size_that_one_process_can_chew():
    shop = Shop()
    counts = {topic: sum(message.events for message in shop.messages(topic)) for topic in TOPICS}
    assert 250_000 <= sum(counts.values()) <= 360_000
    assert 30 <= counts["logs"] / (2 * 1440) <= 60
    assert counts["outcomes"] < counts["predictions"]


def test_metrics_are_one_message_a_service_and_minute(shop, events):
    steps = len(shop.times)
    messages = Counter(message.key.decode() for message in shop.messages("metrics"))
    assert messages.keys() == SERVICES.keys()
    assert max(messages.values()) <= steps
    assert messages["edge"] > 0.99 * steps
    kinds = {event["name"]: event["kind"] for event in events["metrics"]}
    assert kinds["http_requests_total"] == "counter"
    assert kinds["http_requests_per_second"] == kinds["memory_used_bytes"] == "gauge"


def test_counters_fall_only_where_a_process_restarts():
    shop = Shop(7)
    for name in ("web", "shipping", "catalog"):
        values = [
            (event["timestamp"] / 1000, event["value"])
            for event in shop.events("metrics")
            if event["name"] == "http_requests_total" and event["labels"]["service"] == name
        ]
        falls = [b[0] for a, b in pairwise(values) if b[1] < a[1]]
        restarts = [shop.times[step] for step in shop.footprint.restarts[name]]
        assert len(falls) == len(restarts)
        assert all(0 <= fall - at < 3 * MINUTE for fall, at in zip(falls, restarts, strict=True))
        assert restarts


def test_traffic_has_a_day_and_a_week(shop):
    week = Shop(1, START - DAY, days=7, warmup=7 * DAY)  # from Monday on
    rate = week.states["edge"].rate
    night, evening = rate[1440 + 240], rate[1440 + 1200]
    assert evening > 1.8 * night
    workday, sunday = rate[1440:2880].mean(), rate[6 * 1440 :].mean()
    assert sunday < 0.9 * workday


def test_logs_have_severities_and_lines_of_all_services(events):
    assert {event["severity"] for event in events["logs"]} >= {"INFO", "WARN", "ERROR"}
    assert {event["labels"]["service"] for event in events["logs"]} == SERVICES.keys()
    assert not [event["body"] for event in events["logs"] if "{" in event["body"]]


def test_outcomes_answer_predictions_late_early_or_never(events):
    predicted = {event["prediction_id"]: event for event in events["predictions"]}
    assert len(predicted) == len(events["predictions"])
    assert {event["model"] for event in events["outcomes"]} == {MODEL}
    waits = [event["timestamp"] - predicted[event["prediction_id"]]["timestamp"] for event in events["outcomes"]]
    assert len(waits) == len({event["prediction_id"] for event in events["outcomes"]})
    assert min(waits) < 0
    assert max(waits) > 2 * HOUR
    order = [event["prediction_id"] for event in events["outcomes"]]
    assert order != sorted(order)


def test_predictions_say_the_likelier_class(events):
    for event in events["predictions"]:
        assert event["prediction"] == max(event["scores"], key=lambda name: (event["scores"][name], name == "fraud"))
        assert len(event["features"]) >= 6


def test_bad_deploys_are_announced_and_rolled_back_and_chores_are_innocent():
    shop = Shop(7)
    changes = list(shop.events("changes"))
    bad = [fault for fault in shop.faults if fault.kind == "bad_deploy"]
    assert len(bad) == 2
    for fault in bad:
        near = [c for c in changes if c["service"] == fault.service and abs(seconds(c["timestamp"]) - fault.start) < 60]
        assert [c["kind"] for c in near] == ["deploy"]
        assert any(c["summary"].startswith("roll back") for c in changes if c["service"] == fault.service)
    assert len(changes) >= 2 * len(bad) + 5
    for fault in shop.faults:
        if fault.kind != "bad_deploy":
            before = [seconds(c["timestamp"]) - fault.start for c in changes if c["service"] == fault.service]
            assert not [ago for ago in before if -HOUR < ago < 0]


def test_a_shop_without_time_is_refused():
    with pytest.raises(ValueError, match="some days"):
        Shop(1, days=0)


def test_a_shop_too_short_for_faults_has_none():
    shop = Shop(1, days=0.5)
    assert shop.faults == []
    assert shop.end - shop.start < WARMUP


def test_the_decoder_refuses_nothing(shop):
    limits = Config().limits
    for topic in TOPICS:
        native = decoder(topic.removesuffix("s"), "native", limits)
        for offset, message in enumerate(shop.messages(topic)):
            stamp = round(message.time * 1000)
            decoded = native.decode(Record(message.topic, 0, offset, stamp, message.key, message.value))
            assert not decoded.refused
            assert len(decoded.signals) == message.events
