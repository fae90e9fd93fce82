"""`floodmark demo --live`: this machine's own metrics, what the engine finds in them, and a summary at Ctrl-C."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from floodmark.cli.embedded import engine
from floodmark.cli.speaking import out
from floodmark.runtime.progress import Progress
from floodmark.runtime.stopping import stop_on_signals
from floodmark.simulate import machine, readings
from floodmark.simulate.board import duration
from floodmark.simulate.display import Display
from floodmark.simulate.setups import LEARNING, machine_config
from floodmark.simulate.watcher import Watcher

_PLAIN_EVERY = 30.0
"""Seconds between two lines where nothing can move."""


class Sight:
    """The last two readings, and how much was read."""

    def __init__(self) -> None:
        self.before: readings.Reading = ()
        self.now: readings.Reading = ()
        self.events = 0
        self._series: set[str] = set()

    def take(self, reading: readings.Reading) -> None:
        self.before, self.now = self.now, reading
        self.events += len(reading)
        self._series.update(f"{event['name']}{sorted(event['labels'].items())}" for event in reading)

    @property
    def series(self) -> int:
        return len(self._series)


async def watch_machine(bootstrap: str, save: Path | None) -> None:
    """Watch until a signal, then sum up; `save` gets every revision.

    Raises RunError, PublishError, MissingPsutilError.
    """
    watcher, sight, begun = Watcher(), Sight(), time.time()
    display = Display(
        out,
        title="Floodmark watches this machine",
        subtitle=f"CPU, memory, disks and network, every {duration(machine.INTERVAL)}. It learns until "
        f"{readings.clock(begun + LEARNING)}; Ctrl-C ends it.",
        start=begun,
        clock=readings.clock,
    )
    with display, stop_on_signals() as stop:
        config = machine_config([bootstrap])
        async with engine(config, stop, watcher, Progress(), patience=config.correlate.patience) as running:
            source = asyncio.create_task(machine.publish_machine(bootstrap, stop=stop, report=sight.take))
            try:
                await _show(display, watcher, sight, begun, stop, [running, source])
            finally:
                stop.set()
                source.cancel()
                with suppress(asyncio.CancelledError):
                    await source
        _tell(display, watcher)
    for line in readings.summary(_facts(watcher, sight, begun), watcher.incidents, time.time() - begun):
        out.print(line, markup=False, soft_wrap=True)
    if save is not None:
        save.write_bytes(b"".join(msgspec.json.encode(incident) + b"\n" for incident in watcher.incidents))


async def _show(
    display: Display,
    watcher: Watcher,
    sight: Sight,
    begun: float,
    stop: asyncio.Event,
    others: list[asyncio.Task[None] | asyncio.Task[int]],
) -> None:
    """Tell what is new each second, until `stop` is set or one of `others` is done."""
    said = begun - _PLAIN_EVERY
    while not stop.is_set() and not any(task.done() for task in others):
        _tell(display, watcher)
        now, odd = time.time(), list(watcher.odd.values())
        found, facts = readings.rows(sight.before, sight.now), _facts(watcher, sight, begun)
        if sight.before:
            display.show(readings.panel(found, odd, facts, now))
        if display.plain and sight.before and now - said >= _PLAIN_EVERY:
            said = now
            out.print(f"{readings.clock(now)}  {readings.headline(facts, now)}", markup=False, soft_wrap=True)
            out.print(f"          {readings.plain(found, odd)}", markup=False, soft_wrap=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)


def _tell(display: Display, watcher: Watcher) -> None:
    for incident in watcher.news():
        display.incident(incident)
    display.tell(math.inf)


def _facts(watcher: Watcher, sight: Sight, begun: float) -> readings.Facts:
    incidents = len({incident.id for incident in watcher.incidents})
    return readings.Facts(sight.series, sight.events, watcher.anomalies, incidents, watcher.open, begun + LEARNING)
