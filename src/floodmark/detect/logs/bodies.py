"""A log body as the text that is mined: its first line, JSON and logfmt as a sentence, masks applied. No state.

What a structured body says is its message; the other fields are values, told apart by their names. So the text is the
message and then `key=` and a slot for each field, in order. Fields that a header would hold (time, level) are left out,
and a field that says a state (`"state": "stopped"`) is no value. What went into the slots is kept beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from floodmark.detect.logs.vocabulary import is_state

LONGEST_BODY: Final = 8_192
"""Characters of a body that are looked at; what follows never tells one template from another."""
SLOT: Final = "\ue000"
"""Stands for a value that is known to be one. Private in Unicode, so that nobody's words are taken for it."""

_LONGEST_JSON: Final = 65_536
_MESSAGES: Final = ("message", "msg", "log", "event", "text", "short_message", "@message", "@m", "body")
_HEADER_KEYS: Final = (
    "time ts timestamp @timestamp @t datetime date asctime level lvl severity loglevel log.level levelname priority "
    "syslog.timestamp"
)
_HEADER: Final = frozenset(_HEADER_KEYS.split())
_MOST_FIELDS: Final = 64
_PAIR: Final = re.compile(r'([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s+|$)')
_LOGFMT: Final = frozenset({"msg", "message", "level", "lvl", "severity", "ts", "time", "timestamp", "event", "error"})
"""Pairs are a logfmt line only if one of these is among the keys: `uid=0 pid=7` is a sentence like any other."""


class Text(NamedTuple):
    """What is mined of a body, and for each slot in it, the raw value and the kind if the mask names one."""

    text: str
    slots: Sequence[tuple[str, str]] = ()


class Masks:
    """Patterns of the config whose matches are values, with the name of each; the first that matches has it."""

    def __init__(self, masks: Sequence[tuple[str, str]] = ()) -> None:
        """`masks`: name and pattern."""
        self._names = {f"mask_{i}": name for i, (name, _) in enumerate(masks)}
        either = [f"(?P<mask_{i}>{pattern})" for i, (_, pattern) in enumerate(masks)]
        self._pattern = re.compile("|".join([*either, SLOT]))

    def of(self, said: Text) -> Text:
        """The text with a slot for each masked part."""
        slots: list[tuple[str, str]] = []
        filled = iter(said.slots)

        def slot(found: re.Match[str]) -> str:
            if not found[0]:
                return ""
            if found[0] == SLOT:
                slots.append(next(filled, (SLOT, "")))
            else:
                raw = "".join([next(filled, (SLOT, ""))[0] if c == SLOT else c for c in found[0]])
                slots.append((raw, next(name for group, name in self._names.items() if found[group] is not None)))
            return SLOT

        return Text(self._pattern.sub(slot, said.text), slots)


def first_line(body: str) -> str:
    """The line that says what happened. Of a Python traceback that is the last."""
    lines = [line for line in body.split("\n") if not line.isspace() and line]
    if not lines:
        return ""
    return lines[-1] if lines[0].startswith("Traceback (most recent") else lines[0]


def of_json(body: str) -> Text | None:
    """A JSON object as a sentence; None if it is none."""
    if len(body) > _LONGEST_JSON:
        return None
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return _sentence(_leaves(found, "")) if isinstance(found, dict) else None


def of_words_and_json(body: str) -> Text | None:
    """A line that ends in a JSON object, as a sentence that begins with the words before it; None if it does not."""
    words, brace, _ = body.partition("{")
    said = None if "\n" in words or not brace else of_json(body[len(words) :])
    return said and Text(f"{words.rstrip().replace(SLOT, '?')} {said.text}", said.slots)


def of_pairs(body: str) -> Text | None:
    """A logfmt line as a sentence; None if it is none."""
    pairs: list[tuple[str, object]] = []
    at = 0
    while at < len(body):
        pair = _PAIR.match(body, at)
        if pair is None:
            return None
        pairs.append((pair[1], pair[3] if pair[2] is None else pair[2].replace('\\"', '"')))
        at = pair.end()
    if len(pairs) < 2 or _LOGFMT.isdisjoint(key for key, _ in pairs):
        return None
    return _sentence(pairs)


def _leaves(fields: dict[str, object], above: str) -> Iterable[tuple[str, object]]:
    for key, value in fields.items():
        if isinstance(value, dict) and len(above) < 64:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield above + key, value


def _sentence(fields: Iterable[tuple[str, object]]) -> Text:
    said = dict(fields)
    message = next((key for key in _MESSAGES if isinstance(said.get(key), str)), None)
    words = [str(said.pop(message)).replace(SLOT, "?")] if message is not None else []
    slots: list[tuple[str, str]] = []
    for key, value in said.items():
        if key.lower() in _HEADER:
            continue
        if isinstance(value, str) and value.isalpha() and is_state(value):
            words.append(f"{key}={value}".replace(SLOT, "?"))
        elif len(slots) < _MOST_FIELDS:
            words.append(key.replace(SLOT, "?") + "=" + SLOT)
            slots.append((value if isinstance(value, str) else msgspec.json.encode(value).decode(), ""))
    return Text(" ".join(words), slots)
