"""What is to be told of reading files: what could not be used and where, what was read all the same, and how."""

from __future__ import annotations

from collections import Counter


class FileError(Exception):
    """A file that cannot be read at all, in a sentence."""


class Notes:
    """`refused` and `repaired` count by class, with the first place of each; `said` are sentences, each once."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.said: list[str] = []

    def refuse(self, error: str, place: str, message: str) -> None:
        """Something of a file cannot be used; `place` is file:line:column."""
        self.refused[error] += 1
        self.first.setdefault(error, f"{place}: {message}")

    def repair(self, what: str, place: str) -> None:
        """Something was read that is not quite as it should be."""
        self.repaired[what] += 1
        self.first.setdefault(what, place)

    def say(self, sentence: str) -> None:
        """How a file was understood."""
        if sentence not in self.said:
            self.said.append(sentence)

    def clear(self) -> None:
        """The files are read once more: their counts begin again."""
        self.refused.clear()
        self.repaired.clear()
