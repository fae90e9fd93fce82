"""A week for an audience."""

from __future__ import annotations

from typing import Final, Literal, get_args

from msgspec.structs import replace

from floodmark.console.reporting.business import business
from floodmark.console.reporting.document import Report
from floodmark.console.reporting.ml import ml
from floodmark.console.reporting.oncall import oncall
from floodmark.console.reporting.reading import Known, told
from floodmark.console.reporting.weeks import Week

Audience = Literal["oncall", "ml", "business"]
AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)
_OF: Final = {"oncall": oncall, "ml": ml, "business": business}


def weekly(known: Known, audience: Audience, week: Week) -> Report:
    """What an audience is told of a week."""
    report = _OF[audience](known, week)
    if told(known, week.before()).known:
        return report
    return replace(report, period=f"{report.period}; nothing is known of the week before")
