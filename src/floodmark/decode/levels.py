"""The level that a line of plain text says: from the words of its header, as loggers write them. No state.

A level is taken where a logger would put it, and nowhere else: a word in capitals, in brackets or before a colon among
the first words; or a notation of its own (klog's letter, Celery's `ERROR/MainProcess`, `PHP Fatal error:`). A word that
is only part of the message is none: what stands after `no` or `level to`, and before `rate`, `count` or `none`.

Most lines have a level among their first words, or no trace of one at all. Only what is between costs more than a look.
"""

from __future__ import annotations

import re
from typing import Final

from floodmark.decode.severities import SYSLOG, severity

HEAD: Final = 160
"""Characters in which the words of a header must lie."""
_WORDS: Final = 6
"""Words at the beginning, marks not counted, among which a level is looked for."""
_MOST: Final = 10
"""With the marks."""

_BARE: Final = """TRACE DEBUG INFO NOTICE WARN WARNING ERROR ERR SEVERE CRITICAL CRIT FATAL PANIC EMERG VERBOSE TRC
DBG INF WRN FTL VRB"""
"""Words that are a level by themselves, in capitals."""
_MARKED: Final = (
    f"{_BARE} ALERT EMERGENCY TRC VRB INF INFORMATION NOTE CONFIG FINE FINER FINEST DBUG TRCE CRITICAL EROR"
)
"""Words that are one in brackets too."""
_COLON: Final = f"{_BARE} ALERT EMERGENCY LOG DBUG TRCE"
_KEYS: Final = ("level", "lvl", "severity", "loglevel", "log_level", "log.level", "levelname", "priority")
_NOT_AFTER: Final = frozenset(
    "no not non without zero any if on of to is as or and from with using never nor level severity last".split()  # noqa: SIM905
)
"""A level after one of these is a word like any other."""
_NOT_BEFORE: Final = frozenset(["rate", "rates", "ratio", "count", "counts", "counter", "budget"])
"""And so is one in capitals before one of these,"""
_NO_VALUES: Final = frozenset(["none", "none,", "none.", "null", "nil", "<nil>", "false", "0", "0,", "0.", "n/a"])
"""or one in small letters that is said to be nothing: `error: none`."""
_PUNCTUATION: Final = frozenset(("-", "--", "---", "|", ":", "::", "/", ">", "=", "*", "#"))


def _spellings() -> dict[str, str]:
    found = {}
    for word in _BARE.split():
        for plain in (word, f"{word},"):
            found[plain] = severity(word)
    for word in _COLON.split():
        for plain in (f"{word}:", f"{word};"):
            found[plain] = severity(word)
        if word != "LOG":
            found[f"{word.lower()}:"] = severity(word)
    for word in _MARKED.split():
        for each in (word, word.lower(), word.title()):
            for opened, closed in ("[]", "<>", "()", "||", "{}"):
                for after in ("", ":"):
                    found[f"{opened}{each}{closed}{after}"] = severity(word)
    for word in _MARKED.split():
        for key in _KEYS:
            for value in (word, word.lower(), word.title()):
                for written in (value, f'"{value}"', f"'{value}'"):
                    found[f"{key}={written}"] = found[f"{key}={written},"] = severity(word)
    return found | {"[System]": "INFO"}  # MySQL


_MARKS: Final = _spellings()
_MARKED_WORDS: Final = frozenset(_MARKS)
_NUMBERS: Final = frozenset("0123456789<[=EWVDIF")
"""With what the notations begin that have a letter or a number for the level."""
_KLOG: Final = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_REDIS: Final = {".": "DEBUG", "-": "DEBUG", "*": "INFO", "#": "WARN"}

_CAPITALS: Final = (
    "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|PANIC|ALERT|EMERG(?:ENCY)?"
)
_ANY: Final = (
    "trace|trc|trce|debug|dbg|dbug|verbose|vrb|info|inf|information|notice|note|warn|warning|wrn|error|err|eror|errs|"
    "noti|severe|critical|crit|fatal|ftl|panic|alert|emerg|emergency"
)
_LEVEL_WORDS: Final = frozenset(_ANY.split("|")) | {"fat", "verbose", "trivia", "deprecated", "fine", "config"}
_LETTERS: Final = re.compile(r"[a-z]+")
_KEY: Final = "|".join(map(re.escape, _KEYS))
_CLOCK: Final = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?(?:[ ]?[AP]M)?(?:Z|[ ]?[+-]\d\d:?\d\d)?"
_ELSEWHERE: Final = re.compile(
    rf"""
      \[\ *(?:[\w.-]{{1,40}}:)?(?P<bracket>(?i:{_ANY}))\ *\]              # [WARN ] [error   ] [core:error] [x][error]
    | <(?P<angle>(?i:{_ANY}))>                                            # ClickHouse, ArubaOS
    | (?<![\w/.=-])(?P<name>{_CAPITALS})[:/](?=[A-Za-z_])                 # ERROR:root:, ERROR/MainProcess
    | (?<=[\w\]])\.(?P<channel>{_CAPITALS}):\                             # Monolog: app.ERROR:
    | \|\ *(?P<bar>(?i:{_ANY}))\ *\|                                      # NLog, loguru
    | (?:^|{_CLOCK}|\])[ ]{{1,2}}(?P<short>ERR|WRN|INF|DBG|FTL|TRC|VRB|FAT)(?=[ \]])      # Serilog, zerolog
    | \t(?P<tab>(?i:{_ANY}))\t                                            # zap, Istio
    | ["'](?:{_KEY}|@l)["']\ *:\ *["'](?P<member>(?i:{_ANY}))["']           # JSON after words, or cut off
    | (?<![\w.])(?:{_KEY})=["']?(?P<key>(?i:{_ANY}))(?=["',;)\s]|$)
    | PHP\ (?P<php>Fatal\ error|Parse\ error|Recoverable\ fatal\ error|Warning|Notice|Deprecated):
    | {_CLOCK}\ (?P<esx>trivia|verbose|info|warning|error|fatal)\ [\w.-]+\[                # ESXi, vCenter
    """,
    re.VERBOSE,
)
_PHP: Final = {"Notice": "INFO", "Deprecated": "INFO", "Warning": "WARN"}
_FIRST: Final = re.compile(
    r"""
      (?:\[?(?:\d[\d:./,TZ+-]*+\ ?){0,3}\]?\ ?)?                           # nothing or a time before it
      (?:(?P<console>fail|crit|dbug|trce|Error|Warning|Fatal(?:\ error)?):(?=\s)
        |(?P<raised>(?:Uncaught\ |Unhandled\ )?(?:[A-Za-z_][\w$]*\.)*[A-Z][\w$]*(?:Error|Exception)):[ ]
        |(?P<trace>Traceback\ \(most\ recent\ call\ last\):|Exception\ in\ thread\ "))
    """,
    re.VERBOSE,
)
_NUMBERED: Final = re.compile(
    r"""
      <(?P<daemon>[0-7])>                                                  # systemd's sd-daemon
    | \d{1,8}:[XCSM]\ \d\d?\ [A-Z][a-z]{2}\ (?:\d{4}\ )?[\d:.]{8,12}\ (?P<redis>[.\-*\#])[ ]
    | \d\d-\d\d\ [\d:.]{12}\ +\d+\ +\d+\ (?P<logcat>[VDIWEF])\             # Android
    | (?P<brief>[VDIWEF])/[\w.$-]{1,64}\ *\(\ *\d+\):
    | \d{4}-\d\d-\d\d[T\ ][\d:.,]{8,15}(?:Z|[+-]\d\d:?\d\d)?\ (?P<letter>[VDIWEFC][1-5]?)\ (?:\||[A-Z]{3,12}\ +\[|\[)
    | \[\d\d?:\d\d:\d\d(?:[.,]\d+)?\ (?P<serilog>[A-Za-z]{3,11})\]
    | (?P<apt>[EW]):\ (?=[A-Z])
    | (?P<glog>[IWEF])\d{8}\ \d\d:\d\d:\d\d
    | =(?P<erlang>ERROR|WARNING|INFO|CRASH|SUPERVISOR|PROGRESS)\ REPORT=
    """,
    re.VERBOSE,
)
_ERLANG: Final = {"CRASH": "ERROR", "SUPERVISOR": "ERROR", "PROGRESS": "INFO"}
_REQUEST: Final = re.compile(r'\] "[A-Z]{3,8} /')
_JAVA: Final = re.compile(r"\n(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ")
"""java.util.logging begins its second line with it."""


def level_of_line(text: str) -> str:
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL; empty if the line says none."""
    head = text[:HEAD]
    if (request := head.find('] "')) >= 0 and _REQUEST.match(head, request) is not None:
        return ""  # lines of requests have none, and of these there are the most
    words = head.split(None, _MOST)
    if not words:
        return ""
    level = _MARKS.get(words[0])
    if level is not None and not _only_a_word(words, 0):
        return level
    if not _MARKED_WORDS.isdisjoint(words) and (said := _among(words)):
        return said
    first = words[0]
    if first[0] in _NUMBERS:
        if len(first) == 5 and first[0] in _KLOG and first[1:].isdigit():
            return _KLOG[first[0]]  # Kubernetes' klog: E1015 11:01:46.499073
        if (found := _NUMBERED.match(head)) is not None:
            return _of_number(found)
    small = head.lower()
    if (
        ("err" in small or "warn" in small or "inf" in small or "fatal" in small or "crit" in small or "debug" in small)
        or ("exception" in small or "trac" in small or "notice" in small or "emerg" in small or "fail:" in small)
        or "\n" in head
    ):
        return _elsewhere(text, head, small)
    return ""


def _among(words: list[str]) -> str:
    """The level that stands among the first words."""
    left = _WORDS
    for place, word in enumerate(words[:_MOST]):
        if word in _MARKS:
            if not _only_a_word(words, place):
                return _MARKS[word]
        elif word in _PUNCTUATION:
            continue
        left -= 1
        if not left:
            break
    return ""


def _only_a_word(words: list[str], place: int) -> bool:
    """Whether what looks like a level is part of the message, by the words around it."""
    if place and words[place - 1].lower() in _NOT_AFTER:
        return True
    if place + 1 == len(words):
        return False
    word, after = words[place], words[place + 1].lower()
    return after in _NOT_BEFORE if word.isalpha() else after in _NO_VALUES and word[:1].islower()


def _of_number(found: re.Match[str]) -> str:
    kind, said = found.lastgroup or "", found[found.lastgroup or 0]
    if kind == "daemon":
        return SYSLOG[int(said)]
    if kind == "redis":
        return _REDIS[said]
    if kind == "erlang":
        return _ERLANG.get(said) or severity(said)
    if kind == "serilog":
        return severity(said)
    return "TRACE" if said == "V" else severity(said[:1])


def _elsewhere(text: str, head: str, small: str) -> str:
    found = _FIRST.match(head)
    if found is not None:
        kind, said = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "console":
            if not _denied(head[found.end() :]):
                return severity(said.split(" ")[0])
        else:
            return "ERROR"
    if "\n" not in head and _LEVEL_WORDS.isdisjoint(_LETTERS.findall(small)):
        return ""
    for found in _ELSEWHERE.finditer(head):
        kind, said = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "php":
            return _PHP.get(said, "ERROR")
        if kind == "esx":
            return severity(said)
        if head[: found.start()].count(" ") > 2 * _WORDS or (kind != "member" and _after_denial(head[: found.start()])):
            continue
        return severity(said)
    java = _JAVA.search(text[: 2 * HEAD])
    return severity(java[1]) if java is not None else ""


def _denied(rest: str) -> bool:
    words = rest.split(None, 1)
    return bool(words) and words[0].lower() in _NO_VALUES


def _after_denial(before: str) -> bool:
    words = before.rsplit(None, 1)
    return bool(words) and words[-1].lower() in _NOT_AFTER
