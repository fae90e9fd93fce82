"""One thing that was looked at: how it is, where, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

Mark = Literal["ok", "warning", "problem", "unknown"]
"""unknown: it could not be looked at; the words say why. A problem: it does not work like this."""
Part = Literal["Kafka", "topics", "rights", "inputs", "clocks", "state", "engine"]
PARTS: Final[tuple[Part, ...]] = ("Kafka", "topics", "rights", "inputs", "clocks", "state", "engine")


class Finding(NamedTuple):
    """`where`: a broker, topic, group, … `words`: a sentence without its subject. `todo`: what to do, empty if nothing.

    `more`: further lines, such as an example.
    """

    part: Part
    mark: Mark
    where: str
    words: str
    todo: str = ""
    more: tuple[str, ...] = ()

    def as_object(self) -> dict[str, Any]:
        found = self._asdict() | {"more": list(self.more)}
        return {name: value for name, value in found.items() if value}


def counts(findings: Iterable[Finding]) -> Counter[Mark]:
    return Counter(finding.mark for finding in findings)


def spell(count: int, word: str, plural: str = "") -> str:
    """1 record, 1,200 records."""
    return f"{count:,} {word if count == 1 else plural or f'{word}s'}"


def lasting(seconds: float) -> str:
    """A time span as people say it: 12 s, 5 min, 3 h, 2 days."""
    seconds = abs(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for name, size, most in (("s", 1.0, 120.0), ("min", 60.0, 7_200.0), ("h", 3_600.0, 172_800.0)):
        if seconds < most:
            return f"{seconds / size:.2g} {name}" if seconds / size < 10 else f"{seconds / size:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"
