"""Whether templates, or codes, come in the usual proportions: how far their mix is from the usual one, one series.

It must never judge. Windows are joined until they have enough lines to tell a mix, so that it does not take a busy
source; nor does it take templates that are new: their novelty is a series of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt
from typing import Final, Generic, NamedTuple, TypeVar

from floodmark.config.models import Logs
from floodmark.detect.logs import evidence
from floodmark.detect.logs.miner import Template
from floodmark.detect.logs.owner import Owner
from floodmark.detect.logs.windows import Tally
from floodmark.detect.mean import FadingMean
from floodmark.detect.series import Sample

K = TypeVar("K")

_LINES: Final = 60
"""Lines that make a block."""
_WINDOWS: Final = 10
"""Windows that make a block at most. With fewer lines there is no mix, for an alarm of it would last for hours."""
_BLOCKS: Final = 4
"""Blocks, the newest, that are held against the usual mix: one has too few lines to see a shift by half."""
_KNOWN: Final = 10
"""Blocks since a template was first seen before its share is known."""
_FADES: Final = 0.01
_TOLD: Final = 3
"""Templates, or codes, that the evidence names."""


class Shift(NamedTuple, Generic[K]):
    """How far the last blocks are from the usual, of how many `lines`, and what has changed most: each with its share
    now and before."""

    distance: float
    lines: int
    changes: list[tuple[K, float, float]]


class Proportions(Generic[K]):
    """The usual share of each of some things, the last blocks of them, and the one that is not full yet.

    The distance is the root of Freeman and Tukey's deviate (1950), Σ(√n + √(n+1) - √(4e+1))² over the things with n
    found and e expected, divided by what chance alone makes of it: 1 is as usual. It is like χ², but sound where few
    are expected.
    """

    __slots__ = ("_block", "_blocks", "_learned", "_name", "_novel", "_shares", "_windows")

    def __init__(self, *, novel: bool) -> None:
        """`novel`: whether what is new counts, as what was never there before."""
        self._novel = novel
        self._shares: dict[K, FadingMean] = {}
        self._block: dict[K, int] = {}
        self._windows = 0
        self._blocks: deque[dict[K, int]] = deque(maxlen=_BLOCKS)
        self._learned = 0

    def close(self, counts: Mapping[K, int], name: Callable[[K], str]) -> Shift[K] | None:
        """Take a window, which is over; how far it is from the usual if it fills the block. `name` orders equals."""
        for thing, count in counts.items():
            self._block[thing] = self._block.get(thing, 0) + count
        self._windows += 1
        full = sum(self._block.values()) >= _LINES
        if not full and self._windows < _WINDOWS:
            return None
        block, self._block, self._windows = self._block, {}, 0
        if not full:
            self._blocks.clear()
            return None
        self._blocks.append(block)
        shift = self._shift(name)
        self._learn(block)
        return shift

    def follow(self, gone: Callable[[K], bool], current: Callable[[K], K | None]) -> None:
        """Things that are `gone` are part of another now, their `current`, or of none."""
        for block in (*self._blocks, self._block):
            for thing in [each for each in block if gone(each)]:
                count, now = block.pop(thing), current(thing)
                if now is not None:
                    block[now] = block.get(now, 0) + count
        for thing in [each for each in self._shares if gone(each)]:
            share, now = self._shares.pop(thing), current(thing)
            if now is not None and (mean := self._shares.get(now)) is not None:
                mean.restart(mean.value + share.value, mean.n)

    def _shift(self, name: Callable[[K], str]) -> Shift[K] | None:
        recent: Counter[K] = Counter()
        for each in self._blocks:
            recent.update(each)
        known = {thing: mean.value for thing, mean in self._shares.items() if mean.n >= _KNOWN}
        if self._novel and self._learned >= _KNOWN:
            known = {thing: known.get(thing, 0.0) for thing in (*known, *recent)}
        lines, whole = sum(recent[thing] for thing in known), sum(known.values())
        if lines < _LINES / 2 or not whole or len(known) < 2:  # one alone is no mix
            return None
        distances, chance = {}, 1.0
        for thing, share in known.items():
            found, expected = recent[thing], lines * share / whole
            distances[thing] = (sqrt(found) + sqrt(found + 1) - sqrt(4 * expected + 1)) ** 2
            chance += min(1.0, 2 * expected)
        oddest = sorted(distances, key=lambda thing: (-distances[thing], name(thing)))[:_TOLD]
        changes = [(each, recent[each] / lines, known[each] / whole) for each in oddest]
        return Shift(sqrt(sum(distances.values()) / chance), lines, changes)

    def _learn(self, block: dict[K, int]) -> None:
        total = sum(block.values())
        self._learned = min(self._learned + 1, _KNOWN)
        for thing in block:
            if thing not in self._shares:
                self._shares[thing] = FadingMean(_FADES, warm=round(1 / _FADES))
        for thing, mean in self._shares.items():
            mean.update(block.get(thing, 0) / total)


class Mix:
    """The mix of one source's templates."""

    __slots__ = ("_logs", "_proportions", "_series")

    def __init__(self, owner: Owner, logs: Logs) -> None:
        self._logs = logs
        self._series = owner.series("log_mix", "gauge", "", worse="up")
        self._proportions: Proportions[Template] = Proportions(novel=False)

    def close(self, time: float, tallies: Mapping[Template, Tally]) -> list[Sample]:
        """Take a window, which is over; a sample if it fills the block."""
        self._proportions.follow(_is_gone, _current)
        shift = self._proportions.close({each: tally.count for each, tally in tallies.items()}, _id)
        if shift is None:
            return []
        told = [tallies.get(template) for template, _, _ in shift.changes]
        of_mix = partial(evidence.of_mix, self._logs.secrets, shift.changes, told, shift.lines)
        return [Sample(self._series, time, shift.distance, of_mix)]


def _is_gone(template: Template) -> bool:
    return template.into is not None or template.forgotten


def _current(template: Template) -> Template | None:
    current = template.current()
    return None if current.forgotten else current


def _id(template: Template) -> str:
    return template.id
