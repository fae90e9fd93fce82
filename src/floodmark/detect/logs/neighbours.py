"""Which tokens of a line are values because of what stands around them, and which of them are one value.

Pure functions of the tokens and the separators of one line; never looks at another line. A token may be a word anywhere
and a value here: after `key=`, in quotes, after `user`. And what a logger writes for one value may be several tokens,
or fewer than the last time: lists, a value and its unit, `1190 bytes (1.16 KB)`, `WorkSource{7}` beside `null`. Each is
one value, so that its length and its optional parts make no other template. States (`vocabulary.is_state`) stay words.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from floodmark.detect.logs.vocabulary import (
    COUNTED,
    DATES,
    NO_AGENTS,
    NO_NAMES,
    NOTHING,
    SAYING,
    TRUTHS,
    UNITS,
    is_state,
)

VALUE: Final = "\x1e"
"""A token that is a value. White space to `str.split`, so no word holds it."""
MOST_TOKENS: Final = 192
"""Tokens of a body that are looked at."""

_LIST: Final = re.compile(r"[ ,;:]*|[./#_-]*")
"""What may stand between two values that are one."""
_MARKS: Final = frozenset({"-", "--", "*", "**", "\u2013", "\u2014"})
"""Among values these are values that are not there; elsewhere they are punctuation."""
_NAMERS: Final = {"user": NO_NAMES, "User": NO_NAMES, "interface": NO_AGENTS, "Interface": NO_AGENTS}
"""A name follows, unless one of these words does."""
_SWITCHES: Final = frozenset({"on", "off", "up", "down", "yes", "no", "true", "false", "ok", "OK", VALUE})
"""Several of these in brackets are a list of how many things stand."""
_SPECIAL: Final = frozenset({*DATES, *_MARKS, *TRUTHS, *NOTHING})
_BEFORE_SPECIAL: Final = frozenset({*_NAMERS, VALUE, "by", "for"})
_QUOTES: Final = frozenset("\"'`")
_OPENED: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_ENDS: Final = frozenset(",;)]}>")
_BEFORE_QUOTE: Final = frozenset(" =:([{,<>/|")
_AFTER_QUOTE: Final = frozenset(" ,;:)]}>.=|/\\'\"")
_ASIDES: Final = frozenset({" (", "(", " [", "["})
_JOINT: Final = re.compile(r"""([)\]}>"'`]*)(?: |[,;] ?)([(\[{<"'`]*)""")
"""Between the members of a list: what closes one, a separator, what opens the next."""
_LONGEST_MEMBER: Final = 6
_LONGEST_GROUP: Final = 40
_LONGEST_ASIDE: Final = 6
_SAID: Final = 8
"""More words than these in quotes are a sentence, and sentences say something; after `=` they are a value."""


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
    kinds = _kinds(tokens, separators)
    found: list[Run] = []
    i, count = 0, len(tokens)
    while i < count:
        last = found[-1] if found else None
        run = None if not i or separators[i] == " " else _group(tokens, separators, i)
        if run is None:
            run = Run(i, i + 1, kinds[i], i + 1)
        if last is not None and last.kind == VALUE and _one(last, run, separators[i]):
            said = run.said if last.said == last.stop else last.said
            run = Run(last.start, run.stop, VALUE, said, last.before, run.after)
            found.pop()
        elif len(found) == MOST_TOKENS:
            break
        if run.kind == VALUE and separators[run.stop]:
            run = _with_asides(run, kinds, separators)
        found.append(run)
        i = run.stop
        if run.kind == VALUE or separators[i][:1] in _ENDS:
            _fold(found, separators)
    return found


def between(one: Run, other: Run, separators: list[str]) -> str:
    """What stands between a run and the next one, without what belongs to them."""
    separator = separators[other.start]
    return separator[one.after : len(separator) - other.before]


def _kinds(tokens: list[str], separators: list[str]) -> list[str]:
    """For each token, itself or `VALUE`."""
    kinds: list[str] = []
    last = VALUE
    for i, token in enumerate(tokens):
        if token == VALUE or (
            separators[i] == " " and token not in _SPECIAL and last not in _BEFORE_SPECIAL and "." not in token
        ):
            kinds.append(token)
        elif i == 0:
            kinds.append(VALUE if _begins(tokens, separators) else token)
        else:
            kinds.append(VALUE if _is_value(tokens, separators, kinds, i) else token)
        if last == VALUE and token in COUNTED and separators[i] == " " and tokens[i + 1 : i + 2] != [VALUE]:
            kinds[-1] = COUNTED[token]
        last = token
    return kinds


def _begins(tokens: list[str], separators: list[str]) -> bool:
    """Whether the first token is a value: nothing, in brackets, or a name with an address in brackets after it."""
    before, after = separators[0], separators[1]
    if tokens[0] in NOTHING:
        return before[-1:] == "[" and after[:1] == "]"
    return "." in tokens[0] and after in ("(", "[") and tokens[1:2] == [VALUE]


def _is_value(tokens: list[str], separators: list[str], kinds: list[str], i: int) -> bool:
    """Whether what stands around a token says that it is a value. `kinds` has the tokens before it."""
    token, last, before, after = tokens[i], tokens[i - 1], separators[i], separators[i + 1]
    following = tokens[i + 1] if i + 1 < len(tokens) else ""
    if token in DATES:
        return VALUE in (last, following) or following in DATES
    if token in _MARKS:
        among = kinds[i - 1] == VALUE or before.rstrip()[-1:] in _OPENED
        goes_on = after == " " and (following == VALUE or following in _MARKS)
        return before.endswith(("=", ": ")) or (among and (goes_on or after.lstrip()[:1] in (")", "]", "}")))
    if token in TRUTHS and _in_place_of_value(last, before, after):
        return True
    if token in NOTHING:
        return NOTHING[token] or after[:1] in ("[", "(") or before[-1:] in ("=", "[", "<", "'", '"')
    if is_state(token):
        return False
    if before[-1:] == "=":
        return before[-2:-1] not in ("=", "!", "<", ">") and last.lower() not in SAYING
    if after[:1] == "=":
        return False  # the name of a field
    if before in (" = ", "= ") and (not after or after[0] in _ENDS):
        return last.lower() not in SAYING
    if before == ":" and kinds[i - 1] == VALUE and separators[i - 1][-1:] == "=":
        return True  # a value with a colon in it
    if last in _NAMERS and token.lower() not in _NAMERS[last]:
        return before == " " or (before == ": " and (not after or after[0] in _ENDS))
    if before == " " and last == "by" and not after and not following:
        return token.lower() not in NO_AGENTS
    if before == " " == after and last == "for" and following == "from":
        return tokens[i + 2 : i + 3] == [VALUE]  # who asks: `password for root from 10.0.0.1`
    return _is_qualified(token) and before[-1:] != "(" and (after[:1] != ":" or after[:2] == ": " or following == VALUE)


def _in_place_of_value(last: str, before: str, after: str) -> bool:
    if before.rstrip(" ").endswith(("=", ":")) or (last == "to" and before == " "):
        return True
    if before[-1:] in ("(", "[", "<", "'", '"') and after[:1] in (")", "]", ">", "'", '"'):
        return True
    return before.rstrip(" ")[-1:] in ("(", "[", ",") and after[:1] in (")", "]", ",")


def _is_qualified(token: str) -> bool:
    """Whether it is a name with dots in it: of a class, a file, a host, a table. Those of errors say what happened."""
    return "." in token[1:-1] and not token.endswith(("Error", "Exception"))


def _one(last: Run, run: Run, separator: str) -> bool:
    """Whether a value and what follows it are one."""
    joint = separator[last.after : len(separator) - run.before]
    if run.kind == VALUE:
        return _LIST.fullmatch(joint) is not None
    return run.kind in UNITS and joint in ("", " ")


def _group(tokens: list[str], separators: list[str], i: int) -> Run | None:
    """Several tokens from one on that are a value, by quotes or as the value of a field; None if they are not."""
    separator = separators[i]
    last = separator[-1:]
    if tokens[i] in _SWITCHES and separator.rstrip()[-1:] in ("(", "["):
        listed = _switches(tokens, separators, i)
        if listed is not None:
            return listed
    if last in _QUOTES:
        return _quoted(tokens, separators, i)
    opening = last if last in _OPENED else separators[i + 1][:1] if last == "=" else ""
    if opening not in _OPENED:
        return None
    before = 1 if opening == last else 0
    if (
        separator[-1 - before : len(separator) - before] != "="
        or separator[-2 - before : -1 - before] in ("=", "!", "<", ">")
        or tokens[i - 1].lower() in SAYING
    ):
        return None
    stop, after = _closed(separators, i + 1, opening, 1 - before)
    return Run(i, stop, VALUE, stop, before, after) if stop else None


def _switches(tokens: list[str], separators: list[str], i: int) -> Run | None:
    stop = i + 1
    while stop < len(tokens) and separators[stop] in (" ", ", ", ",") and tokens[stop] in _SWITCHES:
        stop += 1
    closed = separators[stop].lstrip()[:1] in (")", "]")
    return Run(i, stop, VALUE, stop) if stop > i + 1 and closed else None


def _closed(separators: list[str], i: int, opening: str, skipped: int) -> tuple[int, int]:
    """The separator in which the bracket closes that opened before a token, and how many characters of it are within.

    Zeros if it does not close, or there are fields within. `skipped`: characters of the first separator before it.
    """
    depth, closing = 1, _OPENED[opening]
    for j in range(i, min(len(separators), i + _LONGEST_GROUP)):
        for at, c in enumerate(separators[j]):
            if j == i and at < skipped:
                continue
            if c == opening:
                depth += 1
            elif c == closing:
                depth -= 1
                if not depth:
                    return j, at + 1
            elif c in "=:":
                return 0, 0
    return 0, 0


def _quoted(tokens: list[str], separators: list[str], i: int) -> Run | None:
    separator = separators[i]
    quote, escaped = separator[-1], separator[-2:-1] == "\\"
    before = separator[: -2 if escaped else -1]
    if not before or before[-1] not in _BEFORE_QUOTE:
        return None
    for stop in range(i + 1, min(len(separators), i + _LONGEST_GROUP)):
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
    within = tokens[i:stop]
    if not any(" " in separators[j] for j in range(i + 1, stop)):
        if len(within) == 1 and is_state(within[0]):
            return None
    elif not field and (len(within) > _SAID or before.rstrip()[-1:] == ":" or any(map(is_state, within))):
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
        closing, stop, after = _OPENED[opening[-1]], 0, 0
        for j in range(run.stop + 1, min(run.stop + _LONGEST_ASIDE, len(kinds)) + 1):
            at = separators[j].find(closing)
            if at >= 0:
                stop, after = j, at + 1
                break
            if "=" in separators[j] or opening[-1] in separators[j]:
                break
        within = kinds[run.stop : stop]
        if VALUE not in within or any(map(is_state, within)):
            break
        run = run._replace(stop=stop, after=after)
    return run


def _fold(found: list[Run], separators: list[str]) -> None:
    """Let the last members of a list be one with those before: `(id: 1, end: 2), (id: 3, end: 4)` has any length."""
    kind, count = found[-1].kind, len(found)
    for size in range(1, min(_LONGEST_MEMBER, count // 2) + 1):
        if found[-1 - size].kind != kind or found[-2 * size].kind != found[-size].kind:
            continue
        one, other = found[-2 * size : -size], found[-size:]
        joint = _JOINT.fullmatch(between(one[-1], other[0], separators))
        if (
            joint is not None
            and separators[one[0].start].endswith(joint[2])
            and separators[other[-1].stop].startswith(joint[1])
            and [run.kind for run in one] == [run.kind for run in other]
            and any(run.kind == VALUE for run in one)
            and _betweens(one, separators) == _betweens(other, separators)
        ):
            found[-size:] = []
            found[-1] = found[-1]._replace(stop=other[-1].stop, after=other[-1].after)
            return


def _betweens(some: list[Run], separators: list[str]) -> list[str]:
    return [between(a, b, separators) for a, b in pairwise(some)]
