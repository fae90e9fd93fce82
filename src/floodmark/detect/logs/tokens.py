"""How a log line is cut into tokens, and which of them are values whatever the line is.

Pure functions and a bounded memo of them; never remembers a line, and knows nothing of templates.

A line is words between white space; a word is tokens between separators (`=`, `:`, brackets, quotes, …). A token that
bears a digit, is a path or a URL, or a long run of hex letters is a value: it is `VALUE` from the start. Runs of values
are one (`1, 2, 3`; `Jul 17 07:07:00 2005`), and so are a value and its unit (`12 KB`), so that a list's length or a
change of unit does not make another template.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

LONGEST_LINE: Final = 8_192
"""Characters of a body that are looked at; what follows never tells one template from another."""
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

_CHUNK: Final = re.compile(
    r"""
      (?P<value>
          (?:[A-Za-z][A-Za-z0-9+.-]*://|/)[^\s"'<>,;()\[\]{}|`]*[^\s"'<>,;()\[\]{}|`.:=]     # URL, absolute path
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
_LIST: Final = re.compile(r"[ ,;:]*|[./#_-]*")
"""What may stand between two values that are one."""
_HOLLOW: Final = frozenset({"()", "[]", "{}", '""', "''"})
"""A value that happens to be empty: `from 10.0.0.1 ()` beside `from 10.0.0.1 (example.org)`."""
_UNITS: Final = frozenset(
    {"B", "kB", "KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "ns", "us", "µs", "ms", "s"}
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATES: Final = frozenset(_DAYS + _MONTHS)

_OPPOSITES: Final = (
    "start/stop started/stopped starting/stopping pause/resume paused/resumed pausing/resuming up/down on/off "
    "success/failure succeed/fail succeeded/failed successful/unsuccessful successfully/unsuccessfully ok/error "
    "pass/fail passed/failed open/close opened/closed opening/closing enable/disable enabled/disabled "
    "enabling/disabling connect/disconnect connected/disconnected connecting/disconnecting allow/deny allowed/denied "
    "accept/reject accepted/rejected online/offline healthy/unhealthy active/inactive available/unavailable "
    "create/delete created/deleted creating/deleting add/remove added/removed adding/removing lock/unlock "
    "locked/unlocked mount/unmount mounted/unmounted login/logout grant/revoke granted/revoked valid/invalid "
    "true/false yes/no begin/end began/ended load/unload loaded/unloaded acquire/release acquired/released "
    "attach/detach attached/detached join/leave joined/left enter/exit entered/exited read/write first/last "
    "increase/decrease increased/decreased finish/abort finished/aborted completed/aborted commit/rollback "
    "committed/aborted register/unregister registered/unregistered install/uninstall installed/uninstalled "
    "known/unknown reachable/unreachable found/missing get/post put/patch head/options send/receive sent/received "
    "sending/receiving info/warn warning/error debug/trace critical/fatal ready/unready alive/dead primary/secondary "
    "leader/follower master/slave"
)
_STATES: Final = frozenset(word for pair in _OPPOSITES.split() for word in pair.split("/"))
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


class Form(NamedTuple):
    """A line without its values: one separator before each token and one after the last."""

    tokens: tuple[str, ...]
    separators: tuple[str, ...]

    def text(self) -> str:
        """The line as people read it, with `<*>` for values."""
        shown = ("<*>" if token in (VALUE, ANY) else token for token in self.tokens)
        return self.separators[0] + "".join(t + s for t, s in zip(shown, self.separators[1:], strict=True))


def words(body: str) -> list[str]:
    """The words of a body that are looked at."""
    return body[:LONGEST_LINE].split(None, MOST_WORDS)[:MOST_WORDS]


class Shapes(dict[str, str]):
    """Word to shape (the word with its values taken out), computed once for words that come again.

    Two generations, so at most twice `size` words of at most 64 characters; what it has forgotten it computes again.
    One may serve any number of miners, since a shape depends on nothing but the word.
    """

    def __init__(self, size: int = 16_384) -> None:
        super().__init__()
        self._size = size
        self._older: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        if word.isdigit():
            return _NUMBER
        shape = self._older.get(word)
        if shape is None:
            shape = _JOINT.join([chunk if i % 2 == 0 else _kind(chunk) for i, chunk in enumerate(_cut(word))])
        if len(word) <= 64:
            if len(self) >= self._size:
                self._older = dict(self)
                self.clear()
            self[word] = shape
        return shape


def form(shapes: tuple[str, ...]) -> Form:
    """The form of a line from the shapes of its words."""
    tokens: list[str] = []
    separators = [""]
    for i, shape in enumerate(shapes):
        chunks = shape.split(_JOINT)
        separators[-1] += " " + chunks[0] if i else chunks[0]
        tokens += chunks[1::2]
        separators += chunks[2::2]
    runs = _runs(tokens, separators)
    return Form(
        tuple(VALUE if stop - start > 1 else _dated(tokens, start) for start, stop in runs),
        (separators[0], *(separators[stop] for _, stop in runs)),
    )


def values(body: str, shapes: Shapes, places: list[int]) -> list[str]:
    """The raw text at some places of a body's form, in order; a run of values is one text, separators and all."""
    raw: list[str] = []
    tokens: list[str] = []
    separators = [""]
    for i, word in enumerate(words(body)):
        chunks = _cut(word)
        separators[-1] += " " + chunks[0] if i else chunks[0]
        raw += chunks[1::2]
        separators += chunks[2::2]
        tokens += shapes[word].split(_JOINT)[1::2]
    runs = _runs(tokens, separators)
    found = []
    for start, stop in (runs[place] for place in places):
        found.append(raw[start] + "".join(separators[i] + raw[i] for i in range(start + 1, stop)))
    return found


@lru_cache(maxsize=4_096)
def is_state(token: str) -> bool:
    """Whether a token ends in a word that has an opposite (started, `SCREEN_ON`): such words are never values."""
    parts = _PARTS.findall(token)
    return bool(parts) and parts[-1].lower() in _STATES


def _cut(word: str) -> list[str]:
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
    if not token or _DIGIT.search(token) or token.count("/") > 1 or "://" in token or _HEX.fullmatch(token):
        return VALUE
    return VALUE if len(token) > 1 and token[0] == "/" else token


_NUMBER: Final = _JOINT + VALUE + _JOINT


def _dated(tokens: list[str], i: int) -> str:
    """The token, or `VALUE` if it is the name of a day or month beside a value."""
    token = tokens[i]
    if token in _DATES:
        before, after = tokens[max(i - 1, 0) : i], tokens[i + 1 : i + 2]
        if VALUE in before or (after and (after[0] == VALUE or after[0] in _DATES)):
            return VALUE
    return token


def _runs(tokens: list[str], separators: list[str]) -> list[tuple[int, int]]:
    """Ranges of tokens that are one: a value with the values and the unit after it, else a token alone."""
    runs: list[tuple[int, int]] = []
    open_run = False
    for i in range(len(tokens)):
        kind = _dated(tokens, i)
        between = separators[i]
        if open_run and ((kind == VALUE and _LIST.fullmatch(between)) or (kind in _UNITS and between in ("", " "))):
            runs[-1] = (runs[-1][0], i + 1)
        elif len(runs) == MOST_TOKENS:
            break
        else:
            runs.append((i, i + 1))
            open_run = kind == VALUE
    return runs
