"""`floodmark replay`: files through the same stages as under Kafka, without Kafka."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from floodmark.actions import ActionOutcome
from floodmark.alerts import Anomaly, Incident
from floodmark.cli.acted import ActionsPath, heeding, read_actions
from floodmark.cli.recorded import (
    Arrived,
    Base64,
    Encoding,
    FilePaths,
    FormatOption,
    FramingOption,
    From,
    InputOption,
    Signal,
    TimeFormat,
    TimeOption,
    To,
    TopicOption,
    Wanted,
    Zone,
    inputs_of,
    progress,
    refusals,
    source,
    tell,
)
from floodmark.cli.recorded import zone as named_zone
from floodmark.cli.registered import Registered
from floodmark.cli.shadowed import Side, compared, show
from floodmark.cli.speaking import err, fail, out, read_config
from floodmark.cli.verdicts import FeedbackPath, read_verdicts
from floodmark.config.models import Config
from floodmark.events import TYPES, event_type
from floodmark.files.columns import Columns
from floodmark.files.notes import FileError
from floodmark.flow.local import LocalFlow
from floodmark.letters import reason
from floodmark.records import Output
from floodmark.runtime import RunError

_BATCH = 500
_TOLD = ("held_back", "standstills")
_SHOWN = 5
"""Anomalies shown of an incident."""


def replay(
    files: FilePaths = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A config; its inputs say what dumps and topics hold.")
    ] = None,
    signal: Signal = "",
    format: FormatOption = "",
    input: InputOption = "",
    framing: FramingOption = "auto",
    base64: Base64 = False,
    arrived: Arrived = "",
    topic: TopicOption = None,
    since: From = "",
    until: To = "",
    time: TimeOption = "",
    time_format: TimeFormat = "",
    zone: Zone = "UTC",
    encoding: Encoding = "",
    body: Annotated[str, typer.Option(help="Tables of logs: the log line, as a template: '{Content}'.")] = "",
    severity: Annotated[str, typer.Option(help="Tables of logs: the severity, as a template: '{Level}'.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Tables of logs: a label, name=template.")] = None,
    incidents: Annotated[
        Path | None, typer.Option(help="Write incident revisions as JSONL here ('-': stdout).")
    ] = None,
    anomalies: Annotated[Path | None, typer.Option(help="Write anomalies as JSONL here ('-': stdout).")] = None,
    feedback: FeedbackPath = None,
    actions: ActionsPath = None,
    shadow: Annotated[
        Path | None,
        typer.Option("--shadow", help="What another config would have told, beside this one."),
    ] = None,
    templates: Annotated[bool, typer.Option("--templates", help="Show the log templates that were mined.")] = False,
) -> None:
    """Run files through the engine and show the incidents: the same answer as under Kafka, byte for byte.

    A table with columns timestamp and value is one series (name and labels from further columns); one without a value
    column has a series in each column. For logs in a table, say which columns are what:

    `floodmark replay app.csv --time '{Date} {Time}' --time-format '%y%m%d %H%M%S' --body '{Content}'`

    A dump of a topic, a value a line or as `kcat -J` writes it, is read as the input of the config says; or read it
    from Kafka itself:

    `floodmark replay collectd.txt -c floodmark.yaml --input collectd`

    `floodmark replay -c floodmark.yaml --topic collectd --from 2h`

    With what people did meanwhile (`floodmark actions export`), incidents are resolved, merged and split as they were:

    `floodmark replay collectd.txt -c floodmark.yaml --input collectd --actions actions.jsonl`

    What would another config have told of the same?

    `floodmark replay collectd.txt -c floodmark.yaml --input collectd --shadow new.yaml`
    """
    settings = read_config(config) if config else Config()
    labels = dict(item.partition("=")[::2] for item in label or [])
    columns = Columns(time, time_format, body, severity, labels, zone=named_zone(zone), encoding=encoding)
    wanted = Wanted(files, columns, signal, format, input, framing, base64, arrived, topic, since, until)
    found = source(wanted, settings)
    settings = inputs_of(found, settings)
    registered = Registered(settings)
    done, upkeep = None, None
    if actions is not None:
        settings = heeding(settings)
        done, upkeep = read_actions(actions, settings)
    flow = LocalFlow(settings, read_verdicts(feedback, settings), found.partitions, registered.schemas, upkeep)
    seen = Seen(found.place)
    other = inputs_of(found, read_config(shadow)) if shadow is not None else None
    beside = LocalFlow(other, partitions=found.partitions, schemas=registered.schemas) if other is not None else None
    mine, theirs = Side(), Side()
    try:
        seen.take(flow.process(done or []))  # each waits until event time comes to it
        with progress("replay", found.size) as moved:
            for count, record in enumerate(registered.supplied(found.records())):
                outputs = flow.process([record])
                seen.take(outputs)
                if beside is not None:
                    theirs.take(outputs)
                    mine.take(beside.process([record]))
                if count % _BATCH == 0:
                    moved(_BATCH * (count > 0), f"replay · {len(seen.latest)} incidents")
            outputs = flow.finish()
            seen.take(outputs)
            if beside is not None:
                theirs.take(outputs)
                mine.take(beside.finish())
    except (FileError, RunError) as error:
        fail(str(error))
    _write(incidents, [msgspec.json.encode(i) for i in seen.revisions])
    _write(anomalies, [msgspec.json.encode(a) for a in seen.anomalies])
    if templates:
        out.print(_templates(flow))
    if str(incidents) != "-" and str(anomalies) != "-":
        _show(seen)
    _account(flow, seen)
    tell(found.notes)
    if other is not None:
        out.print()
        show(compared(settings, other, theirs, mine, seen.seconds), None)


class Seen:
    """What has come out of the flow. `place`: where a record stands, for people."""

    def __init__(self, place: Callable[[str, int, int], str]) -> None:
        self._place = place
        self.revisions: list[Incident] = []
        self.latest: dict[str, Incident] = {}
        self.anomalies: list[Anomaly] = []
        self.outcomes: list[ActionOutcome] = []
        self.refused: Counter[str] = Counter()
        self.first_refusal: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Event time from the first anomaly to the last, or a day, if that is less."""
        times = [each.updated_at.timestamp() for each in self.anomalies]
        return max(86_400.0, max(times) - min(times)) if times else 86_400.0

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if output.stream == "dead_letters":
                said = reason(output.headers)
                self.refused[said.error] += 1
                where = self._place(said.topic, said.partition or 0, said.offset or 0)
                self.first_refusal.setdefault(said.error, f"{where}: {said.message}")
                continue
            name = event_type(output.headers) or ""
            if TYPES[name] is Incident:
                incident = msgspec.json.decode(output.value or b"", type=Incident)
                self.revisions.append(incident)
                self.latest[incident.id] = incident
            elif TYPES[name] is ActionOutcome:
                self.outcomes.append(msgspec.json.decode(output.value or b"", type=ActionOutcome))
            elif TYPES[name] is Anomaly:
                self.anomalies.append(msgspec.json.decode(output.value or b"", type=Anomaly))


def _show(seen: Seen) -> None:
    """Each incident: when, how long, how bad; then its anomalies and the first cause."""
    for incident in seen.latest.values():
        if incident.merged_into is not None:
            continue
        lasted = str((incident.resolved_at or incident.updated_at) - incident.started_at).split(".", 1)[0]
        out.print(
            f"{incident.started_at:%Y-%m-%d %H:%M:%S}  {lasted}  {incident.severity:<8}  {incident.title}",
            style="bold", markup=False, soft_wrap=True,
        )  # fmt: skip
        _point("why:", incident.why)
        for member in incident.members[:_SHOWN]:
            _point("·", member.summary)
        if incident.member_count > _SHOWN:
            _point("·", f"and {incident.member_count - _SHOWN:,} more")
        for cause in incident.causes[:1]:
            _point("first cause:", f"{cause.entity}: {cause.reason}")
        for change in incident.changes:
            _point("change:", f"{change.time:%H:%M:%S} {change.kind} of {change.service}: {change.summary}")
        out.print()


def _point(mark: str, text: str) -> None:
    out.print(Padding(Text(f"{mark} {text}"), (0, 0, 0, 4)))


def _templates(flow: LocalFlow) -> Table:
    table = Table("source", box=None, header_style="bold")
    table.add_column("lines", justify="right")
    table.add_column("template", overflow="fold")
    for owner, text, lines in flow.templates():
        table.add_row(Text(owner), f"{lines:,}", Text(text))
    return table


def _account(flow: LocalFlow, seen: Seen) -> None:
    counts = flow.counts()
    signals = {name.partition(":")[2]: n for name, n in counts.items() if name.startswith("signals:")}
    taken = ", ".join(_many(n, name) for name, n in signals.items()) or "no signals"
    opened = sum(a.event == "opened" for a in seen.anomalies)
    incidents = sum(incident.merged_into is None for incident in seen.latest.values())
    err.print(f"{taken} → {_many(opened, 'anomaly')} → {_many(incidents, 'incident')}", markup=False, soft_wrap=True)
    if seen.outcomes:
        applied = sum(outcome.result == "applied" for outcome in seen.outcomes)
        err.print(f"{_many(len(seen.outcomes), 'action')} of people, {applied:,} applied", markup=False)
    for outcome in seen.outcomes:
        if outcome.result == "refused":
            words = f"  {outcome.verb} ({outcome.action}) is refused: {outcome.reason}"
            err.print(words, style="yellow", markup=False, soft_wrap=True)
    for name, n in sorted(counts.items()):
        if n and (name.startswith(("skipped:", "evicted:", "late", "held:feedback")) or name in _TOLD):
            err.print(f"  {name.replace(':', ' ')}: {n:,}", style="dim", markup=False)
    refusals(seen.refused, seen.first_refusal)


def _many(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _write(path: Path | None, lines: list[bytes]) -> None:
    if path is None:
        return
    data = b"".join(line + b"\n" for line in lines)
    if str(path) == "-":
        sys.stdout.buffer.write(data)
    else:
        path.write_bytes(data)
