"""How long 100,000 series take to be watched again after kill -9.

The worker has taken 20 events of each series and saved its snapshots. Then it takes some more, which are committed but
in no snapshot, and is killed; others come while it is away. Timed is from its start until /readyz says that all its
tasks are recovered, and until all that had come is committed. It is a static member (`kafka.instance_id`), as the pod
of a StatefulSet is: Kafka would else first wait for the session of the dead member to run out, 15 s by default.
"""

from __future__ import annotations

import contextlib
import time
from itertools import islice
from pathlib import Path

from engine import Worker, until
from kafka_side import ApacheKafka, Committed, Sender, create_topics
from measuring import MEASURED, engine_config, output_topics, pin, resident
from metric_load import PARTITIONS, Load

TOPIC, NAME = "recovery", "recovery-c"
SECONDS = 300


def recovery(kafka: ApacheKafka, folder: Path, *, quick: bool) -> None:
    """Measure and print."""
    series = 10_000 if quick else 100_000
    known, more = 20 * series, 2 * series
    settled = series // 10  # so that every partition has something to save once all is known
    create_topics(kafka.bootstrap, dict.fromkeys((TOPIC, *output_topics(NAME).values()), PARTITIONS))
    messages = Load(TOPIC, series, known + settled + 2 * more, 10.0, time.time()).messages()
    sender = Sender(kafka.bootstrap)

    def feed(count: int) -> None:
        sender.send(islice(messages, count))
        sender.flush()

    config = engine_config(kafka.bootstrap, TOPIC, NAME, folder / NAME, kafka={"instance_id": "the-same"})
    worker = Worker(config, folder, NAME)
    with contextlib.closing(Committed(kafka.bootstrap, f"{NAME}-detect", [TOPIC])) as committed:
        try:
            feed(known)
            worker.start()
            pin(worker.pid, MEASURED)
            until(lambda: committed.total() >= known, SECONDS, "taking the first events")
            saved = _saved(worker)
            feed(settled)
            until(lambda: _saved(worker) >= saved + PARTITIONS, SECONDS, "saving the snapshots", 1)
            feed(more)
            until(lambda: committed.total() >= known + settled + more, SECONDS, "taking some more")
            held, kept = resident(worker.pid), worker.metrics().get("floodmark_snapshot_bytes", 0.0)
            worker.kill()
            feed(more)
            begun = time.monotonic()
            worker.start()
            pin(worker.pid, MEASURED)
            until(worker.ready, SECONDS, "being ready")
            ready = time.monotonic() - begun
            until(lambda: committed.total() >= known + settled + 2 * more, SECONDS, "catching up")
            caught_up = time.monotonic() - begun
            told = worker.metrics()
        finally:
            worker.kill()
    print(f"\n### Recovery of {series:,} series after kill -9, from a local folder\n")
    print("| ready s | caught up s | records replayed | records that had come | snapshots MiB | resident before MiB |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {ready:.1f} | {caught_up:.1f} | {told.get('floodmark_records_replayed_total', 0):,.0f} | {more:,} "
        f"| {kept / 2**20:.1f} | {held / 2**20:,.0f} |",
        flush=True,
    )


def _saved(worker: Worker) -> float:
    """Snapshots of the metric topic that were saved."""
    return sum(v for name, labels, v in worker.samples() if name == "floodmark_snapshots_total" and "-detect" in labels)
