"""The whole runtime on the embedded broker: groups, restart, rebalance, signals, a broker that is not there."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import textwrap
from collections import Counter

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from structlog.testing import capture_logs

from floodmark.config.models import Http, Kafka, State, Topics
from floodmark.records import Output
from floodmark.runtime import Route, RunError, run
from floodmark.runtime.embedded import PARTITIONS, EmbeddedBroker


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap


SESSION = 3.0
"""Seconds; the embedded broker holds a group that someone left open for so long."""


class Echo:
    """Every record becomes an anomaly of the same key and value; `!` is a bug."""

    def __init__(self, topic, partition, tasks):
        self.place = (topic, partition, tasks)
        self.seen = 0

    def process(self, records):
        if any(record.value == b"!" for record in records):
            raise ValueError("a bug")
        self.seen += len(records)
        return [Output("anomalies", record.key, record.value) for record in records]

    def speak(self, *, idle):
        return []

    def awaited(self):
        return None

    def learning(self):
        return ()

    def counts(self):
        return {"records": self.seen}

    def sizes(self):
        return {}

    def remarks(self):
        return []

    def snapshot(self):
        return b"%d" % self.seen

    def restore(self, state):
        self.seen = int(state)
        return {}


@contextlib.asynccontextmanager
async def running(broker, name, *, task=Echo, http=None, idle=60):
    """A run of group `name` over topic `name`, ready; the outputs that it delivered so far."""
    stop, ready, outputs = asyncio.Event(), asyncio.Event(), []
    work = asyncio.create_task(
        run(
            Kafka(brokers=[broker], group=name, session_timeout=SESSION, start="earliest"),
            [Route("detect", (name,), task)],
            Topics(anomalies=f"{name}-out", dead_letters=f"{name}-dead"),
            http or Http(enabled=False),
            state=State(store=None),
            idle=idle,
            stop=stop,
            embedded=True,
            ready=ready,
            on_output=outputs.append,
        )
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({work, waiting}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield outputs
    finally:
        stop.set()
        await work


async def send(broker, topic, values):
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    for value in values:
        await producer.send(topic, b"%d" % value if isinstance(value, int) else value, b"%d" % (hash(value) % 97))
    await producer.stop()


async def until(condition):
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0.02)


async def read_all(broker, topic, count):
    """The first `count` records of a topic, and that there are no more for a moment."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    records = []
    async with asyncio.timeout(300):
        while len(records) < count:
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
    for found in (await consumer.getmany(timeout_ms=300)).values():
        records += found
    await consumer.stop()
    return records


async def test_each_record_once_over_a_restart(broker):
    await send(broker, "once", range(3000))
    async with running(broker, "once") as first:
        await until(lambda: len(first) >= 3000)
    await send(broker, "once", [b"!", *range(3000, 3500)])
    with capture_logs() as logs:
        async with running(broker, "once") as second:
            await until(lambda: len(second) >= 501)
    assert sorted(int(output.value) for output in first) == list(range(3000))
    dead = [output for output in second if output.stream == "dead_letters"]
    assert [(output.value, dict(output.headers)["floodmark.error"]) for output in dead] == [(b"!", b"ValueError")]
    assert sorted(int(output.value) for output in second if output.stream == "anomalies") == list(range(3000, 3500))
    assert any("a task raised" in line["event"] for line in logs)
    written = await read_all(broker, "once-out", 3500)
    assert sorted(int(record.value) for record in written) == list(range(3500))


async def test_idle_everywhere_and_the_endpoint(broker):
    class Marking(Echo):
        def speak(self, *, idle):
            return [Output("anomalies", None, b"idle", everywhere=True)] if idle else []

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    await send(broker, "quiet", range(100))
    async with running(broker, "quiet", task=Marking, idle=0.3, http=Http(port=port)) as outputs:
        await until(lambda: len(outputs) == 100 + PARTITIONS)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                assert answer.status == 200
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                lines = (await answer.text()).splitlines()
    assert 'floodmark_outputs_total{stream="anomalies"} 104.0' in lines
    assert sum(float(line.split()[-1]) for line in lines if line.startswith("floodmark_records_total{")) == 100
    assert sum(float(line.split()[-1]) for line in lines if line.startswith("floodmark_lag_records{")) == 0
    written = await read_all(broker, "quiet-out", 100 + PARTITIONS * PARTITIONS)
    marks = Counter(record.partition for record in written if record.value == b"idle")
    assert marks == dict.fromkeys(range(PARTITIONS), PARTITIONS)


async def test_a_task_that_cannot_be_made_stops_the_run(broker):
    def broken(*place):
        raise LookupError("no such task")

    stop = asyncio.Event()
    with pytest.raises(LookupError, match="no such task"):
        await run(
            Kafka(brokers=[broker], group="broken"),
            [Route("detect", ("broken",), broken)],
            Topics(),
            Http(enabled=False),
            state=State(store=None),
            idle=1,
            stop=stop,
            embedded=True,
        )


async def test_sigterm_drains_and_exits_with_0(broker, tmp_path):
    program = tmp_path / "worker.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import asyncio, sys, time
            from floodmark.config.models import Http, Kafka, State, Topics
            from floodmark.records import Output
            from floodmark.runtime import Route, run
            from floodmark.runtime.stopping import stop_on_signals

            class Slow:
                def __init__(self, *place): pass
                def process(self, records):
                    time.sleep(0.2)
                    print("working", file=sys.stderr, flush=True)
                    return [Output("anomalies", r.key, r.value) for r in records]
                def speak(self, *, idle): return []
                def awaited(self): return None
                def learning(self): return ()
                def counts(self): return {{}}
                def sizes(self): return {{}}
                def remarks(self): return []

            async def main():
                with stop_on_signals() as stop:
                    kafka = Kafka(brokers=["{broker}"], group="signalled",
                                  session_timeout={SESSION}, max_poll_records=50, start="earliest")
                    await run(kafka, [Route("detect", ("signalled",), Slow)], Topics(anomalies="signalled-out"),
                              Http(port=0), state=State(store=None), idle=60, stop=stop, embedded=True)
                    assert stop.is_set()

            asyncio.run(main())
            """
        )
    )
    await send(broker, "signalled", range(5000))
    with subprocess.Popen([sys.executable, program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as worker:
        while await asyncio.to_thread(worker.stderr.readline) != b"working\n":
            assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        _, told = await asyncio.to_thread(worker.communicate, timeout=300)
        assert worker.returncode == 0, told.decode()
    # What was written is exactly what was committed: a fresh member writes the rest, and nothing twice.
    consumer = AIOKafkaConsumer(
        "signalled", bootstrap_servers=broker, group_id="signalled-detect", enable_auto_commit=False
    )
    await consumer.start()
    committed = [await consumer.committed(partition) or 0 for partition in sorted(consumer.assignment())]
    await consumer.stop()
    assert 0 < sum(committed) < 5000
    assert len(await read_all(broker, "signalled-out", sum(committed))) == sum(committed)


async def test_a_broker_that_is_not_there_is_a_sentence_and_waited_for():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        stop = asyncio.Event()
        with capture_logs() as logs:
            work = asyncio.create_task(
                run(
                    Kafka(brokers=[address]),
                    [Route("detect", ("x",), Echo)],
                    Topics(),
                    Http(enabled=False),
                    state=State(store=None),
                    idle=1,
                    stop=stop,
                )
            )
            await until(lambda: logs)
            stop.set()
            await work
    (said,) = [line["event"] for line in logs if line["event"] != "stopped"]
    assert said.startswith("Kafka has been away since ")
    assert said.endswith(f": {address}: connection refused; trying again every 2 s, nothing is lost")


async def test_settings_that_cannot_work_stop_at_once():
    security = {"protocol": "SASL_PLAINTEXT"}
    with pytest.raises(RunError, match="sasl_mechanism is not set"):
        await run(
            Kafka(security=security),
            [Route("detect", ("x",), Echo)],
            Topics(),
            Http(enabled=False),
            state=State(store=None),
            idle=1,
            stop=asyncio.Event(),
        )
