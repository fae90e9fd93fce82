"""`floodmark demo`: the real runtime on an embedded broker, watching a simulated shop or this machine."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from floodmark.cli.embedded import engine
from floodmark.cli.free_port import free_port
from floodmark.cli.speaking import err, fail, out
from floodmark.config.models import Actions, Config
from floodmark.runtime import RunError, log
from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.runtime.progress import Ends, Progress
from floodmark.runtime.stopping import stop_on_signals
from floodmark.simulate.board import moment
from floodmark.simulate.display import Display, introduce
from floodmark.simulate.machine import MissingPsutilError
from floodmark.simulate.publish import BOUND, PublishError
from floodmark.simulate.publisher import Publisher, publishing
from floodmark.simulate.score import scoreboard
from floodmark.simulate.setups import demo_config
from floodmark.simulate.shop import Shop
from floodmark.simulate.watcher import Watcher

_LONGEST = 300.0
"""Seconds that a simulated day may take, and two of them at least, before the demo gives up."""
_EPILOGUE = 600.0
"""Simulated seconds before the end that are not told: whether something of them becomes an incident depends on how long
one waits for silence."""
_LOOK = 0.2


def demo(
    live: Annotated[bool, typer.Option("--live", help="Watch this machine instead, until Ctrl-C.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another shop and other faults.")] = 7,
    days: Annotated[float, typer.Option(min=1.0, max=14.0, help="Simulated days.")] = 2.0,
    save: Annotated[Path | None, typer.Option(help="Write every incident revision to this JSONL file.")] = None,
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell an Alertmanager of this machine as well, and look what it shows.")
    ] = False,
    console: Annotated[
        bool, typer.Option("--console/--no-console", help="Serve the console beside it, to watch it in a browser.")
    ] = True,
    stay: Annotated[
        bool | None,
        typer.Option(
            "--stay/--no-stay", help="Serve the console on, after the end, until Ctrl-C (else: at a terminal)."
        ),
    ] = None,
) -> None:
    """See it work: a simulated web shop, eight kinds of faults, incidents as they open, and a scoreboard.

    Nothing to install or configure: the broker is inside this process (it keeps nothing, and does not do exactly-once),
    everything else is what `floodmark run` does. A seed always gives the same shop, the same faults and the same
    incidents; if no fault is found, the exit status is 1. With --live, this machine's own CPU, memory, disk and network
    are watched; it learns for some minutes first. With --notify, incidents go to an Alertmanager as well, which is
    started if it is installed (or runs where FLOODMARK_ALERTMANAGER says). The console is served on loopback meanwhile,
    and its address printed; at a terminal it stays until Ctrl-C.
    """
    if notify and live:
        fail("--notify tells what the simulated shop brings: leave --live out.", 2)
    log.configure("error", "text")
    try:
        with EmbeddedBroker() as broker:
            if live:
                from floodmark.cli.live import watch_machine  # noqa: PLC0415  only where it is asked for

                asyncio.run(watch_machine(broker.bootstrap, save))
            else:
                shop = Shop(seed=seed, days=days)
                keep = console and (sys.stdin.isatty() and sys.stdout.isatty() if stay is None else stay)
                asyncio.run(_watched(broker.bootstrap, shop, save, notify=notify, console=console, stay=keep))
    except (RunError, PublishError, MissingPsutilError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


class _Mark(NamedTuple):
    """How far detection was at some moment, and what the correlator had to read then. `complete`: see `Watcher`."""

    reached: float
    complete: bool
    ends: Ends


class _Ran(NamedTuple):
    events: int
    seconds: float
    whole: bool
    """All was published and read; else it was stopped before."""


async def _watched(bootstrap: str, shop: Shop, save: Path | None, *, notify: bool, console: bool, stay: bool) -> None:
    """The shop, with the console beside it; `stay`: it is served on after the end."""
    if not console:
        await _told(demo_config(shop, [bootstrap]), shop, save, notify=notify)
        return
    from floodmark.cli.served import console as served  # noqa: PLC0415  only where it is asked for

    config = demo_config(shop, [bootstrap])
    config = config.model_copy(
        update={"http": config.http.model_copy(update={"port": free_port()}), "actions": Actions()}
    )
    async with served(config) as url:
        words = f"The console: {url}" if url else "The console could not be started; the demo goes on without it."
        out.print(words, markup=False, soft_wrap=True)
        await _told(config, shop, save, notify=notify)
        if url and stay:
            out.print(f"\nThe console stays at {url} until Ctrl-C.", markup=False, soft_wrap=True)
            with stop_on_signals() as stop:
                await stop.wait()


async def _told(config: Config, shop: Shop, save: Path | None, *, notify: bool) -> None:
    """The shop; if `notify`, what is found is told to an Alertmanager as it is."""
    watcher = Watcher()
    if not notify:
        await _shop(config, shop, watcher, save)
        return
    from floodmark.cli.bell import alertmanager, ringing  # noqa: PLC0415  only where it is asked for

    async with alertmanager() as url:
        out.print(f"Alertmanager is told of incidents: {url}", markup=False)
        async with ringing(url, watcher.told) as rung:
            await _shop(config, shop, watcher, save)
        out.print(str(rung[0]), markup=False, soft_wrap=True)


async def _shop(config: Config, shop: Shop, watcher: Watcher, save: Path | None) -> None:
    title, subtitle = introduce(len(shop.depends_on), shop.start, shop.days, shop.faults)
    longest, why = _LONGEST * max(2.0, shop.days), "Stopped"
    with Display(out, title=title, subtitle=subtitle, start=shop.start, end=shop.end, faults=shop.faults) as display:
        try:
            async with asyncio.timeout(longest):
                with stop_on_signals() as stop:
                    ran = await _run_shop(config, shop, watcher, display, stop)
        except TimeoutError:
            ran, why = _Ran(0, 0.0, False), f"It took longer than {longest / 60:.0f} minutes, and was stopped"
        reached = min(watcher.reached or shop.start, shop.end - _EPILOGUE)
        if ran.whole:
            watcher.cut(reached)
            for incident in watcher.news():
                display.incident(incident)
            display.tell(reached)
            score = scoreboard(
                watcher.incidents,
                watcher.anomalies,
                0,
                shop.faults,
                shop.depends_on,
                events=ran.events,
                seconds=ran.seconds,
            )
            display.finish(score)
    if watcher.counts["dead_letters"]:
        err.print(f"{watcher.counts['dead_letters']} dead letters")
    if save is not None:
        save.write_bytes(b"".join(msgspec.json.encode(incident) + b"\n" for incident in watcher.incidents))
    if not ran.whole:
        fail(f"{why} at {moment(reached)} of the simulated time, before the end: there is no scoreboard.")
    if shop.faults and not score.found:
        fail(f"None of the {len(shop.faults)} injected faults was found: something is wrong with this installation.")


async def _run_shop(config: Config, shop: Shop, watcher: Watcher, display: Display, stop: asyncio.Event) -> _Ran:
    """Publish the shop and watch until all of it is read, or `stop` is set. Raises RunError, PublishError.

    The engine begins when the first hours are there: a topic that is empty would be thought silent.
    """
    progress = Progress()
    async with publishing(config.kafka.brokers[0], shop) as publisher:
        published = asyncio.create_task(publisher.wait())
        while publisher.time < shop.start + BOUND / 2 and not published.done() and not stop.is_set():
            await asyncio.sleep(_LOOK)
        begun = time.monotonic()
        async with engine(config, stop, watcher, progress, patience=_LONGEST) as running:
            showing = asyncio.create_task(_show(publisher, watcher, display, progress, begun))
            work = asyncio.create_task(_all_read(publisher, published, watcher, progress))
            stopped = asyncio.create_task(stop.wait())
            waiting: list[asyncio.Task[None] | asyncio.Task[bool]] = [running, showing, work, stopped]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                whole = work.done()
                for task in (work, showing):
                    if task.done():
                        task.result()
            finally:
                for each in (showing, work, stopped, published):
                    each.cancel()
                await asyncio.wait([showing, work, stopped, published])
            return _Ran(publisher.events, time.monotonic() - begun, whole)


async def _all_read(publisher: Publisher, published: asyncio.Task[None], watcher: Watcher, progress: Progress) -> None:
    """Return when the stream is published and every stage has read all that it and the stages before it wrote.

    Raises PublishError.
    """
    await published
    if not publisher.done:
        raise PublishError("The process that simulates the shop was stopped before the end.")
    for stage in ("route", "detect", "correlate"):
        while stage == "correlate" and not watcher.complete:
            await asyncio.sleep(_LOOK)
        while (ends := await progress.ends(stage)) is None:
            await asyncio.sleep(_LOOK)
        while not progress.delivered(stage, ends):
            await asyncio.sleep(_LOOK)


async def _show(publisher: Publisher, watcher: Watcher, display: Display, progress: Progress, begun: float) -> None:
    """Follow how far detection is, so that the publisher may run on, and the correlator: what it has passed is told.

    For ever. The publisher is not let on when the correlator is far behind, for the broker would forget what it has not
    read.
    """
    mark: _Mark | None = None
    passed = publisher.time
    while True:
        if watcher.reached is not None:
            publisher.reached(min(watcher.reached, passed + BOUND))
        for incident in watcher.news():
            display.incident(incident)
        if mark is None:
            reached, complete = watcher.reached, watcher.complete
            if reached is not None and (ends := await progress.ends("correlate")) is not None:
                mark = _Mark(reached, complete, ends)
        elif progress.delivered("correlate", mark.ends):
            passed = mark.reached
            if mark.complete:
                seconds = max(time.monotonic() - begun, 0.001)
                display.progress(
                    mark.reached,
                    events=publisher.events,
                    rate=publisher.events / seconds,
                    anomalies=watcher.anomalies,
                    incidents=len({incident.id for incident in watcher.incidents}),
                    opened=watcher.open,
                )
            mark = None
        await asyncio.sleep(_LOOK)
