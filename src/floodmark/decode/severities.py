"""The severity of a log record, from the many ways people write it to OpenTelemetry's six short names.

Source: the OpenTelemetry logs data model, "Severity Fields" (numbers 1 to 24 in groups of four) and its appendix B of
mappings. Where the appendix disagrees with itself ("critical" is ERROR2 in syslog, FATAL in .NET), the graver is taken.
"""

from __future__ import annotations

NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_SPELLINGS = {
    "TRACE": "t trc trace verbose finest finer",
    "DEBUG": "d dbg debug fine",
    "INFO": "i inf info information informational notice note log config default normal",
    "WARN": "w wrn warn warning",
    "ERROR": "e err error severe failure",
    "FATAL": "f ftl fatal c crit critical alert emerg emergency panic dpanic",
}
_BY_SPELLING = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_BY_SPELLING |= {f"{name.lower()}{step}": name for name in NAMES for step in range(1, 5)}  # OpenTelemetry's INFO2 …
_BY_SPELLING |= {str(number): NAMES[(number - 1) // 4] for number in range(1, 25)}
_BY_SPELLING |= {name: name for name in NAMES}

SYSLOG = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
"""By syslog's own numbers (RFC 5424, table 2): emerg 0, alert, crit, err, warning, notice, info, debug 7."""


def severity(value: str | int | float) -> str:
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL; empty for what is not known. Numbers are OpenTelemetry's, 1 to 24."""
    if isinstance(value, str):
        return _BY_SPELLING.get(value) or _BY_SPELLING.get(value[:32].strip(" []<>:").lower(), "")
    return NAMES[(int(value) - 1) // 4] if 1 <= value <= 24 else ""


def syslog_severity(value: object) -> str:
    """Of a severity that syslog gives as a name, or as its number 0 to 7 or the text of it."""
    if isinstance(value, str):
        return SYSLOG[ord(value) - 48] if len(value) == 1 and "0" <= value <= "7" else severity(value)
    return SYSLOG[value] if type(value) is int and 0 <= value <= 7 else ""
