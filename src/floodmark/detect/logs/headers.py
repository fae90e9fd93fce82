"""Where a raw line's header ends: time, level, process, thread, host, logger. What it never does: look at the body.

Nothing is configured, and nothing is learned. Each word has a class, one letter (`classify`); the classes of the first
words are a short text, and one regular expression over that text is the grammar of headers. A header has a time: a line
without one is all body. The rest of the grammar is what loggers write around it:

- what stands before the time is a mark, a number, or one word with the looks of a name (a file, a host);
- what stands between the time and a level in capitals is header, if it looks like names, numbers and brackets;
- a lone letter is a level after the process and thread numbers only (Android's logcat);
- after the level come brackets (threads, request ids), and a logger: a qualified name (`a.b.C`), with a colon or not;
- the time of RFC 3164 is followed by the host, and by the program up to its colon (`sshd[7]:`);
- a name or a bracket followed by a lone dash is header; so are fields between bars.

Plain words (`Failed:`) and names of exceptions are body even where a logger might stand: to cut too little costs a
longer template, to cut too much makes two templates one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 40
"""Words in which a header must end."""

_LONGEST_WORD: Final = 256

_DATES: Final = re.compile(
    r"""(?P<S> \d{4}[-/.]\d{1,2}[-/.]\d{1,2}[T_@-]\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[.,:]\d+)?(?:Z|[+-]\d\d:?\d\d)?
         | \d{8}[T-]\d{1,2}:?\d{1,2}:?\d{1,2}(?:[.,:]\d+)?Z?
         | \d{10}\.\d+
         | \d{1,2}[/-](?:\d\d|[A-Z][a-z]{2})[/-]\d{2,4}[:T-]\d\d:\d\d:\d\d(?:[.,]\d+)?)
      | (?P<D> \d{4}[-/.]\d{1,2}[-/.]\d{1,2} | \d\d?[-/.]\d\d?[-/.]\d{2,4} | \d\d[-/]\d\d
         | \d\d?[-/][A-Z][a-z]{2}[-/]\d{2,4} | [IWEF]\d{4})
      | (?P<T> \d{1,2}:\d\d(?::\d\d)?(?:[.,:]\d+)?(?:Z|[+-]\d\d:?\d\d)?)
      | (?P<E> \d{10} | \d{13})
      | (?P<N> \d+)
      | (?P<M> Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)
      | (?P<W> Mon|Tue|Wed|Thu|Fri|Sat|Sun)
      | (?P<Z> UTC|GMT|Z|AM|PM|[CEMP][SD]T|CES?T|[+-]\d{4})""",
    re.VERBOSE,
)
"""What a word without the brackets around it may be: time stamp, date, clock, epoch, number, month, weekday, zone."""
_LEVEL: Final = re.compile(
    r"trace|debug|verbose|info|information|notice|note|warn|warning|error|err|severe|crit|critical|fatal|alert|emerg|"
    r"panic|fine|finer|finest|log",
    re.IGNORECASE,
)
_PLAIN_LEVELS: Final = frozenset({"trace", "debug", "verbose", "info", "notice", "warn", "Error", "Warning"})
"""Levels without capitals, brackets or a colon: others begin sentences as well (`error opening the file`)."""
_FIRST: Final = {
    "R": r"<\d+>\d",  # the priority and version of RFC 5424
    "F": r"\[?\d+\.\d{6}\]",  # the kernel's seconds since boot
    "D": r"\[\d\d?\.\d\d?",
}
_OTHERS: Final = {
    "P": r"[^\s\[\]]+\[\d+\]:",  # a program and its process
    "p": r"[^\s\[\]]+\[\d+\]",
    ";": r"\(\S*\):",  # whom a process speaks for, as macOS has it
    "B": r"\[\]|\[.*\][:,]?|<[\d.]+>",
    "O": r"stdout|stderr",
    "l": r"[VDIWEFTCN]",
    "x": r"[\w.$]*(?:Error|Exception|Warning):",
    "K": r"[A-Za-z][\w-]*(?:[.$/@]|::)[\w.$/@:*()<>#-]*:|[A-Z]+[a-z]+\w*[A-Z]\w*:|[a-z]\w*[A-Z]\w*:",
    "k": r"[A-Za-z#][\w().#/*-]*:",
    "v": r"[\d.]+:",
    "Q": r"[A-Za-z_][\w-]*(?:(?:[.$]|::)[\w-]+)+",
    "X": r"[A-Z][A-Z\d_-]+",
    "w": r"[^\W\d]+",
}
"""The classes of the other words, the first that fits. `V`: none of them."""
_MARKS: Final = {"-": "-", "--": "-", "---": "-", "*": "-", "\u2013": "-", "\u2014": "-", "|": "|", ":": ":"}

_GROUP: Final = r"(?:B|\([^)]{0,16}\))"  # words in brackets: "(" opens, ")" closes
_DAY: Final = r"(?:W?MNTZ?[N)]?Z?|W?MNNTZ?|W?NMNTZ?)"
_TIME: Final = rf"(?:S|DTZ?|TDZ?|{_DAY})"
_NAMED: Final = r"(?:K|P|p(?=[B(])|[wXQ]:|(?<=[-|])[QVXw](?=-)|Q)"  # a logger
_AFTER_LEVEL: Final = rf"\)?(?:[-|]|{_GROUP}|N(?=[-|B(QKP]))*{_NAMED}?{_GROUP}?(?:(?<=[B)QKVXw])-)?"
_BEFORE: Final = r"(?:-|[VXQB]\|?|w\|)?"  # one mark or name before the time
_HEADER: Final = re.compile(
    rf"""
      RS.{{4}}(?:-|{_GROUP})                                          # RFC 5424
    | SO.                                                             # a container's line by the CRI
    | [-X]?ED.{_TIME}(?:.{{1,2}}P|.[kK]|.w[kK])                       # clusters: epoch, date, node, then as syslog
    | {_BEFORE}(?:[-X]?ED.{_TIME}|{_TIME}|E|N{{1,3}}(?=U)|T(?=[-|B(UL])|\(?F)
      (?:
        (?:(?:[NVZBXQO|-]|{_GROUP}|w(?=[-|])){{0,6}}?U                # a level in capitals, and what follows it
         |(?:[NZ|-]|{_GROUP}|[QVXw][-|]){{0,4}}?L){_AFTER_LEVEL}      # another nearer to the time
      | wp(?=[B(]){_GROUP}                                            # a level that may be a word, a process, brackets
      | N{{1,2}}l(?:[kK]|[wQXV]:)?                                    # logcat
      | N\)                                                           # klog
      | (?<=T).{{1,3}}?P | (?<=S).{{1,2}}?P | (?<=[TS]).p;            # a program and its process
      )
    | [-X]?ED.{_TIME}.                                                # the same without a program
    | MNT(?:.[kK]|.w[kKv]|.)                                          # RFC 3164 without a process number
    | N.{{1,3}}E                                                      # a numbered record, its fields, epoch
    | {_BEFORE}(?:{_TIME}|T(?=[-|B(])|\(?F)
      (?:
        (?:\|[^|]{{1,3}}){{1,3}}\|                                    # fields between bars
      | [QVXBw]V?-
      | (?:-|{_GROUP})*K?
      )
    """,
    re.VERBOSE,
)


def _either(patterns: Mapping[str, str]) -> tuple[list[str], re.Pattern[str]]:
    """The classes, and an expression whose group i is the i-th of them."""
    return ["", *patterns], re.compile("|".join(f"({p})" for p in patterns.values()))


_FIRST_CLASSES, _FIRST_PATTERN = _either(_FIRST)
_OTHER_CLASSES, _OTHER_PATTERN = _either(_OTHERS)
_NOT_PLAIN: Final = frozenset({"stdout", "stderr"})


def classify(word: str) -> str:
    """The class of a word in a header: one character."""
    if word.isalpha() and word.islower() and word not in _NOT_PLAIN:
        return "L" if word in _PLAIN_LEVELS else "w"
    if len(word) > _LONGEST_WORD:
        return "V"
    mark = _MARKS.get(word)
    if mark is not None:
        return mark
    found = _FIRST_PATTERN.fullmatch(word)
    if found is not None and found.lastindex is not None:
        return _FIRST_CLASSES[found.lastindex]
    bare = word.lstrip("[(<").rstrip("])>,")
    if word[0] == "<" and ">" in word:  # a syslog priority
        bare = word[word.index(">") + 1 :]
    found = _DATES.fullmatch(bare)
    if found is not None and found.lastgroup is not None:
        kind = found.lastgroup
        if kind not in "NEZ" or (word[0] not in "[(<" and word[-1] not in "])>"):
            return kind
    level = bare.rstrip(":")
    if _LEVEL.fullmatch(level):
        if level.isupper():
            return "U" if word[0].isupper() else "L"
        return "L" if level != word or word in _PLAIN_LEVELS or word.lower() in _PLAIN_LEVELS else "w"
    opened = word.count("[") - word.count("]")
    if opened and (word[0] == "[" or word[-1] == "]" or word[-2:] == "]:"):
        return "(" if opened > 0 else ")"
    found = _OTHER_PATTERN.fullmatch(word)
    return _OTHER_CLASSES[found.lastindex] if found is not None and found.lastindex is not None else "V"


def length(classes: str) -> int:
    """How many words of a line are its header. Never all of them."""
    found = _HEADER.match(classes[:LONGEST])
    end = found.end() if found else 0
    return end if end < len(classes) else 0
