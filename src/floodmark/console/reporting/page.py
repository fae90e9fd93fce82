"""A report as one page of HTML that needs nothing else: to be opened, mailed, or printed to PDF. No scripts.

Texts come from telemetry and people: each is escaped here, and nowhere else. The page forbids itself all but its own
style, so that a mistake in that would show, not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from floodmark.console.reporting.document import Report, ReportBar, Section, Table
from floodmark.terminal.words import safe

_LONGEST: Final = 4_000
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --line: #d0d7de; --page: #fff; --bar: #0b6bcb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9aa4ae; --line: #3d444d; --page: #0d1117; --bar: #58a6ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; color: var(--ink); background: var(--page);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; border-bottom: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 75ch; overflow-wrap: anywhere; }
.period { color: var(--dim); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .9rem; }
caption { text-align: left; color: var(--dim); }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; min-width: 3rem; }
tbody th { font-weight: normal; }
.bars td:nth-child(2) { width: 60%; vertical-align: middle; }
.bars td:last-child { white-space: nowrap; }
svg { display: block; width: 100%; height: .8rem; }
svg rect { height: .8rem; fill: var(--bar); }
svg .of { fill: var(--line); }
@media print {
  :root { --ink: #000; --dim: #333; --line: #999; --page: #fff; --bar: #333; }
  @page { size: A4; margin: 18mm 16mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; }
  tr, svg { break-inside: avoid; }
  thead { display: table-header-group; }
  .wide { overflow: visible; }
  svg rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def html(report: Report) -> str:
    """The page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{_text(report.title)}: {_text(report.period)}</title>\n<style>{_STYLE}</style>\n</head>"
    yield "<body>\n<main>"
    yield f'<header>\n<h1>{_text(report.title)}</h1>\n<p class="period">{_text(report.period)}</p>\n</header>'
    for number, section in enumerate(report.sections, 1):
        yield from _section(section, f"s{number}")
    yield "</main>\n</body>\n</html>"


def _section(section: Section, name: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{_text(section.heading)}</h2>'
    for each in section.paragraphs:
        yield f"<p>{_text(each)}</p>"
    if section.table is not None:
        yield from _table(section.table, section.heading)
    if section.bars:
        yield from _bars(section.bars, section.heading)
    yield "</section>"


def _table(table: Table, heading: str) -> Iterator[str]:
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{_text(heading)}: table">\n<table>'
    yield "<thead><tr>" + "".join(f'<th scope="col">{_text(each)}</th>' for each in table.columns) + "</tr></thead>"
    yield "<tbody>"
    for first, *others in table.rows:
        yield (
            f'<tr><th scope="row">{_text(first)}</th>' + "".join(f"<td>{_text(each)}</td>" for each in others) + "</tr>"
        )
    yield "</tbody>\n</table>\n</div>"


def _bars(bars: list[ReportBar], heading: str) -> Iterator[str]:
    yield f'<table class="bars">\n<caption>{_text(heading)}, drawn</caption>'
    yield (
        "<thead><tr>" + "".join(f'<th scope="col">{each}</th>' for each in ("What", "Share", "Value")) + "</tr></thead>"
    )
    yield "<tbody>"
    for each in bars:
        width = min(100.0, max(0.0, 100 * each.value / each.of)) if each.of > 0 else 0.0
        drawn = (
            '<svg aria-hidden="true" focusable="false"><rect class="of" width="100%"/>'
            f'<rect width="{width:.1f}%"/></svg>'
        )
        yield (
            f'<tr><th scope="row">{_text(each.label)}</th><td>{drawn}</td>'
            f"<td>{each.value:,.4g} of {each.of:,.4g}</td></tr>"
        )
    yield "</tbody>\n</table>"


def _text(text: str) -> str:
    return escape(safe(text, _LONGEST))
