"""A report in a format: what `floodmark report` writes and the API answers."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from floodmark.console.reporting.document import Report
from floodmark.console.reporting.markdown import markdown
from floodmark.console.reporting.page import html

Format = Literal["html", "md", "json"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
MEDIA: Final[dict[Format, str]] = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}
"""The media type of each."""


def rendered(report: Report, format: Format) -> bytes:
    """The report, whole."""
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    return (html(report) if format == "html" else markdown(report)).encode("utf-8", "replace")
