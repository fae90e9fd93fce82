"""The chaos benchmark's two witnesses: a reader of what the engine writes, and somebody who asks whether it is ready.

Both only look. Each is a thread of its own: what happens to the broker or to a worker does not hold up the other.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import orjson
from confluent_kafka import Consumer, TopicPartition

from chaos_verdict import Look
from kafka_side import QUIET, Place, Written, written

LOOK_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 1.0
REASONS: Final = 40
"""Different sentences that are kept."""
_NUMBER: Final = re.compile(r"\b\d+(?:[.:]\d+)*\b")


class Reader:
    """Reads topics to their end, again and again, as a read-committed consumer. Use it as a context."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int) -> None:
        self.seen: list[tuple[float, Written]] = []
        """The records so far, and when (monotonic seconds) each was readable."""
        self.errors: Counter[str] = Counter()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "chaos-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                **QUIET,
            }
        )
        self._consumer.assign([TopicPartition(topic, n, 0) for topic in topics for n in range(partitions)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def notes(self) -> list[str]:
        """What it was told beside records, as lines of a report."""
        return [f"the reader was told {count} times: {name}" for name, count in self.errors.items()]

    def times(self) -> dict[tuple[Place, int], float]:
        """When each record was readable, by its partition and offset."""
        return {((record.topic, record.partition), record.offset): at for at, record in list(self.seen)}

    def _read(self) -> None:
        while not self._stop.is_set():
            found = self._consumer.consume(500, 0.1)
            now = time.monotonic()
            for message in found:
                if (error := message.error()) is None:
                    self.seen.append((now, written(message)))
                else:  # librdkafka tries again by itself
                    self.errors[error.name()] += 1


class Living(NamedTuple):
    """A worker that should answer."""

    name: str
    port: int


class Probe:
    """Asks all living workers for /readyz, twice a second. Use it as a context."""

    def __init__(self, living: Callable[[], Sequence[Living]]) -> None:
        self.looks: list[Look] = []
        """In monotonic seconds."""
        self.reasons: Counter[str] = Counter()
        """What those said that were not ready."""
        self._living = living
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="probe", daemon=True)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def notes(self) -> list[str]:
        """The commonest reasons, as lines of a report."""
        return [f"not ready, {count} times: {reason}" for reason, count in self.reasons.most_common(10)]

    def _look(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            while not self._stop.is_set():
                at = time.monotonic()
                answers = list(pool.map(lambda one: ready(one.port), self._living()))
                self.looks.append(Look(at, bool(answers) and all(reason is None for reason in answers)))
                for reason in (reason for answer in answers for reason in answer or ()):
                    sentence = _NUMBER.sub("N", reason)  # else each second would have a sentence of its own
                    if sentence in self.reasons or len(self.reasons) < REASONS:
                        self.reasons[sentence] += 1
                self._stop.wait(max(0.0, at + LOOK_SECONDS - time.monotonic()))


def ready(port: int) -> list[str] | None:
    """None if /readyz on loopback answers 200 within a second; else its reasons, or why there is no answer."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        asking.request("GET", "/readyz")
        answer = asking.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return [f"no answer: {type(error).__name__}"]
    finally:
        asking.close()
    if answer.status == 200:
        return None
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return [f"status {answer.status}"]
    return [str(reason) for reason in said.get("reasons", ())] or [f"status {answer.status}"]
