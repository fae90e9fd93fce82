"""A report as what it says, whatever it is shown as: sections of sentences, a table, bars."""

from __future__ import annotations

from msgspec import Struct, field


class Table(Struct, frozen=True, kw_only=True):
    """Each row has as many texts as there are columns."""

    columns: list[str]
    rows: list[list[str]]


class ReportBar(Struct, frozen=True, kw_only=True):
    """`value` of `of`, drawn as a length, a full one where it is more; both are of one unit, and not negative."""

    label: str
    value: float
    of: float


class Section(Struct, frozen=True, kw_only=True):
    """What answers one question. `bars`: a picture of what the sentences or the table say in numbers."""

    heading: str
    paragraphs: list[str] = field(default_factory=list)
    table: Table | None = None
    bars: list[ReportBar] | None = None


class Report(Struct, frozen=True, kw_only=True):
    """What one audience is told of a period; texts are plain, and everybody's: whoever shows them must escape them."""

    title: str
    period: str
    sections: list[Section]
