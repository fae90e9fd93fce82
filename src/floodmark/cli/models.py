"""`floodmark models`: what is asked to be done with models, by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from floodmark.actions import new_id
from floodmark.cli.dead_letters import printable
from floodmark.cli.speaking import ConfigPath, fail, out, read_config
from floodmark.config.models import Config
from floodmark.events import encode
from floodmark.requests import ModelRequest, RequestKind
from floodmark.runtime import RunError
from floodmark.runtime.errors import MissingTopicsError
from floodmark.runtime.writing import write

models = typer.Typer(
    help="Ask for a model to be trained again, or for an older version of it.",
    no_args_is_help=True,
    add_completion=False,
)

Model = Annotated[str, typer.Argument(help="Name of the model, as its predictions have it.")]
Why = Annotated[str, typer.Option(help="Why, for whoever reads the run's log.")]
By = Annotated[str, typer.Option(help="Who asks.", envvar="FLOODMARK_USER")]
Parameters = Annotated[
    list[str] | None, typer.Option("--param", help="NAME=VALUE for the run; may be given more than once.")
]
Incident = Annotated[str, typer.Option(help="The incident that it comes of.")]
Id = Annotated[
    str, typer.Option("--id", help="Id of the request; the same again starts no second run (default: a new one).")
]
Json = Annotated[bool, typer.Option("--json", help="Print the request as it was written.")]
_PREFIX: Final = "req"


@models.callback()
def _group() -> None:
    """Requests go to `topics.model_requests`; `floodmark notify` hands them to what `notify.requests` names."""


@models.command("request-retrain")
def request_retrain(
    model: Model,
    why: Why,
    by: By,
    version: Annotated[str, typer.Option(help="The version that is worn out.")] = "",
    param: Parameters = None,
    incident: Incident = "",
    id: Id = "",
    as_json: Json = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Ask for a model to be trained again."""
    _ask("retrain", model, why, by, version, param, incident, id, as_json, config)


@models.command("request-rollback")
def request_rollback(
    model: Model,
    why: Why,
    by: By,
    version: Annotated[str, typer.Option(help="The version to go back to.")],
    param: Parameters = None,
    incident: Incident = "",
    id: Id = "",
    as_json: Json = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Ask for an older version of a model to be served."""
    _ask("rollback", model, why, by, version, param, incident, id, as_json, config)


def _ask(
    kind: RequestKind,
    model: str,
    why: str,
    by: str,
    version: str,
    param: list[str] | None,
    incident: str,
    id: str,
    as_json: bool,
    config: Path,
) -> None:
    settings = read_config(config)
    request = ModelRequest(
        id=id or new_id(_PREFIX),
        kind=kind,
        model=model,
        why=why,
        by=by,
        at=datetime.now(UTC),
        version=version,
        incident=incident,
        parameters=_parameters(param or []),
    )
    body = msgspec.json.encode(request)
    try:
        msgspec.json.decode(body, type=ModelRequest)
    except msgspec.ValidationError as error:
        fail(f"The request would not be read: {error}", 2)
    try:
        partition, offset = asyncio.run(
            write(settings.kafka, settings.topics.model_requests, encode(request, source="cli", key=model))
        )
    except MissingTopicsError as error:
        made = settings.notify is not None and settings.notify.requests
        words = "" if made else " (it makes this one once notify.requests says who is handed requests)"
        fail(f"{error}{words}")
    except RunError as error:
        fail(str(error))
    if as_json:
        typer.echo(body)
        return
    place = f"{settings.topics.model_requests}/{partition}@{offset}"
    out.print(f"asked: {kind} {printable(model)} ({request.id}, {place})", markup=False, soft_wrap=True)
    out.print(_handed(settings, kind, model), markup=False, soft_wrap=True)


def _parameters(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            fail(f"--param {printable(each)}: write it as NAME=VALUE.", 2)
        found[name] = value
    return found


def _handed(config: Config, kind: RequestKind, model: str) -> str:
    """Who will be handed it, in a sentence."""
    rules = config.notify.requests if config.notify is not None else []
    to = [name for rule in rules if kind in rule.kinds and fnmatchcase(model, rule.match) for name in rule.targets]
    if not to:
        return "nobody is handed it by `floodmark notify` (see `notify.requests`); who reads the topic has it"
    return f"`floodmark notify` hands it to {', '.join(dict.fromkeys(to))}"
