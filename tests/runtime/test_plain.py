"""At least once: acknowledged, then committed; with a producer and a consumer that the test holds."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiokafka.errors import (
    CommitFailedError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from structlog.testing import capture_logs

sys.path.insert(0, str(Path(__file__).parent))

from cluster import SOURCE, TOPICS, Cluster, turns

from floodmark.records import Output
from floodmark.runtime import delivery, plain
from floodmark.runtime.delivery import Mail
from floodmark.runtime.errors import PermissionDeniedError
from floodmark.runtime.plain import Plain
from floodmark.runtime.telemetry import Telemetry


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(delivery, "AIOKafkaProducer", cluster.producer)
    monkeypatch.setattr(plain, "RETRY_SECONDS", 0)
    return cluster


async def outbox(cluster, *, largest=None, on_output=None):
    made = Plain({}, SOURCE, "g", Mail(TOPICS, largest or {}, Telemetry(), on_output), cluster)
    await made.open()
    return made


async def test_nothing_is_committed_before_all_is_acknowledged(cluster):
    cluster.answer = lambda topic, value: "hold"
    one = await outbox(cluster)
    delivering = asyncio.create_task(one.commit([Output("alerts", b"k", b"1"), Output("alerts", b"k", b"2")], 9))
    await turns()
    cluster.held[0].set_result(None)
    await turns()
    assert not delivering.done()
    assert cluster.events == []
    cluster.held[1].set_result(None)
    await delivering
    assert cluster.events == [("commit", {SOURCE: 9})]
    await one.close()


async def test_a_commit_refused_by_a_rebalance_is_left_to_the_next_owner(cluster):
    cluster.errors["commit"] = [CommitFailedError()]
    one = await outbox(cluster)
    with capture_logs() as logs:
        await one.commit([], 5)
    assert cluster.events == []
    assert "rebalancing" in logs[0]["event"]
    await one.close()


async def test_a_commit_that_can_be_retried_is(cluster):
    cluster.errors["commit"] = [RequestTimedOutError()]
    one = await outbox(cluster)
    with capture_logs():
        await one.commit([], 5)
    assert cluster.events == [("commit", {SOURCE: 5})]
    await one.close()


async def test_everywhere_reaches_every_partition_and_is_told_once(cluster):
    heard = []
    one = await outbox(cluster, on_output=heard.append)
    output = Output("anomalies", b"w", b"mark", everywhere=True)
    await one.commit([output], None)
    assert cluster.events == [("sent", "a", b"w", b"mark", partition) for partition in (0, 1, 2)]
    assert heard == [output]
    await one.close()


async def test_a_record_of_two_nulls_can_be_a_dead_letter(cluster):
    one = await outbox(cluster)
    await one.commit([Output("dead_letters", None, None)], 1)
    assert cluster.events[0] == ("sent", "d", b"", None, None)
    await one.close()


async def test_after_a_failure_all_is_sent_again_in_order_by_a_new_producer(cluster):
    failures = {b"2": [KafkaTimeoutError()]}
    cluster.answer = lambda topic, value: failures.get(value, [None]).pop() if failures.get(value) else None
    one = await outbox(cluster)
    with capture_logs() as logs:
        await one.commit([Output("alerts", b"k", b"%d" % n) for n in (1, 2, 3)], 1)
    assert [event[3] for event in cluster.events if event[0] == "sent"] == [b"1", b"3", b"1", b"2", b"3"]
    assert cluster.producers == 2
    assert "KafkaTimeoutError" in logs[0]["reason"]
    await one.close()


async def test_too_large_an_output_becomes_a_dead_letter_without_its_value(cluster):
    one = await outbox(cluster, largest={"b": 1000})
    with capture_logs():
        await one.commit([Output("alerts", b"k", b"x" * 2000, (("a", b"1"), ("long", b"y" * 5000)))], 1)
    (sent,) = [event for event in cluster.events if event[0] == "sent"]
    assert sent == ("sent", "d", b"k", None, None)
    assert one._mail.telemetry.registry.get_sample_value("floodmark_oversize_outputs_total") == 1
    await one.close()


async def test_what_only_the_broker_finds_too_large_is_cut_too(cluster):
    cluster.answer = lambda topic, value: MessageSizeTooLargeError() if value == b"big" else None
    one = await outbox(cluster)
    with capture_logs():
        await one.commit([Output("alerts", b"k", b"1"), Output("alerts", b"k", b"big")], 1)
    sent = [event[1:4] for event in cluster.events if event[0] == "sent"]
    assert sent[-2:] == [("b", b"k", b"1"), ("d", b"k", None)]
    await one.close()


async def test_a_refusal_is_not_retried(cluster):
    cluster.answer = lambda topic, value: TopicAuthorizationFailedError(topic)
    one = await outbox(cluster)
    with pytest.raises(PermissionDeniedError, match="topic b"):
        await one.commit([Output("alerts", b"k", b"1")], 1)
    assert cluster.events == []
    await one.close()


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(cluster):
    one = await outbox(cluster, largest={"a": 50_000, "d": 9_000_000})
    assert cluster.settings["enable_idempotence"] is True
    assert cluster.settings["acks"] == "all"
    assert cluster.settings["max_request_size"] == 9_000_000
    assert cluster.settings["max_batch_size"] == 50_000
    await one.close()
