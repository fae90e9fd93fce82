"""Memory while a backlog of five million events is caught up with.

    python benchmarks/backlog.py [--events 5000000] [--series 1000] [--plot FILE.png]

The events (native JSON metrics, one a message, 4 partitions) wait in Apache Kafka (started here: Java 17) before
`floodmark run` is started with its default configuration, one process. Its resident memory is sampled every second
until all is committed. Warm-up, which is left out of the figures, is the first fifth of the events: imports,
compilation, new series. The slope is that of a straight line through the rest, by least squares.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engine import GaveUpError, Worker, end_in_order
from kafka_side import Committed, KafkaUnavailableError, Sender, broker, create_topics
from measuring import engine_config, output_topics, resident
from metric_load import PARTITIONS, Load

TOPIC, NAME = "backlog", "backlog-c"
STALLED = 120.0
WARM_UP = 0.2
MIB = 2**20


class Sample(NamedTuple):
    """`seconds` after the start, events that are committed, resident MiB."""

    seconds: float
    events: int
    mib: float


def catch_up(worker: Worker, committed: Committed, events: int) -> list[Sample]:
    """Start a worker and sample it every second until it has committed all. Raises GaveUpError."""
    worker.start()
    begun = moved = time.monotonic()
    samples = [Sample(0.0, 0, resident(worker.pid) / MIB)]
    while samples[-1].events < events:
        time.sleep(1)
        if not worker.alive:
            raise GaveUpError(f"the worker has ended:\n{worker.last_words()}")
        now = time.monotonic()
        samples.append(Sample(now - begun, committed.total(), resident(worker.pid) / MIB))
        if samples[-1].events > samples[-2].events:
            moved = now
        if now - moved > STALLED:
            raise GaveUpError(f"nothing was committed for {STALLED:.0f} s:\n{worker.last_words()}")
    return samples


def report(samples: Sequence[Sample], events: int, series: int) -> None:
    """Print the table."""
    warm = [sample for sample in samples if sample.events >= WARM_UP * events]
    mib = [sample.mib for sample in warm]
    print("| events | series | s | events/s | RSS MiB min | median | max | slope, MiB per million events | samples |")
    print("|---|---|---|---|---|---|---|---|---|")
    if len(warm) < 3:
        print(f"too few samples ({len(warm)}) after the warm-up: it was too fast, take more --events")
        return
    slope = statistics.linear_regression([sample.events / 1e6 for sample in warm], mib).slope
    seconds, done = warm[-1].seconds - warm[0].seconds, warm[-1].events - warm[0].events
    print(
        f"| {events:,} | {series:,} | {samples[-1].seconds:.0f} | {done / seconds:,.0f} "
        f"| {min(mib):.0f} | {statistics.median(mib):.0f} | {max(mib):.0f} | {slope:+.2f} | {len(warm)} |"
    )


def plot(samples: Sequence[Sample], path: Path) -> None:
    """Resident memory and progress over time, as a PNG."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    memory = figure.subplots()
    seconds = [sample.seconds for sample in samples]
    memory.plot(seconds, [sample.mib for sample in samples], color="tab:blue")
    memory.set_xlabel("seconds since the start")
    memory.set_ylabel("resident MiB", color="tab:blue")
    memory.set_ylim(bottom=0)
    progress = memory.twinx()
    progress.plot(seconds, [sample.events / 1e6 for sample in samples], color="tab:orange", linestyle="--")
    progress.set_ylabel("million events committed", color="tab:orange")
    progress.set_ylim(bottom=0)
    memory.set_title("floodmark run catching up with a backlog")
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args(arguments)
    end_in_order()
    wanted = Load(TOPIC, args.series, args.events, 1.0, time.time())
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-backlog-")))
            kafka = stack.enter_context(broker("1g"))
            create_topics(kafka.bootstrap, dict.fromkeys((TOPIC, *output_topics(NAME).values()), PARTITIONS))
            sender = Sender(kafka.bootstrap)
            sender.send(wanted.messages())
            sender.flush()
            committed = stack.enter_context(closing(Committed(kafka.bootstrap, f"{NAME}-detect", [TOPIC])))
            worker = Worker(engine_config(kafka.bootstrap, TOPIC, NAME, folder / NAME), folder, NAME)
            stack.callback(worker.kill)
            samples = catch_up(worker, committed, args.events)
    except KafkaUnavailableError as error:
        print(f"Kafka cannot be run here: {error}")
        return 2
    except (GaveUpError, KafkaException) as error:
        print(f"Not finished: {error}")
        return 1
    report(samples, args.events, args.series)
    if args.plot is not None:
        plot(samples, args.plot)
        print(f"\nplotted to {args.plot}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
