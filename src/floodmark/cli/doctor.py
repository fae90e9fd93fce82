"""`floodmark doctor`: is everything between the config and an engine that works as it should be? Changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from floodmark.cli.deliveries import given_up, newest
from floodmark.cli.speaking import ConfigPath, err, out, read_config
from floodmark.config.models import Config
from floodmark.decode import schemas_needed
from floodmark.diagnose import topics as topics_of
from floodmark.diagnose.asking import Cluster, ask
from floodmark.diagnose.engine import engine
from floodmark.diagnose.finding import PARTS, Finding, Mark, Part, counts, spell
from floodmark.diagnose.inputs import inputs
from floodmark.diagnose.rights import joined, needed, rights, transactional
from floodmark.diagnose.sampling import Sample, sample
from floodmark.diagnose.store import store
from floodmark.records import Schemas
from floodmark.runtime import RunError
from floodmark.runtime.errors import SchemasAwayError
from floodmark.runtime.registry import Registry

_STYLES: Final[dict[Mark, str]] = {"ok": "green", "warning": "yellow", "problem": "bold red", "unknown": "magenta"}
_TITLES: Final[dict[Part, str]] = {
    "Kafka": "Kafka", "topics": "Topics", "rights": "Rights", "inputs": "Inputs", "clocks": "Clocks",
    "state": "State", "engine": "Engine",
}  # fmt: skip

Timeout = Annotated[float, typer.Option(min=0.5, help="Seconds that each answer may take.")]
Records = Annotated[int, typer.Option(min=1, max=5000, help="Newest records that are read of each partition.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


def doctor(
    config: ConfigPath = Path("floodmark.yaml"),
    timeout: Timeout = 10.0,
    records: Records = 200,
    as_json: AsJson = False,
) -> None:
    """Look at all that the config needs: brokers, topics, rights, inputs, clocks, the state, the engine.

    Joins no group, commits nothing and writes to no topic. What could not be looked at says why; nothing else fails for
    it. Each line says what, how it is, and what to do (→).

    Exit codes: 0 no problem (there may be warnings), 1 problems, 2 wrong usage.
    """
    settings = read_config(config)
    found = asyncio.run(examine(settings, timeout, records))
    show(found, as_json=as_json)


def show(found: Sequence[Finding], *, as_json: bool = False, quiet: bool = False) -> None:
    """Print what was found, and leave with 1 if there is a problem."""
    tally = counts(found)
    if as_json:
        said: dict[str, object] = {mark: tally[mark] for mark in _STYLES}
        said["findings"] = [finding.as_object() for finding in found]
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        report(found, quiet=quiet)
    if tally["problem"]:
        raise typer.Exit(1)


def report(found: Sequence[Finding], *, quiet: bool) -> None:
    """By part; with `quiet` only what is not as it should be, on standard error."""
    console = err if quiet else out
    for part in PARTS:
        some = [finding for finding in found if finding.part == part and not (quiet and finding.mark == "ok")]
        if some:
            console.print(Text(_TITLES[part], style="bold"))
        for finding in some:
            for line in _lines(finding):
                console.print(line, soft_wrap=True)
    tally = counts(found)
    if quiet and not tally["problem"] and not tally["warning"]:
        return
    unknown = f", {tally['unknown']} could not be looked at" if tally["unknown"] else ""
    summary = f"{spell(tally['problem'], 'problem')}, {spell(tally['warning'], 'warning')}, {tally['ok']} ok{unknown}."
    console.print(Text(summary, style="bold"))


def _lines(finding: Finding) -> list[Text]:
    """The mark is a word, so that no colour is needed to read it."""
    first = Text("  ").append(f"{finding.mark:<8}", style=_STYLES[finding.mark])
    first.append(f" {finding.where}", style="bold").append(f"  {finding.words}")
    rest = [Text(f"             {line}", style="dim") for line in finding.more]
    return [first, *rest, *([Text(f"           → {finding.todo}")] if finding.todo else [])]


async def examine(
    config: Config, timeout: float, records: int, parts: Collection[Part] = PARTS, *, running: bool = False
) -> list[Finding]:
    """All findings, by part. `running`: an engine is expected to run."""
    found: list[Finding] = []
    cluster: Cluster | None = None
    if {"Kafka", "topics", "rights", "inputs"} & set(parts):
        try:
            cluster = await ask(
                config.kafka, needed(config), joined(config), transactional(config).values(), seconds=timeout
            )
        except RunError as error:
            found.append(Finding("Kafka", "problem", "brokers", f"{error}", "see kafka.brokers and kafka.security"))
            away = "could not be looked at, since Kafka could not be asked"
            found += [Finding(part, "unknown", part, away) for part in ("topics", "rights", "inputs") if part in parts]
    if cluster is not None:
        found += topics_of.kafka(cluster)
        found += topics_of.topics(config, cluster)
        found += rights(config, cluster)
        if "inputs" in parts:
            sizes = _readable(config, cluster)
            samples = await sample(config.kafka, sizes, records, timeout)
            schemas, asked = await _schemas(config, samples)
            found += asked
            found += inputs(config, samples, sizes, time.time(), schemas)
            found += _unread(config, cluster, samples)
    if "state" in parts:
        found += await store(config, timeout, time.time())
    if "engine" in parts:
        found += await engine(config, min(timeout, 5.0), expected=running)
        found += await _deliveries(config, cluster, timeout)
    return [finding for part in PARTS for finding in found if finding.part == part]


async def _deliveries(config: Config, cluster: Cluster | None, timeout: float) -> list[Finding]:
    topic = cluster.topics.get(config.topics.deliveries) if cluster is not None else None
    if config.notify is None or topic is None or topic.error:
        return []  # that it is not there is said with the topics
    try:
        async with asyncio.timeout(timeout):
            return [given_up(await newest(config))]
    except (RunError, TimeoutError) as error:
        words = f"cannot be read: {error or f'not within {timeout:.0f} s'}"
        return [Finding("engine", "unknown", "deliveries", words)]


async def _schemas(config: Config, samples: dict[str, Sample]) -> tuple[Schemas | None, list[Finding]]:
    """What the config's registry knows of the samples, and whether it answers."""
    if config.schema_registry is None:
        return None, []
    async with Registry(config.schema_registry, schemas_needed) as registry:
        try:
            for each in samples.values():
                await registry.supply(each.records)
        except SchemasAwayError as error:
            return registry.schemas, [
                Finding("inputs", "problem", "schema registry", f"{error}", "see schema_registry")
            ]
        words = f"answers; {spell(len(registry.schemas), 'schema')} of the samples asked for"
        return registry.schemas, [Finding("inputs", "ok", "schema registry", words)]


def _readable(config: Config, cluster: Cluster) -> dict[str, int]:
    """The inputs that are there and may be read, with their partitions."""
    sizes = {}
    for source in config.inputs:
        topic = cluster.topics.get(source.topic)
        if topic is not None and not topic.error and (topic.rights is None or "READ" in topic.rights):
            sizes[source.topic] = len(topic.partitions)
    return sizes


def _unread(config: Config, cluster: Cluster, samples: dict[str, Sample]) -> list[Finding]:
    found = []
    for source in config.inputs:
        topic = cluster.topics.get(source.topic)
        if source.topic not in samples:
            missing = topic is None or topic.error.startswith("Unknown")
            reason = "there is no such topic" if missing else "READ is not granted"
            found.append(Finding("inputs", "unknown", source.topic, f"cannot be sampled: {reason}"))
    return found
