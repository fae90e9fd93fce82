"""What the columns of a table are, found by reading all of it once: the time, values, labels, and what is neither."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from floodmark.files.cells import MISSING, CellError, Decimal, hint, moment, number, question, shows_day_first, two_ways
from floodmark.files.notes import FileError, Notes
from floodmark.files.ordering import Clock
from floodmark.files.rows import Row, place, rows, separator_of

TIME_COLUMNS: Final = (
    *("timestamp", "time", "ts", "datetime", "date", "@timestamp", "_time", "date_time", "date time", "date/time"),
    *("time_stamp", "event_time", "eventtime", "unix_time", "epoch", "when", "t"),
)
_VALUES: Final = ("value", "_value", "metric_value", "val")
_NAMES: Final = ("name", "metric", "metric_name", "series", "__name__", "_measurement", "measurement")
_BODIES: Final = ("body", "message", "msg", "log", "line", "content", "text")
_COUNTING: Final = (
    *(
        "",
        "index",
        "idx",
        "id",
        "row",
        "rowid",
        "row_id",
        "row number",
        "row_number",
        "rownames",
        "row.names",
        "level_0",
    ),
    *("no", "no.", "nr", "#", "seq", "_id", "lineno", "line_number"),
)
"""What a column is called that only numbers the rows, in lower case."""
_OWNERS: Final = (
    *("host", "hostname", "service", "instance", "pod", "node", "device", "server", "container", "app", "application"),
    *("job", "region", "zone", "env", "environment", "namespace", "cluster", "entity", "source", "sensor", "machine"),
    "component",
)
"""What a column is called whose text says whose the numbers are."""
_INFLUX: Final = frozenset(["result", "table", "_start", "_stop", "_field"])
_SAMPLE: Final = 200
_DISTINCT: Final = 100_000
"""Different values of a column that are counted; beyond them there are many."""
_VOTES: Final = 100
"""Cells of a column that are asked for the decimal sign."""
_EACH: Final = 50
"""Rows from which on a label that is another one in most of them is none."""


class Columns(NamedTuple):
    """How the columns of a table make an event, as far as it is said. Templates name them in braces: "{Date} {Time}".

    `time_format` is strptime's, empty for all that can be read in one way only; times without an offset are of `zone`.
    With a `body` the rows are logs, else metrics. `entity`: a label that gets the file's name where each column is a
    metric, so that two files are told apart.
    """

    time: str = ""
    time_format: str = ""
    body: str = ""
    severity: str = ""
    labels: Mapping[str, str] = {}
    entity: str = ""
    zone: tzinfo = UTC
    encoding: str = ""


class Shape(NamedTuple):
    """How a table is to be read. Columns are meant by their place.

    `skip`: rows before the first with data. `time`: the columns that say it together. `long`: a row is a value of a
    series, not one of each. `units`: of a column, if it has exactly one. `rows`: how many there are; `back`:
    those of them that are earlier than one before them.
    """

    separator: str
    header: list[str]
    skip: int
    time: list[int]
    values: list[int]
    labels: list[int]
    name: int | None
    unit: int | None
    kind: int | None
    long: bool
    decimals: list[Decimal]
    units: list[str | None]
    rows: int
    back: int


def survey(path: Path, asked: Columns, signal: str | None, notes: Notes) -> Shape:
    """Read the table once and say what its columns are. Raises FileError if nothing could come of it."""
    separator = separator_of(path, asked.encoding)
    quiet = Notes()  # what cannot be read is noted when the table is read in earnest
    sample = list(islice(rows(path, separator, quiet, asked.encoding), _SAMPLE))
    if not sample:
        raise FileError(f"{path}: the file is empty")
    width = Counter(len(row.cells) for row in sample).most_common(1)[0][0]
    title = next((i for i, row in enumerate(sample) if len(row.cells) >= min(width, 2)), 0)
    if title:
        notes.say(f"{path}: what stands before row {title + 1} is taken for a title")
    first = [cell.strip() for cell in sample[title].cells]
    headless = _is_data(first, asked)
    header = [f"column_{i}" for i in range(1, len(first) + 1)] if headless else _named(first)
    data = sample[title + (not headless) :]
    if headless:
        notes.say(f"{path}: there is no header; the columns are called {', '.join(header)}")
    _known(path, header, {"time": asked.time, "body": asked.body, "severity": asked.severity, **asked.labels})
    time = [header.index(name) for name in template_columns(asked.time)] or _time_columns(header, data, asked)
    if not time:
        raise FileError(f"{path}: which column is the time? Give --time, for example --time '{{{header[0]}}}'")
    if signal not in (None, "metric", "log"):
        raise FileError(f"{path}: a table can hold metrics or logs; {signal}s come as JSON lines")
    found = _Found(path, header, time, asked, notes)
    skip = title + (not headless)
    for row in islice(rows(path, separator, quiet, asked.encoding), skip, None):
        found.take(row)
    return found.shape(separator, skip)


def template_columns(template: str) -> list[str]:
    """The columns that a template names in braces."""
    return re.findall(r"\{([^{}]*)\}", template)


def filled(template: str, cells: Mapping[str, str]) -> str:
    """A template with the cells of a row; those that are not there are empty."""
    return re.sub(r"\{([^{}]*)\}", lambda match: cells.get(match[1], ""), template)


def time_text(row: Row, header: Sequence[str], time: Sequence[int], template: str) -> str:
    """What a row says of its time."""
    if template:
        return filled(template, dict(zip(header, row.cells, strict=False)))
    return " ".join(row.cells[i].strip() for i in time if i < len(row.cells))


def stamp(text: str, asked: Columns) -> float:
    """Epoch seconds of the time of a row. Raises CellError."""
    if not asked.time_format:
        return moment(text, asked.zone)
    try:
        time = datetime.strptime(text.strip(), asked.time_format)  # noqa: DTZ007  made aware in the next line
    except ValueError as error:
        raise CellError("not_a_time", f"{error} (--time-format)") from None
    return (time if time.tzinfo else time.replace(tzinfo=asked.zone)).timestamp()


class _Found:
    """What has been seen of a table, column by column."""

    def __init__(self, path: Path, header: list[str], time: list[int], asked: Columns, notes: Notes) -> None:
        self._path, self._header, self._asked, self._notes = path, header, asked, notes
        self._of_time = time
        width = len(header)
        self._others = [i for i in range(width) if i not in self._of_time]
        self._numbers, self._texts = [0] * width, [0] * width
        self._points: list[Counter[str]] = [Counter() for _ in range(width)]
        self._units: list[set[str]] = [set() for _ in range(width)]
        self._distinct: list[set[int]] = [set() for _ in range(width)]
        self._last: list[int | None] = [None] * width
        self._counts = [True] * width
        self._whole = [True] * width
        self._moments: set[int] = set()
        self._clock = Clock()
        self._rows = 0
        self._day_first: Counter[bool] = Counter()
        self._unread: tuple[Row, str] | None = None
        self._read = 0

    def take(self, row: Row) -> None:
        self._rows += 1
        cells = row.cells
        for i in self._others:
            if i < len(cells):
                self._cell(i, cells[i])
        text = time_text(row, self._header, self._of_time, self._asked.time)
        self._order(row, text)
        if len(self._moments) < _DISTINCT:
            self._moments.add(hash(text))

    def _order(self, row: Row, text: str) -> None:
        """See whether the rows are in order, and whether the time can be read at all."""
        try:
            self._clock.sees(stamp(text, self._asked))
        except CellError:
            if not self._asked.time_format and two_ways(text):
                day_first = shows_day_first(text)
                if day_first is not None:
                    self._day_first[day_first] += 1
                self._unread = self._unread or (row, text)
                return
        self._read += 1

    def shape(self, separator: str, skip: int) -> Shape:
        if self._unread is not None and not self._read:
            row, text = self._unread
            shown = next(iter(self._day_first)) if len(self._day_first) == 1 else None
            where = place(self._path, row, self._of_time[0], separator)
            raise FileError(f"{where}: {text!r} is read in two ways; {question(text, shown)}")
        lower = [name.lower() for name in self._header]
        value = next(
            (lower.index(name) for name in _VALUES if name in lower and lower.index(name) in self._others), None
        )
        values, labels, name, unit, kind = self._roles(lower, value)
        decimals = self._decimals(separator)
        units: list[str | None] = [next(iter(each)) if len(each) == 1 else None for each in self._units]
        if not values and not self._asked.body:
            body = next((self._header[lower.index(each)] for each in _BODIES if each in lower), "message")
            raise FileError(
                f"{self._path}: no column holds numbers; if its rows are log lines, give --body '{{{body}}}'"
            )
        return Shape(
            separator, self._header, skip, self._of_time, values, labels, name, unit, kind, value is not None, decimals,
            units, self._rows, self._clock.back,
        )  # fmt: skip

    def _cell(self, i: int, cell: str) -> None:
        text = cell.strip()
        if text.lower() in MISSING:
            return
        if len(self._distinct[i]) < _DISTINCT:
            self._distinct[i].add(hash(text))
        if text.isdecimal() and len(text) < 16:
            if self._counts[i]:
                whole, last = int(text), self._last[i]
                self._counts[i] = last is None or whole == last + 1
                self._last[i] = whole
            self._numbers[i] += 1
            return
        self._counts[i] = self._whole[i] = False
        if self._points[i].total() == _VOTES and text.replace(".", "", 1).isdecimal():  # it shows nothing new
            self._numbers[i] += 1
            return
        try:
            for decimal in (".", ","):
                try:
                    found = number(text, decimal)
                    break
                except CellError as error:
                    if decimal == "," or error.error == "infinite":
                        raise
        except CellError as error:
            self._texts[i] += error.error != "infinite"
            return
        self._numbers[i] += 1
        if found is not None and found.written and len(self._units[i]) < 20:
            self._units[i].add(found.written)
        if ("." in text or "," in text) and self._points[i].total() < _VOTES and (shown := hint(text)):
            self._points[i][shown] += 1

    def _roles(
        self, lower: list[str], value: int | None
    ) -> tuple[list[int], list[int], int | None, int | None, int | None]:
        """Which columns are values, and which labels; then those of the name, the unit and the kind."""
        plain = [i for i in self._others if not self._is_index(i, lower[i])]
        if value is None:
            numbers = [i for i in plain if self._numbers[i] > self._texts[i] or not self._texts[i]]
            texts = [i for i in plain if i not in numbers]
            return numbers, [i for i in texts if self._tells_apart(i, lower[i]) and self._is_label(i)], None, None, None
        name = next((lower.index(each) for each in _NAMES if each in lower and lower.index(each) in plain), None)
        unit = next((i for i in plain if lower[i] == "unit"), None)
        kind = next((i for i in plain if lower[i] == "kind"), None)
        influx = _INFLUX if lower[value] == "_value" else frozenset[str]()
        apart = {value, name, unit, kind}
        labels = [i for i in plain if i not in apart and lower[i] != "label" and lower[i] not in influx]
        return [value], [i for i in labels if self._is_label(i)], name, unit, kind

    def _is_index(self, i: int, name: str) -> bool:
        """Whether a column only numbers the rows, in whatever order these are."""
        if name not in _COUNTING and not re.fullmatch(r"unnamed: ?\d+(?:_level_\d+)?", name):
            return False
        if not self._whole[i] or not self._numbers[i]:
            return False
        different = len(self._distinct[i])
        if not self._counts[i] and different < min(self._numbers[i], _DISTINCT):
            return False
        self._notes.say(f"{self._path}: the column {self._header[i]!r} numbers the rows, and is left out")
        return True

    def _tells_apart(self, i: int, name: str) -> bool:
        """Whether a text beside numbers says whose they are, and not how they are (ok, warning): then it would part a
        series each time that it changes."""
        once = len(self._moments) >= min(self._rows, _DISTINCT)
        if len(self._distinct[i]) < 2 or not once or name in _OWNERS:
            return True
        self._notes.say(
            f"{self._path}: the column {self._header[i]!r} holds text that changes, and each row has its time: "
            "it is no label, and is left out"
        )
        return False

    def _is_label(self, i: int) -> bool:
        """Whether rows can be told apart by it, and not each row from every other."""
        different = len(self._distinct[i])
        if self._rows < _EACH or (2 * different <= self._rows and different < _DISTINCT):
            return True
        if (2 * len(self._moments) <= self._rows and len(self._moments) < _DISTINCT) or self._asked.body:
            return True
        self._notes.say(
            f"{self._path}: the column {self._header[i]!r} has another value in most rows ({different:,} in "
            f"{self._rows:,}), so it is no label, and is left out"
        )
        return False

    def _decimals(self, separator: str) -> list[Decimal]:
        """The decimal sign of each column: as its own cells show, else those of the others, else as the separator
        suggests (who parts cells by semicolons does so for the sake of the comma)."""
        total: Counter[str] = sum(self._points, Counter())
        usual: Decimal = "," if total[","] > total["."] or (not total and separator == ";") else "."
        found: list[Decimal] = [
            usual if not votes else "," if votes[","] > votes["."] else "." for votes in self._points
        ]
        if any(each == "," for i, each in enumerate(found) if i in self._others and self._points[i]):
            self._notes.say(f"{self._path}: numbers are read with a decimal comma")
        return found


def _is_data(first: Sequence[str], asked: Columns) -> bool:
    """Whether the first row holds data, so that there is no header."""
    if asked.time and all(name in first for name in template_columns(asked.time)):
        return False
    seen = 0
    for cell in first:
        try:
            stamp(cell, asked)
        except CellError:
            if two_ways(cell):
                return True
            try:
                seen += cell.lower() not in MISSING and number(cell) is not None
            except CellError:
                continue
        else:
            return True
    return seen * 2 > len(first)


def _named(first: Sequence[str]) -> list[str]:
    """Names of columns, all different."""
    names: list[str] = []
    for name in first:
        again = 2
        unique = name
        while unique in names:
            unique, again = f"{name}_{again}", again + 1
        names.append(unique)
    return names


def _known(path: Path, header: Sequence[str], templates: Mapping[str, str]) -> None:
    for option, template in templates.items():
        for name in template_columns(template):
            if name not in header:
                raise FileError(f"{path}: no column {name!r} (for {option}); it has: {', '.join(header)}")


def _time_columns(header: Sequence[str], data: Sequence[Row], asked: Columns) -> list[int]:
    """The column of the time, or two of them, by their names and by what they hold; empty if none looks like it."""
    lower = [name.lower() for name in header]
    if "date" in lower and "time" in lower:
        both = [lower.index("date"), lower.index("time")]
        if _hold_times(data, both, asked):
            return both
    named = [[lower.index(name)] for name in TIME_COLUMNS if name in lower]
    sensible = [at for at in named if _hold_times(data, at, asked)]
    if sensible or named:
        return (sensible or named)[0]
    for i, name in enumerate(lower):
        telling = any(word in name for word in ("time", "date", "stamp", "epoch", "zeit", "fecha", "datum"))
        if _hold_times(data, [i], asked, numbers=telling or i == 0):
            return [i]
    return []


def _hold_times(data: Sequence[Row], places: Sequence[int], asked: Columns, numbers: bool = True) -> bool:
    """Whether most rows have a time there. `numbers`: they may be numbers since the epoch."""
    good = total = 0
    for row in data[:50]:
        text = " ".join(row.cells[at].strip() for at in places if at < len(row.cells))
        if text.lower() in MISSING:
            continue
        total += 1
        if two_ways(text):
            good += 1
        elif numbers or not re.fullmatch(r"[-+\d.,eE\s]*", text):
            try:
                stamp(text, asked)
            except CellError:
                continue
            good += 1
    return 2 * good > total
