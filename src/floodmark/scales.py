"""Which units measure the same, and by what one is turned into the other.

Units come as UCUM (OpenTelemetry: `By`, `ms`, `{request}/s`) or as words (`bytes`, `percent`). Temperatures are not
converted: their scales differ in more than a factor. It must never guess: a unit that it does not know measures
nothing that another does.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple


class Scale(NamedTuple):
    """A value times `factor` is in the unit called `of`."""

    of: str
    factor: Fraction


_DECIMAL: Final = {
    "p": Fraction(1, 10**12),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "µ": Fraction(1, 10**6),
    "μ": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "c": Fraction(1, 100),
    "": Fraction(1),
    "k": Fraction(1000),
    "K": Fraction(1000),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
}
_BINARY: Final = {f"{sign}i": Fraction(2 ** (10 * n)) for n, sign in enumerate("KMGTP", 1)} | {"ki": Fraction(1024)}
_WORDS: Final = {
    "nano": "n", "micro": "u", "milli": "m", "centi": "c", "kilo": "k", "mega": "M", "giga": "G", "tera": "T",
    "peta": "P",
}  # fmt: skip
_BINARY_WORDS: Final = {"kibi": "Ki", "mebi": "Mi", "gibi": "Gi", "tebi": "Ti", "pebi": "Pi"}

_SMALL: Final = ("p", "n", "u", "µ", "μ", "m", "c", "")
_LARGE: Final = ("", "k", "K", "M", "G", "T", "P")
_ALL: Final = ("n", "u", "µ", "μ", "m", "", "k", "M", "G", "T")
_WITH_PREFIX: Final[tuple[tuple[str, Fraction, tuple[str, ...], tuple[str, ...]], ...]] = (
    ("s", Fraction(1), ("s", "sec"), _SMALL),
    ("By", Fraction(1), ("By", "B"), _LARGE),
    ("By", Fraction(1, 8), ("bit", "bits"), _LARGE),
    ("1/s", Fraction(1), ("Hz", "hz"), ("", "k", "M", "G")),
    ("W", Fraction(1), ("W",), _ALL),
    ("J", Fraction(1), ("J",), _ALL),
    ("J", Fraction(3600), ("Wh", "W.h"), _ALL),
    ("V", Fraction(1), ("V",), _ALL),
    ("A", Fraction(1), ("A",), _ALL),
    ("Pa", Fraction(1), ("Pa",), ("", "h", "k", "M")),
    ("m", Fraction(1), ("m",), ("n", "u", "m", "c", "", "k")),
    ("g", Fraction(1), ("g",), ("m", "", "k")),
)
_IN_WORDS: Final[tuple[tuple[str, Fraction, str, tuple[str, ...]], ...]] = (
    ("s", Fraction(1), "second", ("nano", "micro", "milli", "centi")),
    ("By", Fraction(1), "byte", ("kilo", "mega", "giga", "tera", "peta", "kibi", "mebi", "gibi", "tebi", "pebi")),
    ("By", Fraction(1, 8), "bit", ("kilo", "mega", "giga", "tera")),
    ("W", Fraction(1), "watt", ("milli", "kilo", "mega")),
    ("J", Fraction(1), "joule", ("milli", "kilo", "mega")),
    ("V", Fraction(1), "volt", ("milli", "kilo")),
    ("A", Fraction(1), "ampere", ("milli",)),
    ("m", Fraction(1), "meter", ("milli", "centi", "kilo")),
    ("g", Fraction(1), "gram", ("milli", "kilo")),
    ("1/s", Fraction(1), "hertz", ("kilo", "mega", "giga")),
)


def _known() -> dict[str, Scale]:
    found: dict[str, Scale] = {}
    for of, factor, names, prefixes in _WITH_PREFIX:
        for name in names:
            for prefix in prefixes:
                by = Fraction(100) if prefix == "h" else _DECIMAL[prefix]
                found[prefix + name] = Scale(of, factor * by)
            if of == "By":
                found |= {prefix + name: Scale(of, factor * by) for prefix, by in _BINARY.items()}
    for of, factor, word, prefixes in _IN_WORDS:
        for prefix in ("", *prefixes):
            by = _BINARY[_BINARY_WORDS[prefix]] if prefix in _BINARY_WORDS else _DECIMAL[_WORDS.get(prefix, "")]
            for name in (prefix + word, f"{prefix}{word}s"):
                found[name] = Scale(of, factor * by)
    by_hand: dict[tuple[str, Fraction], str] = {
        ("s", Fraction(1)): "secs",
        ("s", Fraction(60)): "min minute minutes mins",
        ("s", Fraction(3600)): "h hr hour hours",
        ("s", Fraction(86_400)): "d day days",
        ("s", Fraction(604_800)): "wk week weeks",
        ("s", Fraction(1, 1000)): "msec msecs millis",
        ("s", Fraction(1, 10**6)): "usec usecs micros",
        ("s", Fraction(1, 10**9)): "nsec nsecs nanos",
        ("By", Fraction(1)): "octet octets",
        **{("By", by): prefix for prefix, by in _BINARY.items() if prefix != "ki"},
        **{("By/s", Fraction(by, 8)): f"{p}bps" for p, by in (("", 1), ("k", 1000), ("M", 10**6), ("G", 10**9))},
        **{("By/s", Fraction(by)): f"{p}Bps" for p, by in (("", 1), ("k", 1000), ("M", 10**6), ("G", 10**9))},
        ("1/s", Fraction(1)): "rps qps ops reqps cps",
        ("1/s", Fraction(1, 60)): "rpm opm",
        ("1", Fraction(1)): "1 ratio fraction share none",
        ("1", Fraction(1, 100)): "% percent pct",
        ("1", Fraction(1, 1000)): "‰ [permil]",
        ("1", Fraction(1, 10**6)): "ppm [ppm]",
        ("Cel", Fraction(1)): "Cel celsius degC °C",
        ("[degF]", Fraction(1)): "[degF] fahrenheit degF °F",
        ("K", Fraction(1)): "K kelvin",
    }  # fmt: skip
    for (of, factor), names_in_words in by_hand.items():
        found |= {name: Scale(of, factor) for name in names_in_words.split()}
    return found


_KNOWN: Final = _known()


@lru_cache(maxsize=4096)
def scale(unit: str) -> Scale | None:
    """What a unit measures; None if it is not known. What is counted (`{request}`) is a number as any other."""
    unit = unit.strip()
    if found := _bare(unit):
        return found
    above, slash, below = unit.rpartition("/")
    if not slash:
        return None
    whole, part = _bare(above or "1"), _bare(below)
    if whole is None or part is None:
        return None
    if part.of == "1":  # By/{request}
        return Scale(whole.of, whole.factor / part.factor)
    return Scale(f"{whole.of}/{part.of}", whole.factor / part.factor)


@lru_cache(maxsize=4096)
def ratio(unit: str, other: str) -> float | None:
    """By what values in one unit are to be multiplied to be in the other; None if that cannot be."""
    if unit == other:
        return 1.0
    one, two = scale(unit), scale(other)
    return float(one.factor / two.factor) if one is not None and two is not None and one.of == two.of else None


@lru_cache(maxsize=4096)
def converted(values: tuple[float, ...], unit: str, other: str) -> tuple[float, ...] | None:
    """Bounds in the other unit, to the digit: 0.07 s are 70 ms and not a little more. None if that cannot be."""
    if unit == other:
        return values
    one, two = scale(unit), scale(other)
    if one is None or two is None or one.of != two.of:
        return None
    factor = one.factor / two.factor
    return tuple(float(Fraction(repr(value)) * factor) for value in values)


def _bare(unit: str) -> Scale | None:
    found = _KNOWN.get(unit) or _KNOWN.get(unit.lower() if len(unit) > 3 else unit)
    if found is None and unit.startswith("{") and unit.endswith("}"):
        return Scale("1", Fraction(1))
    return found
