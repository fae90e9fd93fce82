"""Which tokens of a line are values because of what stands around them, and which of them are one value.

Pure functions of the tokens and the separators of one line; never looks at another line. A token may be a word anywhere
and a value here: after `key=`, in quotes, after `user`. And what a logger writes for one value may be several tokens,
or fewer than the last time: lists, a value and its unit, `1190 bytes (1.16 KB)`, `WorkSource{7}` beside `null`. Each is
one value, so that its length and its optional parts make no other template. States (`vocabulary.is_state`) stay words.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from floodmark.detect.logs.vocabulary import DATES, NO_NAMES, NOTHING, SAYING, TRUTHS, UNITS, is_state

VALUE: Final = "\x1e"
"""A token that is a value. White space to `str.split`, so no word holds it."""
MOST_TOKENS: Final = 192
"""Tokens of a body that are looked at."""

_LIST: Final = re.compile(r"[ ,;:]*|[./#_-]*")
"""What may stand between two values that are one."""
_MARKS: Final = frozenset({"-", "--", "*", "**", "\u2013", "\u2014"})
"""Among values these are values that are not there; elsewhere they are punctuation."""
_PLURAL: Final = re.compile(r"(?!always|across)[a-z]{3,}[b-hj-rtv-z]s")
_QUOTES: Final = frozenset("\"'`")
_OPENED: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_BEFORE_QUOTE: Final = frozenset(" =:([{,<>/|")
_AFTER_QUOTE: Final = frozenset(" ,;:)]}>.=|/\\'\"")
_SWITCHES: Final = frozenset({"on", "off", "up", "down", "yes", "no", "true", "false", "ok", "OK", VALUE})
"""Several of these in brackets are a list of how many things stand."""
_ENDS: Final = frozenset(",;)]}>")
_ASIDES: Final = frozenset({" (", "(", " [", "["})
_JOINT: Final = re.compile(r"""([)\]}>"'`]*)(?: |[,;] ?)([(\[{<"'`]*)""")
"""Between the members of a list: what closes one, a separator, what opens the next."""
_LONGEST_MEMBER: Final = 6
_LONGEST_QUOTE: Final = 40
_LONGEST_ASIDE: Final = 6
_SAID_IN_QUOTES: Final = 8
"""More words than these in quotes are a sentence, and sentences say something; after `=` they are a value all the same."""


class Run(NamedTuple):
    """Tokens that are one: those from `start` to `stop`, and what they are: `VALUE`, or the one token.

    `said`: where the value itself ends, if what follows is an aside (`12 bytes (0.01 KB)`). `before` and `after`:
    characters of the separators around it that belong to it, such as brackets.
    """

    start: int
    stop: int
    kind: str
    said: int
    before: int = 0
    after: int = 0


def runs(tokens: list[str], separators: list[str]) -> list[Run]:
    """The tokens of a line in ranges, without gaps, from the first; `separators` has one more than there are tokens."""
    kinds: list[str] = []
    for i in range(len(tokens)):
        kinds.append(_kind_at(tokens, separators, kinds, i))
    found: list[Run] = []
    i = 0
    while i < len(tokens):
        run = _group(tokens, separators, i) or Run(i, i + 1, kinds[i], i + 1)
        last = found[-1] if found else None
        if last is not None and last.kind == VALUE and _one(last, run, separators[i]):
            said = run.said if last.said == last.stop else last.said
            run = Run(last.start, run.stop, VALUE, said, last.before, run.after)
            found.pop()
        elif len(found) == MOST_TOKENS:
            break
        if run.kind == VALUE:
            run = _with_asides(run, kinds, separators)
        found.append(run)
        i = run.stop
        _fold(found, separators)
    return found


def _kind_at(tokens: list[str], separators: list[str], kinds: list[str], i: int) -> str:
    """The token, or `VALUE` if what stands beside it says that it is one. `kinds` has the tokens before it."""
    token = tokens[i]
    before, after = separators[i], separators[i + 1]
    if not i and token != VALUE and "." in token and after in ("(", "[") and tokens[1:2] == [VALUE]:
        return VALUE
    if token == VALUE:
        return token
    if not i:
        return VALUE if token in NOTHING and before[-1:] == "[" and after[:1] == "]" else token
    if token in DATES:
        beside = tokens[i - 1] == VALUE or (i + 1 < len(tokens) and (tokens[i + 1] == VALUE or tokens[i + 1] in DATES))
    elif token in _MARKS:
        beside = (kinds[i - 1] == VALUE or before.rstrip()[-1:] in _OPENED) and (
            (i + 1 < len(tokens) and after == " " and (tokens[i + 1] == VALUE or tokens[i + 1] in _MARKS))
            or after.lstrip()[:1] in (")", "]", "}")
        )
        beside = beside or before.endswith(("=", ": "))
    elif token in TRUTHS:
        beside = (tokens[i - 1] == "to" and before == " ") or before.rstrip(" ").endswith(("=", ":")) or (
            before[-1:] in ("(", "[", "<", "'", '"') and after[:1] in (")", "]", ">", "'", '"')
        )
    elif token in NOTHING:
        beside = NOTHING[token] or after[:1] in ("[", "(") or before[-1:] in ("=", "[", "<", "'", '"')
    elif is_state(token):
        return token
    elif before[-1:] == "=":
        beside = before[-2:-1] not in ("=", "!", "<", ">") and tokens[i - 1].lower() not in SAYING
    elif before == ":" and kinds[i - 1] == VALUE and separators[i - 1][-1:] == "=":
        beside = True  # a value with a colon in it
    elif before in (" = ", "= ") and (not after or after[0] in _ENDS):
        beside = tokens[i - 1].lower() not in SAYING
    elif tokens[i - 1].lower() in ("user", "interface") and token.lower() not in NO_NAMES:
        beside = before == " " or (before == ": " and (not after or after[0] in _ENDS))
    elif tokens[i - 1] == "by" and before == " " and not after and i + 1 == len(tokens):
        beside = token.lower() not in NO_NAMES
    elif tokens[i - 1] == "for" and before == " " == after and tokens[i + 1 : i + 2] == ["from"]:
        beside = tokens[i + 2 : i + 3] == [VALUE]  # who asks, as in `password for root from 10.0.0.1`
    else:
        beside = False
    if not beside and before == " " and tokens[i - 1] == VALUE and token[-1:] == "s" and _PLURAL.fullmatch(token):
        return token[:-1]  # `1 row` and `2 rows`
    if not beside and "." in token and before[-1:] != "(" and not token.endswith(("Error", "Exception")):
        beside = token[0] != "." and token[-1] != "."
    return VALUE if beside else token


def _one(last: Run, run: Run, separator: str) -> bool:
    """Whether a value and what follows it are one."""
    between = separator[last.after : len(separator) - run.before]
    if run.kind == VALUE:
        return _LIST.fullmatch(between) is not None
    return run.kind in UNITS and between in ("", " ")


def _group(tokens: list[str], separators: list[str], i: int) -> Run | None:
    """Several tokens from one on that are a value, by quotes or as the value of a field; None if they are not."""
    separator = separators[i]
    if not separator or not i:
        return None
    last = separator[-1]
    if tokens[i] in _SWITCHES and separator.rstrip()[-1:] in ("(", "["):
        stop = i + 1
        while stop < len(tokens) and separators[stop] in (" ", ", ", ",") and tokens[stop] in _SWITCHES:
            stop += 1
        if stop > i + 1 and separators[stop].lstrip()[:1] in (")", "]"):
            return Run(i, stop, VALUE, stop)
    if last in _QUOTES:
        return _quoted(tokens, separators, i)
    if last in _OPENED and separator[-2:-1] == "=" and tokens[i - 1].lower() not in SAYING:
        stop = _closed(separators, i + 1, last, 0)
        if stop and separators[stop][0] == _OPENED[last]:
            return Run(i, stop, VALUE, stop, 1, 1)
    elif last == "=" and separators[i + 1][:1] in _OPENED and separator[-2:-1] not in ("=", "!", "<", ">"):
        stop = _closed(separators, i + 1, separators[i + 1][0], 1)
        if stop and separators[stop][0] == _OPENED[separators[i + 1][0]]:
            return Run(i, stop, VALUE, stop, 0, 1)
    return None


def _closed(separators: list[str], i: int, opening: str, skipped: int) -> int:
    """Where the bracket closes that opened before a token, if there are no fields within; 0 if it does not."""
    depth, closing = 1, _OPENED[opening]
    for j in range(i, min(len(separators), i + _LONGEST_QUOTE)):
        for c in separators[j][skipped:] if j == i else separators[j]:
            if c == opening:
                depth += 1
            elif c == closing:
                depth -= 1
                if not depth:
                    return j
            elif c in "=:":
                return 0
    return 0


def _quoted(tokens: list[str], separators: list[str], i: int) -> Run | None:
    separator = separators[i]
    quote, escaped = separator[-1], separator[-2:-1] == "\\"
    before = separator[: -2 if escaped else -1]
    if not before or before[-1] not in _BEFORE_QUOTE:
        return None
    for stop in range(i + 1, min(len(separators), i + _LONGEST_QUOTE)):
        found = separators[stop]
        at = found.find(quote)
        if at < 0 or (found[at - 1 : at] == "\\") != escaped:
            continue
        after = found[at + 1 : at + 2]
        if (after and after in _AFTER_QUOTE) or (not after and stop == len(tokens)):
            break
    else:
        return None
    field = before[-1] == "="
    if (before.rstrip()[-1:] in ("{", ",") and after in (":", "=")) or (field and tokens[i - 1].lower() in SAYING):
        return None  # a key, or what happened
    if not any(" " in separators[j] for j in range(i + 1, stop)):
        if is_state(tokens[i]) and stop == i + 1:
            return None
    elif not field and (
        stop - i > _SAID_IN_QUOTES or before.rstrip()[-1:] == ":" or any(is_state(token) for token in tokens[i:stop])
    ):
        return None
    if field and not escaped and at == 0:
        return Run(i, stop, VALUE, stop, 1, 1)  # quotes that loggers write only where there is need
    return Run(i, stop, VALUE, stop)


def _with_asides(run: Run, kinds: list[str], separators: list[str]) -> Run:
    """A value with the brackets after it that say the same in other words: they are not always there."""
    while run.stop < len(kinds):
        opening = separators[run.stop][run.after :]
        if opening not in _ASIDES:
            break
        closing, stop = _OPENED[opening[-1]], 0
        for j in range(run.stop + 1, min(run.stop + _LONGEST_ASIDE, len(kinds)) + 1):
            at = separators[j].find(closing)
            if at >= 0:
                stop = j
                break
            if "=" in separators[j] or opening[-1] in separators[j]:
                break
        within = kinds[run.stop : stop]
        if (VALUE not in within and len(within) != 1) or any(is_state(kind) for kind in within):
            break
        run = run._replace(stop=stop, after=at + 1)
    return run


def _fold(found: list[Run], separators: list[str]) -> None:
    """Let the last members of a list be one with those before: `(id: 1, end: 2), (id: 3, end: 4)` has any length."""
    for size in range(1, min(_LONGEST_MEMBER, len(found) // 2) + 1):
        one, other = found[-2 * size : -size], found[-size:]
        if [run.kind for run in one] != [run.kind for run in other] or all(run.kind != VALUE for run in one):
            continue
        joint = _JOINT.fullmatch(_between(one[-1], other[0], separators))
        if joint is None:
            continue
        closing, opening = joint[1], joint[2]
        if not separators[one[0].start].endswith(opening) or not separators[other[-1].stop].startswith(closing):
            continue
        if all(
            _between(one[j], one[j + 1], separators) == _between(other[j], other[j + 1], separators)
            for j in range(size - 1)
        ):
            found[-size:] = []
            found[-1] = found[-1]._replace(stop=other[-1].stop, after=other[-1].after)
            return


def _between(one: Run, other: Run, separators: list[str]) -> str:
    separator = separators[other.start]
    return separator[one.after : len(separator) - other.before]
