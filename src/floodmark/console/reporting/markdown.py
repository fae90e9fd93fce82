"""A report as Markdown (CommonMark with tables). What could be markup in a text is escaped, links too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from floodmark.console.reporting.document import Report, ReportBar, Section, Table
from floodmark.terminal.words import safe

_LONGEST: Final = 4_000
_WIDTH: Final = 20
_MARKUP: Final = re.compile(
    r"[\\`*_\[\]<>|~&@$]|(?i:(?<=http):|(?<=https):|(?<=ftp):|(?<=www)\.|(?<=xmpp):|(?<=mailto):)"
)
_LEADING: Final = re.compile(r"([#+=-]|\d{1,9}(?=[.)](?:\s|$)))")
"""What makes a line something else than a paragraph, where it stands first."""


def markdown(report: Report) -> str:
    """The document."""
    return "\n".join([*_document(report)]).strip("\n") + "\n"


def escaped(text: str) -> str:
    """The text, on one line, as nothing but text."""
    return _MARKUP.sub(lambda found: "\\" + found[0], safe(text, _LONGEST).strip())


def _paragraph(text: str) -> str:
    line = escaped(text)
    found = _LEADING.match(line)
    if found is None:
        return line
    after = found.end() if found[0].isdigit() else 0  # of a list with numbers it is the stop behind them
    return f"{line[:after]}\\{line[after:]}"


def _document(report: Report) -> Iterator[str]:
    yield f"# {escaped(report.title)}\n"
    yield f"{_paragraph(report.period)}\n"
    for section in report.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"## {escaped(section.heading)}\n"
    for each in section.paragraphs:
        yield f"{_paragraph(each)}\n"
    if section.table is not None:
        yield from _table(section.table)
    if section.bars:
        yield from _bars(section.bars)


def _table(table: Table) -> Iterator[str]:
    yield _row([escaped(each) for each in table.columns])
    yield _row(["---"] * len(table.columns))
    for row in table.rows:
        yield _row([escaped(each) or " " for each in row])
    yield ""


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bars(bars: list[ReportBar]) -> Iterator[str]:
    yield _row(["What", "Drawn", "Value"])
    yield _row(["---"] * 3)
    for each in bars:
        filled = round(_WIDTH * min(1.0, max(0.0, each.value / each.of))) if each.of > 0 else 0
        drawn = "█" * filled + "░" * (_WIDTH - filled)
        yield _row([escaped(each.label), drawn, f"{each.value:,.4g} of {each.of:,.4g}"])
    yield ""
