"""The notifier on Apache Kafka itself: what is told, in which order, and how often, over restarts and failures."""

import asyncio
import contextlib
import itertools
import json
import signal
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).parent))

from simple_desk import SimpleDesk, incident, record

from floodmark.actions import Action
from floodmark.alerts import ChangeNotice
from floodmark.config.models import Actions, Config, Kafka, Topics
from floodmark.config.notify import Notify, NotifyHttp
from floodmark.events import encode
from floodmark.notify.runner import Reloaded, run
from floodmark.notify.sink import Request, settled
from floodmark.requests import ModelRequest
from floodmark.runtime import RunError
from floodmark.runtime.topics import TopicSpec, create

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

numbers = itertools.count()
COMPACT = {"cleanup.policy": "compact"}


class Post:
    """A target: keeps what it has taken, and answers as it is told."""

    def __init__(self):
        self.taken = []
        self.seen = Counter()
        self.answers = itertools.repeat(200)
        self.url = ""
        self.paths = []

    async def __aenter__(self):
        app = web.Application()
        app.add_routes([web.post("/", self._take), web.post("/{path}", self._note)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        body = msgspec.json.decode(await request.read())
        self.seen[body["id"]] += 1
        status = next(self.answers)
        if status == 0:
            await asyncio.sleep(3600)
        if status == 200:
            self.taken.append((body["key"], body["revision"], body["event"]))
        return web.Response(status=status, headers={"Retry-After": "1"} if status == 429 else {})

    async def _note(self, request):
        self.paths.append(request.path)
        return web.Response()

    def of(self, key):
        return [revision for each, revision, _ in self.taken if each == key]


class PostSink:
    """As simple as a sink can be."""

    takes = frozenset({"open", "update", "resolve", "change", "request"})

    def __init__(self, url, exchange):
        self._url, self._exchange = url, exchange

    async def deliver(self, message, memory):
        body = {"id": message.id, "key": message.key, "revision": message.revision, "event": message.event}
        answer = await self._exchange(Request("POST", self._url, {}, msgspec.json.encode(body)))
        return settled(answer, {"seen": str(int(memory.get("seen", "0")) + 1)})


def made(posts):
    def make(config, session):
        from floodmark.notify.exchange import HttpExchange

        return {
            name: PostSink(posts[name].url, HttpExchange(session, target.timeout))
            for name, target in config.notify.targets.items()
        }

    return make


async def config_of(brokers, *targets, partitions=2, actions=False, **notify):
    number = next(numbers)
    name = f"notify-{number}-{datetime.now(UTC):%H%M%S%f}"
    topics = Topics(**{field: f"{name}.{field}" for field in Topics.model_fields})
    kafka = Kafka(brokers=[brokers], group=name, session_timeout=6.0)
    plain = TopicSpec(partitions, 1)
    await create(
        kafka,
        {
            topics.alerts: plain,
            topics.dead_letters: plain,
            topics.anomalies: plain,
            topics.model_requests: plain,
            topics.actions: TopicSpec(1, 1),
            topics.deliveries: TopicSpec(partitions, 1, COMPACT),
        },
    )
    section = Notify(
        targets={each: {"webhook": {"url": f"https://example.org/{each}"}, "timeout": 0.5} for each in targets},
        http=NotifyHttp(port=0),
        **notify,
    )
    return Config(kafka=kafka, topics=topics, notify=section, actions=Actions() if actions else None)


@contextlib.asynccontextmanager
async def writing(config):
    producer = AIOKafkaProducer(bootstrap_servers=config.kafka.brokers, acks="all", enable_idempotence=True)
    await producer.start()

    async def write(topic, output):
        await producer.send_and_wait(topic, output.value, output.key, output.partition, headers=list(output.headers))

    try:
        yield write
    finally:
        await producer.stop()


@contextlib.asynccontextmanager
async def notifier(config, posts, desks=None, **more):
    """A notifier that is at work while entered, and ends in order."""
    stop, ready = asyncio.Event(), asyncio.Event()

    def make_desk(*what):
        desk = SimpleDesk(*what)
        if desks is not None:
            desks.append(desk)
        return desk

    running = asyncio.create_task(
        run(config, stop=stop, ready=ready, make_desk=make_desk, make_sinks=made(posts), **more)
    )
    getting_ready = asyncio.create_task(ready.wait())
    await asyncio.wait({running, getting_ready}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        getting_ready.cancel()
        running.result()
    try:
        yield running
    finally:
        stop.set()
        await running


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def test_what_comes_is_told_in_order_and_what_was_there_before_is_not(kafka):
    async with Post() as post:
        config = await config_of(kafka, "post")
        async with writing(config) as write:
            await write(config.topics.alerts, record(incident("inc-before", 1, "opened")))
            async with notifier(config, {"post": post}):
                for number in range(5):
                    await write(config.topics.alerts, record(incident(f"inc-{number}", 1, "opened")))
                    await write(config.topics.alerts, record(incident(f"inc-{number}", 2, "updated")))
                    await write(config.topics.alerts, record(incident(f"inc-{number}", 3, "resolved")))
                await until(lambda: len(post.taken) == 15)
        assert all(post.of(f"inc-{number}") == [1, 2, 3] for number in range(5))
        assert not post.of("inc-before")


async def test_a_restart_goes_on_where_it_was_and_tells_nothing_twice(kafka):
    async with Post() as post:
        config = await config_of(kafka, "post")
        async with writing(config) as write:
            async with notifier(config, {"post": post}):
                await write(config.topics.alerts, record(incident("inc-1", 1, "opened")))
                await until(lambda: post.of("inc-1") == [1])
            await write(config.topics.alerts, record(incident("inc-1", 2, "resolved")))
            await write(config.topics.alerts, record(incident("inc-2", 1, "opened")))
            async with notifier(config, {"post": post}):
                await until(lambda: len(post.taken) == 3)
        assert post.of("inc-1") == [1, 2]
        assert set(post.seen.values()) == {1}


async def test_what_is_not_taken_is_tried_again_under_the_same_id_and_what_hangs_holds_up_no_other(kafka):
    async with Post() as good, Post() as bad, Post() as dead:
        bad.answers = itertools.chain([500, 429, 0, 503], itertools.repeat(200))
        dead.answers = itertools.repeat(0)
        config = await config_of(kafka, "good", "bad", "dead")
        async with writing(config) as write, notifier(config, {"good": good, "bad": bad, "dead": dead}):
            for number in range(20):
                await write(config.topics.alerts, record(incident(f"inc-{number}", 1, "opened")))
            await until(lambda: len(good.taken) == 20)
            await until(lambda: len(bad.taken) == 20)
        assert set(good.seen.values()) == {1}
        assert sum(bad.seen.values()) == 24
        assert not dead.taken


async def test_what_people_do_is_heard_from_the_beginning_and_answers_go_the_same_way(kafka):
    def said(number, verb):
        action = Action(id=f"act-{number}", verb=verb, by="ann", at=datetime.now(UTC), incident="inc-1")
        return encode(action, source="test", key=action.key())

    async with Post() as post:
        config = await config_of(kafka, "post", actions=True)
        desks = []
        async with writing(config) as write:
            await write(config.topics.actions, said(1, "ack"))
            async with notifier(config, {"post": post}, desks):
                assert [[verb for verb, _ in desk.heard] for desk in desks] == [["ack"], ["ack"]]
                await write(config.topics.actions, said(2, "comment"))
                await write(config.topics.actions, said(2, "comment"))
                await write(config.topics.actions, said(3, "approve"))
                # Both desks answer: what was meant for one is a matter of the desk.
                await until(lambda: [len(desk.heard) for desk in desks] == [5, 5])
        assert Counter(verb for verb, _ in desks[0].heard) == {"ack": 1, "comment": 1, "approve": 1, "ran": 2}


async def test_changes_and_requests_are_heard_once_also_over_a_restart(kafka):
    def change(number):
        now = datetime.now(UTC)
        notice = ChangeNotice(id=f"chg-{number}", scope="", time=now, service="cart", kind="deploy", summary="v2")
        return encode(notice, source="route/changes/0", key=None, everywhere=True)._replace(partition=0)

    def request(number):
        asked = ModelRequest(
            id=f"req-{number}", kind="retrain", model=f"m{number}", why="drift", by="ann", at=datetime.now(UTC)
        )
        return encode(asked, source="test", key=asked.model)

    async with Post() as post:
        config = await config_of(
            kafka, "post", changes=[{"targets": ["post"]}], requests=[{"targets": ["post"]}], partitions=3
        )
        async with writing(config) as write:
            await write(config.topics.anomalies, change(0))
            for number in range(3):
                await write(config.topics.model_requests, request(number))
            async with notifier(config, {"post": post}):
                await write(config.topics.anomalies, change(1))
                await write(config.topics.model_requests, request(4))
                await until(lambda: len(post.taken) == 2)
            await write(config.topics.anomalies, change(2))
            for number in range(5, 9):
                await write(config.topics.model_requests, request(number))
            async with notifier(config, {"post": post}):
                await until(lambda: len(post.taken) == 7)
        wanted = {"chg-1", "chg-2", "req-4", *(f"req-{number}" for number in range(5, 9))}
        assert {key for key, _, _ in post.taken} == wanted
        assert set(post.seen.values()) == {1}


async def test_two_processes_share_the_work_and_one_goes_on_alone(kafka):
    async with Post() as post:
        config = await config_of(kafka, "post", partitions=4)
        async with writing(config) as write, notifier(config, {"post": post}):
            async with notifier(config, {"post": post}):
                for number in range(40):
                    await write(config.topics.alerts, record(incident(f"inc-{number}", 1, "opened")))
            for number in range(40):
                await write(config.topics.alerts, record(incident(f"inc-{number}", 2, "resolved")))
            await until(lambda: len(post.taken) >= 80)
        told = defaultdict(list)
        for key, revision, _ in post.taken:
            told[key].append(revision)
        assert all(revisions == [1, 2] for revisions in told.values()), told


async def test_another_config_is_taken_up_as_it_runs(kafka):
    changes = asyncio.Queue()

    async def reloads():
        while True:
            yield Reloaded(await changes.get())

    async with Post() as post, Post() as other:
        config = await config_of(kafka, "post")
        new = config.model_copy(
            update={"notify": Notify(targets={"other": {"webhook": {"url": "https://example.org/"}}}, http={"port": 0})}
        )
        posts = {"post": post, "other": other}
        async with writing(config) as write, notifier(config, posts, reloads=reloads()):
            await write(config.topics.alerts, record(incident("inc-1", 1, "opened")))
            await until(lambda: len(post.taken) == 1)
            await changes.put(None)
            await changes.put(new)
            await until(changes.empty)
            await asyncio.sleep(1)
            await write(config.topics.alerts, record(incident("inc-1", 2, "resolved")))
            await until(lambda: other.of("inc-1") == [2])
        assert post.of("inc-1") == [1]


async def test_topics_that_do_not_fit_are_said(kafka):
    config = await config_of(kafka, "post")
    fewer = config.topics.model_copy(update={"deliveries": f"{config.topics.deliveries}-1"})
    await create(config.kafka, {fewer.deliveries: TopicSpec(1, 1, COMPACT)})
    async with Post() as post:
        with pytest.raises(RunError, match=r"has 1 partitions, and .* has 2: it needs as many"):
            async with notifier(config.model_copy(update={"topics": fewer}), {"post": post}):
                pass
        none = config.topics.model_copy(update={"deliveries": f"{config.topics.deliveries}-none"})
        with pytest.raises(RunError, match="does not exist; create with: floodmark topics create"):
            async with notifier(config.model_copy(update={"topics": none}), {"post": post}):
                pass


async def test_the_command_makes_its_topics_tells_people_and_takes_up_another_config(kafka, tmp_path, unused_tcp_port):
    async def floodmark(*arguments):
        command = [sys.executable, "-m", "floodmark", *arguments, "--config", str(path)]
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)  # fmt: skip  # noqa: E501

    async def said(*arguments):
        done = await floodmark(*arguments)
        text, _ = await done.communicate()
        return done.returncode, text.decode()

    def write(target):
        path.write_text(
            json.dumps(
                {
                    "kafka": {"brokers": [kafka], "group": name, "session_timeout": "6s"},
                    "topics": {field: f"{name}.{field}" for field in Topics.model_fields},
                    "notify": {
                        "hold": "0s",
                        "http": {"port": unused_tcp_port},
                        "targets": {target: {"webhook": {"url": f"{post.url}{target}-secret-path"}}},
                        "routes": [{"targets": [target]}],
                    },
                }
            )
        )

    async def get(page):
        async with aiohttp.ClientSession() as session:
            with contextlib.suppress(aiohttp.ClientError):
                answer = await session.get(f"http://127.0.0.1:{unused_tcp_port}{page}")
                return answer.status, await answer.text()
        return 0, ""

    async def until_it_says(page, words):
        async with asyncio.timeout(60):
            while words not in (await get(page))[1]:
                await asyncio.sleep(0.1)

    name, path = f"notify-cli-{datetime.now(UTC):%H%M%S%f}", tmp_path / "floodmark.yaml"
    async with Post() as post:
        write("first")
        code, text = await said("topics", "create", "--partitions", "2", "--replication", "1")
        assert code == 0, text
        assert f"created   {name}.deliveries" in text
        running = await floodmark("notify")
        try:
            await until_it_says("/readyz", '"ready"')
            config = Config(kafka=Kafka(brokers=[kafka]))
            async with writing(config) as produce:
                await produce(f"{name}.alerts", record(incident("inc-1", 1, "opened")))
                await until(lambda: len(post.paths) == 1)
                write("second")
                running.send_signal(signal.SIGHUP)
                await until_it_says("/metrics", 'floodmark_config_reloads_total{result="success"} 2.0')
                await produce(f"{name}.alerts", record(incident("inc-2", 1, "opened")))
                await until(lambda: len(post.paths) == 2)
            code, text = await said("notify", "deliveries", "--all")
            assert code == 0, text
            assert "first" in text
            assert "second" in text
            running.send_signal(signal.SIGTERM)
            text = (await running.communicate())[0].decode()
            assert running.returncode == 0, text
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
    assert post.paths == ["/first-secret-path", "/second-secret-path"]
    assert "secret-path" not in text
