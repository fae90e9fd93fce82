"""The arrays of a bank as they grow, and their free rows. It knows nothing of what is in a row but its token.

All that a bank holds is numbers in arrays, so that writing 100,000 series is copying memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodmark.detect.bank import layout
from floodmark.state import StateError

Rows = NDArray[Any]
_FIRST: Final = 16
_SLOTS: Final = (1 << layout.SLOT_BITS) - 1


class Table:
    """Rows of a dtype, found by tokens. A token is never used twice, so an old one finds nothing."""

    __slots__ = ("_free", "_serial", "_top", "rows")

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.rows: Rows = np.zeros(_FIRST, dtype)
        self._free: list[int] = []
        self._top = 0
        self._serial = 0

    @property
    def capacity(self) -> int:
        return len(self.rows)

    @property
    def top(self) -> int:
        """No row from here on was ever taken."""
        return self._top

    def take(self) -> tuple[int, int]:
        """A row that was zero, and its token. May have to grow: arrays that were read before are then old ones."""
        if self._free:
            slot = self._free.pop()
        else:
            if self._top == len(self.rows):
                self.rows = grown(self.rows, 2 * self._top)
            slot = self._top
            self._top += 1
        self._serial += 1
        token = self._serial << layout.SLOT_BITS | slot
        self.rows["token"][slot] = token
        return slot, token

    def renew(self, slot: int) -> None:
        """A row gets another token: whoever has the old one has to ask again."""
        self._serial += 1
        self.rows["token"][slot] = self._serial << layout.SLOT_BITS | slot

    def give_back(self, slot: int) -> None:
        self.rows[slot] = np.zeros((), self.rows.dtype)
        self._free.append(slot)

    def has(self, token: int) -> bool:
        slot = token & _SLOTS
        return bool(token > 0 and slot < len(self.rows) and self.rows["token"][slot] == token)

    def slot(self, token: int) -> int:
        return token & _SLOTS

    def check(self, tenants: Iterable[int]) -> None:
        """Raises StateError unless these are all rows in use, and the free rows all others."""
        used = sorted(tenants)
        if sorted([*used, *self._free]) != list(range(self._top)) or not all(map(self.has, self.rows["token"][used])):
            raise StateError("the rows of the snapshot are not those of its series")

    def state(self) -> object:
        return packed(self.rows[: self._top]), self._free, self._serial

    def restore(self, state: tuple[Rows, list[int], int]) -> None:
        """Go on from what `state` gave. Raises StateError if the rows have another form."""
        rows, self._free, self._serial = state
        found = unpacked(rows, self.rows.dtype)
        self._top = len(found)
        if len(set(self._free)) != len(self._free) or not all(0 <= slot < self._top for slot in self._free):
            raise StateError("the free rows of the snapshot are none")
        self.rows = grown(found, max(_FIRST, self._top))


class Bank:
    """The series of one task: a table and, row by row, daily profiles and evidence windows; weekly ones for some.

    `clock`: uses so far (see `Recency`), and how many weekly profiles are free.
    """

    __slots__ = ("cells", "clock", "day_count", "day_mean", "free_weeks", "table", "weeks")

    def __init__(self, evidence: int) -> None:
        """`evidence`: points of an evidence window."""
        self.table = Table(layout.SERIES)
        self.day_mean = np.zeros((_FIRST, layout.DAY_SLOTS))
        self.day_count = np.zeros((_FIRST, layout.DAY_SLOTS), np.float32)
        self.cells = np.zeros((_FIRST, evidence, 4))
        self.weeks: Rows = np.zeros(1, layout.WEEK)
        self.weeks["since"] = np.nan
        self.free_weeks = np.zeros(1, np.int64)
        self.clock = np.array([0, 1], np.int64)

    @property
    def evidence(self) -> int:
        return self.cells.shape[1]

    @property
    def rows(self) -> Rows:
        return self.table.rows

    def use(self) -> int:
        """The number of one more use."""
        self.clock[0] += 1
        return int(self.clock[0])

    def take(self, rule: int, heads: int, *, counting: bool, time: float) -> int:
        """A row for a series that was never seen."""
        slot, _ = self.table.take()
        if self.table.capacity > len(self.cells):
            self._widen()
        row = self.rows[slot]
        row["week"] = -1
        row["rule"] = rule
        row["heads"] = heads
        row["counting"] = counting
        row["nonnegative"] = 1
        row["last"] = time
        row["p"] = row["day_since"] = row["before"] = np.nan
        row["low"], row["high"] = np.inf, -np.inf
        return slot

    def give_back(self, slot: int) -> None:
        """The series has gone."""
        self.drop_week(slot)
        self.day_mean[slot] = 0
        self.day_count[slot] = 0
        self.cells[slot] = 0
        self.table.give_back(slot)

    def make_room(self) -> None:
        """At least one weekly profile is free after this."""
        if self.clock[1]:
            return
        size = len(self.weeks)
        self.weeks = grown(self.weeks, 2 * size)
        self.weeks["since"][size:] = np.nan
        self.free_weeks = np.zeros(2 * size, np.int64)
        self.free_weeks[:size] = np.arange(2 * size - 1, size - 1, -1)
        self.clock[1] = size

    def take_week(self) -> int:
        self.make_room()
        self.clock[1] -= 1
        return int(self.free_weeks[self.clock[1]])

    def drop_week(self, slot: int) -> None:
        """The series has no weekly profile any more, if it had one."""
        week = int(self.rows["week"][slot])
        if week >= 0:
            self.weeks[week] = np.zeros((), layout.WEEK)
            self.weeks["since"][week] = np.nan
            self.free_weeks[self.clock[1]] = week
            self.clock[1] += 1
            self.rows["week"][slot] = -1

    def copy(self, slot: int, other: Bank, theirs: int) -> None:
        """Become in `slot`, just taken, what another bank has in a row; token and rule stay."""
        row, kept = other.rows[theirs].copy(), self.rows[slot].copy()
        row["token"], row["used"], row["rule"] = kept["token"], kept["used"], kept["rule"]
        if row["week"] >= 0:
            week = self.take_week()
            self.weeks[week] = other.weeks[row["week"]]
            row["week"] = week
        self.rows[slot] = row
        self.day_mean[slot] = other.day_mean[theirs]
        self.day_count[slot] = other.day_count[theirs]
        self.cells[slot] = other.cells[theirs]

    def state(self) -> object:
        top = self.table.top
        beside = (self.day_mean[:top], self.day_count[:top], self.cells[:top])
        return self.table.state(), *beside, packed(self.weeks), self.free_weeks, self.clock

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave, also of a bank with longer or shorter evidence windows.

        Raises StateError if the kernel, which checks no bounds, could be led astray by it.
        """
        table, day_mean, day_count, cells, weeks, self.free_weeks, self.clock = state
        self.table.restore(table)
        top, size = len(day_mean), self.table.capacity
        wanted = (
            (day_mean, np.float64, (top, layout.DAY_SLOTS)),
            (day_count, np.float32, (top, layout.DAY_SLOTS)),
            (cells, np.float64, (top, cells.shape[1], 4)),
            (self.free_weeks, np.int64, (len(self.free_weeks),)),
            (self.clock, np.int64, (2,)),
        )
        sound = (
            top == self.table.top
            and cells.shape[1] > 0
            and all(a.dtype == of and a.shape == to for a, of, to in wanted)
        )
        if sound:
            self.day_mean, self.day_count, self.cells = (grown(a, size) for a in (day_mean, day_count, cells))
            self.weeks = unpacked(weeks, layout.WEEK)
            rows, number, free = self.rows, len(self.weeks), self.free_weeks[: max(0, int(self.clock[1]))]
            sound = (
                len(self.free_weeks) == number
                and 0 <= self.clock[1] <= number
                and bool(((free >= 0) & (free < number)).all())
                and bool(((rows["week"] >= -1) & (rows["week"] < number)).all())
                and bool((rows["cells"] <= self.evidence).all())
                and bool((rows["next_cell"] < self.evidence).all())
                and bool(((rows["recent_n"] <= layout.WINDOW) & (rows["recent_at"] < layout.WINDOW)).all())
                and bool((rows["shape_window_n"] <= layout.SHAPE_WINDOW).all())
                and bool((rows["shape_past_n"] <= layout.SHAPE_PAST).all())
                and bool((rows["seen"] >= 0).all())
            )
        if not sound:
            raise StateError("the series of the snapshot are not sound")

    def keep(self, evidence: int) -> None:
        """Keep so many points to plot from now on; the newest of those that are there stay."""
        if evidence == self.evidence:
            return
        cells = np.zeros((len(self.cells), evidence, 4))
        for slot in np.flatnonzero(self.rows["cells"]).tolist():
            row = self.rows[slot]
            size = int(row["cells"])
            kept = np.roll(self.cells[slot, :size], -int(row["next_cell"]), axis=0)[-evidence:]
            cells[slot, : len(kept)] = kept
            row["cells"], row["next_cell"] = len(kept), 0
        self.cells = cells

    def _widen(self) -> None:
        size = self.table.capacity
        self.day_mean = grown(self.day_mean, size)
        self.day_count = grown(self.day_count, size)
        self.cells = grown(self.cells, size)


class _Use(NamedTuple):
    used: int
    key: Any


class Recency:
    """Who was used least recently, exactly, without keeping an order: uses are numbers, looked at when one must go.

    All are sorted by their last use once; from then on the first of that list that has not been used again is the
    least recently used of all, until the list is through. It is no state: it can be forgotten at any time.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[_Use] = []

    def oldest(self, used: Callable[[Any], int | None], everyone: Callable[[], Iterable[tuple[int, Any]]]) -> Any:
        """The key to go, of at least one. `used`: the last use of a key, None if it has gone."""
        while True:
            while self._waiting:
                use = self._waiting.pop()
                if used(use.key) == use.used:
                    return use.key
            self._waiting = sorted((_Use(*pair) for pair in everyone()), reverse=True)


def grown(rows: Rows, size: int) -> Rows:
    """The rows, and zero ones after them."""
    more = np.zeros((size, *rows.shape[1:]), rows.dtype)
    more[: len(rows)] = rows
    return more


def packed(rows: Rows) -> Rows:
    """Structured rows as bytes, their form in front."""
    return np.frombuffer(_form(rows.dtype) + rows.tobytes(), np.uint8)


def unpacked(data: Rows, dtype: np.dtype[Any]) -> Rows:
    """The rows again. Raises StateError if they had another form."""
    raw, form = data.tobytes(), _form(dtype)
    if not raw.startswith(form) or (len(raw) - len(form)) % dtype.itemsize:
        raise StateError("the series of the snapshot have the form of another release")
    return np.frombuffer(raw, dtype, offset=len(form)).copy()


def _form(dtype: np.dtype[Any]) -> bytes:
    return f"{dtype.descr}\n".encode()
