"""`floodmark check`: is the config right? Needs no broker, unless asked to look at what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark.cli.doctor import examine, show
from floodmark.cli.speaking import ConfigPath, out, read_config
from floodmark.config.models import Config, Detector, Input
from floodmark.config.quantities import budget_in_words
from floodmark.diagnose.finding import Part
from floodmark.flow import groups
from floodmark.flow.audit import GROUP, audited

_ONLINE: Final[tuple[Part, ...]] = ("Kafka", "topics", "rights", "engine")
_SECONDS: Final = 5.0


def check(
    config: ConfigPath = Path("floodmark.yaml"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing if all is well.")] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Ask Kafka, and the engine that runs on this machine, too.")
    ] = False,
) -> None:
    """Check a config without a broker: every problem at once, with file:line:column.

    If all is well, shows what would run: the topics, who reads them, which detectors judge what, who is told, and who
    may post. With --online it asks instead what `floodmark doctor` asks of brokers, topics, rights and the engine:
    whether what arrives now would be told, why not, and what is still being learned; it ends with 1 if there is a
    problem.
    """
    settings = read_config(config)
    if online:
        show(asyncio.run(examine(settings, _SECONDS, 0, _ONLINE, running=True)), quiet=quiet)
        return
    if quiet:
        return
    out.print(f"[green]{config} is right.[/]")
    out.print()
    out.print(_topics(settings))
    out.print()
    out.print(_detectors(settings))
    out.print()
    out.print(_budgets(settings), soft_wrap=True)
    for table in (_told(settings), _posted(settings)):
        if table is not None:
            out.print()
            out.print(table)


def _topics(config: Config) -> Table:
    table = Table("topic", "what", "read by group", title="Topics", title_justify="left", box=None, header_style="bold")
    signals: dict[str, Input] = {source.topic: source for source in config.inputs}
    for group, factories in groups(config).items():
        for topic in factories:
            source = signals.get(topic)
            own = "what people do" if topic == config.topics.actions else "internal"
            what = f"{source.signal} ({source.format})" if source else own
            table.add_row(topic, what, f"{config.kafka.group}-{group}")
    table.add_row(config.topics.alerts, "incidents, for your tools", "")
    table.add_row(config.topics.dead_letters, "input that could not be used", "")
    if config.notify is not None:
        table.add_row(config.topics.deliveries, "what has come of telling people", "")
        if config.notify.requests:
            table.add_row(config.topics.model_requests, "what is asked of models", f"{config.kafka.group}-notify")
    if config.audit is not None:
        table.add_row(config.topics.audit, "the audit trail", "")
        table.add_row(", ".join(audited(config)), "audited", f"{config.kafka.group}-{GROUP}")
    if config.feedback is not None:
        table.add_row(config.feedback.topic, "what people say of anomalies", "(every process)")
    return table


def _detectors(config: Config) -> Table:
    table = Table(
        "detector", Column("series", overflow="fold"), "heads", "false alarms of a series",
        title="Detectors, first match wins", title_justify="left", box=None, header_style="bold",
    )  # fmt: skip
    for detector in (*config.detectors, Detector()):
        series = _selected(detector.match) or "all"
        heads = _heads(detector) if detector.enabled else "not watched"
        table.add_row(
            detector.name, series, heads, f"{detector.false_alarms * 604800:.3g} a week" if detector.enabled else ""
        )
    return table


def _budgets(config: Config) -> str:
    apart = f" of each scope ({', '.join(config.detect.scope)})" if config.detect.scope else ""
    often = budget_in_words(config.correlate.false_incidents)
    return (
        f"Incidents{apart}: about {often} one may be no more than chance (correlate.false_incidents). A group of "
        "anomalies opens one when groups as improbable come less often than that; what chance does is learned from "
        "the groups themselves. With --online: from where on that is today."
    )


def _told(config: Config) -> Table | None:
    """Who is told of which incidents, as routes say."""
    if config.notify is None or not config.notify.routes:
        return None
    table = Table(
        "route", *(Column(each, overflow="fold") for each in ("incidents", "told", "paged")),
        title="Who is told, first match wins", title_justify="left", box=None, header_style="bold",
    )  # fmt: skip
    for route in config.notify.routes:
        least = "" if route.severity == "info" else f", {route.severity} and worse"
        chain = f"{route.chain}, from {route.page} on" if route.chain else "nobody"
        cells = (route.name, (_selected(route.match) or "all") + least, ", ".join(route.targets) or "nobody", chain)
        table.add_row(*map(Text, cells))
    return table


def _posted(config: Config) -> Table | None:
    """What may be said over HTTP, and where."""
    if config.gateway is None or not config.gateway.sources:
        return None
    table = Table(
        "address", "kind", "topic",
        title="Who may post", title_justify="left", box=None, header_style="bold",
    )  # fmt: skip
    gateway = config.gateway
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    address = f"{'https' if gateway.cert_file else 'http'}://{host}:{gateway.port}"
    for name, source in gateway.sources.items():
        table.add_row(Text(f"{address}/{name}"), source.kind, Text(source.topic))
    return table


def _selected(match: Mapping[str, str | list[str]]) -> str:
    return ", ".join(f"{k}={v if isinstance(v, str) else ' | '.join(v)}" for k, v in match.items())


def _heads(detector: Detector) -> str:
    built_in = "all built-in" if detector.heads == Detector().heads else ", ".join(detector.heads)
    return ", ".join(part for part in (built_in, detector.model) if part)
