"""What a log anomaly shows for itself: the lines and the template. It must never let a line out but through `shown`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from floodmark.alerts import Evidence
from floodmark.detect.anomalies import number
from floodmark.detect.logs.miner import Template
from floodmark.detect.logs.windows import Tally, Window

LONGEST_SHOWN: Final = 500
"""Characters of a line, or of a template, that leave with an anomaly."""


def shown(line: str) -> str:
    """A line, or a template's text, as it may leave. Everything that leaves passes here: the place to mask secrets."""
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


def of_template(template: Template, tally: Tally | None, severity: str) -> Evidence:
    """One template in one window: its newest lines there. `tally` is None where it was silent.

    The template's text has the name that OpenTelemetry gives it, as an attribute of log records.
    """
    facts: dict[str, float | str] = {
        "log.record.template": shown(template.text),
        "lines_in_window": tally.count if tally else 0,
    }
    if severity:
        facts["severity"] = severity
    return Evidence(lines=_lines(tally), facts=facts)


def of_parameter(
    template: Template, place: int, now: float, before: float | None, unit: str, tally: Tally | None
) -> Evidence:
    """A parameter of a template in one window, marked in its text: what it is, and what it mostly was before."""
    mark = f"<*: {number(now, unit)}" + (">" if before is None else f", before {number(before, unit)}>")
    facts: dict[str, float | str] = {"log.record.template": shown(template.form.text({place: mark}))}
    return Evidence(lines=_lines(tally), facts=facts | {"lines_in_window": tally.count if tally else 0})


def of_mix(changes: Sequence[tuple[Template, float, float]], tallies: Sequence[Tally | None], lines: int) -> Evidence:
    """The templates whose share of a block of lines changed most: their shares now and before, the newest lines."""
    facts: dict[str, float | str] = {"lines_in_block": lines}
    for i, (template, now, before) in enumerate(changes, start=1):
        facts[f"template_{i}"] = shown(template.text)
        facts[f"share_{i}"] = round(now, 4)
        facts[f"share_before_{i}"] = round(before, 4)
    return Evidence(lines=[line for tally in tallies for line in _lines(tally)[-1:]], facts=facts)


def of_lines(window: Window, commonest: Template | None) -> Evidence:
    """All lines of one source in one window."""
    return Evidence(
        lines=_lines(window.all), facts={"lines_in_window": window.all.count, **_named("commonest_template", commonest)}
    )


def of_errors(window: Window, commonest: Template | None) -> Evidence:
    """The error lines of one source in one window. `commonest` is the template most of them have."""
    return Evidence(
        lines=_lines(window.errors),
        facts={
            "lines_in_window": window.all.count,
            "errors_in_window": window.errors.count,
            **_named("commonest_error", commonest),
        },
    )


def of_new(births: Sequence[tuple[Template, str]], count: int) -> Evidence:
    """Templates first seen in one window, `count` in all: of the first few, the text and the line it came with."""
    facts: dict[str, float | str] = {"new_templates": count}
    for i, (template, _) in enumerate(births, start=1):
        facts[f"new_template_{i}"] = shown(template.text)
    return Evidence(lines=[shown(line) for _, line in births], facts=facts)


def _lines(tally: Tally | None) -> list[str]:
    return [shown(line) for _, line in tally.lines] if tally else []


def _named(name: str, template: Template | None) -> dict[str, float | str]:
    return {name: shown(template.text)} if template else {}
