"""Kafka away and back: said once each, repeated seldom; noticed by questions on a connection of our own."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from floodmark.config.models import Kafka
from floodmark.runtime import probing
from floodmark.runtime.errors import AwayError, CertificateError
from floodmark.runtime.presence import PROBE_SECONDS, REPEAT_SECONDS, Presence
from floodmark.runtime.telemetry import Telemetry


class Clock:
    now = 1_800_000_127.0  # 08:02:07 UTC

    def __call__(self):
        return self.now


def events(logs):
    return [line["event"] for line in logs]


def test_away_and_back_are_said_once_each():
    clock = Clock()
    presence = Presence(clock)
    with capture_logs() as logs:
        presence.back()
        for _ in range(4):
            presence.away("b:9092: connection refused")
            clock.now += 2
        clock.now += 54
        presence.back()
        presence.back()
    assert events(logs) == [
        "Kafka has been away since 08:02:07 UTC: b:9092: connection refused; trying again every 2 s, nothing is lost",
        "Kafka is back after 62 s",
    ]
    assert [line["log_level"] for line in logs] == ["warning", "info"]


def test_a_long_outage_is_said_again_with_the_newest_reason():
    clock = Clock()
    presence = Presence(clock)
    with capture_logs() as logs:
        presence.away("b:9092: connection refused")
        clock.now += REPEAT_SECONDS - 1
        presence.away("b:9092: connection refused")
        clock.now += 601
        presence.away("b:9092: no answer in 3 s")
    assert events(logs)[1:] == [
        "Kafka has been away since 08:02:07 UTC: b:9092: no answer in 3 s; still trying after 11 min"
    ]


def test_since_is_when_it_was_last_heard():
    clock = Clock()
    presence = Presence(clock)
    presence.back()
    clock.now += 8
    with capture_logs():
        presence.away("b:9092: no answer in 3 s")
    assert presence.away_since == clock.now - 8
    assert presence.seconds() == 8
    clock.now -= 3600  # somebody sets the clock
    assert presence.seconds() == 0


def test_away_is_not_ready_and_is_a_metric():
    telemetry = Telemetry()
    telemetry.presence = presence = Presence(Clock())
    telemetry.groups = [SimpleNamespace(name="g", live=True, assigned=True, views=list)]
    assert (telemetry.ready(), presence.sentence()) == (True, "")
    with capture_logs():
        presence.away("b:9092: connection refused")
    assert not telemetry.ready()
    assert presence.sentence() == "Kafka has been away since 08:02:07 UTC: b:9092: connection refused"
    presence._clock.now += 5
    assert telemetry.registry.get_sample_value("floodmark_kafka_away_seconds") == 5
    with capture_logs():
        presence.back()
    assert telemetry.ready()
    assert telemetry.registry.get_sample_value("floodmark_kafka_away_seconds") == 0
    assert telemetry.registry.get_sample_value("floodmark_kafka_outages_total") == 1


class Cluster:
    """`script` says what each question meets: an answer (True), none on that connection (False), or why there is no
    connection (an error). What was slept is in `slept`."""

    def __init__(self, monkeypatch, *script):
        self.script = list(script)
        self.slept = []
        monkeypatch.setattr(probing, "quickest", self.quickest)

    @contextlib.asynccontextmanager
    async def quickest(self, kafka, seconds):
        answer = self.next()
        if isinstance(answer, Exception):
            raise answer
        yield SimpleNamespace(send=self.send)

    async def send(self, request):
        if self.next() is not True:
            raise KafkaConnectionError("gone")

    def next(self):
        if not self.script:
            raise asyncio.CancelledError
        return self.script.pop(0)

    async def sleep(self, seconds):
        self.slept.append(seconds)


async def watched(cluster, presence, **more):
    with contextlib.suppress(asyncio.CancelledError):
        await probing.watch(Kafka(), presence, sleep=cluster.sleep, **more)


async def test_a_connection_that_breaks_is_no_outage_if_another_is_had_at_once(monkeypatch):
    cluster = Cluster(monkeypatch, True, True, False, True, True)
    presence, connected = Presence(Clock()), []
    with capture_logs() as logs:
        await watched(cluster, presence, connected=connected.append)
    assert (presence.outages, len(connected), events(logs)) == (0, 2, [])
    assert set(cluster.slept) == {PROBE_SECONDS}


async def test_no_answer_and_no_connection_is_an_outage_until_there_is_one(monkeypatch):
    away = AwayError("b:9092: connection refused")
    cluster = Cluster(monkeypatch, True, False, away, away, away, True)
    presence = Presence(Clock())
    with capture_logs() as logs:
        await watched(cluster, presence)
    assert [event.partition(" UTC")[0] for event in events(logs)] == [
        "Kafka has been away since 08:02:07",
        "Kafka is back after 0 s",
    ]
    assert len(cluster.slept) == 5  # the three failures, and before each question on a connection


async def test_a_refusal_is_away_with_its_sentence_and_then_all_join_anew(monkeypatch):
    refusal = CertificateError("The certificate of b:9093 has expired; renew it at the broker")
    cluster = Cluster(monkeypatch, True, False, refusal, AwayError("b:9093: connection refused"), True)
    presence, admitted = Presence(Clock()), []
    with capture_logs() as logs:
        await watched(cluster, presence, admitted=lambda: admitted.append(presence.away_since))
    assert "The certificate of b:9093 has expired" in events(logs)[0]
    assert admitted == [None]


async def test_once_an_hour_a_new_connection_is_tried_and_a_refusal_is_no_outage(monkeypatch):
    monkeypatch.setattr(probing, "ANEW", 2)
    refusal = CertificateError("The certificate of b:9093 has expired; renew it at the broker")
    away = AwayError("b:9093: connection refused")
    cluster = Cluster(monkeypatch, True, True, True, True, True, True, refusal, True, True, away, True)
    presence, connected = Presence(Clock()), []
    with capture_logs() as logs:
        await watched(cluster, presence, connected=connected.append)
    assert events(logs) == [f"Kafka refuses new connections, those that are open go on: {refusal}"]
    assert (presence.outages, len(connected)) == (0, 2)


@pytest.mark.parametrize(("seconds", "said"), [(119, "119 s"), (120, "2 min"), (7200, "2.0 h")])
def test_durations_are_for_people(seconds, said):
    clock = Clock()
    presence = Presence(clock)
    with capture_logs() as logs:
        presence.away("b")
        clock.now += seconds
        presence.back()
    assert events(logs)[-1] == f"Kafka is back after {said}"
