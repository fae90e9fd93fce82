"""How series are written: names with labels as Prometheus has them, and promtool's notation of values.

A value that is missing is None; one that is stale (the producer says that there is none) is NaN.
"""

from __future__ import annotations

import math
import re
from typing import Final

MOST: Final = 1_000_000
"""Values of a series."""
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RUN: Final = re.compile(rf"({_NUMBER})(?:([-+])({_NUMBER}))?(?:x(\d+))?")
_MISSING: Final = re.compile(r"_(?:x(\d+))?")
_NAME: Final = re.compile(r"\s*([^{}\s]+(?: [^{}\s]+)*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL: Final = re.compile(r"""\s*([^\s=,"'{}]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*(,|$)""")
_ESCAPED: Final = re.compile(r"\\(.)")


def values(text: str) -> list[float | None]:
    """The values of promtool's notation. Raises ValueError with what cannot be read."""
    found: list[float | None] = []
    for word in text.split():
        found += _values(word)
        if len(found) > MOST:
            raise ValueError(f"{text!r} has more than {MOST:,} values")
    if not found:
        raise ValueError("there are no values in it")
    return found


def series(text: str) -> tuple[str, dict[str, str]]:
    """Name and labels of 'name{label="value", …}'. Raises ValueError with what cannot be read."""
    match = _NAME.fullmatch(text)
    if match is None or (match[1] is None and match[2] is None):
        raise ValueError(f"""{text!r} is no series; write it like latency_ms{{service="checkout"}}""")
    labels: dict[str, str] = {}
    rest = (match[2] or "").strip()
    while rest:
        label = _LABEL.match(rest)
        if label is None:
            raise ValueError(f"""{rest!r} is no list of labels; write it like {{service="checkout", env="prod"}}""")
        value = label[2] if label[2] is not None else label[3]
        labels[label[1]] = _ESCAPED.sub(r"\1", value)
        rest = rest[label.end() :].strip()
    name = match[1] or labels.pop("__name__", "")
    return name, labels


def _values(word: str) -> list[float | None]:
    if word == "stale":
        return [math.nan]
    if missing := _MISSING.fullmatch(word):
        return [None] * _times(word, missing[1], 1)
    run = _RUN.fullmatch(word)
    if run is None:
        raise ValueError(f"{word!r} is no run of values; write it like 1+2x5, 4x3, _x3 or stale")
    first, sign, by, times = run.groups()
    if by is not None and times is None:
        raise ValueError(f"{word!r} does not say how often; write it like {word}x5")
    step = 0.0 if by is None else float(by) * (-1 if sign == "-" else 1)
    return [float(first) + step * number for number in range(_times(word, times, 0) + 1)]


def _times(word: str, text: str | None, otherwise: int) -> int:
    times = otherwise if text is None else int(text[:9])
    if times > MOST:
        raise ValueError(f"{word!r} has more than {MOST:,} values")
    return times
