"""`floodmark top`: a live page of the engines, the topics and what is odd now. Reads only, by nobody's group."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aiokafka import TopicPartition
from rich.live import Live

from floodmark.cli.speaking import ConfigPath, ascii_only, out, read_config
from floodmark.config.models import Config
from floodmark.events import MalformedEventError, decode
from floodmark.flow import groups
from floodmark.letters import read, receipt_of
from floodmark.records import Record
from floodmark.runtime import RunError
from floodmark.runtime.asking import Answer, engines, progress
from floodmark.runtime.tailing import followed
from floodmark.runtime.topics import partitions
from floodmark.terminal.top import Behind, Engine, View, frame, samples_of

_ODD: Final = 6 * 3600.0
_INCIDENTS: Final = 7 * 86_400.0
_LETTERS: Final = 3600.0
"""How far back each topic is read at the start, in seconds."""
_AGAIN: Final = 5.0
"""Seconds until Kafka is asked again after it did not answer."""
_NARROW: Final = 120
"""Columns below which a page leaves out what can be done without."""
_PATIENCE: Final = 20.0
"""Seconds within which --once waits for what the topics hold."""


def top(
    config: ConfigPath = Path("floodmark.yaml"),
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", help="host:port of an engine's http (default: this machine's, as the config has it)."),
    ] = None,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between two frames.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Most lines of each list.")] = 8,
) -> None:
    """A live page: lag, events a second, what is odd now, open incidents, dead letters, what the engines say.

    Ctrl-C or q ends it. What does not answer is told in the page. In a pipe it prints one frame.
    """
    settings = read_config(config)
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(settings, engine or [], interval, rows, once=once or not out.is_terminal))


class _Sources:
    """What fills a view: a task for each topic, and questions that are asked anew for each frame."""

    def __init__(self, config: Config, named: list[str]) -> None:
        self._config, self._named = config, named
        self.view = View(datetime.now(UTC))
        self._away: dict[str, str] = {}
        self._caught_up: dict[str, asyncio.Event] = {}
        self._counted: tuple[float, float] | None = None
        self._letters: list[tuple[float, str, str]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        topics = self._config.topics
        following = [
            (topics.anomalies, _ODD, self._hear),
            (topics.alerts, _INCIDENTS, self._hear),
            (topics.dead_letters, _LETTERS, self._letter),
        ]
        for topic, _, _ in following:
            self._caught_up[topic] = asyncio.Event()
        tasks = [asyncio.create_task(self._follow(*each)) for each in following]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def caught_up(self) -> None:
        """Returns once each topic was read to its end, or did not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for event in self._caught_up.values():
                    await event.wait()

    async def ask(self) -> None:
        """Ask engines and Kafka anew."""
        answers, behind = await asyncio.gather(engines(self._config, self._named), self._behind())
        self.view.engines = [_engine(answer) for answer in answers]
        self.view.behind = behind
        done = sum(engine.total("floodmark_records_total") for engine in self.view.engines)
        now = time.monotonic()
        if self._counted is not None and now > self._counted[0]:
            self.view.rate = max(0.0, (done - self._counted[1]) / (now - self._counted[0]))
        self._counted = now, done
        self.view.now = datetime.now(UTC)
        self.view.troubles = sorted(set(self._away.values()))
        self._count_letters()

    async def _behind(self) -> list[Behind]:
        work = {group: list(topics) for group, topics in groups(self._config).items()}
        if self._config.notify is not None:
            work["notify"] = [self._config.topics.alerts]
        try:
            counts = await partitions(self._config.kafka, [topic for topics in work.values() for topic in topics])
            missing = [topic for topic, count in counts.items() if not count]
            self._note(
                "topics",
                f"Kafka has no topic {', '.join(missing)}; make it with: floodmark topics create" if missing else "",
            )
            wanted = {
                f"{self._config.kafka.group}-{group}": [
                    TopicPartition(topic, number) for topic in topics for number in range(counts[topic] or 0)
                ]
                for group, topics in work.items()
            }
            found = await progress(self._config.kafka, wanted)
        except RunError as error:
            self._note("lag", str(error))
            return []
        self._note("lag", "")
        return [Behind(group, each.topic, each.partition, end, committed) for group, each, end, committed in found]

    async def _follow(self, topic: str, ago: float, hear: Callable[[Any], None]) -> None:
        since = time.time() - ago
        while True:
            try:
                async with aclosing(followed(self._config.kafka, topic, since)) as records:
                    async for some in records:
                        self._note(topic, "")
                        for record in some:
                            hear(record)
                            since = max(since, record.timestamp / 1000 + 0.001)
                        if not some:
                            self._caught_up[topic].set()
            except RunError as error:
                self._note(topic, str(error))
                self._caught_up[topic].set()
            await asyncio.sleep(_AGAIN)

    def _note(self, what: str, trouble: str) -> None:
        if trouble:
            self._away[what] = trouble
        else:
            self._away.pop(what, None)

    def _hear(self, record: Any) -> None:
        with suppress(MalformedEventError):
            value = Record(record.topic, record.partition, record.offset, -1, None, record.value, record.headers)
            self.view.hear(decode(value))

    def _letter(self, record: Any) -> None:
        if receipt_of(record.headers) is None:
            letter = read(record)
            self._letters.append((letter.timestamp / 1000, letter.error, f"{letter.origin}: {letter.message}"))

    def _count_letters(self) -> None:
        """Those of the last hour."""
        begin = time.time() - _LETTERS
        self._letters = [each for each in self._letters if each[0] >= begin][-100_000:]
        self.view.letters.clear()
        for _, error, message in self._letters:
            self.view.letter(error, message)


async def _watch(config: Config, named: list[str], interval: float, rows: int, *, once: bool) -> None:
    sources = _Sources(config, named)
    async with sources.open():
        await sources.ask()
        if once:
            await asyncio.gather(sources.caught_up(), asyncio.sleep(min(interval, 1.0)))
            await sources.ask()
            out.print(frame(sources.view, rows, narrow=out.width < _NARROW, ascii=ascii_only(out)))
            return
        with _keys() as pressed, Live(console=out, screen=True, auto_refresh=False) as live:
            while not pressed.is_set():
                live.update(frame(sources.view, rows, narrow=out.width < _NARROW, ascii=ascii_only(out)), refresh=True)
                with suppress(TimeoutError):
                    await asyncio.wait_for(pressed.wait(), interval)
                if not pressed.is_set():
                    await _unless(pressed, sources.ask())


async def _unless(pressed: asyncio.Event, work: Awaitable[None]) -> None:
    """Wait for it, but not if somebody wants to leave."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(pressed.wait())
    await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for each in (working, leaving):
        each.cancel()
    with suppress(asyncio.CancelledError):
        await working


def _engine(answer: Answer) -> Engine:
    if answer.trouble:
        return Engine(answer.name, answer.trouble)
    try:
        samples = samples_of(answer.metrics)
    except ValueError as error:
        return Engine(answer.name, f"its /metrics cannot be read: {error}")
    said = answer.readiness
    reasons, learning = list(said.get("reasons") or []), list(said.get("learning") or [])
    return Engine(answer.name, "", not reasons, reasons, learning, samples)


class _keys:  # noqa: N801  used as a function
    """While entered, keys are seen as they are pressed: q sets the event."""

    def __enter__(self) -> asyncio.Event:
        self._pressed = asyncio.Event()
        self._before: Any = None
        if sys.stdin.isatty():
            import termios  # noqa: PLC0415 - not everywhere
            import tty  # noqa: PLC0415

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
            asyncio.get_running_loop().add_reader(sys.stdin, self._read)
        return self._pressed

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios  # noqa: PLC0415

            asyncio.get_running_loop().remove_reader(sys.stdin)
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        if sys.stdin.read(1) in ("q", "Q", "\x03", "\x1b"):
            self._pressed.set()
