"""How a log line is cut into tokens, and which of them are values whatever the line is.

Pure functions and a bounded memo of them; never remembers a line, and knows nothing of templates.

A line is words between white space; a word is tokens between separators (`=`, `:`, brackets, quotes, …). A token that
bears a digit, is a path or a URL, or a long run of hex letters is a value: it is `VALUE` from the start. Runs of values
are one (`1, 2, 3`; `Jul 17 07:07:00 2005`), and so are a value and its unit (`12 KB`), so that a list's length or a
change of unit does not make another template.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from floodmark.detect.logs.bodies import SLOT
from floodmark.detect.logs.headers import classify
from floodmark.detect.logs.vocabulary import DATES, NO_NAMES, TRUTHS, UNITS, is_state

MOST_WORDS: Final = 128
"""Words of a body that are looked at."""
MOST_TOKENS: Final = 192
"""Tokens of a body that are looked at."""
_MOST_CHUNKS: Final = 1_024
"""Tokens and separators of one word that are looked at."""

VALUE: Final = "\x1e"
"""A token that is a value by its looks. This and the two below are white space to `str.split`: no word holds them."""
ANY: Final = "\x1d"
"""In a template: a place where several words were seen."""
_JOINT: Final = "\x1f"
_FOLD: Final = bytes.maketrans(b"123456789", b"0" * 9)

_CHUNK: Final = re.compile(
    r"""
      (?P<value>
          (?:[A-Za-z][A-Za-z0-9+.-]*://|/|[A-Za-z]:\\)
          [^\s"'<>,;()\[\]{}|`]*[^\s"'<>,;()\[\]{}|`.:=]              # URL, absolute path, that of Windows
        | (?:[A-Za-z0-9_-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]{0,62}:\d{1,5}(?![\w.-])       # host and port
        | ^[<>]=?\d+(?:\.\d+)?[A-Za-z%]{0,4}(?=[,;)\]]*\.?$)                                # a bound: <1, >=5ms
        | (?=[0-9a-fA-F:.]{0,40}\d)                        # clock, IP, MAC, each with a port or not: bounded repeats,
          (?:[0-9a-fA-F]{1,20}|:)(?:[:.][0-9a-fA-F]{0,20}){2,12}           # or long words would take quadratic time
          (?<=[0-9a-fA-F])(?=[=:,;()\[\]{}<>"'|`]|\.?$)
      )
    | (?P<separator>(?:[=:,;()\[\]{}<>"'|`]|\.{2,}|\.$)+)
    | (?P<text>(?:(?!\.{2,}|\.$)[^=:,;()\[\]{}<>"'|`])+)
    """,
    re.VERBOSE,
)
_DIGIT: Final = re.compile(r"\d")
_HEX: Final = re.compile(r"[a-f]{8,}|[A-F]{8,}")
_DOMAIN: Final = re.compile(
    r"\.(?:com|net|org|edu|gov|mil|arpa|io|local|internal|localdomain|lan|"
    r"(?:co\.)?(?:uk|jp|kr|nz|za|il)|de|fr|nl|pl|ru|cn|br|ca|ch|cz|hk|tw|sg|eu|mx|ar|tr|ua)$"
)
"""How the name of a host ends, if it has two dots or more; names of packages (`org.apache.x`) begin like that."""
_LIST: Final = re.compile(r"[ ,;:]*|[./#_-]*")
"""What may stand between two values that are one."""
_HOLLOW: Final = frozenset({"()", "[]", "{}", '""', "''"})
"""A value that happens to be empty: `from 10.0.0.1 ()` beside `from 10.0.0.1 (example.org)`."""
_HIDDEN: Final = re.compile(r"\*{3,}")
"""A value that somebody has masked."""


class Form(NamedTuple):
    """A line without its values: one separator before each token and one after the last."""

    tokens: tuple[str, ...]
    separators: tuple[str, ...]

    def text(self, marks: Mapping[int, str] | None = None) -> str:
        """The line as people read it, with `<*>` for values; `marks` has other text for some of its tokens."""
        shown = ["<*>" if token in (VALUE, ANY) else token for token in self.tokens]
        for i, mark in (marks or {}).items():
            shown[i] = mark
        return self.separators[0] + "".join(t + s for t, s in zip(shown, self.separators[1:], strict=True))


def words(text: str) -> list[str]:
    """The words of a text that are looked at. At the start, bars and brackets stand alone."""
    if "|" in text[:64]:
        text = text[:64].replace("|", " | ") + text[64:]
    if text[:1] == "[" and "][" in text:
        text = text.replace("][", "] [")
    found = text.split(None, MOST_WORDS)
    del found[MOST_WORDS:]
    return found


def folded(text: str) -> str:
    """The text with a 0 for each digit, as long as it was: what differs in digits only is cut and understood once."""
    return text.encode("utf-8", "replace").translate(_FOLD).decode()


class Shapes(dict[str, str]):
    """Word to shape: its class in a header, then the word with its values taken out. Words come folded.

    Computed once for words that come again. Two generations, so at most twice `size` words of at most 64 characters;
    what it has forgotten it computes again. A shape depends on nothing but the word.
    """

    def __init__(self, size: int = 16_384) -> None:
        super().__init__()
        self._size = size
        self._older: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        shape = self._older.get(word)
        if shape is None:
            if _PLAIN_ID.fullmatch(word):
                shape = _PLAIN_SHAPE
            else:
                shape = classify(word) + _JOINT.join(
                    [chunk if i % 2 == 0 else _kind(chunk) for i, chunk in enumerate(cut(word))]
                )
        if len(word) <= 64:
            if len(self) >= self._size:
                self._older = dict(self)
                self.clear()
            self[word] = shape
        return shape


def form(shapes: Sequence[str]) -> Form:
    """The form of a line from the shapes of its words."""
    tokens, separators = _chunks(shapes)
    runs = _runs(tokens, separators)
    return Form(
        tuple(VALUE if stop - start > 1 else _kind_at(tokens, separators, start) for start, stop in runs),
        (separators[0], *(separators[stop] for _, stop in runs)),
    )


def spots(shapes: Sequence[str], start: int) -> array[int]:
    """Where the tokens of the form of `shapes[start:]` are: four numbers each.

    They are the word and the chunk in it with which the token begins, and those with which it ends.
    """
    owners = [(i, chunk) for i in range(start, len(shapes)) for chunk in range(1, shapes[i].count(_JOINT) + 1, 2)]
    runs = _runs(*_chunks(shapes[start:]))
    return array("H", [number for start, stop in runs for number in (*owners[start], *owners[stop - 1])])


class Place(NamedTuple):
    """What stands in a line at one place of its form, and the text before and after it in its words."""

    text: str
    before: str
    after: str


def place(raw_words: Sequence[str], first: int, begin: int, last: int, end: int) -> Place:
    """The raw text from one spot: a run of values is one text, separators and all.

    `first`, `begin`: the word and the chunk of it with which it begins; `last`, `end`: those with which it ends.
    """
    chunks = cut(raw_words[first])
    before = "".join(chunks[:begin])
    if first == last:
        text = "".join(chunks[begin : end + 1])
        return Place(text, before, raw_words[first][len(before) + len(text) :])
    until = "".join(cut(raw_words[last])[: end + 1])
    text = " ".join([*raw_words[first:last], until])[len(before) :]
    return Place(text, before, raw_words[last][len(until) :])


def _chunks(shapes: Sequence[str]) -> tuple[list[str], list[str]]:
    """The tokens of a line, and the separators around them."""
    tokens: list[str] = []
    separators = [""]
    for i, shape in enumerate(shapes):
        chunks = shape[1:].split(_JOINT)
        separators[-1] += " " + chunks[0] if i else chunks[0]
        tokens += chunks[1::2]
        separators += chunks[2::2]
    return tokens, separators


def cut(word: str) -> list[str]:
    """Separator, token, separator, token, …, separator; together, they are the word (or its beginning)."""
    if word in _HOLLOW:
        return [word[0], "", word[1]]
    chunks = [""]
    for found in islice(_CHUNK.finditer(word), _MOST_CHUNKS):
        if found.lastgroup == "separator":
            chunks[-1] += found[0]
        else:
            chunks += (found[0], "")
    return chunks


def _kind(token: str) -> str:
    """`VALUE`, or the token itself."""
    if (
        not token
        or SLOT in token
        or _DIGIT.search(token)
        or token.count("/") > 1
        or "://" in token
        or token[1:3] == ":\\"
        or "@" in token[1:-1]
        or (token.count(".") > 1 and _DOMAIN.search(token))
        or _HEX.fullmatch(token)
        or _HIDDEN.fullmatch(token)
    ):
        return VALUE
    return VALUE if len(token) > 1 and token[0] == "/" else token


_PLAIN_ID: Final = re.compile(r"(?=.{0,3}[a-z])(?=[a-z-]*0)[0a-z]{2}[0a-z-]{9,}")
"""Ids of lower-case letters and digits, folded. They are most of the words that never come again: no need to cut."""
_PLAIN_SHAPE: Final = "V" + _JOINT + VALUE + _JOINT


def _kind_at(tokens: list[str], separators: list[str], i: int) -> str:
    """The token, or `VALUE` if what stands beside it says that it is one."""
    token = tokens[i]
    before, after = tokens[max(i - 1, 0) : i], tokens[i + 1 : i + 2]
    if token in DATES:
        beside = VALUE in before or (after and (after[0] == VALUE or after[0] in DATES))
    elif token in TRUTHS:
        beside = separators[i].rstrip(" ").endswith(("=", ":"))
    else:
        named = before in (["user"], ["User"]) and separators[i] == " " and token.isalpha()
        beside = named and token.lower() not in NO_NAMES and not is_state(token)
    return VALUE if beside else token


def _runs(tokens: list[str], separators: list[str]) -> list[tuple[int, int]]:
    """Ranges of tokens that are one: a value with the values and the unit after it, else a token alone."""
    runs: list[tuple[int, int]] = []
    open_run = False
    for i in range(len(tokens)):
        kind = _kind_at(tokens, separators, i)
        between = separators[i]
        if open_run and ((kind == VALUE and _LIST.fullmatch(between)) or (kind in UNITS and between in ("", " "))):
            runs[-1] = (runs[-1][0], i + 1)
        elif len(runs) == MOST_TOKENS:
            break
        else:
            runs.append((i, i + 1))
            open_run = kind == VALUE
    return runs
