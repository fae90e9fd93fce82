"""What an assistant can ask: each tool with its words, its arguments, and the question to the console that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from floodmark.actions import OF_ALL, VERBS

Arguments = Mapping[str, Any]
Schema = dict[str, Any]


class Question(NamedTuple):
    """GET: parts of a path below the API, and parameters."""

    path: tuple[str, ...]
    params: dict[str, str]


class Reader(NamedTuple):
    """A tool that reads. `asks`: the question that its arguments make."""

    name: str
    title: str
    description: str
    schema: Schema
    asks: Callable[[Arguments], Question]


def _text(description: str, most: int = 200, **more: Any) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most, "description": description, **more}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "object", "properties": {name.rstrip("_"): each for name, each in properties.items()},
        "required": list(required), "additionalProperties": False,
    }  # fmt: skip


_ID: Final = _text("Its id, such as inc-32d21e849eea64be.", pattern=r"^[A-Za-z0-9_.~:@+-]+$")
_FROM: Final = _text("Since when: RFC 3339, such as 2026-01-31T22:00:00Z.", 40)
_TO: Final = _text("Until when: RFC 3339.", 40)
_CURSOR: Final = _text("Where the last answer ended: its `next`.", 2_000)
_SEVERITY: Final = {
    "type": "string", "enum": ["info", "warning", "error", "critical"], "description": "As severe as this, or worse.",
}  # fmt: skip


def _plain(*path: str, **renamed: str) -> Callable[[Arguments], Question]:
    """A question whose parameters are the arguments. `{name}` in the path is an argument."""

    def asks(arguments: Arguments) -> Question:
        left = {name: str(value) for name, value in arguments.items()}
        parts = tuple(left.pop(each[1:-1]) if each.startswith("{") else each for each in path)
        return Question(parts, {**renamed, **left})

    return asks


READERS: Final[tuple[Reader, ...]] = (
    Reader(
        "status", "How far everything is",
        "How many incidents are open and need somebody, how far the engine and the console are behind, and whether "
        "anything is wrong with them. Ask this first: old answers come from what lags.",
        _object(), _plain("status"),
    ),
    Reader(
        "list_incidents", "List incidents",
        "Incidents, those that need somebody first: severity, state, since when, what to look at first and why, the "
        "change to blame if there is one, who has it.",
        _object(
            state=_text("A comma list of needs, handled, resolved, merged.", 60, pattern=r"^[a-z]+(,[a-z]+)*$"),
            severity=_SEVERITY,
            scope=_text("Only of this scope."), entity=_text("Only those that affect this service."),
            owner=_text("Only those that this person has."), q=_text("Words that are in it."), from_=_FROM, to=_TO,
            cursor=_CURSOR,
            limit={"type": "integer", "minimum": 1, "maximum": 50, "description": "At most so many (20)."},
        ),
        lambda arguments: _plain("incidents")({"limit": 20, **arguments}),
    ),
    Reader(
        "get_incident", "One incident with its evidence",
        "All of one incident: probable causes with their reasons, the most telling anomalies with points, expected "
        "bands and log lines, what happened and who did what, who calls whom, changes nearby, ownership and runbooks, "
        "earlier ones like it. Its revision is what `act` wants as `seen`.",
        _object(("id",), id=_ID), _plain("incidents", "{id}"),
    ),
    Reader(
        "incident_history", "How an incident grew",
        "Each revision of an incident as it was told, oldest first.",
        _object(("id",), id=_ID), _plain("incidents", "{id}", "history"),
    ),
    Reader(
        "post_mortem", "What is known for a post-mortem",
        "Summary, impact, timeline, causes, evidence and what was tried of one incident, with blanks for what only "
        "people know.",
        _object(("id",), id=_ID), _plain("incidents", "{id}", "postmortem", format="json"),
    ),
    Reader(
        "list_anomalies", "List anomalies",
        "What was odd, by time, service and kind, also what became no incident.",
        _object(
            from_=_FROM, to=_TO, entity=_text("Only of this service."),
            signal={"type": "string", "enum": ["metric", "log", "prediction", "span", "alert"]},
            head=_text("Only those that this part of the model told.", 40), cursor=_CURSOR,
            limit={"type": "integer", "minimum": 1, "maximum": 100, "description": "At most so many (30)."},
        ),
        lambda arguments: _plain("anomalies")({"limit": 30, **arguments}),
    ),
    Reader(
        "explain_anomaly", "Why something is odd",
        "One anomaly with its evidence: which part of the model said so, what was seen and expected, how improbable "
        "that is, its points and log lines, and the command that says more.",
        _object(("id",), id=_text("Its id, such as ano-473007eb1de25539.", pattern=r"^[A-Za-z0-9_.~:@+-]+$")),
        _plain("anomalies", "{id}"),
    ),
    Reader(
        "search", "Search", "Incidents, anomalies, series, services, changes, people and models by words.",
        _object(("q",), q=_text("Words.", 300)), _plain("search"),
    ),
    Reader(
        "topology", "Who calls whom", "Services and the calls between them, of the config and learned from spans.",
        _object(at=_text("As it was then: RFC 3339.", 40)), _plain("topology"),
    ),
    Reader(
        "changes", "What changed", "Deployments, changes of configuration and other changes, newest first.",
        _object(from_=_FROM, to=_TO, cursor=_CURSOR), _plain("changes"),
    ),
    Reader(
        "models", "Models", "Each model that is watched, its versions and how the newest does.",
        _object(), _plain("models"),
    ),
    Reader(
        "model", "One version of a model",
        "Metrics against their reference, how late labels are, which features drifted, groups, anomalies and incidents "
        "of it, what was asked to be done.",
        _object(("model", "version"), model=_text("Its name."), version=_text("Its version."), from_=_FROM, to=_TO),
        _plain("models", "{model}", "{version}"),
    ),
    Reader(
        "on_call", "Who is on call", "Who is on call now and next, what is silenced, where incidents would go.",
        _object(), _plain("oncall"),
    ),
    Reader(
        "engine", "How the engine does",
        "Lag, alarms against the budget, dead letters by error, the config that runs and its problems.",
        _object(), _plain("engine"),
    ),
    Reader(
        "weekly_report", "The report of a week",
        "A week for whoever is on call, for those who make models, or for those who pay, beside the week before.",
        _object(
            ("audience",),
            audience={"type": "string", "enum": ["oncall", "ml", "business"], "description": "For whom."},
            week=_text("Such as 2026-W48; left out: the last that is over.", 8, pattern=r"^\d{4}-W\d{2}$"),
        ),
        _plain("reports", "weekly"),
    ),
)  # fmt: skip
"""All that reads."""
BY_NAME: Final = {each.name: each for each in READERS}
ACT: Final = "act"
_ENDING: Final = frozenset({"resolve", "merge", "split", "dismiss"}) | OF_ALL
"""Verbs that change what others see or hear, or what is judged. Each can be taken back by another action."""


def destructive(verbs: list[str]) -> bool:
    """Whether one of them does more than to add something."""
    return bool(_ENDING.intersection(verbs))


def acting(verbs: list[str]) -> Schema:
    """The arguments of `act`, for whom may these verbs."""
    return _object(
        ("verb", "reason"),
        verb={"type": "string", "enum": verbs, "description": "What is done."},
        incident=_text(
            "Id of the incident; left out only of what is about none (silence, maintain, override, …).",
            pattern=r"^[A-Za-z0-9_.~:@+-]+$",
        ),
        reason=_text("Why, in a sentence, for whoever reads the audit trail.", 2_000),
        seen={
            "type": "integer", "minimum": 0,
            "description": "The revision of the incident that was looked at, as get_incident gave it.",
        },
        args={
            "type": "object",
            "description": "What the verb needs: until (RFC 3339), to, text, url, priority, from, anomalies, title, "
            "entity, match, since, schedule, undoes, unless.",
        },
    )  # fmt: skip


def allowed(me: Any) -> list[str]:
    """The verbs that the caller's token names and may: none, if it names none or nobody is signed in with one."""
    if not isinstance(me, Mapping) or me.get("kind") != "token":
        return []
    named, may = me.get("verbs"), me.get("may")
    if not isinstance(named, list) or not isinstance(may, Mapping):
        return []
    return [verb for verb in VERBS if verb in named and may.get(verb) == ""]
