"""Whether a source says what it says in the usual proportions: how far its template mix is from the usual, one series.

It must never judge. Windows are joined until they have enough lines to tell a mix, so that it does not take a busy
source; nor does it take templates that are new: their novelty is a series of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from math import sqrt
from typing import Final

from floodmark.config.models import Logs
from floodmark.detect.logs import evidence
from floodmark.detect.logs.miner import Template
from floodmark.detect.logs.owner import Owner
from floodmark.detect.logs.windows import Tally
from floodmark.detect.mean import FadingMean
from floodmark.detect.series import Sample

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
"""Templates that the evidence names."""


class Mix:
    """The usual share of each template, the last blocks of lines, and the one that is not full yet.

    The distance is the root of Freeman and Tukey's deviate (1950), Σ(√n + √(n+1) - √(4e+1))² over the templates with n
    lines found and e expected, divided by what chance alone makes of it: 1 is as usual. It is like χ², but sound where
    few lines are expected.
    """

    __slots__ = ("_block", "_blocks", "_logs", "_series", "_shares", "_windows")

    def __init__(self, owner: Owner, logs: Logs) -> None:
        self._logs = logs
        self._series = owner.series("log_mix", "gauge", "", worse="up")
        self._shares: dict[Template, FadingMean] = {}
        self._block: dict[Template, int] = {}
        self._windows = 0
        self._blocks: deque[dict[Template, int]] = deque(maxlen=_BLOCKS)

    def close(self, time: float, tallies: Mapping[Template, Tally]) -> list[Sample]:
        """Take a window, which is over; a sample if it fills the block."""
        for template, tally in tallies.items():
            self._block[template] = self._block.get(template, 0) + tally.count
        self._windows += 1
        full = sum(self._block.values()) >= _LINES
        if not full and self._windows < _WINDOWS:
            return []
        block, self._block, self._windows = self._block, {}, 0
        if not full:
            self._blocks.clear()
            return []
        self._blocks.append(block)
        self._settle()
        made = []
        recent: Counter[Template] = Counter()
        for each in self._blocks:
            recent.update(each)
        known = {template: mean.value for template, mean in self._shares.items() if mean.n >= _KNOWN}
        lines, whole = sum(recent[template] for template in known), sum(known.values())
        if lines >= _LINES / 2 and whole:
            distances, chance = {}, 1.0
            for template, share in known.items():
                found, expected = recent[template], lines * share / whole
                distances[template] = (sqrt(found) + sqrt(found + 1) - sqrt(4 * expected + 1)) ** 2
                chance += min(1.0, 2 * expected)
            oddest = sorted(distances, key=lambda template: (-distances[template], template.id))[:_TOLD]
            changes = [(each, recent[each] / lines, known[each] / whole) for each in oddest]
            of_mix = partial(
                evidence.of_mix, self._logs.secrets, changes, [tallies.get(each) for each in oddest], lines
            )
            made.append(Sample(self._series, time, sqrt(sum(distances.values()) / chance), of_mix))
        self._learn(block)
        return made

    def _learn(self, block: dict[Template, int]) -> None:
        total = sum(block.values())
        for template in block:
            if template not in self._shares:
                self._shares[template] = FadingMean(_FADES, warm=round(1 / _FADES))
        for template, mean in self._shares.items():
            mean.update(block.get(template, 0) / total)

    def _settle(self) -> None:
        """Templates that were joined are one; those that were evicted are none."""
        for block in self._blocks:
            for template in [each for each in block if each.into is not None or each.forgotten]:
                count, current = block.pop(template), template.current()
                if not current.forgotten:
                    block[current] = block.get(current, 0) + count
        for template in [each for each in self._shares if each.into is not None or each.forgotten]:
            gone, current = self._shares.pop(template), template.current()
            if (mean := self._shares.get(current)) is not None:
                mean.restart(mean.value + gone.value, mean.n)
