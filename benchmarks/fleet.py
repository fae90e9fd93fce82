"""Workers that come, go and die while the input is fed to them piece by piece, and the count of what happened."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from engine import GaveUpError, Worker
from kafka_side import Message, Sender

WORKING_SECONDS = 20.0
"""After so long without all being ready the next fault comes all the same."""
TOO_OFTEN = 20
TOLD = {
    "floodmark_transactions_total": "transactions",
    "floodmark_records_replayed_total": "records replayed",
    "floodmark_snapshots_total": "snapshots",
    "floodmark_fenced_total": "fenced",
    "floodmark_rebalances_total": "assignments",
}
"""What /metrics says that is worth telling. What a worker counted after it was last asked dies with it."""


class Fleet:
    """`most` workers of one config, of which some run. Use it as a context: what runs is killed at its end."""

    def __init__(self, config: Mapping[str, Any], folder: Path, most: int) -> None:
        self.workers = [Worker(config, folder, f"worker-{n}") for n in range(most)]
        self.happened: Counter[str] = Counter()
        self._wanted: set[int] = set()
        self._counted: dict[tuple[str, int], dict[str, float]] = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.go_on()
            worker.kill()

    def scale(self, count: int) -> None:
        """So many workers from now on; those that leave do it in order, but nobody waits for them."""
        self.happened["rebalances"] += 1
        self.look()
        for number, worker in enumerate(self.workers):
            if number < count and number not in self._wanted:
                worker.wait(30)
                worker.start()
            elif number >= count and number in self._wanted:
                worker.terminate()
        self._wanted = set(range(count))

    def kill(self, number: int) -> None:
        """kill -9, and start it again at once."""
        self.happened["kills"] += 1
        if not self.workers[number].ready():
            self.happened["kills while starting or recovering"] += 1
        self.look()
        self.workers[number].kill()
        self.workers[number].start()

    def wanted(self) -> list[int]:
        return sorted(self._wanted)

    def look(self) -> None:
        """Ask each worker what it has counted; start again what ended by itself."""
        for number, worker in enumerate(self.workers):
            told = worker.metrics()
            if told:
                self._counted[worker.name, worker.starts] = told
            if number in self._wanted and not worker.alive:
                self.happened["ended by themselves"] += 1
                if self.happened["ended by themselves"] > TOO_OFTEN:
                    raise GaveUpError(f"{worker.name} ends again and again by itself:\n{worker.last_words()}")
                worker.start()

    def working(self) -> bool:
        """Whether all that should run are ready."""
        return all(self.workers[number].ready() for number in self._wanted)

    def wait_working(self) -> None:
        """Return when all are ready, or after a while."""
        deadline = time.monotonic() + WORKING_SECONDS
        while not self.working() and time.monotonic() < deadline:
            self.look()
            time.sleep(0.1)

    def stop(self) -> None:
        """End all in order. Raises GaveUpError if one does not."""
        self.look()
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            if worker.wait(120) is None:
                raise GaveUpError(f"{worker.name} does not end on SIGTERM:\n{worker.last_words()}")
        self._wanted = set()

    def counted(self) -> dict[str, int]:
        """What the workers said of themselves, summed over all their lives."""
        return {
            words: round(sum(told.get(name, 0.0) for told in self._counted.values())) for name, words in TOLD.items()
        }


class Feeder:
    """Hands the input over in pieces."""

    def __init__(self, bootstrap: str, messages: list[Message]) -> None:
        self.left = len(messages)
        self._messages = iter(messages)
        self._sender = Sender(bootstrap)

    def feed(self, count: int) -> None:
        """The next so many messages, as soon as the broker takes them."""
        piece = list(islice(self._messages, count))
        self.left -= len(piece)
        self._sender.send(piece)

    def finish(self) -> None:
        """All that is left, acknowledged."""
        self.feed(self.left)
        self._sender.flush()


def shares(draw: random.Random, total: int, pieces: int) -> Iterator[int]:
    """`total` in so many uneven pieces."""
    weights = [draw.uniform(0.2, 1.8) for _ in range(pieces)]
    return (int(total * weight / sum(weights)) for weight in weights)
