"""Parameters that measure something (`took 532 ms`, `returned 35 rows`) as series: one for each place of a template.

It must never judge. Which places measure something is found out once, from the first values: they must be numbers, and
vary; what counts upwards, or is called an id, measures nothing. What is wanted of a line is read for at most the first
few of a template in a window, so that a flood of lines costs little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from statistics import median
from typing import Final, NamedTuple

from floodmark.config.models import Logs
from floodmark.detect.logs import evidence
from floodmark.detect.logs.miner import Match, Template
from floodmark.detect.logs.owner import Owner
from floodmark.detect.logs.parameters import Parameter
from floodmark.detect.logs.tokens import ANY, VALUE, Form
from floodmark.detect.logs.vocabulary import NO_MEASURES, QUANTITIES
from floodmark.detect.logs.windows import Tally
from floodmark.detect.mean import FadingMean
from floodmark.detect.series import LARGEST, Sample, Series

_TRIAL: Final = 60
"""Values of a place before it is decided whether they measure something."""
_DIFFERENT: Final = 5
"""Of these, so many must differ: what is one of a few is a code."""
_ONE_WAY: Final = 0.75
"""A share of steps in one direction above which a place counts, and does not measure."""
_PLACES: Final = 8
"""Places of a template that are tried."""
_VALUES: Final = 20
"""Values of a place in one window, the first ones, of which the median is taken."""
_ENOUGH: Final = 5
"""Values that make a point: windows with fewer are joined."""
_JOINED: Final = 5
"""Windows that are joined at most; what is rarer has no points, for an alarm of it would last for hours."""
_SHORT: Final = 10_000.0
"""A whole number beyond this, with nothing said of what it counts, is an id more often than a measure."""

_NUMBER: Final = re.compile(r"[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_PART: Final = re.compile(r"([-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?) ?([a-zA-Zµ]+)")
_NAME: Final = re.compile(r"[A-Za-z]+$")
_UNITS: Final = (
    ("ns", 1e-9),
    ("us µs", 1e-6),
    ("ms millisecond milliseconds", 1e-3),
    ("s sec secs second seconds", 1.0),
    ("m min mins minute minutes", 60.0),
    ("h hr hrs hour hours", 3600.0),
    ("d day days", 86_400.0),
)
_SECONDS: Final = {name: seconds for names, seconds in _UNITS for name in names.split()}
_BYTES: Final = "bkmgtp"


class Quantity(NamedTuple):
    """A number in its base unit: s, By, % or none."""

    value: float
    unit: str


def quantity(parameter: Parameter) -> Quantity | None:
    """What a parameter measures; None if it is no number."""
    text, kind = parameter
    if kind == "number":
        found = _NUMBER.match(text)
        return Quantity(_float(found[0]), "%" if text[-1] == "%" else "") if found else None
    parts = _PART.findall(text)
    if kind == "duration" and parts and all(unit.lower() in _SECONDS for _, unit in parts):
        return Quantity(sum(_float(number) * _SECONDS[unit.lower()] for number, unit in parts), "s")
    if kind == "size" and parts and (unit := parts[0][1][0].lower()) in _BYTES:
        return Quantity(_float(parts[0][0]) * 1024.0 ** _BYTES.index(unit), "By")
    return None


class Measures:
    """The measuring places of one source's templates. At most `logs.parameters` have a series."""

    __slots__ = ("_left_out", "_logs", "_owner", "_places")

    def __init__(self, owner: Owner, logs: Logs) -> None:
        self._owner = owner
        self._logs = logs
        self._places: dict[Template, list[_Place]] = {}
        self._left_out = 0

    def take(self, match: Match, window: int) -> None:
        """Read one line's parameters, where they are wanted."""
        places = self._places.get(match.template)
        if places is None:
            tokens = match.template.form.tokens
            places = [_Place(i) for i, token in enumerate(tokens) if token == VALUE][:_PLACES]
            self._places[match.template] = places = [each for each in places if _may(tokens, each.index)]
        wanted = [place for place in places if place.wants(window)]
        if not wanted:
            return
        for place, parameter in zip(wanted, match.at([place.index for place in wanted]), strict=True):
            found = quantity(parameter)
            if place.series is not None:
                if found is not None and found.unit == place.unit and abs(found.value) <= LARGEST:
                    place.windows.setdefault(window, []).append(found.value)
            elif place.tried(found):
                places.remove(place)
                if place.qualifies(match.template.form):
                    self._follow(match.template, places, place)

    def close(self, window: int, time: float, tallies: Mapping[Template, Tally]) -> list[Sample]:
        """A sample of each place that had a value in the window, which is over."""
        made = []
        for template, places in self._places.items():
            for place in places:
                if place.series is None or not (values := place.full(window)):
                    continue
                now, before = median(values), place.usual.value if place.usual.n else None
                place.usual.update(now)
                what = evidence.Measured(template, place.index, now, before, place.unit)
                of_place = partial(evidence.of_parameter, self._logs.secrets, what, tallies.get(template))
                made.append(Sample(place.series, time, now, of_place))
        return made

    def settle(self) -> None:
        """Forget the places of templates that were evicted or joined with another."""
        for template in [each for each in self._places if each.forgotten or each.into is not None]:
            del self._places[template]

    def counts(self) -> Mapping[str, int]:
        return {"left_out:log_parameter": self._left_out}

    def _follow(self, template: Template, places: list[_Place], place: _Place) -> None:
        followed = sum(each.series is not None for others in self._places.values() for each in others)
        if followed >= self._logs.parameters:
            self._left_out += 1
            return
        labels = {"template": template.id, "place": str(place.index + 1)}
        if name := _called(template.form.tokens, place.index):
            labels["parameter"] = name
        place.series = self._owner.series("log_parameter", "gauge", place.unit, labels)
        places.append(place)


class _Place:
    """A place of a template: on trial, or with a series and the values of its open windows."""

    __slots__ = (
        "_different",
        "_last",
        "_long",
        "_numbers",
        "_rises",
        "_seen",
        "_waiting",
        "_whole",
        "index",
        "series",
        "unit",
        "usual",
        "windows",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.unit = ""
        self.series: Series | None = None
        self.windows: dict[int, list[float]] = {}
        self.usual = FadingMean(0.01, warm=100)
        self._waiting: list[tuple[int, list[float]]] = []
        self._seen = 0
        self._numbers = 0
        self._whole = 0
        self._long = 0
        self._rises = 0
        self._last = 0.0
        self._different: list[float] = []

    def wants(self, window: int) -> bool:
        return self.series is None or len(self.windows.get(window, ())) < _VALUES

    def full(self, window: int) -> list[float]:
        """Close a window: the values of the last few, if they are enough by now, else none."""
        if values := self.windows.pop(window, None):
            self._waiting = [each for each in self._waiting if each[0] > window - _JOINED]
            self._waiting.append((window, values))
        joined = [value for _, values in self._waiting for value in values]
        if len(joined) < _ENOUGH:
            return []
        self._waiting = []
        return joined

    def tried(self, found: Quantity | None) -> bool:
        """Take one value on trial; whether the trial is over."""
        self._seen += 1
        if found is not None and (not self._numbers or found.unit == self.unit):
            self.unit = found.unit
            self._rises += (found.value > self._last) - (found.value < self._last) if self._numbers else 0
            self._numbers += 1
            self._last = found.value
            self._whole += found.value.is_integer()
            self._long += abs(found.value) >= _SHORT
            if len(self._different) < _DIFFERENT and found.value not in self._different:
                self._different.append(found.value)
        return self._seen >= _TRIAL

    def qualifies(self, form: Form) -> bool:
        """Whether the values, and the words beside them, are of a measure."""
        one_way = abs(self._rises) > (2 * _ONE_WAY - 1) * self._seen
        if self._numbers < 0.9 * self._seen or len(self._different) < _DIFFERENT or one_way:
            return False
        if self.unit or self._whole < 0.5 * self._numbers or _counts_something(form, self.index):
            return True
        of_field = form.separators[self.index].strip(" \"'") in ("=", ":")
        return of_field and self._long < 0.5 * self._numbers


def _may(tokens: tuple[str, ...], index: int) -> bool:
    """Whether a place may measure something, by the word before it: `port` and `id` name things."""
    return _called(tokens, index) not in NO_MEASURES


def _counts_something(form: Form, index: int) -> bool:
    """Whether it is said what a bare number counts: after `size`, before `rows`. `order 5` counts nothing."""
    after = form.tokens[index + 1] if index + 1 < len(form.tokens) and form.separators[index + 1] == " " else ""
    plural = len(after) > 2 and after.isalpha() and after.endswith("s") and not after.endswith("ss")
    return plural or _called(form.tokens, index) in QUANTITIES


def _called(tokens: tuple[str, ...], index: int) -> str:
    """The last word of the token before a place: of `order_id` it is `id`."""
    before = tokens[index - 1] if index else ANY
    found = _NAME.search(before) if before not in (VALUE, ANY) else None
    return found[0].lower() if found else ""


def _float(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))
