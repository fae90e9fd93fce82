"""Exactly once: outputs and offset in one transaction, with a producer that the test holds."""

import sys
from pathlib import Path

import pytest
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

sys.path.insert(0, str(Path(__file__).parent))

from cluster import SOURCE, TOPICS, Cluster

from floodmark.records import Output
from floodmark.runtime import delivery
from floodmark.runtime.delivery import Mail
from floodmark.runtime.errors import FencedError, PermissionDeniedError, UnreachableError
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.transactions import Transactions

ONE, TWO = Output("anomalies", b"k", b"1"), Output("alerts", b"k", b"2")


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(delivery, "AIOKafkaProducer", cluster.producer)
    return cluster


async def outbox(cluster, on_output=None):
    made = Transactions({}, SOURCE, "floodmark-detect", Mail(TOPICS, {}, Telemetry(), on_output))
    await made.open()
    return made


def counted(one, name, **labels):
    value = one._mail.telemetry.registry.get_sample_value(name, {"group": "floodmark-detect", **labels})
    return value or 0


async def test_the_transactional_id_is_the_tasks_own(cluster):
    await outbox(cluster)
    assert cluster.settings["transactional_id"] == "floodmark-detect-metrics-0"


async def test_outputs_and_offset_are_one_transaction(cluster):
    heard = []
    one = await outbox(cluster, heard.append)
    await one.commit([ONE, TWO], 9)
    assert cluster.events == [
        ("begin",),
        ("sent", "a", b"k", b"1", None),
        ("sent", "b", b"k", b"2", None),
        ("offsets", {SOURCE: 9}, "floodmark-detect"),
        ("committed",),
    ]
    assert heard == [ONE, TWO]
    assert counted(one, "floodmark_transactions_total", result="committed") == 1


async def test_without_progress_no_offset_is_committed(cluster):
    one = await outbox(cluster)
    await one.commit([ONE], None)
    assert [event[0] for event in cluster.events] == ["begin", "sent", "committed"]


@pytest.mark.parametrize("error", [ProducerFenced, InvalidProducerEpoch])
@pytest.mark.parametrize("step", ["begin", "offsets", "committed"])
async def test_a_fenced_producer_is_never_started_again(cluster, step, error):
    one = await outbox(cluster)
    cluster.errors[step] = [error()]
    with pytest.raises(FencedError, match=r"metrics/0.*another owner"):
        await one.commit([ONE], 9)
    assert cluster.producers == 1
    assert counted(one, "floodmark_fenced_total") == 1
    assert counted(one, "floodmark_transactions_total", result="committed") == 0


@given(st.sampled_from(["begin", "offsets", "committed"]))
def test_any_other_failure_begins_again_at_the_committed_offset(step):
    import asyncio

    async def scenario():
        cluster, heard = Cluster(), []
        one = Transactions({}, SOURCE, "g", Mail(TOPICS, {}, Telemetry(), heard.append))
        one._producer = cluster.producer()
        cluster.errors[step] = [KafkaTimeoutError()]
        with pytest.raises(UnreachableError) as caught:
            await one.commit([ONE], 9)
        assert not isinstance(caught.value, FencedError)
        assert heard == []

    asyncio.run(scenario())


async def test_too_large_for_the_broker_is_cut_in_a_second_transaction(cluster):
    cluster.answer = lambda topic, value: MessageSizeTooLargeError() if value == b"2" else None
    one = await outbox(cluster)
    with capture_logs():
        await one.commit([ONE, TWO], 9)
    names = [event[0] for event in cluster.events]
    assert names == ["begin", "sent", "aborted", "begin", "sent", "sent", "offsets", "committed"]
    assert [event[1] for event in cluster.events[4:6]] == ["a", "d"]
    assert counted(one, "floodmark_transactions_total", result="aborted") == 1


async def test_refusals_and_missing_topics_are_sentences(cluster):
    one = await outbox(cluster)
    cluster.answer = lambda topic, value: TopicAuthorizationFailedError(topic)
    with pytest.raises(PermissionDeniedError, match="topic a"):
        await one.commit([ONE], 1)
    cluster.answer = lambda topic, value: UnknownTopicOrPartitionError()
    with pytest.raises(UnreachableError, match=r"has not found an output topic \(a\)"):
        await one.commit([ONE], 1)


async def test_a_coordinator_that_is_away_is_waited_for_by_a_new_life(cluster):
    cluster.errors["start"] = [KafkaConnectionError("nobody")]
    with pytest.raises(UnreachableError, match="nobody"):
        await outbox(cluster)
    assert cluster.events == [("stop",)]


async def test_opened_twice_it_keeps_its_producer(cluster):
    one = await outbox(cluster)
    await one.open()
    assert cluster.producers == 1
    await one.close()
    assert cluster.events == [("stop",)]
