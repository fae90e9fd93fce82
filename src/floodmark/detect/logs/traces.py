"""Lines that belong to the line before them: stack traces of Java, Python, Go, .NET, Node and Ruby, a record a line.

Decided when a line comes, by its looks and by what the source said before, so nothing waits and nothing is lost if the
next line never comes. Indentation alone proves nothing: it counts only within a trace that something else has begun.
"""

from __future__ import annotations

import re
from typing import Final

_FRAME: Final = re.compile(
    r"\s+at \S.*[(:\])]|\s+at [\w.$<>]+$|\s*\.\.\. \d+ (?:more|common frames)|\s*(?:Caused by|Suppressed): \S"
    r"|\s+File \"[^\"]*\", line \d|\s+from \S+:\d+:in |\s+--- End of "
)
"""What stands only in traces."""
_PYTHON: Final = "Traceback (most recent call last):"
_AGAIN: Final = ("During handling of the above exception", "The above exception was the direct cause")
_GO: Final = re.compile(r"goroutine \d+ \[[\w ,]+\]:")
_CALL: Final = re.compile(r"(?:[\w.$*/()-]+\(.*\)|created by \S+.*|\s.*|)")
"""A line of a Go trace: a call, its place (indented), or empty."""


class Traces:
    """What one source is in the midst of. `within`: nothing, frames, python, python's end, or go."""

    __slots__ = ("within",)

    def __init__(self) -> None:
        self.within = ""

    def goes_on(self, body: str) -> bool:
        """Whether this line belongs to the one before it."""
        body = body.rstrip("\r\n")
        self.within, belongs = self._next(body)
        return belongs

    def _next(self, body: str) -> tuple[str, bool]:
        indented = body[:1] in (" ", "\t")
        if self.within == "python" and body and not indented:
            return "python's end", True  # the exception itself: the only line of it that is not indented
        if self.within == "go" and _CALL.fullmatch(body):
            return "go", True
        if body.lstrip().startswith(_PYTHON):
            return "python", True
        if _GO.fullmatch(body):
            return "go", True
        if self.within and (not body.strip() or (self.within == "python's end" and body.startswith(_AGAIN))):
            return self.within, True
        if (self.within in ("python", "frames") and indented) or _FRAME.match(body):
            return "python" if self.within == "python" else "frames", True
        return "", False
