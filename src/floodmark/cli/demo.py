"""`floodmark demo`: the real runtime on an embedded broker, watching a simulated shop or this machine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from floodmark import runtime
from floodmark.alerts import Incident, Watermark
from floodmark.cli.console import err, fail, out
from floodmark.cli.run import routes
from floodmark.config.models import Config
from floodmark.flow.events import TYPES, event_type
from floodmark.records import Output
from floodmark.runtime import RunError, log
from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.runtime.stopping import stop_on_signals
from floodmark.simulate.display import Display, introduce
from floodmark.simulate.machine import MissingPsutilError, publish_machine
from floodmark.simulate.publish import PublishError
from floodmark.simulate.publisher import Publisher, publishing
from floodmark.simulate.score import scoreboard
from floodmark.simulate.setups import demo_config, machine_config
from floodmark.simulate.shop import Shop

_SETTLED = 3.0
"""Seconds without any output after the last event, before the demo is over."""


def demo(
    live: Annotated[bool, typer.Option("--live", help="Watch this machine instead, until Ctrl-C.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another shop and other faults.")] = 7,
    days: Annotated[float, typer.Option(min=1.0, max=14.0, help="Simulated days.")] = 2.0,
    save: Annotated[Path | None, typer.Option(help="Write every incident revision to this JSONL file.")] = None,
) -> None:
    """See it work: a simulated web shop, eight kinds of faults, incidents as they open, and a scoreboard.

    Nothing to install or configure: the broker is inside this process (it keeps nothing, and does not do exactly-once),
    everything else is what `floodmark run` does. A seed always gives the same shop and
    faults. With --live, this machine's own CPU, memory, disk and network are watched; the first incidents need some
    minutes of learning.
    """
    log.configure("error", "text")
    try:
        with EmbeddedBroker() as broker:
            if live:
                asyncio.run(_live(broker.bootstrap))
            else:
                asyncio.run(_shop(broker.bootstrap, Shop(seed=seed, days=days), save))
    except (RunError, PublishError, MissingPsutilError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


class Watcher:
    """What the runtime has published, seen as it is acknowledged: incidents, and how far event time is."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._decode = {name: msgspec.json.Decoder(TYPES[name]) for name in TYPES}
        self._watermarks: dict[str, float] = {}
        self._open: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.incidents: list[Incident] = []
        self.last_output = time.monotonic()

    def see(self, output: Output) -> None:
        """The runtime's `on_output`."""
        if output.stream not in ("anomalies", "alerts"):
            self.counts[output.stream] += 1
            return
        self.last_output = time.monotonic()
        name = event_type(output.headers) or ""
        body = self._decode[name].decode(output.value or b"")
        if isinstance(body, Watermark):
            if not body.idle:
                self._watermarks[body.task] = body.time.timestamp()
        elif isinstance(body, Incident):
            self.incidents.append(body)
            (self._open.discard if body.event in ("resolved", "merged") else self._open.add)(body.id)
            self._display.incident(body)
        elif b'"event":"opened"' in (output.value or b""):
            self.counts["anomalies"] += 1

    @property
    def reached(self) -> float | None:
        """Event time that every active detect task has passed."""
        return min(self._watermarks.values(), default=None)

    def show(self, publisher_events: int, seconds: float) -> None:
        reached = self.reached
        if reached is not None:
            self._display.progress(
                reached,
                events=publisher_events,
                rate=publisher_events / max(seconds, 0.001),
                anomalies=self.counts["anomalies"],
                incidents=len({i.id for i in self.incidents}),
                opened=len(self._open),
            )


async def _shop(bootstrap: str, shop: Shop, save: Path | None) -> None:
    config = demo_config(shop, [bootstrap])
    title, subtitle = introduce(len(shop.depends_on), shop.start, shop.days, shop.faults)
    with Display(out, title=title, subtitle=subtitle, start=shop.start, end=shop.end, faults=shop.faults) as display:
        watcher = Watcher(display)
        async with asyncio.timeout(600):
            with stop_on_signals() as stop:
                begun, events = await _run_shop(config, bootstrap, shop, watcher, stop)
        seconds = watcher.last_output - begun
        anomalies = watcher.counts["anomalies"]
        display.finish(
            scoreboard(watcher.incidents, anomalies, 0, shop.faults, shop.depends_on, events=events, seconds=seconds)
        )
    if watcher.counts["dead_letters"]:
        err.print(f"{watcher.counts['dead_letters']} dead letters")
    if save is not None:
        save.write_bytes(b"".join(msgspec.json.encode(incident) + b"\n" for incident in watcher.incidents))


async def _run_shop(
    config: Config, bootstrap: str, shop: Shop, watcher: Watcher, stop: asyncio.Event
) -> tuple[float, int]:
    """Publish and watch until all is settled or `stop` is set; the wall time of the first event, and events sent."""
    ready = asyncio.Event()
    engine = asyncio.create_task(_engine(config, stop, ready, watcher))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([engine, waiting], return_when=asyncio.FIRST_COMPLETED)
    begun, events = time.monotonic(), 0
    if not engine.done():
        async with publishing(bootstrap, shop) as publisher:
            while not engine.done() and not stop.is_set():
                events = publisher.events
                watcher.show(events, time.monotonic() - begun)
                if watcher.reached is not None:
                    publisher.reached(watcher.reached)
                if _settled(publisher, watcher):
                    break
                await asyncio.sleep(0.1)
            if publisher.done:
                await publisher.wait()
    stop.set()
    waiting.cancel()
    await engine
    return begun, events


def _settled(publisher: Publisher, watcher: Watcher) -> bool:
    return publisher.done and time.monotonic() - watcher.last_output > _SETTLED


async def _engine(config: Config, stop: asyncio.Event, ready: asyncio.Event, watcher: Watcher) -> None:
    await runtime.run(
        config.kafka,
        routes(config),
        config.topics,
        config.http,
        state=config.state,
        idle=config.correlate.idle,
        patience=config.correlate.patience,
        stop=stop,
        embedded=True,
        ready=ready,
        on_output=watcher.see,
    )


async def _live(bootstrap: str) -> None:
    config = machine_config([bootstrap])
    with (
        Display(
            out,
            title="Floodmark watches this machine",
            subtitle="CPU, memory, disks, network, every few seconds. It learns first; Ctrl-C ends it.",
            start=time.time(),
        ) as display,
        stop_on_signals() as stop,
    ):
        watcher = Watcher(display)
        ready = asyncio.Event()
        engine = asyncio.create_task(_engine(config, stop, ready, watcher))
        sent: list[int] = [0]
        source = asyncio.create_task(publish_machine(bootstrap, stop=stop, report=sent.append))
        begun = time.monotonic()
        while not stop.is_set() and not engine.done() and not source.done():
            del sent[:-1]
            watcher.show(sent[-1], time.monotonic() - begun)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
        stop.set()
        source.cancel()
        with suppress(asyncio.CancelledError):
            await source
        await engine
