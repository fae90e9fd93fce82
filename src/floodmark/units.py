"""Values in words: numbers with their units as people say them. "1.3 GB", "240 ms", "96 %", "38 a second".

Units come as UCUM (OpenTelemetry: `By`, `ms`, `{request}/s`), as words (Telegraf, StatsD) or only in the name of a
metric (Prometheus: `_bytes`, `_seconds_total`). Bytes are said in powers of 1000, as the SI has it: a kB is 1000 B
wherever it is written. It must never decide anything: it is for people alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

Ladder = tuple[tuple[float, str], ...]
"""Units of one kind, each with its size and its name, the smallest first."""

_BYTES: Final[Ladder] = ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"), (1e15, "PB"))
_BITS: Final[Ladder] = ((1.0, "bit"), (1e3, "kbit"), (1e6, "Mbit"), (1e9, "Gbit"), (1e12, "Tbit"))
_SECONDS: Final[Ladder] = (
    (1e-9, "ns"),
    (1e-6, "µs"),
    (1e-3, "ms"),
    (1.0, "s"),
    (60.0, "min"),
    (3600.0, "h"),
    (86400.0, "d"),
)
_HERTZ: Final[Ladder] = ((1.0, "Hz"), (1e3, "kHz"), (1e6, "MHz"), (1e9, "GHz"))
_PLAIN: Final[Ladder] = ((1.0, ""), (1e6, "million"), (1e9, "billion"), (1e12, "trillion"))
_EARLY: Final = 2.0
"""Minutes, hours and days begin at two of them: 90 s is said sooner than 1.5 min."""
_SLOW: Final = 0.1
"""Fewer in a second are said by the minute, and fewer in a minute by the hour."""
_PER: Final = {"s": "a second", "min": "a minute", "h": "an hour", "d": "a day"}

_KINDS: Final[dict[str, tuple[Ladder, float]]] = {
    **dict.fromkeys(("By", "B", "byte", "bytes", "octet", "octets"), (_BYTES, 1.0)),
    **dict.fromkeys(("kBy", "kB", "KB", "kilobytes"), (_BYTES, 1e3)),
    **dict.fromkeys(("MBy", "MB", "megabytes"), (_BYTES, 1e6)),
    **dict.fromkeys(("GBy", "GB", "gigabytes"), (_BYTES, 1e9)),
    **dict.fromkeys(("TBy", "TB", "terabytes"), (_BYTES, 1e12)),
    **dict.fromkeys(("KiBy", "KiB", "Ki", "kibibytes"), (_BYTES, 2.0**10)),
    **dict.fromkeys(("MiBy", "MiB", "Mi", "mebibytes"), (_BYTES, 2.0**20)),
    **dict.fromkeys(("GiBy", "GiB", "Gi", "gibibytes"), (_BYTES, 2.0**30)),
    **dict.fromkeys(("TiBy", "TiB", "Ti", "tebibytes"), (_BYTES, 2.0**40)),
    **dict.fromkeys(("bit", "bits"), (_BITS, 1.0)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), (_SECONDS, 1.0)),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), (_SECONDS, 1e-3)),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), (_SECONDS, 1e-6)),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), (_SECONDS, 1e-9)),
    **dict.fromkeys(("min", "minute", "minutes"), (_SECONDS, 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), (_SECONDS, 3600.0)),
    **dict.fromkeys(("d", "day", "days"), (_SECONDS, 86400.0)),
    **dict.fromkeys(("Hz", "hz", "hertz"), (_HERTZ, 1.0)),
}
_SIGNS: Final = {
    **dict.fromkeys(("%", "percent", "pct"), "%"),
    **dict.fromkeys(("Cel", "celsius", "degC"), "°C"),
    "[degF]": "°F",
    "volts": "V",
    "amperes": "A",
    "watts": "W",
    "joules": "J",
    "{cpu}": "CPUs",
    "cores": "cores",
}
_OF_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(("bytes", "octets", "kilobytes", "megabytes", "gigabytes"), ""),
    **dict.fromkeys(("seconds", "milliseconds", "millis", "ms", "microseconds", "us", "nanoseconds", "ns"), ""),
    **dict.fromkeys(("hertz", "celsius", "volts", "amperes", "watts", "joules"), ""),
    "percent": "%",
    "pct": "share or %",
    **dict.fromkeys(("ratio", "utilization", "utilisation", "fraction"), "share"),
    "mb": "MB",
    "kb": "kB",
    "gb": "GB",
}
"""Last words of a metric's name that are its unit; an empty one is the unit itself."""
_AGGREGATES: Final = re.compile(r"(?:total|sum|max|min|avg|mean|last|p\d+|rx|tx|read|write|in|out)")
"""Words that stand behind the unit in a name."""
_COUNTED: Final = ("_total", "_count", "_sum", "_bucket")
"""Prometheus's suffixes of counters, which are watched as rates."""
_COLLECTD: Final = {"memory": "By", "df_df_complex": "By", "swap": "By", "cpu": "%", "df_percent_bytes": "%"}
"""Of collectd's types that say no unit. Its CPUs count hundredths of seconds, so that a second has a hundred."""
_TELEGRAF: Final = re.compile(r"cpu_usage_(?:user|system|idle|iowait|steal|nice|irq|softirq|guest|guest_nice|active)")
_WHOLE: Final = 10.0
"""A share above this is no share of one: it is in percent already, or is none."""
_FAR: Final = 0.01
"""Times the unit of the larger value: what is less has a unit of its own."""
_NEAR: Final = 95.0
"""Percent from which on what is missing to a hundred is what counts, of two values beside each other."""
_VERY_NEAR: Final = 99.0
"""The same of one value."""
_NOTHING: Final = 5e-4
"""Times the other value: what was less before, and less than one, is said to be 0."""
_COUNTS: Final = frozenset(("lines", "templates", "requests", "sessions"))
"""What Floodmark itself counts."""


class Unit(NamedTuple):
    """A unit as it is understood: values times `factor` are in the smallest of `ladder`, per second, minute or hour if
    `per` says so. `word` is what is counted (`counted`: "lines"), or a sign ("%"). `share`: of one, said in percent;
    if it is more than that can be it is in percent already, should `word` be "%"."""

    ladder: Ladder = _PLAIN
    factor: float = 1.0
    word: str = ""
    per: str = ""
    share: bool = False
    counted: bool = False


@lru_cache(maxsize=4096)
def parsed(unit: str, name: str = "") -> Unit:
    """What a unit means; what it leaves open, the metric's `name` says, if one is given."""
    bare, slash, per = unit.strip().partition("/")
    if slash and per.strip("{}") in ("s", "sec", "second"):
        per = "s"
    elif slash and per in ("min", "h", "d"):
        pass
    elif unit in ("rps", "qps", "ops", "reqps", "hz/s"):
        bare, per = "", "s"
    elif slash:
        bare, per = unit.strip(), ""
    if name and (bare in ("", "1") or bare.startswith("{")) and not unit.startswith("{cpu}"):
        word = bare.strip("{}") if bare.startswith("{") else ""
        bare, per = _by_name(name, bare, per)
        if word and bare in ("", "1"):
            bare = f"{{{word}}}"
    if bare in _KINDS:
        ladder, factor = _KINDS[bare]
        if ladder is _SECONDS and per == "s":  # seconds of work in a second
            return Unit(factor=factor, share=True)
        return Unit(ladder, factor, per=per)
    if bare in ("share", "share or %"):
        return Unit(share=True, word="%" if bare != "share" else "")
    if bare in ("", "1"):
        return Unit(per=per)
    if bare in _SIGNS:
        return Unit(word=_SIGNS[bare], per=per)
    return Unit(word=bare.strip("{}").replace("_", " "), per=per, counted=bare.startswith("{") or bare in _COUNTS)


def number(value: float | None, unit: str, name: str = "") -> str:
    """A value with three significant digits and its unit; "unknown" if it is none."""
    if value is None or not math.isfinite(value):
        return "unknown"
    return said([value], parsed(unit, name), 3)[0]


def reach(low: float | None, high: float | None, unit: str, name: str = "") -> str:
    """A range, its unit once: "12 to 40 ms"."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{number(low, unit, name)} to {number(high, unit, name)}"
    first, last = said([low, high], parsed(unit, name), 3)
    return f"{_bare(first, last)} to {last}"


def change(before: float | None, now: float | None, unit: Unit) -> str:
    """From what to what, with as few digits as tell them apart: "0.1 → 38 a second"; only what it is now, if nothing
    is known of before, and the other way round."""
    if now is None or not math.isfinite(now):
        return "" if before is None or not math.isfinite(before) else said([before], unit, 2)[0]
    if before is None or not math.isfinite(before):
        return said([now], unit, 2)[0]
    if abs(before) < min(1.0, abs(now) * _NOTHING):
        before = 0.0
    first = last = ""
    for digits in (2, 3, 4, 6):
        first, last = said([before, now], unit, digits)
        if first != last:
            break
    if first == last:
        return last
    return f"{_bare(first, last)} → {last}"


def said(values: Sequence[float], unit: Unit, digits: int) -> list[str]:
    """Finite values in one and the same unit, by the largest of them, with so many significant digits."""
    if unit.share:
        values = [value * unit.factor for value in values]
        if max(abs(value) for value in values) <= _WHOLE:
            return _percents([100 * value for value in values], digits)
        unit = Unit(word=unit.word)
    if unit.word == "%":
        return _percents(values, digits)
    sizes = [abs(value) * unit.factor for value in values]
    per = unit.per
    factor = unit.factor
    if unit.ladder is _PLAIN and per == "s":
        for slower in ("min", "h"):
            if 0 < max(sizes) < _SLOW:
                factor, sizes, per = factor * 60, [size * 60 for size in sizes], slower
    common = _step(unit.ladder, max(sizes))
    texts = []
    for value, size in zip(values, sizes, strict=True):
        small = 0 < size < _FAR * common[0]
        step, name = _step(unit.ladder, size) if small or unit.ladder is _PLAIN else common
        text = figure(value * factor / step, digits)
        word = unit.word
        if unit.counted:
            word = word.removesuffix("s") if text == "1" and not name else word if word.endswith("s") else f"{word}s"
        texts.append(" ".join(part for part in (text, name, word, _PER.get(per, "")) if part))
    return texts


def _bare(first: str, last: str) -> str:
    """The first of two values without what the last one says as well: "14" beside "56 GB", "2 MB" beside "1 GB"."""
    own, every = first.split(" "), last.split(" ")
    while len(own) > 1 and len(every) > 1 and own[-1].removesuffix("s") == every[-1].removesuffix("s"):
        own.pop(), every.pop()
    return " ".join(own)  # "0" beside "1 line a minute", "5.3 million" beside "84,000 a second"


def _step(ladder: Ladder, size: float) -> tuple[float, str]:
    """The unit of a ladder in which a size is said."""
    if ladder is _SECONDS and size == 0:
        return 1.0, "s"
    chosen = ladder[0]
    for step, name in ladder:
        early = _EARLY if ladder is _SECONDS and step >= 60 else 1.0
        if size >= step * early * (1 - 1e-9):
            chosen = step, name
    return chosen


def figure(value: float, digits: int) -> str:
    """A number with so many significant digits, never in powers of ten unless it is tiny: "1,234", "0.0312"."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-4:
        return f"{value:.1e}"
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{min(places, 12)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _percents(values: Sequence[float], digits: int) -> list[str]:
    """Percent; where all are near a hundred the digits are those of what is missing: 99.95 is not 100."""
    near = all((_NEAR if len(values) > 1 else _VERY_NEAR) < value < 100 for value in values)
    texts = []
    for value in values:
        if near:
            places = max(0, min(6, digits - 1 - math.floor(math.log10(100 - value))))
            text = f"{value:.{places}f}"
            text = text.rstrip("0").rstrip(".") if "." in text else text
        else:
            text = figure(value, digits) if abs(value) >= 1e-4 else "0"
        texts.append(f"{text} %")
    return texts


def _by_name(name: str, unit: str, per: str) -> tuple[str, str]:
    """The unit, and what it is per, of a metric whose name may say it."""
    if name in _COLLECTD:
        known = _COLLECTD[name]
        return known, "" if known == "%" else per
    plain = name.lower()
    if written := re.search(r"\(([^()]{1,12})\)\s*$", name):
        within = written[1].strip()
        return (within, per) if within in _KINDS or within in _SIGNS else (unit, per)
    if unit == "" and not per and plain.endswith(_COUNTED):
        per = "s"
    if re.search(r"per_?sec(?:ond)?$|[._]?[rq]ps$", plain):
        return unit, "s"
    if re.search(r"per_?min(?:ute)?$", plain):
        return unit, "min"
    if _TELEGRAF.fullmatch(plain):
        return "%", ""
    words = [word for word in re.split(r"[^a-z0-9%]+", plain) if word]
    while len(words) > 1 and _AGGREGATES.fullmatch(words[-1]):
        words.pop()
    last = words[-1] if words else ""
    if last in ("count", "bucket"):
        return unit, per
    if last in _OF_NAMES and len(words) > 1:
        return _OF_NAMES[last] or last, per
    if plain.startswith(
        (
            "model_accuracy",
            "model_precision",
            "model_recall",
            "log_error_ratio",
            "log_code_error_ratio",
            "span_error_ratio",
        )
    ):
        return "share", ""
    return unit, per
