"""The severity of a log record, from the many ways people write it to OpenTelemetry's six short names.

Source: the OpenTelemetry logs data model, "Severity Fields" (numbers 1 to 24 in groups of four) and its appendix B of
mappings. Where the appendix disagrees with itself ("critical" is ERROR2 in syslog, FATAL in .NET), the graver is taken.
"""

from __future__ import annotations

import re
from typing import Final

from floodmark.config.mapping import Scale

NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_SPELLINGS = {
    "TRACE": "t trc trce trace verbose vrb v trivia finest finer",
    "DEBUG": "d dbg dbug debug fine",
    "INFO": "i inf info information informational notice noti note log config default normal",
    "WARN": "w wrn warn warning",
    "ERROR": "e err errs eror error severe fail failure failed",
    "FATAL": "f ftl fat fatal c crit critical alert emerg emergency panic dpanic",
}
_BY_SPELLING = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_BY_SPELLING |= {f"{name.lower()}{step}": name for name in NAMES for step in range(1, 5)}  # OpenTelemetry's INFO2 …
_BY_SPELLING |= {str(number): NAMES[(number - 1) // 4] for number in range(1, 25)}
_BY_SPELLING |= {name: name for name in NAMES}

SYSLOG = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
"""By syslog's own numbers (RFC 5424, table 2): emerg 0, alert, crit, err, warning, notice, info, debug 7."""
_PYTHON: Final = {10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR", 50: "FATAL"}
_STEPS: Final = {
    10: "TRACE",
    20: "DEBUG",
    30: "INFO",
    40: "WARN",
    50: "ERROR",
    60: "FATAL",  # Bunyan, pino
    100: "DEBUG",
    200: "INFO",
    250: "INFO",
    300: "WARN",
    400: "ERROR",
    500: "FATAL",
    550: "FATAL",
    600: "FATAL",
    5_000: "TRACE",
    10_000: "DEBUG",
    20_000: "INFO",
    30_000: "WARN",
    40_000: "ERROR",
    50_000: "FATAL",
}
"""Numbers that are of one scale only: Bunyan's and pino's, Monolog's, Logback's and log4j's."""
_GOOGLE: Final = ("INFO", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "FATAL", "FATAL", "FATAL")
_STEP: Final = re.compile(r"([A-Za-z]+)[+-]\d{1,3}")
"""Go's slog: ERROR+2."""


def severity(value: str | int | float) -> str:
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL; empty for what is not known. Numbers are OpenTelemetry's, 1 to 24."""
    if isinstance(value, str):
        found = _BY_SPELLING.get(value)
        if found is None:
            word = value[:32].strip(" []<>:\t").lower()
            found = _BY_SPELLING.get(word, "")
            if not found and (step := _STEP.fullmatch(word)) is not None:
                found = _BY_SPELLING.get(step[1], "")
        return found
    return NAMES[(int(value) - 1) // 4] if 1 <= value <= 24 else ""


def syslog_severity(value: object) -> str:
    """Of a severity that syslog gives as a name, or as its number 0 to 7 or the text of it."""
    if isinstance(value, str):
        return SYSLOG[ord(value) - 48] if len(value) == 1 and "0" <= value <= "7" else severity(value)
    return SYSLOG[value] if type(value) is int and 0 <= value <= 7 else ""


def of_level(level: object) -> str:
    """The severity that a value of a field called `level` or the like means; empty if it is none.

    Which scale a number is on is told by the number: 10 to 60 is Bunyan's, 100 to 600 Monolog's, from 5,000 on
    Logback's, and what else there is from 9 to 24 OpenTelemetry's. What is below may be anything.
    """
    if level is None:
        return ""
    if isinstance(level, str) and not level.isdecimal():
        return severity(level)
    return on_scale(level, None)


def on_scale(level: object, scale: Scale | None) -> str:
    """The severity of a value whose numbers are of a scale that is known; empty if it is none."""
    if isinstance(level, str):
        if not (level.isascii() and level.isdecimal() and len(level) < 6):
            return severity(level)
        number = int(level)
    elif type(level) is int or (type(level) is float and level.is_integer() and abs(level) < 1e5):
        number = int(level)
    else:
        return ""
    if scale is None:
        return _STEPS.get(number) or (severity(number) if number > 8 else "")
    if scale == "syslog":
        return SYSLOG[number] if 0 <= number <= 7 else ""
    if scale == "opentelemetry":
        return severity(number)
    if scale == "python":
        return _PYTHON.get(number // 10 * 10, "")
    if scale == "google":
        return _GOOGLE[number // 100] if 0 <= number <= 800 else ""
    low, high = {"bunyan": (10, 60), "monolog": (100, 600), "logback": (5_000, 50_000)}[scale]
    return _STEPS.get(number, "") if low <= number <= high else ""
