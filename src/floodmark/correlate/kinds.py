"""What an anomaly says of its entity, by the words of its series' name: which kind of trouble, and of whom it speaks.

Names carry meaning: a full disk explains a slow caller, and a slow caller explains nothing. It must never know the name
of a system. A series called `x17` is of the kind "other".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

from floodmark.correlate.symptoms import Symptom

Kind = Literal["resource", "silence", "own", "failure", "latency", "outward", "load", "other"]
"""resource: something is used up (or a model's input has drifted); own: time spent in the entity itself; failure: it
answers wrongly; latency: it answers late; outward: it waits for others; load: it has other work to do than usual, or
less of everything."""

_TOKENS: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+[a-z]*")
"""Words of snake_case, CamelCase and dotted names; figures stay with the letters before them: p95."""
_ALNUM: Final = re.compile(r"[a-z0-9]+")
_WORDS: Final[Sequence[tuple[Kind, tuple[str, ...], frozenset[str]]]] = (
    # Beginnings of words, and whole words. The first line that fits decides.
    (
        "resource",
        (
            "satur", "throttl", "oom", "evict", "restart", "crash", "disk", "exhaust", "leak", "cpu", "mem", "heap",
            "swap", "thread", "queue", "utili", "iowait", "steal", "backlog", "inode", "drift", "pool", "iops",
            "descriptor", "filesystem",
        ),
        frozenset(
            {"fd", "fds", "gc", "rss", "full", "lag", "io", "use", "used", "usage", "df", "load1", "load5", "load15"}
        ),
    ),
    (
        "failure",
        (
            "err", "fail", "fault", "exception", "reject", "timeout", "success", "availab", "abort", "refus", "unavail",
            "retrans", "drop", "discard",
        ),
        frozenset({"5xx", "retry", "retries", "ready", "healthy", "alive"}),
    ),
    ("load", ("byte",), frozenset({"octets"})),
    (
        "latency",
        ("latenc", "duration", "response", "delay", "wait", "slow", "elapsed"),
        frozenset({"time", "rtt", "ttfb"}),
    ),
    (
        "load",
        (
            "request", "workload", "throughput", "connection", "network", "packet", "syscall", "traffic", "message",
            "call",
        ),
        frozenset({"n", "count", "ops", "qps", "rps", "rate", "hits", "lines"}),
    ),
)  # fmt: skip
_QUANTILE: Final = re.compile(r"p\d\d+")
_OUTWARD: Final = ("client", "upstream", "outbound", "egress", "depend", "backend")
_KEPT: Final = ("mem", "heap", "rss")
"""Less of these is no lack of work: a process has begun anew."""
_FREE: Final = ("free", "avail", "idle", "remain", "headroom", "success", "ready", "health", "alive")
"""Of these, less is worse."""
_STATES: Final = frozenset({"idle", "free", "available"})
"""Values of labels that say the same: the CPU in the state idle."""
_FAILS: Final = re.compile(
    r"err|fail|timed? ?out|refus|unavail|exception|denied|reset|abort|reject|panic|fatal|deadlock|lost| 50\d",
    re.IGNORECASE,
)
_TIMES: Final = frozenset({"s", "ms", "us", "ns"})
"""Units of what takes time: `http_server_requests_seconds` is no load."""
_CALLERS: Final = frozenset({"caller", "client", "source", "src", "from", "consumer", "downstream"})
"""Labels that say who asks: what is odd there is the fault of whom the series belongs to, not of whom they name."""
_CACHED: Final = 20_000


def kind(symptom: Symptom) -> Kind:
    """Which kind of trouble it is a sign of."""
    if symptom.head in ("stale", "flatline"):
        return "silence"
    if symptom.signal == "prediction":
        return "resource"
    name, down = symptom.name, symptom.direction == "down"
    if name.startswith("log_"):
        if name in ("log_errors", "log_error_ratio", "log_code_errors", "log_code_error_ratio"):
            return "load" if down else "failure"
        if name == "log_lines":
            return "load"
        return "failure" if not down and _FAILS.search(symptom.template) else "other"
    if name == "up":
        return "failure"
    by_name, kept, free = _by_name(name)
    if by_name == "load" and symptom.unit in _TIMES:
        by_name = "latency"
    if by_name in ("load", "other"):
        return by_name
    if symptom.worse == "both":
        free = free or not _STATES.isdisjoint(symptom.labels.values())
        harmless = symptom.direction == "up" if free else down and not kept
    else:
        harmless = symptom.direction not in (symptom.worse, "none")
    return "load" if harmless else by_name


@lru_cache(_CACHED)
def _by_name(name: str) -> tuple[Kind, bool, bool]:
    """The kind by its name alone; whether less of it is no lack of work; whether less of it is worse."""
    words = [word.lower() for word in _TOKENS.findall(name)]

    def begins(beginnings: tuple[str, ...]) -> bool:
        return any(word.startswith(beginnings) for word in words)

    found: Kind = "other"
    for kind_, beginnings, whole in _WORDS:
        if begins(beginnings) or not whole.isdisjoint(words):
            found = kind_
            break
    if found in ("other", "load") and any(_QUANTILE.fullmatch(word) for word in words):
        found = "latency"
    if found in ("latency", "other") and "self" in words:
        found = "own"
    if found == "latency" and begins(_OUTWARD):
        found = "outward"
    return found, begins(_KEPT), begins(_FREE)


def normal(text: str) -> str:
    """Lower-case words with one space around each: " call to fraud scorer failed "."""
    return f" {' '.join(_ALNUM.findall(text.lower()))} "


class Names:
    """Entities, to be found in texts by the words of their names."""

    def __init__(self, entities: Iterable[str]) -> None:
        self._by_words: dict[tuple[str, ...], str] = {}
        for entity in entities:
            if words := tuple(_ALNUM.findall(entity.lower())):
                self._by_words.setdefault(words, entity)
        self._lengths = sorted({len(words) for words in self._by_words}, reverse=True)

    def named(self, symptom: Symptom) -> list[str]:
        """Other entities that the symptom speaks of, in the order of its words: in the values of its labels (the
        operation that is called, the peer), in the template of its lines, and in the lines themselves."""
        words = _said(tuple(sorted(symptom.labels.items())), symptom.template, tuple(symptom.lines))
        found: dict[str, None] = {}
        place = 0
        while place < len(words):
            for length in self._lengths:  # the longest first: payment-db is not payment
                if (entity := self._by_words.get(words[place : place + length])) is not None:
                    found[entity] = None
                    place += length - 1
                    break
            place += 1
        found.pop(symptom.entity, None)
        return list(found)


@lru_cache(_CACHED)
def _said(labels: tuple[tuple[str, str], ...], template: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    """Its words in lower case; "|" between texts, so that no name is found across them."""
    values = [value for label, value in labels if label not in _CALLERS and label != "template"]
    words = [word for text in (*values, template, *lines) for word in (*_ALNUM.findall(text.lower()), "|")]
    return tuple(words)
