"""The notifier on the broker inside this process: at least once, in order; and what it says of itself."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from simple_desk import SimpleDesk, incident, record

from floodmark.config.models import Config, Kafka
from floodmark.config.notify import Notify, NotifyHttp
from floodmark.notify import runner
from floodmark.notify.sink import Delivered, Later, UnansweredError
from floodmark.runtime.embedded import EmbeddedBroker


class Sink:
    takes = frozenset({"open", "update", "resolve"})

    def __init__(self, answers=()):
        self.taken = []
        self._answers = list(answers)

    async def deliver(self, message, memory):
        answer = self._answers.pop(0) if self._answers else Delivered({"n": str(len(self.taken))})
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered):
            self.taken.append((message.id, message.event, dict(memory)))
        return answer


@pytest.fixture
def broker():
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap


def config(brokers, port=0):
    targets = {"t": {"webhook": {"url": "https://example.org/a-secret-path"}}}
    return Config(
        kafka=Kafka(brokers=[brokers], session_timeout=6.0), notify=Notify(targets=targets, http=NotifyHttp(port=port))
    )


@asynccontextmanager
async def notifier(config, sink):
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        runner.run(
            config, stop=stop, ready=ready, embedded=True, make_desk=SimpleDesk, make_sinks=lambda *_: {"t": sink}
        )
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        running.result()
    yield running
    stop.set()
    await running


async def write(brokers, *incidents):
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    for each in incidents:
        output = record(each)
        await producer.send_and_wait(
            "floodmark.alerts", output.value, output.key, partition=0, headers=list(output.headers)
        )
    await producer.stop()


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_it_tells_in_order_through_failures_and_bugs_of_a_sink(broker, unused_tcp_port):
    await write(broker)
    sink = Sink([Later("busy"), UnansweredError("gone"), KeyError("a bug"), Delivered({"ts": "1"})])
    settings = config(broker, unused_tcp_port)
    await write(broker, incident("inc-0", 1, "opened"))  # before it is there: told to nobody
    async with notifier(settings, sink):
        await write(broker, incident("inc-1", 1, "opened"), incident("inc-1", 2, "updated"))
        await until(lambda: len(sink.taken) == 2)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:
            metrics = await (await session.get("/metrics")).text()
            assert (await session.get("/healthz")).status == 200
            ready = await session.get("/readyz")
            assert (await ready.json())["groups"] == {"floodmark-notify": "live"}
    assert sink.taken == [("inc-1/1/t", "open", {}), ("inc-1/2/t", "update", {"ts": "1"})]
    assert 'floodmark_notify_sent_total{result="later",target="t"} 3.0' in metrics
    assert 'floodmark_notify_sent_total{result="delivered",target="t"} 2.0' in metrics
    assert "floodmark_notify_pending 0.0" in metrics
    assert 'floodmark_notify_delay_seconds_count{target="t"} 2.0' in metrics


async def test_a_restart_goes_on_where_it_was(broker):
    sink, settings = Sink(), config(broker)
    await write(broker, incident("inc-0", 1, "opened"))
    async with notifier(settings, sink):
        await write(broker, incident("inc-1", 1, "opened"))
        await until(lambda: len(sink.taken) == 1)
    await write(broker, incident("inc-1", 2, "resolved"))
    async with notifier(settings, sink):
        await until(lambda: len(sink.taken) == 2)
    assert sink.taken[1] == ("inc-1/2/t", "resolve", {"n": "0"})
