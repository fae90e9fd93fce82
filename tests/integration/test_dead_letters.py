"""Dead letters on Apache Kafka itself: shown, and sent again once and only once."""

import asyncio
import itertools
import json

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.models import Kafka, Topics
from floodmark.runtime import dead_letters
from floodmark.runtime.dead_letters import Choice, retry, survey
from floodmark.runtime.errors import FencedError, MissingTopicsError
from floodmark.runtime.topics import TopicSpec, create

pytestmark = pytest.mark.kafka

numbers = itertools.count()


@pytest.fixture
async def place(kafka):
    """The cluster and the topics of one test: a dead-letter topic and an input of two partitions each."""
    name = f"dead-{next(numbers)}"
    settings = Kafka(brokers=[kafka], group=name)
    topics = Topics(dead_letters=f"{name}.letters", anomalies=f"{name}.anomalies")
    spec = TopicSpec(2, 1)
    await create(settings, dict.fromkeys([topics.dead_letters, topics.anomalies, f"{name}.in"], spec))
    return settings, topics, f"{name}.in"


def letter(topic, offset, error="not_json", *, partition=1, value=b"{", more=()):
    said = {"topic": topic, "partition": partition, "offset": offset, "stage": "detect", "error": error}
    said["message"] = f"the message is \x1b[31m{error}"
    headers = [("trace", b"t"), *((f"floodmark.{k}", str(v).encode()) for k, v in said.items()), *more]
    return {"value": value, "key": b"k", "headers": headers}


async def write(settings, topic, letters, *, commit=True):
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, transactional_id=f"{topic}-writer")
    await producer.start()
    await producer.begin_transaction()
    for number, fields in enumerate(letters):
        await producer.send_and_wait(topic, partition=number % 2, **fields)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def read(settings, topic, count):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.brokers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    found = []
    async with asyncio.timeout(300):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    for records in (await consumer.getmany(timeout_ms=300)).values():
        found += records
    await consumer.stop()
    return found


async def test_a_letter_goes_back_once_to_where_it_came_from(place):
    settings, topics, source = place
    await write(settings, topics.dead_letters, [letter(source, n, value=b"%d" % n) for n in range(5)])
    await write(settings, topics.dead_letters, [letter(source, 9, value=b"9")], commit=False)
    heard = []
    assert (await retry(settings, topics, Choice(), dry=True, told=heard.append)).sent == {source: 5}
    assert sorted(held.place for held in heard) == [(1, n) for n in range(5)]
    assert (await retry(settings, topics, Choice())).sent == {source: 5}
    assert (await retry(settings, topics, Choice())).sent == {}
    found = await read(settings, source, 5)
    assert sorted(record.value for record in found) == [b"0", b"1", b"2", b"3", b"4"]
    assert {record.partition for record in found} == {1}
    assert {record.key for record in found} == {b"k"}
    assert {record.headers for record in found} == {(("trace", b"t"), ("floodmark.retry", b"1"))}
    assert (await retry(settings, topics, Choice(), everything=True)).sent == {source: 5}
    assert (await retry(settings, topics, Choice())).sent == {}
    assert len(await read(settings, source, 10)) == 10


async def test_what_a_filter_leaves_out_is_sent_later_and_the_rest_not_twice(place, monkeypatch):
    monkeypatch.setattr(dead_letters, "_BATCH", 3)
    settings, topics, source = place
    errors = ["a", "a", "b", "a", "b", "b", "a", "b", "a", "b"]
    letters = [letter(source, n, error, value=b"%d" % n) for n, error in enumerate(errors)]
    await write(settings, topics.dead_letters, letters)
    assert (await retry(settings, topics, Choice(error="b"))).sent == {source: 5}
    assert (await retry(settings, topics, Choice(error="b"))).sent == {}
    await write(settings, topics.dead_letters, [letter(source, 10, "b", value=b"10")])
    assert (await retry(settings, topics, Choice(error="b"))).sent == {source: 1}
    found = await survey(settings, topics, Choice(), 100)
    assert found.errors == {"a": 5, "b": 6}  # receipts are no letters
    assert (await retry(settings, topics, Choice())).sent == {source: 5}
    assert (await retry(settings, topics, Choice())).sent == {}
    found = await read(settings, source, 11)
    assert sorted(int(record.value) for record in found) == list(range(11))


async def test_what_cannot_be_sent_is_said_and_what_may_come_back_is_kept(place):
    settings, topics, source = place
    left_out = letter(source, 1, value=None, more=[("floodmark.left-out", b"value of 9 bytes")])
    gone = [letter(f"{source}.gone", 1), letter(f"{source}.gone", 2)]
    await write(settings, topics.dead_letters, [left_out, letter(topics.anomalies, 1), *gone, letter(source, 3)])
    done = await retry(settings, topics, Choice())
    assert done.sent == {source: 1}
    assert sorted(done.kept.values()) == [1, 1, 2]
    await create(settings, {f"{source}.gone": TopicSpec(1, 1)})
    done = await retry(settings, topics, Choice())
    assert (done.sent, done.kept) == ({f"{source}.gone": 2}, {})
    assert {record.partition for record in await read(settings, f"{source}.gone", 2)} == {0}  # it has no partition 1


@pytest.mark.parametrize("choice", [Choice(), Choice(error="b")])
async def test_a_retry_that_dies_half_way_neither_loses_nor_doubles(place, monkeypatch, choice):
    monkeypatch.setattr(dead_letters, "_BATCH", 2)
    settings, topics, source = place
    letters = [letter(source, n, "b" if n % 3 else "a", value=b"%d" % n) for n in range(12)]
    await write(settings, topics.dead_letters, letters)
    commit = AIOKafkaProducer.commit_transaction
    commits = itertools.count(1)

    async def dies(producer):
        if next(commits) == 3:  # all is sent, nothing committed
            raise SystemExit
        await commit(producer)

    monkeypatch.setattr(AIOKafkaProducer, "commit_transaction", dies)
    with pytest.raises(SystemExit):
        await retry(settings, topics, choice)
    monkeypatch.setattr(AIOKafkaProducer, "commit_transaction", commit)
    await retry(settings, topics, choice)
    await retry(settings, topics, Choice())
    found = await read(settings, source, 12)
    assert sorted(int(record.value) for record in found) == list(range(12))


async def test_a_second_retry_stops_the_first(place):
    settings, topics, source = place
    await write(settings, topics.dead_letters, [letter(source, n, value=b"%d" % n) for n in range(4)])
    waiting = asyncio.Event()

    async def other():
        await waiting.wait()
        return await retry(settings, topics, Choice())

    second = asyncio.create_task(other())
    batch_commit = dead_letters._Batch.commit

    async def slow(batch, producer):
        if not waiting.is_set():
            waiting.set()
            await second
        await batch_commit(batch, producer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dead_letters._Batch, "commit", slow)
        with pytest.raises(FencedError, match="Another"):
            await retry(settings, topics, Choice())
    assert (await second).sent == {source: 4}
    assert len(await read(settings, source, 4)) == 4


async def test_no_such_topic_is_a_sentence(kafka):
    with pytest.raises(MissingTopicsError, match="nowhere does not exist"):
        await survey(Kafka(brokers=[kafka]), Topics(dead_letters="nowhere"), Choice(), 1)


async def test_the_command_shows_and_sends(place, tmp_path):
    settings, topics, source = place
    path = tmp_path / "c.yaml"
    path.write_text(
        f"kafka: {{brokers: ['{settings.brokers[0]}'], group: {settings.group}}}\n"
        f"inputs: [{{topic: {source}, signal: metric}}]\n"
        f"topics: {{dead_letters: {topics.dead_letters}, anomalies: {topics.anomalies}}}\n"
    )

    async def call(*arguments):
        # the command has an event loop of its own
        return await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *arguments, "-c", str(path)])

    assert (await call("show")).stdout == "No dead letters.\n"
    await write(settings, topics.dead_letters, [letter(source, n, value=b"\x1b[2J%d" % n) for n in range(3)])
    shown = await call("show", "--value", "--limit", "2")
    assert shown.exit_code == 0, shown.stderr
    assert "3 dead letters, 2 shown" in shown.stdout
    assert "\\x1b[2J" in shown.stdout.replace("\n", "")
    assert "\x1b[2J" not in shown.stdout
    lines = [json.loads(line) for line in (await call("show", "--json", "--since", "1h")).stdout.splitlines()]
    assert {line["origin"]["offset"] for line in lines} == {0, 1, 2}
    assert (await call("show", "--error", "other")).stdout == "No dead letters like these.\n"
    assert f"3 dead letters would be sent to {source}" in (await call("retry", "--dry-run")).stdout
    assert (await call("retry")).stdout == f"3 dead letters sent to {source}\n"
    assert (await call("retry")).stdout == "Nothing to send again.\n"
