"""At least once: acknowledged, then committed; with a producer and a consumer that the test holds."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from structlog.testing import capture_logs

from floodmark.records import Output
from floodmark.runtime import delivery as module
from floodmark.runtime.delivery import AtLeastOnce
from floodmark.runtime.errors import PermissionDeniedError
from floodmark.runtime.telemetry import Telemetry

SOURCE = TopicPartition("metrics", 0)
TOPICS = {"anomalies": "a", "alerts": "b", "dead_letters": "d", "model_events": "m"}


class Cluster:
    """What producers and the consumer do to it, in order, in `events`. `answers` decides each send's future."""

    def __init__(self):
        self.events = []
        self.held = []
        self.answer = lambda topic, value: None
        self.commit_answers = []
        self.producers = 0

    def producer(self, **settings):
        self.settings = settings
        self.producers += 1
        return Producer(self)

    async def commit(self, offsets):
        if self.commit_answers and (error := self.commit_answers.pop(0)):
            raise error
        self.events.append(("commit", dict(offsets)))


class Producer:
    def __init__(self, cluster):
        self.cluster = cluster

    async def start(self):
        pass

    async def stop(self):
        pass

    async def partitions_for(self, topic):
        return {2, 0, 1}

    async def send(self, topic, value, key, partition, headers):
        future = asyncio.get_running_loop().create_future()
        answer = self.cluster.answer(topic, value)
        if answer == "hold":
            self.cluster.held.append(future)
        elif answer is None:
            self.cluster.events.append(("sent", topic, key, value, partition))
            future.set_result(None)
        else:
            future.set_exception(answer)
        return future


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(module, "AIOKafkaProducer", cluster.producer)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    monkeypatch.setattr(module, "COMMIT_SECONDS", 0)
    return cluster


async def delivery(cluster, **more):
    made = AtLeastOnce(
        {}, consumer=cluster, group="g", topics=TOPICS, telemetry=Telemetry(), largest=more.pop("largest", {}), **more
    )
    await made.start()
    return made


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_nothing_is_committed_before_all_is_acknowledged(cluster):
    cluster.answer = lambda topic, value: "hold"
    one = await delivery(cluster)
    delivering = asyncio.create_task(
        one.deliver(SOURCE, [Output("alerts", b"k", b"1"), Output("alerts", b"k", b"2")], 9)
    )
    await turns()
    cluster.held[0].set_result(None)
    await turns()
    assert not delivering.done()
    assert cluster.events == []
    cluster.held[1].set_result(None)
    await delivering
    await one.settle()
    assert cluster.events == [("commit", {SOURCE: 9})]
    await one.close()


async def test_commits_are_gathered_and_never_go_back(cluster):
    one = await delivery(cluster)
    for offset in range(1, 100):
        await one.deliver(SOURCE, [], offset)
    await turns()
    await one.deliver(SOURCE, [], 100)
    await one.settle()
    offsets = [event[1][SOURCE] for event in cluster.events]
    assert offsets == sorted(offsets)
    assert offsets[-1] == 100
    assert len(offsets) <= 3
    await one.close()


async def test_a_commit_refused_by_a_rebalance_is_tried_again_at_the_revocation(cluster):
    cluster.commit_answers = [CommitFailedError()]
    one = await delivery(cluster)
    with capture_logs():
        await one.deliver(SOURCE, [], 5)
        await turns(3)
        await one.settle()
    assert cluster.events[-1] == ("commit", {SOURCE: 5})
    await one.close()


async def test_what_cannot_be_committed_at_the_revocation_is_forgotten(cluster):
    cluster.commit_answers = [CommitFailedError()] * 10
    one = await delivery(cluster)
    with capture_logs():
        await one.deliver(SOURCE, [], 5)
        await one.settle()
    cluster.commit_answers = []
    await one.settle()
    assert cluster.events == []
    await one.close()


async def test_everywhere_reaches_every_partition_and_is_told_once(cluster):
    heard = []
    one = await delivery(cluster, on_output=heard.append)
    output = Output("anomalies", b"w", b"mark", everywhere=True)
    await one.deliver(SOURCE, [output], None)
    assert cluster.events == [("sent", "a", b"w", b"mark", partition) for partition in (0, 1, 2)]
    assert heard == [output]
    await one.close()


async def test_a_record_of_two_nulls_can_be_a_dead_letter(cluster):
    one = await delivery(cluster)
    await one.deliver(SOURCE, [Output("dead_letters", None, None)], 1)
    assert cluster.events[0] == ("sent", "d", b"", None, None)
    await one.close()


async def test_after_a_failure_all_is_sent_again_in_order_by_a_new_producer(cluster):
    failures = {b"2": [KafkaTimeoutError()]}
    cluster.answer = lambda topic, value: failures.get(value, [None]).pop() if failures.get(value) else None
    one = await delivery(cluster)
    with capture_logs() as logs:
        await one.deliver(SOURCE, [Output("alerts", b"k", b"%d" % n) for n in (1, 2, 3)], 1)
    assert [event[3] for event in cluster.events if event[0] == "sent"] == [b"1", b"3", b"1", b"2", b"3"]
    assert cluster.producers == 2
    assert "KafkaTimeoutError" in logs[0]["reason"]
    await one.close()


async def test_too_large_an_output_becomes_a_dead_letter_without_its_value(cluster):
    one = await delivery(cluster, largest={"b": 1000})
    with capture_logs():
        await one.deliver(SOURCE, [Output("alerts", b"k", b"x" * 2000, (("a", b"1"), ("long", b"y" * 5000)))], 1)
    (sent,) = [event for event in cluster.events if event[0] == "sent"]
    assert sent == ("sent", "d", b"k", None, None)
    assert one._telemetry.registry.get_sample_value("floodmark_oversize_outputs_total") == 1
    await one.close()


async def test_what_only_the_broker_finds_too_large_is_cut_too(cluster):
    cluster.answer = lambda topic, value: MessageSizeTooLargeError() if value == b"big" else None
    one = await delivery(cluster)
    with capture_logs():
        await one.deliver(SOURCE, [Output("alerts", b"k", b"1"), Output("alerts", b"k", b"big")], 1)
    sent = [event[1:4] for event in cluster.events if event[0] == "sent"]
    assert sent[-2:] == [("b", b"k", b"1"), ("d", b"k", None)]
    await one.close()


async def test_a_refusal_is_not_retried(cluster):
    cluster.answer = lambda topic, value: TopicAuthorizationFailedError(topic)
    one = await delivery(cluster)
    with pytest.raises(PermissionDeniedError, match="topic b"):
        await one.deliver(SOURCE, [Output("alerts", b"k", b"1")], 1)
    await one.settle()
    assert cluster.events == []
    await one.close()


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(cluster):
    one = await delivery(cluster, largest={"a": 50_000, "d": 9_000_000})
    assert cluster.settings["enable_idempotence"] is True
    assert cluster.settings["acks"] == "all"
    assert cluster.settings["max_request_size"] == 9_000_000
    assert cluster.settings["max_batch_size"] == 50_000
    await one.close()
