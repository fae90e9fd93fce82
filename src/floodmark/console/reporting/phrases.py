"""Numbers of a report in words, beside those of the week before."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from floodmark.terminal.words import lasting, safe

NOTHING: Final = "-"
"""In a table, for what is not there."""
NAME: Final = 120
"""Letters of a name in a table."""
SENTENCE: Final = 300


def named(text: str) -> str:
    return safe(text, NAME)


def lasted(seconds: float | None) -> str:
    """How long, or a dash for what did not happen."""
    return lasting(timedelta(seconds=seconds)) if seconds is not None else NOTHING


def beside(now: float, before: float, known: bool) -> str:
    """The number of the week before, in brackets behind a space; nothing, if nothing is known of it."""
    return f" (the week before: {before:,.0f}{', too' if now == before else ''})" if known else ""


def was(before: float, known: bool) -> str:
    """The number of the week before in a table."""
    return f"{before:,.0f}" if known else NOTHING


def share(part: float, whole: float) -> str:
    """A share in percent, or a dash of nothing."""
    return f"{part / whole:.0%}" if whole else NOTHING


def listed(items: list[str], most: int = 3) -> str:
    """Names with commas: "a, b and c", "a, b, c and 4 more"."""
    shown, more = items[:most], len(items) - most
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)
