"""A body as its form: prepared, folded, cut into words, its header left out. Memos make it cheap, and change nothing.

Most lines of a log have been there before but for their digits: the folded text is looked up first. Otherwise its words
have shapes (`tokens.Shapes`), and the tuple of these is the key of what is known of such lines.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from floodmark.detect.logs import headers
from floodmark.detect.logs.bodies import (
    LONGEST_BODY,
    SLOT,
    Masks,
    Text,
    first_line,
    of_json,
    of_pairs,
    of_words_and_json,
)
from floodmark.detect.logs.parameters import Parameter, kind_of
from floodmark.detect.logs.tokens import Form, Place, Shapes, folded, form, place, spots, words

_LONGEST_TEXT: Final = 256
"""Characters of a folded text that is remembered whole."""


class Line:
    """What all lines with the same shapes have in common.

    `start`: words of the header. `spots`: where each token of the form is (`tokens.spots`), once it has been asked for.
    """

    __slots__ = ("form", "spots", "start")

    def __init__(self, shapes: tuple[str, ...]) -> None:
        self.start = headers.length("".join([shape[0] for shape in shapes]))
        self.form: Form = form(shapes[self.start :])
        self.spots: array[int] | None = None


class Lines:
    """Body to line. Holds memos only, so that one may serve any number of miners: at most three times `size` lines."""

    def __init__(self, masks: Sequence[tuple[str, str]] = (), *, size: int = 8_192, words: int = 16_384) -> None:
        """`masks`: name and pattern of what is a value wherever it stands (`logs.masks`)."""
        self._masks = Masks(masks)
        self._masked = bool(masks)
        self._shapes = Shapes(words)
        self._size = size
        self._known: dict[tuple[str, ...], Line] = {}
        self._older: dict[tuple[str, ...], Line] = {}
        self._texts: dict[str, Line] = {}
        self._newest: tuple[str, Text] = ("", Text(""))

    def __len__(self) -> int:
        return len(self._known) + len(self._older) + len(self._texts)

    def of(self, body: str) -> Line:
        """The line of a body. Any text will do; only its beginning is looked at."""
        if self._masked or "\n" in body or body[:1] == "{" or body[-1:] == "}" or len(body) > LONGEST_BODY:
            return self._of_words(words(folded(self.prepared(body).text)))
        text = folded(body)
        line = self._texts.get(text)
        if line is None:
            found = words(text)
            if found and "=" in found[0]:
                found = words(folded(self.prepared(body).text))
            line = self._of_words(found)
            if len(text) <= _LONGEST_TEXT:
                if len(self._texts) >= self._size:
                    self._texts = {}
                self._texts[text] = line
        return line

    def prepared(self, body: str) -> Text:
        """The text that is mined: the first line, made a sentence or masked, and what the slots in it stand for."""
        if body is not self._newest[0]:
            self._newest = body, self._prepared(body)
        return self._newest[1]

    def parameters(self, body: str, wanted: Sequence[int]) -> list[Parameter]:
        """What stands in a body at some places of its line's form, in order."""
        return [Parameter(found.text, mask or kind_of(found)) for found, mask in self._places(body, wanted)]

    def at(self, body: str, place: int) -> str:
        """The text at one place."""
        return self._places(body, (place,))[0][0].text

    def _places(self, body: str, wanted: Sequence[int]) -> list[tuple[Place, str]]:
        """Each with the mask whose slot it is."""
        text, slots = self.prepared(body)
        raw = words(text)
        # What is mined as it came is remembered whole, unless its first word may make it a line of pairs.
        line = self._texts.get(folded(text)) if text is body and raw and "=" not in raw[0] else None
        if line is None or line.spots is None:
            key = tuple(map(self._shapes.__getitem__, words(folded(text))))
            line = self._known.get(key) or self._line(key)
            if line.spots is None:
                line.spots = spots(key, line.start)
        made = []
        for i in wanted:
            first, begin, last, end = line.spots[4 * i : 4 * i + 4]
            found, mask = place(raw, first, begin, last, end), ""
            if SLOT in found.text:
                skipped = sum(word.count(SLOT) for word in raw[:first]) + found.before.count(SLOT)
                found, mask = _filled(found, slots[skipped:])
            made.append((found, mask))
        return made

    def _of_words(self, found: list[str]) -> Line:
        key = tuple(map(self._shapes.__getitem__, found))
        return self._known.get(key) or self._line(key)

    def _line(self, key: tuple[str, ...]) -> Line:
        line = self._older.get(key) or Line(key)
        if len(self._known) >= self._size:
            self._older, self._known = self._known, {}
        self._known[key] = line
        return line

    def _prepared(self, body: str) -> Text:
        said = None
        if body[:1] == "{":
            said = of_json(body)
        elif body[-1:] == "}":
            said = of_words_and_json(body)
        if said is None:
            body = first_line(body[:LONGEST_BODY]) if "\n" in body else body[:LONGEST_BODY]
            if "=" in body.partition(" ")[0]:
                said = of_pairs(body)
        said = said or Text(body)
        if len(said.text) > LONGEST_BODY or "\n" in said.text:
            said = Text(said.text[:LONGEST_BODY].replace("\n", " "), said.slots)
        return self._masks.of(said) if self._masked else said


def _filled(found: Place, slots: Sequence[tuple[str, str]]) -> tuple[Place, str]:
    """What stands at a place once its slots are filled with the raw values, and the mask whose slot it is."""
    waiting = iter(slots)
    text = "".join([next(waiting, (SLOT, ""))[0] if c == SLOT else c for c in found.text])
    return found._replace(text=text), slots[0][1] if slots and found.text == SLOT else ""
