"""How many events one core takes, against the floor that Kafka's client sets and against peers.

    python benchmarks/throughput.py [--quick] [--repeat 3] [--only kafka,embedded,latency,recovery] [--memory 2]

On Apache Kafka (started here: Java 17) and on the embedded broker; native JSON metrics of about 120 bytes, one event a
message, 4 partitions, 1,000 and 100,000 series. The measured process is pinned to one core, all else to another one.
Measured is the CPU, user and system, and the time between two points well behind the start:

(a) a bare aiokafka getmany loop, (b) the same and orjson.loads, (c) `floodmark run` as a process with its default
detectors, exactly-once and snapshots on, by its committed offsets, (d) Quix Streams, (e) Bytewax, (f) Faust, each with
a River HalfSpaceTrees per key, in an environment of its own (~/.cache/floodmark/peers, made the first time). They keep
their models in plain memory and commit as they do by default: what they would pay for fault tolerance is left out, in
their favour. They take fewer events, for a HalfSpaceTrees costs tens of microseconds an event; and 1.6 MB a key, so
that at 100,000 series they are run until they hold --memory GiB, which is while models are new: no ratio is drawn.

Then the latency from an event to its incident at a steady load, the recovery of 100,000 series after kill -9, and the
resident bytes of a series. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from confluent_kafka import KafkaException

from embedded import on_embedded
from engine import GaveUpError, Worker, end_in_order
from kafka_side import ApacheKafka, Committed, KafkaUnavailableError, Sender, broker, create_topics
from latency import latency
from measuring import (
    OTHER,
    PEERS,
    Result,
    engine_config,
    median,
    output_topics,
    pin,
    run_bare,
    run_engine,
    run_peer,
)
from metric_load import PARTITIONS, Load
from recovery import recovery

PARTS = ("kafka", "embedded", "latency", "recovery")
STEPS = {1_000: 1.0, 100_000: 10.0}
"""Seconds between two events of a series, by the number of series."""


def load(series: int, quick: bool) -> Load:
    events = {1_000: 2_000_000, 100_000: 4_000_000}[series] // (4 if quick else 1)
    return Load(f"metrics-{series}", series, events, STEPS[series], time.time())


def fill(bootstrap: str, wanted: Load) -> None:
    """Make the topic of a load and put all of it there."""
    create_topics(bootstrap, {wanted.topic: PARTITIONS})
    sender = Sender(bootstrap)
    sender.send(wanted.messages())
    sender.flush()


def on_kafka(kafka: ApacheKafka, folder: Path, args: argparse.Namespace) -> None:
    """(a) to (f) for both numbers of series, and the bytes of a series."""
    sizes: dict[int, int] = {}
    for series in STEPS:
        wanted = load(series, args.quick)
        fill(kafka.bootstrap, wanted)
        print(f"\n### Apache Kafka, {series:,} series, {wanted.events:,} events\n", flush=True)
        rows: dict[str, list[Result]] = {}
        for turn in range(args.repeat):
            for parse, name in ((False, "(a) getmany"), (True, "(b) getmany + orjson")):
                first, last = wanted.events // 10, wanted.events * 7 // 10
                rows.setdefault(name, []).append(run_bare(kafka.bootstrap, wanted.topic, first, last, parse=parse))
            result = engine_once(kafka.bootstrap, wanted, folder, f"c{series}-{turn}")
            rows.setdefault("(c) floodmark run", []).append(result)
            if turn and series > min(STEPS):  # they only fill their memory there: once is enough
                continue
            for letter, name in zip("def", PEERS, strict=True):
                rows.setdefault(f"({letter}) {name}", []).append(peer_once(kafka.bootstrap, wanted, name, args, turn))
        sizes[series] = max(result.resident for result in rows["(c) floodmark run"])
        print_table(rows)
    few, many = STEPS
    slope = (sizes[many] - sizes[few]) / (many - few)
    print(
        f"\nResident: {sizes[few] / 2**20:.0f} MiB with {few:,} series, {sizes[many] / 2**20:.0f} MiB with {many:,}: "
        f"{slope:,.0f} bytes a series"
    )


def engine_once(bootstrap: str, wanted: Load, folder: Path, name: str) -> Result:
    """`floodmark run` over the whole topic; the first part is its start, its compilation and its new series."""
    create_topics(bootstrap, dict.fromkeys(output_topics(name).values(), PARTITIONS))
    worker = Worker(engine_config(bootstrap, wanted.topic, name, folder / name), folder, name)
    first = wanted.events // 4 if wanted.series <= 1000 else wanted.events // 2
    with closing(Committed(bootstrap, f"{name}-detect", [wanted.topic])) as committed:
        try:
            return run_engine(worker, committed, first, wanted.events)
        except GaveUpError as error:
            return Result(note=str(error))
        finally:
            worker.kill()


def peer_once(bootstrap: str, wanted: Load, name: str, args: argparse.Namespace, turn: int) -> Result:
    """A peer over as many events as are enough, once it knows all keys; or until its memory is full."""
    memory = int(args.memory * 2**30)
    few = wanted.series * 2_000_000 < memory
    keys, events = (wanted.series, 10_000 if args.quick else 60_000) if few else (0, wanted.events)
    out = f"{name}-{wanted.series}-{turn}"
    create_topics(bootstrap, {out: PARTITIONS})
    return run_peer(name, bootstrap, wanted.topic, out, keys, events, memory)


def print_table(rows: dict[str, list[Result]]) -> None:
    middle = {name: median(results) for name, results in rows.items()}
    print("| | events/s | CPU µs/event | of all runs | events measured | resident MiB | |")
    print("|---|---|---|---|---|---|---|")
    for name, result in middle.items():
        if result.events:
            runs = [each.micros for each in rows[name] if each.events]
            print(
                f"| {name} | {result.rate:,.0f} | {result.micros:.2f} | {min(runs):.2f} to {max(runs):.2f} "
                f"| {result.events:,} | {result.resident / 2**20:,.0f} | {result.note} |"
            )
        else:
            print(f"| {name} | | | | | | {result.note} |")
    floor, ours = (next(result for name, result in middle.items() if name[1] == letter) for letter in "bc")
    # One whose memory is full has only made models so far, which costs it far more than to use them.
    peers = {name: result for name, result in middle.items() if name[1] in "def" and result.events and not result.note}
    if floor.events and ours.events:
        print(f"\n(c) ÷ (b), CPU an event: {ours.micros / floor.micros:.2f} (mark: at most 2)")
    if peers and ours.events:
        best = max(peers, key=lambda name: peers[name].rate)
        print(f"(c) ÷ {best}, events/s: {ours.rate / peers[best].rate:.1f} (mark: at least 8)", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a part of the events, one repetition")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS), help="some of: " + ", ".join(PARTS))
    parser.add_argument("--memory", type=float, default=2.0, help="GiB that a peer may hold")
    args = parser.parse_args(arguments)
    end_in_order()
    args.repeat = 1 if args.quick else args.repeat
    parts = args.only.split(",")
    if len(os.sched_getaffinity(0)) < 2:
        print("Two cores are needed: one is for the measured process alone.")
        return 2
    os.sched_setaffinity(0, {OTHER})  # and all that we start, unless it is put elsewhere
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-throughput-")))
            if {"kafka", "latency", "recovery"} & set(parts):
                kafka = stack.enter_context(broker("1g"))
                pin(kafka.pid, OTHER)
                if "kafka" in parts:
                    on_kafka(kafka, folder, args)
                if "latency" in parts:
                    latency(kafka, folder, rate=2_000 if args.quick else 20_000, seconds=20 if args.quick else 90)
                if "recovery" in parts:
                    recovery(kafka, folder, quick=args.quick)
            if "embedded" in parts:
                on_embedded(folder, rounds=3 if args.quick else 10, print_table=print_table)
    except KafkaUnavailableError as error:
        print(f"Kafka cannot be run here: {error}")
        return 2
    except (GaveUpError, KafkaException) as error:
        print(f"Not finished: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
