"""Where the fields of an event are in somebody else's JSON, as people write it in an input's `fields`.

A source is a path (`a.b[0].c`, names with dots or blanks in quotes: `a."b.c"`, the event itself: `.`), a path and what
counts where there is nothing (`level ?? INFO`), or a constant (`=prod`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BeforeValidator

from floodmark.config.quantities import Timezone
from floodmark.config.section import Section
from floodmark.signals import SignalName

UNITS: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Of numbers since the epoch, by how many make a second."""
ALL: Final = "*"
"""Among the names of a mapping: all plain members of the object that its source says."""
_STEP: Final = re.compile(r'\.?"([^"]+)"|\[(-?\d{1,6})\]|\.?([^\s."\[\]]+)')


class Place(NamedTuple):
    """`path`: names and indices, None for a constant. `otherwise`: what counts where there is nothing."""

    path: tuple[str | int, ...] | None
    otherwise: str | None


def place(text: str) -> Place:
    """Raises ValueError, in words that show the form."""
    if text.startswith("="):
        return Place(None, text[1:])
    written, given, otherwise = text.partition("??")
    written = written.strip()
    steps: list[str | int] = []
    at = 0
    while at < len(written) and written != ".":
        step = _STEP.match(written, at)
        if step is None or (step[2] is None and step[0].startswith(".") != (at > 0)):
            break
        steps.append(int(step[2]) if step[2] is not None else step[1] or step[3])
        at = step.end()
    if written != "." and (not steps or at < len(written)):
        raise ValueError(
            f'{text!r} is not a path; write it like a.b[0]."c.d", with a default a.b ?? none, or =constant'
        )
    return Place(tuple(steps), otherwise.strip() if given else None)


def source(value: object) -> str:
    """The text of a source. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a path; write it like a.b[0], or as a constant ={value}")
    place(value)
    return value


def stamp_format(value: object) -> str:
    """A unit of numbers since the epoch, or a format of strptime. Raises ValueError."""
    if isinstance(value, str) and value not in UNITS:
        try:
            datetime.strptime(datetime(2026, 1, 31, 12, tzinfo=UTC).strftime(value), value)  # noqa: DTZ007 - no time
        except ValueError:
            value = None
    if not isinstance(value, str) or not (value in UNITS or "%" in value):
        raise ValueError("a time is counted in s, ms, us or ns, or written like %d/%m/%Y %H:%M:%S")
    return value


Scale = Literal["syslog", "opentelemetry", "bunyan", "python", "monolog", "logback", "google"]
"""What the number of a severity can be of."""
Source = Annotated[str, BeforeValidator(source)]
StampFormat = Annotated[str, BeforeValidator(stamp_format)]

REQUIRED: Final[dict[SignalName, frozenset[str]]] = {
    "metric": frozenset({"name", "value"}),
    "log": frozenset({"body"}),
    "prediction": frozenset({"model", "version", "prediction_id", "features", "prediction"}),
    "outcome": frozenset({"model", "prediction_id", "label"}),
    "change": frozenset({"service", "kind", "summary"}),
    "span": frozenset({"duration", "service", "operation"}),
    "alert": frozenset({"source", "name", "status"}),
    "action": frozenset({"id", "verb", "by"}),
}
"""Fields that a mapping must have. Without a timestamp an event has Kafka's time; a metric may have `values` instead
of name and value."""
OPTIONAL: Final[dict[SignalName, frozenset[str]]] = {
    "metric": frozenset({"values", "labels", "kind", "unit"}),
    "log": frozenset({"severity", "severity_scale", "labels", "attributes", "trace_id", "count"}),
    "prediction": frozenset({"scores", "groups"}),
    "outcome": frozenset(),
    "change": frozenset({"id", "status", "version", "environment", "url", "actor"}),
    "span": frozenset({"kind", "error", "trace_id", "span_id", "parent_id", "peer", "labels"}),
    "alert": frozenset({"fingerprint", "started", "ended", "severity", "summary", "labels", "url", "value"}),
    "action": frozenset(
        {"incident", "scope", "seen", "via", "reason", "text", "to", "until", "priority", "playbook", "url"}
    ),
}
ALWAYS: Final = frozenset({"events", "timestamp", "timestamp_format", "timezone"})
"""Fields of a mapping for any signal."""
NESTED: Final = frozenset({"labels", "attributes", "features", "scores", "groups", "values"})
"""Fields that are names and what each is."""


class Fields(Section):
    """Where the fields of a native event are in somebody else's JSON: paths (`a.b[0]`), paths with a default
    (`level ?? INFO`) or constants (`=prod`)."""

    events: Source | None = None
    """Where the events of a message are, if it is not one event or an array of them."""
    timestamp: Source | None = None
    """When it was; left out, Kafka's time of the message."""
    timestamp_format: StampFormat | None = None
    """s, ms, us or ns, or a strptime format (`%d/%m/%Y %H:%M:%S`); left out, as in native events."""
    timezone: Timezone = "UTC"
    """Of times whose format has no offset."""
    name: Source | None = None
    """Of a metric or an alert."""
    value: Source | None = None
    """Of a metric or an alert; text is read as a number."""
    values: dict[str, Source] | None = None
    """Several metrics in one event, instead of name and value: their names and where each value is."""
    kind: Source | None = None
    """Of a metric, a span or a change."""
    unit: Source | None = None
    """Of a metric."""
    body: Source | None = None
    """Of a log record."""
    severity: Source | None = None
    """Of a log record (left out, what the line itself says) or an alert."""
    severity_scale: Scale | None = None
    """On which scale a severity is that is a number: syslog (0 to 7), opentelemetry (1 to 24), bunyan (10 to 60, also
    pino's), python (10 to 50), monolog (100 to 600), logback (5000 to 50000) or google (0 to 800). Left out, it is told
    by the number and by the fields beside it; what is left, 0 to 7, is syslog's."""
    count: Source | None = None
    """How many lines a log record stands for; left out, one."""
    labels: dict[str, Source] | None = None
    """Labels and where they are; `"*"` takes all plain members of an object."""
    attributes: dict[str, Source] | None = None
    """Of a log record, likewise."""
    trace_id: Source | None = None
    """Of a log record or a span."""
    model: Source | None = None
    """Of a prediction or an outcome."""
    version: Source | None = None
    """Of a prediction or a change."""
    prediction_id: Source | None = None
    """Of a prediction or an outcome."""
    features: dict[str, Source] | None = None
    """Of a prediction; `"*"` takes all plain members of an object."""
    prediction: Source | None = None
    """Of a prediction."""
    scores: dict[str, Source] | None = None
    """Of a prediction, by class; `"*"` as for features."""
    groups: dict[str, Source] | None = None
    """Of a prediction; `"*"` as for features."""
    label: Source | None = None
    """Of an outcome: the truth."""
    service: Source | None = None
    """Of a change or a span."""
    summary: Source | None = None
    """Of a change or an alert."""
    id: Source | None = None
    """Of a change, the same in all that is said of it; of an action, unique."""
    status: Source | None = None
    """Of a change: started, succeeded, failed or cancelled; of an alert: firing or resolved; or usual spellings."""
    environment: Source | None = None
    """Of a change."""
    url: Source | None = None
    """Of a change, an alert or an action: where to read more."""
    actor: Source | None = None
    """Of a change: who did it."""
    source: Source | None = None
    """Of an alert: which tool says so; usually a constant (`=Zabbix`)."""
    fingerprint: Source | None = None
    """Of an alert: what the tool calls it; left out, its name and labels."""
    started: Source | None = None
    """Of an alert: since when it is."""
    ended: Source | None = None
    """Of an alert: until when it was."""
    verb: Source | None = None
    """Of an action: ack, resolve, comment …"""
    by: Source | None = None
    """Of an action: who did it."""
    incident: Source | None = None
    """Of an action: the id of the incident."""
    scope: Source | None = None
    """Of an action: the scope of the incident."""
    seen: Source | None = None
    """Of an action: the newest revision that was seen."""
    via: Source | None = None
    """Of an action: by which way it came."""
    reason: Source | None = None
    """Of an action: why."""
    text: Source | None = None
    """Of an action that is a comment."""
    to: Source | None = None
    """Of an action: to whom it is assigned."""
    until: Source | None = None
    """Of an action: until when it holds."""
    priority: Source | None = None
    """Of an action: p1 to p5."""
    playbook: Source | None = None
    """Of an action: which playbook is approved."""
    duration: Source | None = None
    """Of a span, in seconds."""
    operation: Source | None = None
    """Of a span."""
    error: Source | None = None
    """Of a span: true or false."""
    span_id: Source | None = None
    """Of a span."""
    parent_id: Source | None = None
    """Of a span."""
    peer: Source | None = None
    """Of a span."""
