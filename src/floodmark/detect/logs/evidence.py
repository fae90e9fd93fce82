"""What a log anomaly shows for itself: the lines and the template. It must never let a line out but through `shown`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from floodmark.alerts import Evidence
from floodmark.config.models import Secrets
from floodmark.detect.logs.miner import Template
from floodmark.detect.logs.secrets import masked
from floodmark.detect.logs.windows import Codes, Tally, Window
from floodmark.units import number

if TYPE_CHECKING:
    from floodmark.detect.logs.sessions import RareSession

LONGEST_SHOWN: Final = 500
"""Characters of a line, or of a template, that leave with an anomaly."""

_CODES: Final = 6
"""Codes of a window that are told."""


def shown(line: str, secrets: Secrets) -> str:
    """A line, or a template's text, as it may leave: without secrets, and not too long. Everything that leaves passes
    here."""
    line = masked(line, secrets)
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


def of_template(
    secrets: Secrets, width: float, template: Template, tally: Tally | None, severity: str, before: float
) -> Evidence:
    """One template in one window of `width` seconds: its newest lines there, and how many a window had before. `tally`
    is None where it was silent.

    The template's text has the name that OpenTelemetry gives it, as an attribute of log records.
    """
    facts: dict[str, float | str] = {
        "log.record.template": shown(template.text, secrets),
        "lines_in_window": tally.count if tally else 0,
        "lines_before": round(before, 2),
        "window_seconds": width,
    }
    if severity:
        facts["severity"] = severity
    return Evidence(lines=_lines(tally, secrets), facts=facts)


class Measured(NamedTuple):
    """A parameter: the place in its template, what it is now and mostly was before, in its unit."""

    template: Template
    place: int
    now: float
    before: float | None
    unit: str


def of_parameter(secrets: Secrets, what: Measured, tally: Tally | None) -> Evidence:
    """A parameter in one window, marked in the text of its template."""
    before = "" if what.before is None else f", before {number(what.before, what.unit)}"
    text = what.template.form.text({what.place: f"<*: {number(what.now, what.unit)}{before}>"})
    facts: dict[str, float | str] = {"log.record.template": shown(text, secrets)}
    return Evidence(lines=_lines(tally, secrets), facts=facts | {"lines_in_window": tally.count if tally else 0})


def of_mix(
    secrets: Secrets, changes: Sequence[tuple[Template, float, float]], tallies: Sequence[Tally | None], lines: int
) -> Evidence:
    """The templates whose share of a block of lines changed most: their shares now and before, the newest lines."""
    facts: dict[str, float | str] = {"lines_in_block": lines}
    for i, (template, now, before) in enumerate(changes, start=1):
        facts[f"template_{i}"] = shown(template.text, secrets)
        facts[f"share_{i}"] = round(now, 4)
        facts[f"share_before_{i}"] = round(before, 4)
    return Evidence(lines=[line for tally in tallies for line in _lines(tally, secrets)[-1:]], facts=facts)


def of_codes(secrets: Secrets, codes: Codes, before: float, width: float | None) -> Evidence:
    """The codes of a field in one window of `width` seconds (None: what is shown is a share, and no number of a
    window), the commonest first, and the lines with bad ones. `before`: the share of bad ones that is usual."""
    commonest = sorted(codes.counts.items(), key=lambda each: (-each[1], each[0]))[:_CODES]
    facts: dict[str, float | str] = {
        "codes": shown(", ".join([f"{code}: {count}" for code, count in commonest]), secrets),
        "codes_in_window": codes.count,
        "bad_in_window": codes.bad,
        "bad_share_before": round(before, 4),
    }
    if width is not None:
        facts["window_seconds"] = width
    return Evidence(lines=[shown(line, secrets) for line in codes.lines if line], facts=facts)


def of_code_mix(secrets: Secrets, changes: Sequence[tuple[str, float, float]], codes: Codes, number: int) -> Evidence:
    """The codes whose share of a block of lines changed most: their shares now and before, the newest bad lines."""
    facts: dict[str, float | str] = {"codes_in_block": number}
    for i, (code, now, before) in enumerate(changes, start=1):
        facts[f"code_{i}"] = shown(code, secrets)
        facts[f"share_{i}"] = round(now, 4)
        facts[f"share_before_{i}"] = round(before, 4)
    return Evidence(lines=[shown(line, secrets) for line in codes.lines if line], facts=facts)


def of_lines(secrets: Secrets, width: float, window: Window, commonest: Template | None) -> Evidence:
    """All lines of one source in one window of `width` seconds."""
    return Evidence(
        lines=_lines(window.all, secrets),
        facts={
            "lines_in_window": window.all.count,
            "window_seconds": width,
            **_named("commonest_template", commonest, secrets),
        },
    )


def of_errors(secrets: Secrets, width: float, window: Window, commonest: Template | None) -> Evidence:
    """The error lines of one source in one window of `width` seconds. `commonest` is the template most of them have."""
    return Evidence(
        lines=_lines(window.errors, secrets),
        facts={
            "lines_in_window": window.all.count,
            "errors_in_window": window.errors.count,
            "window_seconds": width,
            **_named("commonest_error", commonest, secrets),
        },
    )


def of_sessions(secrets: Secrets, rare: Sequence[RareSession], number: int) -> Evidence:
    """Sessions whose set of templates is rare, `number` in all: of the first few, what is more and what is missing."""
    facts: dict[str, float | str] = {"rare_sessions": number}
    for i, session in enumerate(rare, start=1):
        facts[f"session_{i}"] = shown(session.id, secrets)
        for name, templates in (("has", session.more), ("lacks", session.less)):
            if templates:
                facts[f"{name}_{i}"] = shown("; ".join([each.text for each in templates]), secrets)
    return Evidence(facts=facts)


def of_novel(secrets: Secrets, what: str, novel: Sequence[tuple[Template, str]], count: int) -> Evidence:
    """Templates that are new or rare (`what`), `count` in all: of the first few, the text and the line it came with."""
    facts: dict[str, float | str] = {f"{what}_templates": count}
    for i, (template, _) in enumerate(novel, start=1):
        facts[f"{what}_template_{i}"] = shown(template.text, secrets)
    return Evidence(lines=[shown(line, secrets) for _, line in novel], facts=facts)


def _lines(tally: Tally | None, secrets: Secrets) -> list[str]:
    return [shown(line, secrets) for _, line in tally.lines] if tally else []


def _named(name: str, template: Template | None, secrets: Secrets) -> dict[str, float | str]:
    return {name: shown(template.text, secrets)} if template else {}
