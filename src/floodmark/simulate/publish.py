"""Streams messages to a broker in event-time order, no further ahead of the consumers than they can follow.

`python -m floodmark.simulate.publish --bootstrap host:port` streams the shop from a process of its own: its standard
input carries "reached <epoch seconds>" lines, which say how far the consumers are; its standard output carries its own
progress, as JSON lines. It must never outlive its parent: the end of its standard input, SIGTERM and SIGINT all stop
it. `floodmark.simulate.publisher` is the parent's side.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from floodmark.simulate.faults import HOUR, MINUTE
from floodmark.simulate.message import Message
from floodmark.simulate.shop import START, Shop

BOUND = 4 * HOUR
"""How far the stream may run ahead of its consumers, in simulated seconds. The embedded broker keeps 5 MB of a
partition; the shop's busiest ones fill that in most of a day, the anomalies and watermarks in half of one."""
_POLL = 0.02
_REPORT = 0.5

Behind = Callable[[float], Awaitable[float]]
"""Event time published so far → how many simulated seconds of it the consumers have not handled."""
Report = Callable[[int, float], None]
"""Called with the number of events published so far, and the event time they reach."""


class PublishError(Exception):
    """The stream could not be published; the text is a sentence for the operator."""


def reason(error: BaseException) -> str:
    """Why Kafka refused, without the name of a Python class."""
    if isinstance(error, KafkaConnectionError):
        return "no broker answers there"
    return str(error).removeprefix(f"{type(error).__name__}: ").rstrip(".") or type(error).__name__


async def unpaced(time: float) -> float:
    """The pace of a broker that keeps everything: nobody is ever behind."""
    return 0.0


async def publish(
    messages: Iterable[Message],
    bootstrap: str,
    behind: Behind = unpaced,
    *,
    bound: float = BOUND,
    report: Report | None = None,
    stop: asyncio.Event | None = None,
) -> int:
    """Send `messages` in their order, and wait while the consumers are more than `bound` simulated seconds behind.

    Kafka's timestamp of each message is its event time. Returns the number of events sent, once all are acknowledged or
    `stop` is set. At least once: a retry may repeat a message. Raises PublishError if the broker is away or refuses.
    """
    stop = stop or asyncio.Event()
    refused: list[BaseException] = []

    def note(sent: asyncio.Future[Any]) -> None:
        if not sent.cancelled() and (error := sent.exception()) is not None:
            refused.append(error)

    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, client_id="floodmark-simulate", acks=1, linger_ms=10, max_batch_size=262_144
    )
    events, time, next_check = 0, 0.0, 0.0
    try:
        await producer.start()
        for message in messages:
            time = message.time
            if time >= next_check:
                next_check = time + MINUTE
                if report is not None:
                    report(events, time)
                while not stop.is_set() and not refused and await behind(time) > bound:
                    await asyncio.sleep(_POLL)
                    if report is not None:
                        report(events, time)
                if stop.is_set() or refused:
                    break
            sent = await producer.send(
                message.topic, message.value, key=message.key, timestamp_ms=round(message.time * 1000)
            )
            sent.add_done_callback(note)
            events += message.events
        await producer.flush()
    except KafkaError as error:
        refused.append(error)
    finally:
        await producer.stop()
    if refused:
        raise PublishError(f"The simulated stream could not be sent to {bootstrap}: {reason(refused[0])}.")
    if report is not None:
        report(events, time)
    return events


async def _follow(bootstrap: str, shop: Shop, bound: float) -> bool:
    """Publish the shop at the pace that standard input sets; False if it was stopped before the end."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reached = shop.start

    async def listen() -> None:
        nonlocal reached
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            word, _, value = line.decode("ascii", "replace").strip().partition(" ")
            if word == "reached":
                reached = max(reached, float(value))
        stop.set()  # the parent is gone

    async def behind(time: float) -> float:
        await asyncio.sleep(0)  # let the listener have its turn
        return time - reached

    said = loop.time()

    def report(events: int, time: float) -> None:
        nonlocal said
        if loop.time() - said >= _REPORT:
            said = loop.time()
            _say({"events": events, "time": time, "done": False})

    listener = asyncio.create_task(listen())
    try:
        events = await publish(shop.stream(), bootstrap, behind, bound=bound, report=report, stop=stop)
    finally:
        listener.cancel()
    done = not stop.is_set()
    _say({"events": events, "time": shop.end if done else reached, "done": done})
    return done


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def main() -> int:
    """The module's command line; returns the exit status: 0 done or stopped, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m floodmark.simulate.publish", description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="host:port of a broker")
    parser.add_argument("--seed", type=int, default=7, help="seed of the shop (default: 7)")
    parser.add_argument("--start", type=float, default=START, help="first moment, epoch seconds")
    parser.add_argument("--days", type=float, default=2.0, help="simulated days (default: 2)")
    parser.add_argument("--bound", type=float, default=BOUND, help="simulated seconds ahead of the consumers at most")
    arguments = parser.parse_args()
    shop = Shop(arguments.seed, arguments.start, arguments.days)
    try:
        asyncio.run(_follow(arguments.bootstrap, shop, arguments.bound))
    except PublishError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:  # nobody reads our progress: the parent is gone
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
