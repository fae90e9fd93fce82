"""What is wrong with a configuration, where, and what to do. Never shows the value of a secret.

ConfigError          all the problems of a load at once
  .problems          each with file, line, column, path, message, hint
SaidError            a value that its type refuses, in words that can be shown as they are
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Where in the configuration: ("inputs", 0, "signal")."""


class Problem(NamedTuple):
    """One thing that is wrong, or suspicious. `line` and `column` count from 1; both are 0 if no place has it.

    `path` is written as in `inputs[0].signal`, empty for the whole.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}: {subject}{self.message}{hint}"


class SaidError(ValueError):
    """A validator's words. They show nothing of a value that may be secret."""


class ConfigError(Exception):
    """The configuration cannot be used. Its text has one line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


def dotted(path: Path) -> str:
    """inputs[0].signal"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question to append to a message, or nothing if no known word is near. Case is not held against anybody."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is nearest to what was written, if any is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None
