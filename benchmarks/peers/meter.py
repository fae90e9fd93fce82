"""The measuring inside a peer's process: from the `first` event to the `last` one, then the process ends.

    meter = Meter(arguments())          # BOOTSTRAP TOPIC OUT FIRST LAST MEMORY
    meter.add(keys=len(models))         # once an event

What it finds is one line of JSON on standard output. It needs only the standard library: each peer has an environment
of its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

CHECK_EVERY = 500
PAGE = resource.getpagesize()
STATM = Path("/proc/self/statm")


def arguments() -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("out", help="topic of the results")
    parser.add_argument("first", type=int, help="events before the measuring begins")
    parser.add_argument("last", type=int, help="events after which it ends")
    parser.add_argument("memory", type=int, help="resident bytes at which to give up")
    return parser.parse_args()


class Meter:
    def __init__(self, args: Namespace) -> None:
        self.events = 0
        self._first: int = args.first
        self._last: int = args.last
        self._memory: int = args.memory
        self._next = min(CHECK_EVERY, args.first)
        self._begun: tuple[int, float, float] | None = None

    def add(self, count: int = 1, keys: int = 0) -> None:
        """So many events more are done; `keys` models are held."""
        self.events += count
        if self.events >= self._next:
            self._mark(keys)

    def _mark(self, keys: int) -> None:
        now = (self.events, time.perf_counter(), _cpu())
        resident = _resident()
        if self._begun is None and self.events >= self._first:
            self._begun = now
        if self.events >= self._last or resident > self._memory:
            events, seconds, cpu = (b - a for a, b in zip(self._begun or (0, 0.0, 0.0), now, strict=True))
            found = {
                "events": events,
                "seconds": seconds,
                "cpu": cpu,
                "resident": resident,
                "keys": keys,
                "out_of_memory": resident > self._memory,
            }
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
            os._exit(0)  # a framework's own way out is not what is measured
        self._next = self.events + CHECK_EVERY if self._begun else min(self.events + CHECK_EVERY, self._first)


def _cpu() -> float:
    """Seconds of CPU, user and system, of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> int:
    with STATM.open() as file:
        return int(file.read().split()[1]) * PAGE
