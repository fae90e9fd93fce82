"""How a log line is cut into tokens, and which of them are values whatever the line is.

Pure functions and a bounded memo of them; never remembers a line, and knows nothing of templates.

A line is words between white space; a word is tokens between separators (`=`, `:`, brackets, quotes, …). Writing
without spaces is cut where the script changes. A token that bears a digit, is a path or a URL, or a long run of hex
letters is a value: it is `VALUE` from the start. What else is a value, and which values are one (`1, 2, 3`; `12 KB`),
depends on what stands around them (`neighbours`).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from floodmark.detect.logs import neighbours
from floodmark.detect.logs.bodies import SLOT
from floodmark.detect.logs.headers import classify
from floodmark.detect.logs.vocabulary import UNSPACED

MOST_WORDS: Final = 128
"""Words of a body that are looked at."""
_MOST_CHUNKS: Final = 1_024
"""Tokens and separators of one word that are looked at."""

VALUE: Final = neighbours.VALUE
"""A token that is a value. This and the two below are white space to `str.split`: no word holds them."""
MOST_TOKENS: Final = neighbours.MOST_TOKENS
ANY: Final = "\x1d"
"""In a template: a place where several words were seen."""
_JOINT: Final = "\x1f"
_FOLD: Final = bytes.maketrans(b"123456789", b"0" * 9)

_SEPARATORS: Final = "=:,;()\\[\\]{}<>\"'|`"
_WIDE_SEPARATORS: Final = (
    "\uff0c\u3002\u3001\uff1b\uff1a\uff01\uff1f\uff08\uff09\uff3b\uff3d\uff1d\u3008-\u3011\u201c\u201d\u2026"
)
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005-\u3007\U00020000-\U0003ffff"
_HIRAGANA: Final = "\u3041-\u309f"
_KATAKANA: Final = "\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_SOUTHERN: Final = "\u0e01-\u0e4f\u0e81-\u0ecf\u1000-\u103f\u1780-\u17df"
"""Thai, Lao, Burmese and Khmer, without their digits."""


def _chunks_of(separators: str, unspaced: str, cut_at: str) -> re.Pattern[str]:
    """How a word is cut. `separators`, `unspaced`: characters, as in a class; `cut_at`: how runs of the latter end."""
    short_ipv6 = rf"""(?<![\w:])::(?:(?=\])
        |[0-9a-fA-F]{{1,4}}(?:[:.][0-9a-fA-F]{{0,4}}){{0,8}}(?<=[0-9a-fA-F])(?=[{separators}]|\.?$))"""
    apostrophe = r"(?:(?<=[A-Zac-qstv-z])|(?<=[A-Za-z]{2}))'(?=[A-Za-z])"  # isn't, O'Brien; not u'text'
    return re.compile(
        rf"""
          (?P<value>
              (?:[A-Za-z][A-Za-z0-9+.-]*://|/|[A-Za-z]:\\)
              [^\s"'<>,;()\[\]{{}}|`]*[^\s"'<>,;()\[\]{{}}|`.:=\\]          # URL, absolute path, that of Windows
            | (?:[A-Za-z0-9_-]{{1,63}}\.){{1,8}}[A-Za-z][A-Za-z0-9-]{{0,62}}:\d{{1,5}}(?![\w.-])    # host and port
            | ^[<>]=?\d+(?:\.\d+)?[A-Za-z%]{{0,4}}(?=[,;)\]]*\.?$)         # a bound: <1, >=5ms
            | (?=[0-9a-fA-F:.]{{0,40}}\d)              # clock, IP, MAC, each with a port or not: bounded repeats,
              [0-9a-fA-F]{{1,20}}(?:[:.][0-9a-fA-F]{{0,20}}){{2,12}}   # or long words would take quadratic time
              (?<=[0-9a-fA-F])(?=[{separators}]|\.?$)
            | (?<![\w.:-])(?:[xX*#]{{1,4}}[.:]){{2,7}}[xX*#]{{1,4}}(?![\w.:-])      # the same, masked
            | {short_ipv6}
            | (?<!\w)(?:\((?:null|NULL|none|nil)\)|<(?:null|none|nil|unknown|empty|missing|undefined|unset)>)
            | (?<![\w+/])(?=[A-Za-z]{{0,64}}[0-9+/])[A-Za-z0-9+/]{{8,128}}={{1,2}}(?=["'),;\]>]|$)      # base64
          )
        | (?P<separator>(?:(?!{short_ipv6}|{apostrophe})[{separators}]|\.(?=\.|$)|(?<=\.)\.|\\(?=["'`]))+)
        {cut_at}
        | (?P<text>(?:[^{separators}.\\{unspaced}]+|(?<!\.)\.(?!\.|$)|\\(?!["'`])|{apostrophe})+)
        """,
        re.VERBOSE,
    )


_CHUNK: Final = _chunks_of(_SEPARATORS, "", "")
_CHUNK_UNSPACED: Final = _chunks_of(
    _SEPARATORS + _WIDE_SEPARATORS,
    _HAN + _HIRAGANA + _KATAKANA + _SOUTHERN,
    rf"""| (?P<unspaced>{UNSPACED}|(?:(?!{UNSPACED})[{_HAN}])+|[{_HIRAGANA}]+|[{_KATAKANA}]+
                    |(?:(?!{UNSPACED})[{_SOUTHERN}])+)""",
)
_PLAIN: Final = re.compile(r"([A-Za-z0-9_@%+-]+)([,;:)]?)")
"""Most words: one token. No need to look for more."""
_DIGIT: Final = re.compile(r"\d")
_HEX: Final = re.compile(r"[a-f]{8,}|[A-F]{8,}")
_DOMAIN: Final = re.compile(
    r"\.(?:com|net|org|edu|gov|mil|arpa|io|local|internal|localdomain|lan|"
    r"(?:co\.)?(?:uk|jp|kr|nz|za|il)|de|fr|nl|pl|ru|cn|br|ca|ch|cz|hk|tw|sg|eu|mx|ar|tr|ua)$"
)
"""How the name of a host ends, if it has two dots or more; names of packages (`org.apache.x`) begin like that."""
_EMPTY: Final = re.compile(r"""(?:^|(?<=[=:,(\[<{]))(?:\(\)|\[\]|\{\}|""|''|<>)""")
"""A value that happens to be empty: `from 10.0.0.1 ()` beside `from 10.0.0.1 (example.org)`."""
_HIDDEN: Final = re.compile(r"\*{3,}|\w+\*{2,}\w*|\*{2,}\w+|(?:[xX*#]{1,4}[.:-]){2,7}[xX*#]{1,4}")
"""A value that somebody has masked: `***`, `al**e`, `x.x.x.x`, `XX:XX:XX`."""


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
    found = neighbours.runs(tokens, separators)
    between, skipped = [], 0
    for run in found:
        separator = separators[run.start]
        between.append(separator[skipped : len(separator) - run.before])
        skipped = run.after
    between.append(separators[found[-1].stop if found else 0][skipped:])
    return Form(tuple([run.kind for run in found]), tuple(between))


def spots(shapes: Sequence[str], start: int) -> array[int]:
    """Where the tokens of the form of `shapes[start:]` are: four numbers each.

    They are the word and the chunk in it with which the token begins, and those with which it ends.
    """
    owners = [(i, chunk) for i in range(start, len(shapes)) for chunk in range(1, shapes[i].count(_JOINT) + 1, 2)]
    found = neighbours.runs(*_chunks(shapes[start:]))
    return array("H", [number for run in found for number in (*owners[run.start], *owners[run.said - 1])])


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
    plain = _PLAIN.fullmatch(word)
    if plain is not None:
        return ["", plain[1], plain[2]]
    chunks = [""]
    for found in islice((_CHUNK if word.isascii() else _CHUNK_UNSPACED).finditer(word), _MOST_CHUNKS):
        if found.lastgroup != "separator":
            chunks += (found[0], "")
            continue
        empty = _EMPTY.search(found[0]) if len(found[0]) > 1 else None
        if empty is None or (empty.start() == 0 and found.start() > 0):
            chunks[-1] += found[0]
        else:
            at = empty.start() + 1
            chunks[-1] += found[0][:at]
            chunks += ("", found[0][at:])
    return chunks


def _kind(token: str) -> str:
    """`VALUE`, or the token itself."""
    if (
        not token
        or SLOT in token
        or _DIGIT.search(token)
        or token.count("/") > 1
        or "://" in token
        or "@" in token[1:-1]
        or (token.count(".") > 1 and _DOMAIN.search(token))
        or _HEX.fullmatch(token)
        or _HIDDEN.fullmatch(token)
        or "\\" in token[:-1]
        or token[0] in "(<"
    ):
        return VALUE
    return VALUE if len(token) > 1 and token[0] == "/" else token


_PLAIN_ID: Final = re.compile(r"(?=.{0,3}[a-z])(?=[a-z-]*0)[0a-z]{2}[0a-z-]{9,}")
"""Ids of lower-case letters and digits, folded. They are most of the words that never come again: no need to cut."""
_PLAIN_SHAPE: Final = "V" + _JOINT + VALUE + _JOINT
