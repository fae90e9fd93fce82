"""What the chaos benchmark does to its workers and to its broker, and a record of when it really happened."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from chaos_plan import Trouble
from chaos_verdict import Happened
from chaos_watch import Living, ready
from engine import GaveUpError, Worker
from kafka_side import ApacheKafka, KafkaUnavailableError

AGAIN_SECONDS: Final = 2.0
"""After so long a worker that ended by itself is started again, as a supervisor would."""
TOO_OFTEN: Final = 60
STOP_SECONDS: Final = 15.0
DRAIN_SECONDS: Final = 40.0


class Crew:
    """The workers that should run. Use it as a context: at its end what still runs is killed."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._wanted: set[int] = set()
        self._again: dict[int, float] = {}  # when to start a worker that is down, in monotonic seconds
        self._open: dict[int, tuple[str, float]] = {}  # what is being done to a worker, and since when
        self._happened: list[tuple[str, float, float, int]] = []
        self._ended: list[tuple[float, int, str]] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.go_on()
            worker.kill()

    def living(self) -> list[Living]:
        """Those that run and should. A stopped one lives."""
        return [Living(self._workers[n].name, self._workers[n].port) for n in self._running()]

    def all_ready(self) -> bool:
        self.look()
        running = self._running()
        return len(running) == len(self._wanted) and all(ready(self._workers[n].port) is None for n in running)

    def join(self, number: int) -> None:
        """Start a worker. One that is still leaving is waited for."""
        self._workers[number].wait(30)
        self._workers[number].start()
        self._wanted.add(number)

    def steps(self, trouble: Trouble) -> list[tuple[float, Callable[[], None]]]:
        """What has to be done for a trouble, and when, in seconds since the phase's start."""
        return [
            (trouble.at, lambda: self._begin(trouble.kind, trouble.worker)),
            (trouble.end, lambda: self._end(trouble.kind, trouble.worker)),
        ]

    def look(self) -> None:
        """Start again what ended by itself. Raises GaveUpError if that goes on and on."""
        now = time.monotonic()
        for number in sorted(self._wanted):
            worker = self._workers[number]
            if worker.alive or number in self._open:
                continue
            if number not in self._again:
                self._ended.append((now, number, last_line(worker)))
                if len(self._ended) > TOO_OFTEN:
                    raise GaveUpError(f"{worker.name} ends again and again by itself:\n{worker.last_words()}")
                self._again[number] = now + AGAIN_SECONDS
            elif now >= self._again[number]:
                del self._again[number]
                worker.start()

    def happened(self, zero: float) -> list[Happened]:
        """All that was done, in seconds since `zero`."""
        done = [Happened(kind, begin - zero, end - zero, number) for kind, begin, end, number in self._happened]
        ends = [Happened("ended by itself", at - zero, at - zero + AGAIN_SECONDS, n) for at, n, _ in self._ended]
        return done + ends

    def notes(self, zero: float) -> list[str]:
        return [f"worker {number} ended by itself at {at - zero:.1f} s: {words}" for at, number, words in self._ended]

    def drain(self) -> list[str]:
        """End all in order; a sentence for each that does not."""
        running = self._running()
        for number in running:
            self._workers[number].terminate()
        late = [self._workers[n].name for n in running if self._workers[n].wait(DRAIN_SECONDS) is None]
        self._wanted.clear()
        return [f"{name} did not end within {DRAIN_SECONDS:.0f} s of SIGTERM and was killed" for name in late]

    def _running(self) -> list[int]:
        return [number for number in sorted(self._wanted) if self._workers[number].alive]

    def _begin(self, kind: str, number: int) -> None:
        worker = self._workers[number]
        self._open[number] = kind, time.monotonic()
        if kind == "kill -9":
            worker.kill()
        elif kind == "pause":
            worker.pause()
        elif kind == "leave":
            self._wanted.discard(number)
            worker.terminate()

    def _end(self, kind: str, number: int) -> None:
        worker = self._workers[number]
        if kind == "pause":
            worker.go_on()
        elif kind == "kill -9":
            worker.start()
        elif kind == "join":
            self.join(number)
        self._again.pop(number, None)
        kind, begin = self._open.pop(number)
        self._happened.append((kind, begin, time.monotonic(), number))


class BrokerTrouble:
    """Outages of the broker, in a thread of their own: a start takes seconds. Use it as a context."""

    def __init__(self, kafka: ApacheKafka, zero: float, startup: float) -> None:
        """`zero`: the phase's start, in monotonic seconds. `startup`: how many seconds the broker takes to start; they
        are a part of an outage.
        """
        self.happened: list[Happened] = []
        """In seconds since `zero`. An outage begins when the broker no longer answers and ends when it does."""
        self._kafka = kafka
        self._zero = zero
        self._startup = startup
        self._thread: threading.Thread | None = None
        self._failure: KafkaUnavailableError | None = None

    def __enter__(self) -> BrokerTrouble:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def begin(self, kind: str, seconds: float) -> None:
        """One at a time: what still lasts is waited for."""
        self.wait()
        self._thread = threading.Thread(target=self._outage, args=(kind, seconds), name=kind, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Raises KafkaUnavailableError if the broker did not come back."""
        if self._failure is not None:
            raise self._failure

    def _outage(self, kind: str, seconds: float) -> None:
        try:
            if kind == "freeze":
                os.kill(self._kafka.pid, signal.SIGSTOP)
                begin = time.monotonic()
                time.sleep(seconds)
                os.kill(self._kafka.pid, signal.SIGCONT)
            else:
                if kind == "stop":
                    os.kill(self._kafka.pid, signal.SIGTERM)
                    self._wait_closed()
                self._kafka.kill()
                begin = time.monotonic()
                time.sleep(max(0.0, seconds - self._startup))
                again = time.monotonic()
                self._kafka.restart()
                self._startup = time.monotonic() - again
        except KafkaUnavailableError as error:
            self._failure = error
            return
        self.happened.append(Happened(kind, begin - self._zero, time.monotonic() - self._zero))

    def _wait_closed(self) -> None:
        """Return when nobody listens on the broker's port any more, or after a while."""
        host, port = self._kafka.bootstrap.rsplit(":", 1)
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                socket.create_connection((host, int(port)), timeout=1).close()
                time.sleep(0.05)


def last_line(worker: Worker) -> str:
    lines = worker.last_words().strip().splitlines()
    return lines[-1][-300:] if lines else ""
