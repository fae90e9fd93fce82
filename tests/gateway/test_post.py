import asyncio
import os
from typing import ClassVar

import pytest
from aiokafka import errors

from floodmark.config.models import Kafka
from floodmark.gateway import post as posting
from floodmark.gateway.post import LaterError, Post, TooLargeError
from floodmark.runtime.presence import Presence


class Producer:
    """Stands in for aiokafka's: what it is sent fails as the test says."""

    made: ClassVar = []
    start_with: ClassVar = None

    def __init__(self, **settings):
        assert (settings["acks"], settings["enable_idempotence"]) == ("all", True)
        self.sent, self.wrong, self.stopped = [], None, False
        Producer.made.append(self)

    async def start(self):
        if Producer.start_with is not None:
            raise Producer.start_with

    async def stop(self):
        self.stopped = True

    async def send(self, topic, value, key, headers):
        outcome = asyncio.get_running_loop().create_future()
        if self.wrong is not None:
            outcome.set_exception(self.wrong)
        else:
            self.sent.append(value)
            outcome.set_result(None)
        return outcome


@pytest.fixture
async def post(monkeypatch):
    monkeypatch.setattr(posting, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(posting, "_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(posting, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(Producer, "made", [])
    monkeypatch.setattr(Producer, "start_with", None)
    post = Post(Kafka(), Presence())
    running = asyncio.create_task(post.run())
    async with asyncio.timeout(10):
        while post._producer is None:
            await asyncio.sleep(0.001)
    yield post
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert all(each.stopped for each in Producer.made)


async def test_what_is_sent_arrives(post):
    await post.send("t", None, b"body", [])
    assert Producer.made[0].sent == [b"body"]
    assert post.troubles() == []


async def test_kafka_that_is_away_is_not_tried(post):
    post._presence.away("connection refused")
    with pytest.raises(LaterError, match="connection refused"):
        await post.send("t", None, b"body", [])
    assert Producer.made[0].sent == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.MessageSizeTooLargeError(), TooLargeError),
        (errors.OutOfOrderSequenceNumber(), LaterError),
        (errors.TopicAuthorizationFailedError("t"), LaterError),
        (errors.KafkaError("any"), LaterError),
    ],
)
async def test_a_producer_that_was_refused_a_record_is_replaced(post, error, raised):
    Producer.made[0].wrong = error
    with pytest.raises(raised):
        await post.send("t", None, b"body", [])
    denied = isinstance(error, errors.TopicAuthorizationFailedError)
    assert any("grant" in trouble for trouble in post.troubles()) == denied
    async with asyncio.timeout(10):
        while post._producer is Producer.made[0]:
            await asyncio.sleep(0.001)
    await post.send("t", None, b"body", [])
    assert [each.sent for each in Producer.made] == [[], [b"body"]]
    assert post.troubles() == []


async def test_what_only_took_too_long_replaces_nothing(post):
    Producer.made[0].wrong = errors.KafkaTimeoutError()
    with pytest.raises(LaterError):
        await post.send("t", None, b"body", [])
    assert not post._broken.is_set()


async def test_what_is_too_large_is_known_before_it_is_sent_unless_it_packs_well(post):
    post.largest = {"t": 10_000}
    with pytest.raises(TooLargeError):
        await post.send("t", None, os.urandom(20_000), [])
    await post.send("t", None, bytes(20_000), [])
    await post.send("t", None, os.urandom(9_000), [])
    await post.send("other", None, os.urandom(20_000), [])
    assert len(Producer.made[0].sent) == 3


async def test_no_more_waits_than_is_bearable(post, monkeypatch):
    monkeypatch.setattr(posting, "MOST_BYTES", 10)
    post._bytes = 8
    with pytest.raises(LaterError, match="wait for Kafka"):
        await post.send("t", None, b"body", [])


async def test_a_kafka_that_refuses_us_at_the_start_ends_it(monkeypatch):
    monkeypatch.setattr(posting, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(Producer, "made", [])
    monkeypatch.setattr(Producer, "start_with", errors.ClusterAuthorizationFailedError())
    with pytest.raises(Exception, match="IDEMPOTENT_WRITE"):
        await Post(Kafka(), Presence()).run()
