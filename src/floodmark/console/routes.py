"""Every route of the API: its path, what it takes, what it answers. The server registers them, and the OpenAPI
document is made from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from floodmark.alerts import Incident
from floodmark.console import contract as c
from floodmark.console.reporting.document import Report

BASE: Final = "/api/v1"


class ParameterError(ValueError):
    """A parameter that cannot be read: its name, and a sentence."""

    def __init__(self, name: str, words: str) -> None:
        self.name = name
        super().__init__(words)


class Parameter(NamedTuple):
    """A parameter of a query: `kind` is text, time, number, whole, flag or json."""

    name: str
    kind: str
    said: str


class Route(NamedTuple):
    """`name` is that of the server's method; `answer` is what it answers, None for what is no JSON."""

    method: str
    path: str
    name: str
    said: str
    answer: Any
    query: tuple[Parameter, ...] = ()
    body: Any = None


_FROM = Parameter("from", "time", "RFC 3339, or seconds since the epoch.")
_TO = Parameter("to", "time", "RFC 3339, or seconds since the epoch.")
_CURSOR = Parameter("cursor", "text", "`next` of the page before.")
_LIMIT = Parameter("limit", "whole", "Rows, at most 200.")
_BUCKET = Parameter("bucket", "number", "Seconds of a bucket, a multiple of 600.")
_ENTITY = Parameter("entity", "text", "Only of this entity.")

ROUTES: Final = (
    Route("GET", "/status", "status", "How far everything is.", c.Status),
    Route("GET", "/me", "me", "Who is signed in, and what they may.", c.Me),
    Route(
        "GET",
        "/incidents",
        "incidents",
        "Incidents, by group and time.",
        c.IncidentList,
        (
            Parameter("state", "text", "A comma list of needs, handled, resolved, merged."),
            Parameter("severity", "text", "The least severity."),
            Parameter("scope", "text", "Only of this scope."),
            _ENTITY,
            Parameter("owner", "text", "Whose they are; `me`; empty: nobody's."),
            Parameter("q", "text", "Words, all of which they have."),
            _FROM,
            _TO,
            Parameter("sort", "text", "newest or urgency."),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Route("GET", "/incidents/{id}", "incident", "All of an incident.", c.IncidentPage),
    Route("GET", "/incidents/{id}/history", "history", "Its revisions, oldest first.", list[Incident]),
    Route(
        "GET",
        "/incidents/{id}/postmortem",
        "postmortem",
        "What is known of it for a post-mortem, as a download.",
        Report,
        (Parameter("format", "text", "md, html or json."),),
    ),
    Route("GET", "/incidents/{id}/lanes", "lanes", "Its lanes after the first twelve.", c.Lanes, (_CURSOR,)),
    Route("GET", "/water", "water", "How much was odd, and when.", c.Water, (_FROM, _TO, _BUCKET)),
    Route(
        "GET",
        "/heat",
        "heat",
        "What was odd, where and when.",
        c.Heat,
        (_FROM, _TO, _BUCKET, Parameter("by", "text", "entity, or series (of one entity)."), _ENTITY),
    ),
    Route(
        "GET",
        "/anomalies",
        "anomalies",
        "Anomalies, the newest first.",
        c.AnomalyList,
        (
            _FROM,
            _TO,
            _ENTITY,
            Parameter("series", "text", "Only of this series."),
            Parameter("signal", "text", "metric, log, prediction, span or alert."),
            Parameter("head", "text", "Only of this head."),
            Parameter("p_max", "number", "The p-value is at most this."),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Route("GET", "/anomalies/{id}", "anomaly", "An anomaly with its evidence.", c.AnomalyPage),
    Route("GET", "/topology", "topology", "Who calls whom.", c.Topology, (Parameter("at", "time", "As it was then."),)),
    Route("GET", "/changes", "changes", "Changes, the newest first.", c.Changes, (_FROM, _TO, _CURSOR, _LIMIT)),
    Route(
        "GET", "/search", "search", "Whatever has the words.", c.Search, (Parameter("q", "text", "Words, or an id."),)
    ),
    Route("GET", "/models", "models", "How each model does.", c.Models),
    Route("GET", "/models/{model}/{version}", "model", "All of a version of a model.", c.ModelPage, (_FROM, _TO)),
    Route(
        "GET",
        "/oncall",
        "oncall",
        "Who is on call, what is muted, where what goes.",
        c.OnCall,
        (Parameter("at", "time", "As it is then."), _FROM, _TO),
    ),
    Route(
        "GET",
        "/routes/test",
        "route_test",
        "Where an incident would go.",
        c.RouteTest,
        (Parameter("incident", "text", "Its id."),),
    ),
    Route("GET", "/silences", "silences", "Silences and maintenance.", list[c.SilenceRow]),
    Route(
        "GET",
        "/silences/preview",
        "preview",
        "What a silence would mute.",
        c.SilencePreview,
        (Parameter("match", "json", "Selectors, as a JSON object."),),
    ),
    Route(
        "GET",
        "/deliveries",
        "deliveries",
        "What was told, the newest first.",
        c.Deliveries,
        (
            Parameter("failed", "flag", "Only what has not arrived."),
            Parameter("incident", "text", "Only of this one."),
            _CURSOR,
        ),
    ),
    Route(
        "GET",
        "/reports/weekly",
        "weekly",
        "A week for an audience; html and md as a download.",
        Report,
        (
            Parameter("audience", "text", "oncall, ml or business."),
            Parameter("week", "text", "Such as 2026-W48; left out: the last that is over."),
            Parameter("format", "text", "json, html or md."),
        ),
    ),
    Route("GET", "/engine", "engine", "How the engine does.", c.Engine),
    Route(
        "GET",
        "/dead-letters",
        "dead_letters",
        "What could not be used, by error and origin.",
        list[c.DeadLetterGroup],
        (Parameter("error", "text", "Only of this class."), Parameter("origin", "text", "Only from this topic.")),
    ),
    Route("GET", "/dead-letters/{partition}/{offset}", "dead_letter", "One of them, with its value.", c.DeadLetterPage),
    Route("POST", "/dead-letters/retry", "retry", "Send dead letters again.", c.Retried, body=c.Retrying),
    Route(
        "GET",
        "/audit",
        "audit",
        "Who did what, and what came of it; and who was refused.",
        c.Audit,
        (
            Parameter("by", "text", "Only of this person."),
            Parameter("verb", "text", "Only this verb."),
            Parameter("incident", "text", "Only on this incident."),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Route("GET", "/audit/export", "export", "All actions, a JSON object a line, as their topic has them.", None),
    Route(
        "POST", "/actions", "act", "Do something. `Idempotency-Key` is the id of the action.", c.Acted, body=c.Acting
    ),
    Route(
        "GET",
        "/live",
        "live",
        "What is new, as server-sent events; each is a `Live`.",
        None,
        (Parameter("since", "whole", "The number of the last event that was seen."),),
    ),
)


def read(parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that were given, each as its kind. Raises ParameterError."""
    known = {each.name for each in parameters}
    for name in given:
        if name not in known:
            raise ParameterError(
                name, f"There is no parameter {name[:60]!r} here; there are: {', '.join(sorted(known)) or 'none'}."
            )
    return {each.name: _value(each, given[each.name]) for each in parameters if each.name in given}


def _value(parameter: Parameter, text: str) -> Any:
    name, kind = parameter.name, parameter.kind
    try:
        if kind == "time":
            return _time(text)
        if kind == "number":
            value = float(text)
            if not math.isfinite(value):
                raise ValueError(text)
            return value
        if kind == "whole":
            return min(int(text), 2**53) if len(text) < 20 else 2**53
        if kind == "flag":
            return text.lower() in ("1", "true", "yes")
        if kind == "json":
            return msgspec.json.decode(text, type=dict[str, str | list[str]])
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise ParameterError(name, f"{name}: {text[:60]!r} is no {_KINDS[kind]}.") from error
    if len(text) > 2_000:
        raise ParameterError(name, f"{name} is longer than 2,000 characters.")
    return text


_KINDS: Final = {
    "time": "time such as 2026-01-31T13:00:00Z",
    "number": "number",
    "whole": "whole number",
    "json": "JSON object of selectors",
}
_LATEST: Final = 253_402_300_799.0


def _time(text: str) -> float:
    try:
        at = float(text)
    except ValueError:
        found = datetime.fromisoformat(text.strip().replace(" ", "+"))
        at = found.timestamp() if found.tzinfo else found.replace(tzinfo=UTC).timestamp()
    if not math.isfinite(at):
        raise ValueError(text)
    return min(max(at, 0.0), _LATEST)
