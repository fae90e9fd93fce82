"""The measuring inside a peer's process: of so many events once it is warm, then the process ends.

    meter = Meter(arguments())          # BOOTSTRAP TOPIC OUT FIRST KEYS EVENTS MEMORY
    meter.add(keys=len(models))         # once an event

What it finds is one line of JSON on standard output. It needs only the standard library: each peer has an environment
of its own.
"""

from __future__ import annotations

import json
import os
import resource
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
    parser.add_argument("keys", type=int, help="models before the measuring begins: one is dear to make")
    parser.add_argument("measured", type=int, help="events that are measured")
    parser.add_argument("memory", type=int, help="resident bytes at which to give up")
    return parser.parse_args()


class Meter:
    def __init__(self, args: Namespace) -> None:
        self.events = 0
        self._first: int = args.first
        self._keys: int = args.keys
        self._measured: int = args.measured
        self._memory: int = args.memory
        self._next = CHECK_EVERY
        self._start = (0, time.perf_counter(), _cpu())
        self._begun: tuple[int, float, float] | None = None

    def add(self, count: int = 1, keys: int = 0) -> None:
        """So many events more are done; `keys` models are held."""
        self.events += count
        if self.events >= self._next:
            self._mark(keys)

    def _mark(self, keys: int) -> None:
        now = (self.events, time.perf_counter(), _cpu())
        resident = _resident()
        if self._begun is None and self.events >= self._first and keys >= self._keys:
            self._begun = now
        done = self._begun is not None and self.events >= self._begun[0] + self._measured
        if done or resident > self._memory:
            events, seconds, cpu = (b - a for a, b in zip(self._begun or self._start, now, strict=True))
            found = {
                "events": events,
                "seconds": seconds,
                "cpu": cpu,
                "resident": resident,
                "keys": keys,
                "out_of_memory": resident > self._memory,
            }
            os.write(1, json.dumps(found).encode() + b"\n")  # not sys.stdout, which some frameworks take for their log
            os._exit(0)  # a framework's own way out is not what is measured
        self._next = self.events + CHECK_EVERY


def _cpu() -> float:
    """Seconds of CPU, user and system, of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> int:
    with STATM.open() as file:
        return int(file.read().split()[1]) * PAGE
