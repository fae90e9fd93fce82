"""The same measurements on the embedded broker, as far as it can hold them.

    python benchmarks/embedded.py broker            # runs until its standard input ends; prints its bootstrap server
    python benchmarks/embedded.py engine CONFIG     # the engine on it, as in `floodmark demo`

The broker keeps about 5 MB a partition, so that the input goes through it in rounds of 100,000 events: the engine is
stopped (SIGSTOP) while a round is filled in. There it commits plainly; it is no home for transactions.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from engine import GaveUpError, free_port, write_config
from floodmark import runtime
from floodmark.cli.run import routes
from floodmark.config.loader import load
from floodmark.runtime.embedded import EmbeddedBroker
from kafka_side import Committed, Message, Sender
from measuring import (
    MEASURED,
    PEERS,
    Result,
    cpu_seconds,
    engine_config,
    resident,
    run_bare,
    run_peer,
)
from metric_load import Load

ROUND, SERIES, TOPIC = 100_000, 1_000, "embedded"
PEER_SERIES, PEER_TOPIC = 100, "embedded-peers"
"""The events that fit in are too few to fill the windows of 1,000 HalfSpaceTrees."""
SETTLING = 2
"""Rounds before the measuring: compilation, and series that are new."""


def on_embedded(folder: Path, rounds: int, print_table: Callable[[dict[str, list[Result]]], None]) -> None:
    """(a) to (c) with 1,000 series, (d) to (f) with 100."""
    print(f"\n### Embedded broker, {SERIES:,} series, {rounds} rounds of {ROUND:,} events\n", flush=True)
    wanted = Load(TOPIC, SERIES, (rounds + SETTLING) * ROUND, 1.0, time.time())
    rows: dict[str, list[Result]] = {}
    with _broker() as bootstrap:
        messages = wanted.messages()
        sender = Sender(bootstrap)
        sender.send(islice(messages, ROUND))
        sender.flush()
        for parse, name in ((False, "(a) getmany"), (True, "(b) getmany + orjson")):
            rows[name] = [run_bare(bootstrap, TOPIC, ROUND // 10, ROUND * 7 // 10, parse=parse)]
        try:
            rows["(c) floodmark, plain commits"] = [_engine(bootstrap, folder, sender, messages, rounds)]
        except GaveUpError as error:
            rows["(c) floodmark, plain commits"] = [Result(note=str(error))]
        sender.send(Load(PEER_TOPIC, PEER_SERIES, ROUND, 1.0, time.time()).messages())
        sender.flush()
        for letter, name in zip("def", PEERS, strict=True):
            result = run_peer(name, bootstrap, PEER_TOPIC, f"{name}-out", PEER_SERIES, ROUND // 4, 2**40)
            rows[f"({letter}) {name}, {PEER_SERIES} series"] = [result]
    print_table(rows)


def _engine(bootstrap: str, folder: Path, sender: Sender, messages: Iterator[Message], rounds: int) -> Result:
    """Of all rounds but the first ones. The first one is there already."""
    name = "embedded-c"
    config = {**engine_config(bootstrap, TOPIC, name, None), "http": {"port": free_port()}}
    path, log = write_config(folder / f"{name}.yaml", config), folder / f"{name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, __file__, "engine", str(path)], stdout=said, stderr=said)
    os.sched_setaffinity(process.pid, {MEASURED})
    total = Result()
    try:
        with contextlib.closing(Committed(bootstrap, f"{name}-detect", [TOPIC])) as committed:
            for number in range(rounds + SETTLING):
                if number:
                    os.kill(process.pid, signal.SIGSTOP)
                    sender.send(islice(messages, ROUND))
                    sender.flush()
                    os.kill(process.pid, signal.SIGCONT)
                end = (number + 1) * ROUND
                begun, used = time.perf_counter(), cpu_seconds(process.pid)
                _taken(committed, end, log)
                if number >= SETTLING:
                    seconds, cpu = time.perf_counter() - begun, cpu_seconds(process.pid) - used
                    total = Result(
                        total.events + ROUND, total.seconds + seconds, total.cpu + cpu, resident(process.pid)
                    )
    finally:
        process.kill()
        process.wait()
    return total


def _taken(committed: Committed, end: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while committed.total() < end:
        if time.monotonic() > deadline:
            raise GaveUpError(f"only {committed.total():,} of {end:,} events were taken: {log.read_text()[-500:]}")
        time.sleep(0.01)


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, __file__, "broker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(20)


def _serve_broker() -> None:
    with EmbeddedBroker() as broker:
        print(broker.bootstrap, flush=True)
        sys.stdin.read()


async def _serve_engine(path: Path) -> None:
    config = load(path)
    await runtime.run(
        config.kafka,
        routes(config),
        config.topics,
        config.http,
        state=config.state,
        idle=config.correlate.idle,
        stop=asyncio.Event(),
        embedded=True,
    )


if __name__ == "__main__":
    if sys.argv[1] == "broker":
        _serve_broker()
    else:
        asyncio.run(_serve_engine(Path(sys.argv[2])))
