"""What a machine's readings say, in a few rows that a person knows: processor, memory, disks, network, processes.

Pure: two readings and the open alarms in, rows and sentences out. It must never judge: what is odd, the engine says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from floodmark.alerts import Anomaly, Incident
from floodmark.simulate.board import duration, visible

Reading = Sequence[Mapping[str, Any]]
"""The events of one reading."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_MOST_ODD: Final = 4


class Row(NamedTuple):
    """One row: what it is, its last value in words, and the names of the series behind it."""

    what: str
    value: str
    series: tuple[str, ...]


class Facts(NamedTuple):
    """What the demo knows of its run. `learning`: epoch seconds until which the first series learn."""

    series: int
    events: int
    anomalies: int
    incidents: int
    open: int
    learning: float


def clock(time: float) -> str:
    """Epoch seconds as the hour on this machine's clock: "15:41:07"."""
    return f"{datetime.fromtimestamp(time, UTC).astimezone():%H:%M:%S}"


def size(count: float) -> str:
    """Bytes as a person says them: "3.2 GiB"."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 or count >= 100 else f"{count:.1f} {_UNITS[unit]}"


def rows(before: Reading, now: Reading) -> list[Row]:
    """The rows of a reading; `before` is the one before it, for what counts up."""
    found = []
    if cpu := _values(now, "cpu_usage_ratio"):
        cores = len(_values(now, "cpu_core_usage_ratio"))
        found.append(Row("processor", f"{cpu[0]:.0%} of {cores} cores busy", ("cpu_usage_ratio",)))
    if load := _values(now, "load_average_1m"):
        found.append(Row("load", f"{load[0]:.2f} in the last minute", ("load_average_1m",)))
    if available := _values(now, "memory_available_bytes"):
        share = _values(now, "memory_used_ratio")[0]
        words = f"{share:.0%} used, {size(available[0])} available"
        found.append(Row("memory", words, ("memory_used_ratio", "memory_available_bytes", "swap_used_ratio")))
    both: tuple[tuple[str, str, str, tuple[str, str]], ...] = (
        ("disks", "disk_read_bytes_total", "disk_written_bytes_total", ("read", "written")),
        ("network", "network_received_bytes_total", "network_sent_bytes_total", ("received", "sent")),
    )
    for what, took, gave, verbs in both:
        if _values(now, took):
            told = [
                f"{size(_rate(before, now, name))}/s {word}" for name, word in zip((took, gave), verbs, strict=True)
            ]
            found.append(Row(what, ", ".join(told), (took, gave)))
    mounts = [event for event in now if event["name"] == "disk_used_ratio"]
    if mounts:
        fullest = max(mounts, key=lambda event: event["value"])
        where = f"{fullest['value']:.0%} of {fullest['labels'].get('mount', '')}"
        found.append(Row("fullest disk", where, ("disk_used_ratio",)))
    busy = [event for event in now if event["name"] == "process_cpu_cores"]
    if busy:
        busiest = max(busy, key=lambda event: event["value"])
        named = f"{busiest['labels'].get('service', '')}: {busiest['value']:.2f} cores"
        found.append(Row("busiest process", named, ("process_cpu_cores",)))
    return found


def headline(facts: Facts, now: float) -> str:
    """The facts in one line."""
    learning = f"learning until {clock(facts.learning)}" if now < facts.learning else "watching"
    return (
        f"{learning} · {facts.series} series · {facts.events:,} events · "
        f"{_many(facts.anomalies, 'anomaly', 'anomalies')} · "
        f"{_many(facts.incidents, 'incident', 'incidents')}, {facts.open} open"
    )


def plain(found: Sequence[Row], odd: Iterable[Anomaly]) -> str:
    """The rows in one line, and what is odd."""
    names = {anomaly.name for anomaly in odd}
    return " · ".join(f"{row.what} {row.value}{' (odd)' * bool(names.intersection(row.series))}" for row in found)


def panel(found: Sequence[Row], odd: Sequence[Anomaly], facts: Facts, now: float) -> RenderableType:
    """The rows as a table that moves, and a sentence for each alarm that is open."""
    names = {anomaly.name for anomaly in odd}
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    for row in found:
        wrong = bool(names.intersection(row.series))
        table.add_row(row.what, Text(visible(row.value), style="bold red" if wrong else ""), "odd" if wrong else "")
    sentences = [Text(visible(f"odd: {anomaly.summary}"), style="red") for anomaly in odd[:_MOST_ODD]]
    if len(odd) > _MOST_ODD:
        sentences.append(Text(f"and {len(odd) - _MOST_ODD} more that are odd", style="red"))
    return Group(Text(f"{clock(now)}  {headline(facts, now)}", style="bold"), table, *sentences)


def summary(facts: Facts, incidents: Iterable[Incident], seconds: float) -> list[str]:
    """What there was to see, in lines. `incidents`: every revision."""
    final = {incident.id: incident for incident in incidents}
    told = [incident for incident in final.values() if incident.event != "merged"]
    lines = [
        f"Watched for {duration(seconds)}: {facts.series} series, {facts.events:,} events, "
        f"{_many(facts.anomalies, 'anomaly', 'anomalies')}, {_many(len(told), 'incident', 'incidents')}."
    ]
    for incident in told:
        begun = incident.started_at.timestamp()
        if incident.resolved_at is None:
            lasted = "still open"
        else:
            lasted = f"for {duration(incident.resolved_at.timestamp() - begun)}"
        lines.append(f"  {clock(begun)}  {lasted:<11}  {incident.severity:<8}  {visible(incident.title)}")
    return lines


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _values(reading: Reading, name: str) -> list[float]:
    return [event["value"] for event in reading if event["name"] == name]


def _rate(before: Reading, now: Reading, name: str) -> float:
    """How much all counters of a name together rose a second; 0 if there is nothing to compare with."""
    seconds = (now[0]["timestamp"] - before[0]["timestamp"]) / 1000 if before and now else 0.0
    old = {tuple(sorted(e["labels"].items())): e["value"] for e in before if e["name"] == name}
    new = {tuple(sorted(e["labels"].items())): e["value"] for e in now if e["name"] == name}
    risen = sum(max(0.0, value - old[labels]) for labels, value in new.items() if labels in old)
    return risen / seconds if seconds > 0 else 0.0
