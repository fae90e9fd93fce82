"""The rows of tables as native events: a series by its value and labels, one in each column, or log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from floodmark.files.cells import MISSING, CellError, number, scale
from floodmark.files.columns import Columns, filled, stamp, survey, time_text
from floodmark.files.notes import Notes
from floodmark.files.opening import stem
from floodmark.files.ordering import Line, sorted_lines
from floodmark.files.rows import Row, place, rows
from floodmark.signals import SignalName

_KINDS: Final = ("gauge", "counter", "delta")


class Table:
    """A table that was looked at; `lines` can be read again and again. Making one raises FileError."""

    def __init__(
        self, path: Path, asked: Columns, signal: SignalName | None, topic: Callable[[SignalName], str], notes: Notes
    ) -> None:
        self._path, self._asked, self._notes, self._topic = path, asked, notes, topic
        self._shape = survey(path, asked, signal, notes)
        if back := self._shape.back:
            words = (
                f"{path}: {back:,} of {self._shape.rows:,} rows are out of order, and read in the order of their times"
            )
            notes.say(words)
        self.size = self._shape.rows

    def lines(self) -> Iterator[Line]:
        """The events of the rows by time, in JSON; the place of each is its line."""
        events = self._events(self._notes)
        return sorted_lines(events) if self._shape.back else events

    def _events(self, notes: Notes) -> Iterator[Line]:
        shape = self._shape
        width = len(shape.header)
        build = self._logs if self._asked.body else self._metrics
        topic = self._topic("log" if self._asked.body else "metric")
        for row in islice(rows(self._path, shape.separator, notes, self._asked.encoding), shape.skip, None):
            if len(row.cells) > width and any(cell.strip() for cell in row.cells[width:]):
                words = (
                    f"the row has {len(row.cells)} cells for {width} columns; quote what holds a {shape.separator!r}"
                )
                notes.refuse("malformed", f"{self._path}:{row.number}", words)
                continue
            for time, event in build(row, notes):
                yield Line(time, topic, (0, row.number), orjson.dumps(event))

    def _time(self, row: Row, notes: Notes) -> float | None:
        shape = self._shape
        try:
            return stamp(time_text(row, shape.header, shape.time, self._asked.time), self._asked)
        except CellError as error:
            notes.refuse(error.error, place(self._path, row, shape.time[0], shape.separator), str(error))
            return None

    def _logs(self, row: Row, notes: Notes) -> Iterator[tuple[float, dict[str, Any]]]:
        time = self._time(row, notes)
        if time is None:
            return
        asked, cells = self._asked, dict(zip(self._shape.header, row.cells, strict=False))
        labels = {label: filled(template, cells) for label, template in asked.labels.items()}
        yield (
            time,
            {
                "timestamp": time,
                "severity": filled(asked.severity, cells),
                "body": filled(asked.body, cells),
                "labels": labels or {"service": stem(self._path)},
            },
        )

    def _metrics(self, row: Row, notes: Notes) -> Iterator[tuple[float, dict[str, Any]]]:
        time = self._time(row, notes)
        if time is None:
            return
        shape, cells = self._shape, row.cells
        labels = {shape.header[i]: cells[i].strip() for i in shape.labels if i < len(cells) and cells[i].strip()}
        if not shape.long and self._asked.entity:
            labels.setdefault(self._asked.entity, stem(self._path))
        for i in shape.values:
            if i >= len(cells) or cells[i].strip().lower() in MISSING:
                continue
            try:
                value, unit = self._number(i, cells[i])
            except CellError as error:
                words = f"{error} (column {shape.header[i]!r})"
                notes.refuse(error.error, place(self._path, row, i, shape.separator), words)
                continue
            event = {"timestamp": time, "name": self._name(i, cells), "value": value, "labels": labels}
            if said := self._cell(shape.unit, cells) or unit:
                event["unit"] = said
            if (kind := self._cell(shape.kind, cells)) in _KINDS:
                event["kind"] = kind
            yield time, event

    def _name(self, i: int, cells: list[str]) -> str:
        shape = self._shape
        if not shape.long:
            return (
                shape.header[i]
                if len(shape.values) > 1 or not shape.header[i].startswith("column_")
                else stem(self._path)
            )
        name = self._cell(shape.name, cells)
        if name and shape.header[i].lower() == "_value" and "_field" in shape.header:
            name = f"{name}_{self._cell(shape.header.index('_field'), cells)}"
        return name or stem(self._path)

    def _cell(self, at: int | None, cells: list[str]) -> str:
        return cells[at].strip() if at is not None and at < len(cells) else ""

    def _number(self, i: int, cell: str) -> tuple[float, str]:
        """The value of a cell and its unit: that of the column if all have the same, else that of its kind."""
        with suppress(ValueError):
            if self._shape.decimals[i] == "." and self._shape.units[i] is None and "_" not in cell:
                value = float(cell)
                if value - value == 0:
                    return value, ""
        found = number(cell, self._shape.decimals[i])
        if found is None:  # asked for before
            raise CellError("wrong_type", f"{cell!r:.60} is no number")
        whole = self._shape.units[i]
        unit, factor = scale(found.written)
        if not unit and factor != 1:
            return found.value * factor, ""
        if whole is not None:
            return found.value, whole
        return found.value * factor, unit
