"""Changes and requests are heard from where they were left, and from nowhere before."""

from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from floodmark.alerts import ChangeNotice, Watermark
from floodmark.config.models import Config
from floodmark.events import encode
from floodmark.notify import aside as module
from floodmark.notify.aside import Aside
from floodmark.records import Record
from floodmark.requests import ModelRequest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CHANGES, REQUESTS = "floodmark.anomalies", "floodmark.model-requests"


class Consumer:
    begins, ends = {}, {}

    def __init__(self, **settings):
        self.sought, self.batches = {}, []

    async def start(self):
        pass

    def assign(self, sources):
        self.sources = sources

    async def beginning_offsets(self, sources):
        return {source: self.begins.get(source, 0) for source in sources}

    async def end_offsets(self, sources):
        return {source: self.ends.get(source, 0) for source in sources}

    def seek(self, source, offset):
        self.sought[source.topic, source.partition] = offset

    async def getmany(self, timeout_ms):
        return self.batches.pop(0)


@pytest.fixture
def aside(monkeypatch):
    monkeypatch.setattr(module, "AIOKafkaConsumer", Consumer)
    notify = {"changes": [{"targets": ["x"]}], "requests": [{"targets": ["x"]}]}
    Consumer.begins = {TopicPartition(REQUESTS, 1): 5}
    Consumer.ends = {TopicPartition(CHANGES, 0): 100, TopicPartition(REQUESTS, 0): 10, TopicPartition(REQUESTS, 1): 20}
    return Aside(Config.model_validate({"notify": notify}))


async def test_what_was_never_heard_begins_at_its_end(aside):
    found = await aside.start({}, {REQUESTS: 2, CHANGES: 7})
    assert found == {(CHANGES, 0): 100, (REQUESTS, 0): 10, (REQUESTS, 1): 20} == aside._consumer.sought


async def test_what_is_known_goes_on_and_a_partition_that_is_new_begins_at_its_beginning(aside):
    found = await aside.start({(CHANGES, 0): 40, (REQUESTS, 0): 3}, {REQUESTS: 2, CHANGES: 7})
    assert found == {(CHANGES, 0): 40, (REQUESTS, 0): 3, (REQUESTS, 1): 5}


async def test_what_is_gone_and_what_was_made_anew_begins_at_what_there_is(aside):
    found = await aside.start({(CHANGES, 0): 400, (REQUESTS, 1): 2}, {REQUESTS: 2, CHANGES: 7})
    assert found == {(CHANGES, 0): 0, (REQUESTS, 0): 0, (REQUESTS, 1): 5}


async def test_only_changes_and_requests_are_news_and_the_rest_moves_the_positions(aside):
    change = ChangeNotice(id="c", scope="", time=NOW, service="cart", kind="deploy", summary="v2")
    word = Watermark(task="m/0", tasks=1, time=NOW, idle=False)
    asked = ModelRequest(id="r", kind="retrain", model="m", why="drift", by="ann", at=NOW)

    def record(offset, body, **more):
        output = encode(body, source="t", key=None)._replace(**more)
        return Record("t", 0, offset, -1, output.key, output.value, output.headers)

    aside._consumer.batches = [
        {},
        {
            TopicPartition(CHANGES, 0): [record(7, word), record(8, change), record(9, change, value=b"{")],
            TopicPartition(REQUESTS, 1): [record(3, asked), record(4, asked, headers=())],
        },
    ]
    news = await aside.news()
    assert news.bodies == [change, asked]
    assert news.positions == {(CHANGES, 0): 10, (REQUESTS, 1): 5}
    assert news.wrong == 2
