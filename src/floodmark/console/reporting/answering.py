"""Reports as the API answers them: which one is asked for, in which format, and as what it is downloaded. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from floodmark.console.reporting.document import Report
from floodmark.console.reporting.reading import Known
from floodmark.console.reporting.rendering import FORMATS, MEDIA, Format, rendered
from floodmark.console.reporting.weekly import AUDIENCES, weekly
from floodmark.console.reporting.weeks import Week, week_named, week_of

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._@-]+")


class Answer(NamedTuple):
    """A body with its media type. `name`: what it is called as a download; empty: it is none."""

    body: bytes
    media: str
    name: str


class NotAskedWellError(ValueError):
    """A parameter that cannot be; its text is a sentence, `parameter` its name."""

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


def weekly_answer(known: Callable[[Week], Known], params: Mapping[str, str], now: datetime) -> Answer:
    """The report of a week: `audience`, `week` (the last that is over) and `format` (json) are parameters. `known`
    gives what there is of a week and the one before. Raises NotAskedWellError."""
    audience = params.get("audience", "oncall")
    if audience not in AUDIENCES:
        raise NotAskedWellError("audience", f"An audience is one of {', '.join(AUDIENCES)}.")
    format = _format(params, "json")
    try:
        week = week_named(params["week"]) if params.get("week") else week_of(now).before()
    except ValueError as error:
        raise NotAskedWellError("week", f"{error}.") from error
    return _answer(weekly(known(week), audience, week), format, f"floodmark-{audience}-{week.name}")


def postmortem_answer(report: Report, incident: str, params: Mapping[str, str]) -> Answer:
    """The post-mortem of an incident: `format` (md) is a parameter. Raises NotAskedWellError."""
    return _answer(report, _format(params, "md"), f"post-mortem-{_PLAIN.sub('-', incident)[:80]}")


def _format(params: Mapping[str, str], default: Format) -> Format:
    format = params.get("format", default)
    if format not in FORMATS:
        raise NotAskedWellError("format", f"A format is one of {', '.join(FORMATS)}.")
    return format


def _answer(report: Report, format: Format, name: str) -> Answer:
    return Answer(rendered(report, format), MEDIA[format], f"{name}.{format}" if format != "json" else "")
