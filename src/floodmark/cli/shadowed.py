"""A shadow config: what it would have told, beside what the one that runs tells. It never writes to Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from floodmark import client
from floodmark.alerts import Anomaly, Incident, utc
from floodmark.cli.speaking import out
from floodmark.config.models import Config
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Output, Record
from floodmark.runtime.stopping import stop_on_signals
from floodmark.runtime.tailing import followed, together
from floodmark.runtime.topics import partitions
from floodmark.terminal.words import many, safe
from floodmark.tuning.shadow import Comparison, Heard, compare

EVERY: Final = 600.0
"""Seconds between two words of it."""


class Side:
    """What came out of a flow, as far as it is compared."""

    def __init__(self) -> None:
        self.revisions: list[Incident] = []
        self.alarms = 0

    def take(self, outputs: Sequence[Output]) -> None:
        for each in outputs:
            kind = TYPES.get(event_type(each.headers) or "")
            if kind is Incident:
                self.revisions.append(msgspec.json.decode(each.value or b"", type=Incident))
            elif kind is Anomaly and each.stream == "anomalies":
                self.alarms += msgspec.json.decode(each.value or b"", type=Anomaly).event == "opened"


async def watch(live: Config, shadow: Config, out_file: Path | None, since: float | None) -> None:
    """Read what the live engine reads, from now or `since` (epoch seconds), until Ctrl-C; tell the difference every ten
    minutes and at the end. Raises RunError.

    It learns from where it begins: begin some hours back, or its first alarms are those of a stranger.
    """
    names = [each.topic for each in shadow.inputs]
    counts = {name: count or 1 for name, count in (await partitions(live.kafka, names)).items()}
    flow, mine, theirs = LocalFlow(shadow, partitions=counts), Side(), Side()
    began = reached = time.time() if since is None else since
    with stop_on_signals() as stop:
        reading = asyncio.create_task(_follow(live, names, since, flow, mine))
        hearing = asyncio.create_task(_hear(live, since, theirs))
        stopped = asyncio.create_task(stop.wait())
        said = time.monotonic()
        try:
            while not stopped.done():
                await asyncio.wait({stopped, reading, hearing}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                for task in (reading, hearing):
                    if task.done():
                        task.result()
                if time.monotonic() - said >= EVERY:
                    said, reached = time.monotonic(), time.time()
                    show(compared(live, shadow, theirs, mine, reached - began), out_file)
        finally:
            for each in (reading, hearing, stopped):
                each.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(reading, hearing, stopped, return_exceptions=True)
    mine.take(flow.finish())
    show(compared(live, shadow, theirs, mine, max(time.time(), reached) - began), out_file)


def compared(live: Config, shadow: Config, theirs: Side, mine: Side, seconds: float) -> Comparison:
    budgets = live.correlate.false_incidents, shadow.correlate.false_incidents
    ours, others = Heard(theirs.revisions, theirs.alarms, budgets[0]), Heard(mine.revisions, mine.alarms, budgets[1])
    return compare(ours, others, seconds)


def show(found: Comparison, out_file: Path | None) -> None:
    """The difference as a person asks for it; the same as JSON into a file."""
    if out_file is not None:
        out_file.write_bytes(msgspec.json.encode(found) + b"\n")
    for name, side in (("live", found.live), ("shadow", found.shadow)):
        alarms = f", {many(side.alarms, 'alarm')}" if side.alarms else ""
        words = f"{name:<7} {many(side.incidents, 'incident')}{alarms}; {side.incidents_week:.1f} incidents a week"
        out.print(f"{words}, by chance at most {side.budget_week:.1f}", markup=False, soft_wrap=True)
    if found.same:
        out.print("Both told the same.", markup=False)
    for title, some in (("Only the live config told", found.only_live), ("Only the shadow told", found.only_shadow)):
        for each in some:
            words = f"{title}: {each.started_at}  {each.severity}  {safe(each.title)}  {each.id}"
            out.print(words, markup=False, soft_wrap=True)
    for pair in found.both:
        if pair.differs:
            words = f"Both told {safe(pair.title)} ({pair.live}); the shadow: {safe('; '.join(pair.differs))}"
            out.print(words, markup=False, soft_wrap=True)


async def _follow(live: Config, names: Sequence[str], since: float | None, flow: LocalFlow, mine: Side) -> None:
    streams: list[AsyncGenerator[list[Any], None]] = [followed(live.kafka, name, since) for name in names]
    async with aclosing(together(*streams)) as batches:
        async for batch in batches:
            records = [
                Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in batch
            ]
            if records:
                mine.take(await asyncio.to_thread(flow.process, records))


async def _hear(live: Config, since: float | None, theirs: Side) -> None:
    start = None if since is None else utc(since)
    async with aclosing(client.incidents(live.kafka, topic=live.topics.alerts, since=start)) as told:
        async for each in told:
            theirs.revisions.append(each)
