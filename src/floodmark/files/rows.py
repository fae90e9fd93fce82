"""The rows of a table as they stand in its file: what parts their cells, and where a cell is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from floodmark.files.notes import Notes
from floodmark.files.opening import lines, name_within

_SEPARATORS: Final = "\t;|,"
csv.field_size_limit(16_000_000)


class Row(NamedTuple):
    """A row of a table: the line on which it ends, its cells, and its text if that is one line."""

    number: int
    cells: list[str]
    raw: str


def rows(path: Path, separator: str, notes: Notes, encoding: str) -> Iterator[Row]:
    """The rows of a table that have anything in them; comments of InfluxDB's annotated form are left out."""
    last: list[str] = []

    def kept() -> Iterator[str]:
        for line in lines(path, notes, encoding):
            last.append(line)
            yield line.replace("\0", "")

    reader = csv.reader(kept(), delimiter=separator, skipinitialspace=True)
    while True:
        last.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            notes.refuse("malformed", f"{path}:{reader.line_num}", f"the row cannot be read: {error}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if cells[0].startswith(("#datatype", "#group", "#default")) or (len(cells) == 1 and cells[0].startswith("#")):
            continue
        if reader.line_num == 1 and re.fullmatch(r"sep=.?", "".join(cells).strip(), re.IGNORECASE):
            continue
        yield Row(reader.line_num, cells, last[0] if len(last) == 1 else "")


def place(path: Path, row: Row, at: int, separator: str) -> str:
    """file:line:column of a cell; the column is where its text begins in the line."""
    if not row.raw:
        return f"{path}:{row.number}"
    column, quoted, cell = 1, False, 0
    for column, letter in enumerate(row.raw, 1):  # noqa: B007  it is where the search ended
        if cell == at:
            break
        quoted ^= letter == '"'
        cell += letter == separator and not quoted
    return f"{path}:{row.number}:{column}"


def separator_of(path: Path, encoding: str) -> str:
    """What stands between cells: what parts most lines into the same number of them, more than one."""
    start = [line for line in islice(lines(path, Notes(), encoding), 50) if line.strip() and not line.startswith("#")]
    if start and (said := re.fullmatch(r"sep=(.)\s*", start[0], re.IGNORECASE)):
        return said[1]
    best, score = ",", (0.0, 0.0)
    for separator in _SEPARATORS:
        try:
            counts = Counter(
                len(cells) for cells in csv.reader(start, delimiter=separator, skipinitialspace=True) if cells
            )
        except csv.Error:
            continue
        if not counts:
            continue
        width, often = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
        share = often / counts.total()
        named = bool(start) and separator in start[0]
        if width > 1 and (share, named) > score:
            best, score = separator, (share, float(named))
    if not score[0] and name_within(path).suffix.lower() in (".tsv", ".tab"):
        return "\t"
    return best
