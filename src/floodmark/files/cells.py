"""What the cells of tables say: numbers and times as people and programs write them. Never guesses: what could be
read in two ways is refused with the question, and the option that answers it."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal, NamedTuple

from floodmark.decode.decoder import EventError
from floodmark.decode.timestamps import parse

Decimal = Literal[".", ","]

# fmt: off
MISSING: Final = frozenset([
    "", "-", "--", "---", "\u2013", "\u2014", ".", "?", "*", "n/a", "na", "#n/a", "#na", "n.a.", "n.d.", "k.a.", "nan",
    "-nan", "nat", "1.#qnan", "-1.#ind", "null", "(null)", "<null>", "<na>", "none", "nil", "undefined", "unknown",
    "missing", "\\n", "#value!", "#div/0!", "#ref!", "no data", "not available",
])
# fmt: on
"""How people and programs write that there is no value, in lower case."""

_LONGEST: Final = 100
"""Characters of a cell that may be a number or a time."""
_TRUTH: Final = {"true": 1.0, "false": 0.0}
_SPACES: Final = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u200a\u202f\u2008\u2005\u2006'\u2019_", " "))
_MINUS: Final = str.maketrans("\u2212\ufe63\uff0d", "---")
_CURRENCY: Final = "$€£¥₹₩₽"
_CELL: Final = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<money>[{_CURRENCY}])?\s*(?P<sign2>[-+])?"
    r"(?P<number>(?:\d[\d., ]*|[.,]\d[\d ]*)(?:[eE][-+]?\d+)?)"
    r"\s*(?P<unit>[^\d\s().,][^()]{0,19}?)?\s*(?P<close>\))?"
)
_INFINITE: Final = re.compile(r"[-+]?(?:inf|infinity|∞)", re.IGNORECASE)

_SCALES: Final[dict[str, tuple[str, float]]] = {
    **dict.fromkeys(("ns", "nsec", "nanoseconds"), ("s", 1e-09)),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microseconds"), ("s", 1e-06)),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds", "millisecond"), ("s", 0.001)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("s", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("s", 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("s", 3600.0)),
    **dict.fromkeys(("d", "day", "days"), ("s", 86400.0)),
    **dict.fromkeys(("B", "By", "b", "byte", "bytes", "Bytes"), ("By", 1.0)),
    **dict.fromkeys(("kB", "KB", "kBy"), ("By", 1000.0)),
    **dict.fromkeys(("MB", "MBy"), ("By", 1000000.0)),
    **dict.fromkeys(("GB", "GBy"), ("By", 1000000000.0)),
    **dict.fromkeys(("TB", "TBy"), ("By", 1000000000000.0)),
    **dict.fromkeys(("KiB", "kiB", "Ki", "KiBy"), ("By", 2.0**10)),
    **dict.fromkeys(("MiB", "Mi", "MiBy"), ("By", 2.0**20)),
    **dict.fromkeys(("GiB", "Gi", "GiBy"), ("By", 2.0**30)),
    **dict.fromkeys(("TiB", "Ti", "TiBy"), ("By", 2.0**40)),
    **dict.fromkeys(("k", "K"), ("", 1000.0)),
    **dict.fromkeys(("M", "mio"), ("", 1000000.0)),
    **dict.fromkeys(("G", "bn"), ("", 1000000000.0)),
}
"""What the units after a number come to: in which unit, and times what. Any other unit stays as it is written."""

_ZONELESS: Final = re.compile(
    r"(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)(?:[T _]*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|UTC|GMT|[-+]\d\d:?(?:\d\d)?)?",
    re.IGNORECASE,
)
_NAMED: Final = (
    *("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S", "%d %b %Y %H:%M:%S", "%d-%b-%Y %H:%M:%S", "%d %b %Y %H:%M"),
    *("%d-%b-%Y %H:%M", "%b %d %Y %H:%M:%S", "%b %d %Y %I:%M:%S %p", "%b %d %Y %H:%M", "%b %d %Y %I:%M %p"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%a %b %d %H:%M:%S %Y", "%a %d %b %Y %H:%M:%S", "%a %d %b %Y %H:%M:%S %z"),
    *("%d %B %Y %H:%M:%S", "%B %d %Y %H:%M:%S", "%B %d %Y %I:%M:%S %p", "%d-%b-%y %H:%M:%S"),
)
"""Forms in which the month has a name, so that they can be read in one way only."""
_EITHER: Final = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[T ]+(\d{1,2}):(\d\d)(:\d\d)?([.]\d+)?\s*([AaPp][Mm])?)?"
)


class CellError(ValueError):
    """Why a cell cannot be read, by class (as decoders refuse) and in a sentence."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Number(NamedTuple):
    """What stands before the unit, the unit as it is written, and whether more than plain digits were read."""

    value: float
    written: str = ""
    dressed: bool = False


def number(text: str, decimal: Decimal = ".") -> Number | None:
    """What a cell says: 1234.5 of "1,234.5", "1 234.5", "$1,234.5" or, with a decimal comma, of "1.234,5"; 12 and "ms"
    of "12 ms". None if it says that there is no value. Raises CellError."""
    plain = text.strip()
    if len(plain) > _LONGEST:
        raise CellError("wrong_type", f"{text!r:.60} is no number")
    if decimal == "." or "," not in plain:
        with suppress(ValueError):
            found = float(plain)
            if "_" not in plain and math.isfinite(found) and not (decimal == "," and _grouped(plain, ".")):
                return Number(found)
    if plain.lower() in MISSING:
        return None
    if (truth := _TRUTH.get(plain.lower())) is not None:
        return Number(truth, "", True)
    if _INFINITE.fullmatch(plain):
        raise CellError("infinite", f"{text!r:.60} is not finite")
    match = _CELL.fullmatch(plain.translate(_SPACES).translate(_MINUS).strip())
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise CellError("wrong_type", f"{text!r:.60} is no number")
    value = _digits(match["number"], decimal, text)
    if "-" in (match["sign"], match["sign2"]) or match["open"]:
        value = -value
    return Number(value, (match["unit"] or "").strip() or match["money"] or "", True)


def scale(written: str) -> tuple[str, float]:
    """The unit in which all of its kind are, and what a number in it is multiplied with: ("s", 0.001) of "ms"."""
    return _SCALES.get(written, (written, 1.0))


def hint(text: str) -> Decimal | None:
    """Which decimal sign a cell shows, None if it could be either."""
    match = _CELL.fullmatch(text[:_LONGEST].strip().translate(_SPACES).translate(_MINUS).strip())
    if match is None:
        return None
    digits = match["number"]
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "," if digits.rindex(",") > digits.rindex(".") else "."
    if dots > 1 or commas > 1:
        return "," if dots > 1 else "."
    if commas and not _grouped(digits, ","):
        return ","
    return "." if dots and not _grouped(digits, ".") else None


def moment(text: str, zone: tzinfo = UTC) -> float:
    """Epoch seconds of a time: a number since the epoch, ISO 8601 in its usual spellings, or one with a named month.

    Without an offset it is of `zone`. Raises CellError: also for 01/02/2026, which is two days.
    """
    plain = text[:_LONGEST].strip().strip("[]").strip()
    if plain[4:5] == "-":
        with suppress(ValueError):
            return _epoch(datetime.fromisoformat(plain), zone)
    if len(plain) != 12:  # 202601311200 is no millisecond of 1976
        with suppress(EventError):
            return parse(plain)
    if re.fullmatch(r"\d{9,20},\d{1,9}", plain):
        plain = plain.replace(",", ".")
    compact = _ZONELESS.fullmatch(plain)
    if compact and (not plain.isdigit() or len(plain) in (8, 12, 14)):
        year, month, day, hour, minute, second, fraction, offset = compact.groups()
        whole = f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}.{(fraction or '0')[:6]:0<6}"
        with suppress(ValueError):
            return _epoch(datetime.fromisoformat(whole + _offset(offset)), zone)
    if _EITHER.fullmatch(plain):
        raise CellError("not_a_time", f"{text!r:.60} is read in two ways; {question(plain)}")
    named = " ".join(plain.replace(",", " ").replace(" GMT", " +0000").replace(" UTC", " +0000").split())
    for form in _NAMED:
        with suppress(ValueError):
            return _epoch(datetime.strptime(named, form), zone)  # noqa: DTZ007  made aware by _epoch
    try:
        return parse(plain)
    except EventError as error:
        raise CellError(error.error, error.message) from None


def question(text: str, day_first: bool | None = None) -> str:
    """What to answer so that a date of three numbers can be read. `day_first`: as other rows have shown, if any has."""
    match = _EITHER.fullmatch(text.strip())
    if match is None:
        return ""
    first, sign, second, year, hour, _, seconds, fraction, half = match.groups()
    if day_first is None and (int(first) > 12) != (int(second) > 12):
        day_first = int(first) > 12
    clock = f"{'%I' if half else '%H'}:%M{':%S' if seconds else ''}{'.%f' if fraction else ''}{' %p' if half else ''}"
    rest = f"{sign}{'%Y' if len(year) == 4 else '%y'}{f' {clock}' if hour else ''}"
    days, months = f"--time-format '%d{sign}%m{rest}'", f"--time-format '%m{sign}%d{rest}'"
    if day_first is None:
        return f"does the day come first ({days}) or the month ({months})?"
    return f"give {days if day_first else months} if it means that"


def shows_day_first(text: str) -> bool | None:
    """Whether a date of three numbers has the day before the month, None if it does not show."""
    match = _EITHER.fullmatch(text.strip())
    if match is None or (int(match[1]) > 12) == (int(match[3]) > 12):
        return None
    return int(match[1]) > 12


def two_ways(text: str) -> bool:
    """Whether this is a date of three numbers, such as 01/02/2026."""
    return _EITHER.fullmatch(text.strip()) is not None


def _epoch(time: datetime, zone: tzinfo) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=zone)).timestamp()


def _offset(written: str | None) -> str:
    if not written:
        return ""
    return "+00:00" if written.upper() in ("Z", "UTC", "GMT") else written + ":00" * (len(written) == 3)


def _grouped(digits: str, sign: str) -> bool:
    """Whether the signs could stand between thousands: 1,234 or 12,345,678."""
    return re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}})+", digits) is not None


def _digits(text: str, decimal: Decimal, cell: str) -> float:
    group = "," if decimal == "." else "."
    mantissa, mark, exponent = text.strip().replace("E", "e").partition("e")
    whole, _, fraction = mantissa.strip().partition(decimal)
    whole = whole.strip()
    for sign in (group, " "):
        if sign in whole:
            parts = whole.split(sign)
            # Also India's lakhs: 12,34,567.
            if not (1 <= len(parts[0]) <= 3 and all(len(p) in (2, 3) for p in parts[1:]) and len(parts[-1]) == 3):
                raise CellError("wrong_type", f"{cell!r:.60} is no number: {_sign(sign)} is not between thousands")
            whole = "".join(parts)
    try:
        return float(f"{whole or '0'}.{fraction.strip() or '0'}{mark}{exponent}")
    except ValueError:
        raise CellError("wrong_type", f"{cell!r:.60} is no number with {_sign(decimal)} before its fraction") from None


def _sign(sign: str) -> str:
    return {",": "a comma", ".": "a dot", " ": "a space"}[sign]
