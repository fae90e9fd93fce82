"""The bank as the series core uses it: series go in and out, points of those that are in it run through the kernel.

The kernel is loaded with the first point, so that nobody pays for compiling who has no metrics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import numpy as np

from floodmark.config.models import Detector
from floodmark.detect.bank import layout
from floodmark.detect.bank.carry import BITS, bits, freeze, set_mean, thaw
from floodmark.detect.bank.table import Bank
from floodmark.detect.model import Judgement, SeriesModel
from floodmark.detect.twin import SeriesDetector
from floodmark.detect.watched import NONE_LATE, Watched, lateness

_WAYS: Final = {"up": 1, "down": -1, "none": 0}
_NO_METRICS: Final = np.zeros(0, layout.METRIC)


class BankedSeries:
    """The rows of a task's metrics, judged by its detectors."""

    def __init__(self, detectors: Sequence[Detector], evidence: int) -> None:
        self._evidence = evidence
        self._detectors = tuple(detectors)
        self._bank = Bank(evidence)
        self._rules = np.array([(each.false_alarms, each.warmup) for each in detectors], layout.RULE)
        self._rule_of = {id(each): i for i, each in enumerate(detectors)}
        self._tally = np.zeros(len(layout.TALLY), np.int64)

    # -- points

    def run(self, points: layout.Points, metrics: layout.Rows, at: int, now: tuple[float, ...]) -> layout.Stop:
        """See the kernel. `now`: tick, lateness, ticks' width, and the time before which silence is nobody's fault."""
        from floodmark.detect.bank.kernel import run  # noqa: PLC0415 - compiles

        bank = self._bank
        bank.make_room()
        return layout.Stop(
            *run(
                at,
                points.refs,
                points.times,
                points.values,
                points.starts,
                metrics,
                bank.rows,
                bank.day_mean,
                bank.day_count,
                bank.weeks,
                bank.cells,
                self._rules,
                bank.free_weeks,
                bank.clock,
                self._tally,
                np.array(now),
            )
        )

    def step(self, slot: int, time: float, value: float, resumed: float) -> int:
        """One point of one series that is in the bank; why the kernel stopped."""
        points = layout.Points(np.array([self.token(slot)]), np.array([float(time)]), np.array([float(value)]))
        return self.run(points, _NO_METRICS, 0, (0.0, 0.0, 1.0, resumed)).why

    # -- series

    def take(self, watched: Watched) -> int:
        """A row for a series that is out, and stays out until it is put back."""
        heads = bits(watched.out) if watched.out is not None else 0
        heads |= layout.STALE if "stale" in watched.detector.heads else 0
        rule = self._rule_of[id(watched.detector)]
        slot = self._bank.take(rule, heads, counting=watched.series.kind == "rate", time=watched.last)
        self._bank.rows["out"][slot] = 1
        return slot

    def back(self, limit: float) -> None:
        """No series had a point beyond `limit`: those that are said to have had one had it then."""
        rows, weeks = self._bank.rows, self._bank.weeks
        for name in ("last", "learned", "day_since"):
            rows[name][rows[name] > limit] = limit  # NaN is not greater
        weeks["since"][weeks["since"] > limit] = limit

    def give_back(self, slot: int) -> None:
        self._bank.give_back(slot)

    def take_out(self, watched: Watched) -> SeriesModel:
        """The series as a model; until it is put back the row is stale."""
        watched.out = SeriesModel(watched.series.kind, watched.detector, self._evidence, None)
        self._read(watched.slot, watched)
        self._bank.rows["out"][watched.slot] = 1
        return watched.out

    def put_back(self, watched: Watched) -> None:
        if watched.out is None:
            return
        self._write(watched, watched.slot)
        row = self._bank.rows[watched.slot]
        row["scheduled"] = watched.due is not None
        row["out"] = 0
        watched.out, watched.sporadic = None, NONE_LATE

    def to_river(self, slot: int) -> SeriesDetector:
        """A copy of a series as an object of River; the row stays as it is, and they go separate ways.

        Its detector is the row's. A rate of what is no count of whole events comes as a gauge, which is judged alike.
        Raises ValueError if the row holds no series: it is nobody's, or its series is out of it.
        """
        row = self._row(slot)
        detector = self._detectors[row["rule"]]
        moves = "flatline" not in detector.heads or row["heads"] & layout.FLATLINE
        found = SeriesDetector(detector, "rate" if row["counting"] else "gauge" if moves else "ratio", self._evidence)
        self._read(slot, found.watched)
        return found

    def from_river(self, slot: int, detector: SeriesDetector) -> None:
        """From now on the series in this row is what such a detector, which stays as it is, has learned.

        The row's own detector goes on to set the level. Raises ValueError as `to_river`, and if the heads are not those
        of the row.
        """
        row = self._row(slot)
        watched = deepcopy(detector.watched)
        wanted = [name for name, bit in BITS.items() if row["heads"] & bit]
        if watched.model.heads != wanted:
            heads = ", ".join(watched.model.heads)
            raise ValueError(f"row {slot} is judged by {', '.join(wanted)}; this detector by {heads}")
        watched.model.keep(self._evidence)
        self._bank.drop_week(slot)
        self._write(watched, slot)

    def _row(self, slot: int) -> layout.Rows:
        rows = self._bank.rows
        if not 0 <= slot < len(rows) or not rows["token"][slot]:
            raise ValueError(f"row {slot} is nobody's")
        if rows["out"][slot]:
            raise ValueError(f"the series of row {slot} is out: for an open alarm, or for heads that no row can hold")
        row: layout.Rows = rows[slot]
        return row

    def _read(self, slot: int, watched: Watched) -> None:
        """Set a fresh series to what the row says."""
        row = self._bank.rows[slot]
        thaw(self._bank, slot, watched.model)
        watched.last, watched.gap = float(row["last"]), float(row["gap"])
        watched.sporadic = lateness()
        set_mean(watched.sporadic, row["sporadic"], row["sporadic_n"])

    def _write(self, watched: Watched, slot: int) -> None:
        """Set the row to what the series is."""
        freeze(watched.model, self._bank, slot)
        row = self._bank.rows[slot]
        row["last"], row["gap"] = watched.last, watched.gap
        row["sporadic"], row["sporadic_n"] = watched.sporadic.value, watched.sporadic.n

    def judged(self, watched: Watched, judgement: Judgement) -> None:
        """How odd a point of a series is that is out: its row says so to its entity, as the kernel does it."""
        if watched.slot >= 0 and watched.model.seen >= watched.detector.warmup:
            row = self.rows[watched.slot]
            if not judgement.quick_p_value >= row["p"]:
                row["p"], row["way"] = judgement.quick_p_value, _WAYS[watched.model.quick_direction(judgement)]

    def heard(self, watched: Watched) -> None:
        """A series that is out has had a point: the row has its time, and the interval, all the same."""
        if watched.slot >= 0:
            row = self.rows[watched.slot]
            row["last"], row["interval"] = watched.last, watched.model.interval

    @property
    def rows(self) -> layout.Rows:
        return self._bank.rows

    @property
    def warmups(self) -> Any:
        """By rule, the points of a series before it can alarm."""
        return self._rules["warmup"]

    def token(self, slot: int) -> int:
        return int(self._bank.rows["token"][slot])

    def use(self, watched: Watched) -> None:
        """The series was used just now."""
        used = self._bank.use()
        if watched.slot >= 0:
            self._bank.rows["used"][watched.slot] = used
        else:
            watched.used = used

    @property
    def uses(self) -> int:
        return int(self._bank.clock[0])

    def used(self, watched: Watched) -> int:
        return int(self._bank.rows["used"][watched.slot]) if watched.slot >= 0 else watched.used

    def pulses(self, slots: list[int]) -> list[layout.Rows]:
        """Of series in the bank: points seen, interval, newest point, longest silence of late, share that is late."""
        rows = self._bank.rows
        return [rows[name][slots] for name in ("seen", "interval", "last", "gap", "sporadic")]

    def scheduled(self, slot: int, yes: bool) -> None:
        self._bank.rows["scheduled"][slot] = yes

    def rule(self, slot: int, detector: Detector) -> None:
        """From now on this detector, with the same heads, judges the series."""
        self._bank.rows["rule"][slot] = self._rule_of[id(detector)]

    def counts(self) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for name, count in zip(layout.TALLY, self._tally.tolist(), strict=True):
            if count:
                found[name] += count
        return found

    def state(self) -> object:
        return self._bank.state()

    def restore(self, state: Any, tenants: Iterable[Watched]) -> None:
        """Go on from what `state` gave, of these series. Raises StateError if it is not sound."""
        self._bank.restore(state)
        self._bank.table.check(watched.slot for watched in tenants if watched.slot >= 0)
        self._bank.rows["rule"] = self._bank.rows["entity"] = 0  # the core says which
        self._bank.keep(self._evidence)
