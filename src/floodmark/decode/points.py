"""What the formats of metrics have in common: points are read into columns, judged, and refused with their message.

A format says in `_read` how a message is taken apart. The good points of a message are used; if some are refused, the
message goes to the dead letters once, untouched, with the first reason and how many there were.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from types import GenericAlias
from typing import Final, Generic, TypeVar

import msgspec

from floodmark.config.models import Limits
from floodmark.decode import counters
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.mending import parsed_json, strict_json
from floodmark.decode.native import in_plain_words
from floodmark.decode.timestamps import EARLIEST, LATEST, arrival, latest, parse
from floodmark.records import Record
from floodmark.signals import Histogram, Metric, MetricKind, Origin, Samples, Signal

_Message = TypeVar("_Message")
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
LARGEST_KEY: Final = 4_096
"""Bytes of raw labels up to which they are remembered, so that the memo cannot become large."""


class Points:
    """What records hold, by column, as far as they are read; see `Samples`. `latest`: epoch seconds.

    `received` is Kafka's time of the message, NaN if there is none.
    """

    def __init__(self, limits: Limits, counts: Counter[str]) -> None:
        self.limits = limits
        self.counts = counts
        self.origins: list[Origin] = []
        self.times: list[float] = []
        self.values: list[float] = []
        self.histograms: list[tuple[int, Histogram]] = []
        self.starts: list[tuple[int, float]] = []
        self.latest = math.inf
        self.received = math.nan
        self._room = 0
        self._first: EventError | None = None
        self._refused = 0

    def begin(self, record: Record) -> tuple[int, int]:
        """Of a message: where in the columns it begins."""
        self.received = arrival(record)
        self.latest = latest(record, self.limits.ahead)
        self._room = self.limits.events
        self._first, self._refused = None, 0
        return len(self.times), len(self.histograms)

    def cut(self, mark: tuple[int, int]) -> None:
        """Take back what came since."""
        for column in (self.origins, self.times, self.values):
            del column[mark[0] :]
        del self.histograms[mark[1] :]
        while self.starts and self.starts[-1][0] >= mark[0]:
            self.starts.pop()

    def expect(self, more: int) -> None:
        """So many points are to be read. Raises EventError `too_many_events` if the message has too many by now."""
        self._room -= more
        if self._room < 0:
            words = f"the message holds more points than limits.events ({self.limits.events})"
            raise EventError("too_many_events", words)

    def add(self, origin: Origin, time: float, value: float) -> None:
        """A point. NaN is none. What is not plausible is refused here."""
        if not (EARLIEST <= time < LATEST and time <= self.latest and value - value == 0):
            if not self._plausible(origin.name, time, value):
                return
            self.counts["no_value"] += 1
        self.origins.append(origin)
        self.times.append(time)
        self.values.append(value)

    def add_since(self, start: float, origin: Origin, time: float, value: float) -> None:
        """A point that says since when it counts; 0 says nothing."""
        at = len(self.times)
        self.add(origin, time, value)
        if start > 0 and len(self.times) > at:
            self.starts.append((at, start))

    def add_histogram(self, histogram: Histogram) -> None:
        """A histogram, whose parts need not fit each other yet."""
        bounds, counts = histogram.bounds, histogram.counts
        numbers = (histogram.count, histogram.total or 0.0, *bounds, *counts)
        if not self._plausible(histogram.name, histogram.time, 0.0):
            return
        if not all(map(math.isfinite, numbers)):
            self.refuse(EventError("infinite", f"histogram {histogram.name!r:.99} holds a number that is not finite"))
        elif len(counts) != len(bounds) + bool(counts) or any(a >= b for a, b in pairwise(bounds)):
            words = f"histogram {histogram.name!r:.99} has {len(counts)} buckets for {len(bounds)} bounds, in order"
            self.refuse(EventError("wrong_type", words))
        elif min((histogram.count, *counts)) < 0:
            words = f"histogram {histogram.name!r:.99} holds a count below zero"
            self.refuse(EventError("wrong_type", words))
        else:
            if counts and not math.isclose(math.fsum(counts), histogram.count, rel_tol=1e-9):
                self.counts["histogram_uneven"] += 1
            self.histograms.append((len(self.times), histogram))

    def refuse(self, error: EventError) -> None:
        """One point cannot be used."""
        self._first = self._first or error
        self._refused += 1
        self.counts[f"points_refused:{error.error}"] += 1

    def __enter__(self) -> Points:
        """What is raised within refuses one point, or one measurement, and no other."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, EventError):
            self.refuse(error)
        elif isinstance(error, ValueError | OverflowError):
            self.refuse(EventError("wrong_type", f"a point cannot be read: {str(error)[:200]}"))
        else:
            return False
        return True

    def add_fields(
        self, name: str, fields: Iterable[tuple[str, object]], labels: Mapping[str, str], time: float
    ) -> None:
        """A point for each field of a measurement: NAME_FIELD. Truth values are 1 and 0, text is no number."""
        for field, value in fields:
            if isinstance(value, bool | int | float) or value is None:
                whole = f"{name}_{field}" if name else field
                kind = counters.telegraf(name, field)
                with self:
                    self.expect(1)
                    self.add(self.origin(whole, labels, kind), time, math.nan if value is None else float(value))
            else:
                self.counts["fields_no_number"] += 1

    def time(self, stamp: str | float | None) -> float:
        """Epoch seconds; Kafka's where the producer gave none. Raises EventError."""
        if stamp is not None:
            return parse(stamp)
        if math.isnan(self.received):
            raise EventError("not_a_time", "a point has no time, and the Kafka message none that can be")
        return self.received

    def stamp(self, stamp: object) -> float:
        """Epoch seconds of what may be anything. Raises EventError."""
        if isinstance(stamp, str | int | float) and not isinstance(stamp, bool):
            return parse(stamp)
        raise EventError("wrong_type", f"the timestamp is {str(stamp)[:60]!r}")

    def refused(self, value: bytes) -> list[Refused]:
        """The message, if a point of it was refused."""
        first, number = self._first, self._refused
        if first is None:
            return []
        words = first.message if number == 1 else f"{first.message} (the first of {number} points that were refused)"
        return [Refused(None, first.error, words, value)]

    def origin(self, name: str, labels: Mapping[str, str], kind: MetricKind = "gauge", unit: str = "") -> Origin:
        """The series of a point, within the limits. Raises EventError. Longer labels end in their digest."""
        limits = self.limits
        if not name:
            raise EventError("missing_field", "a metric has no name")
        if len(name) > limits.label or len(unit) > limits.label:
            raise EventError("too_long", f"the name or unit {name!r:.60} is longer than limits.label ({limits.label})")
        if len(labels) > limits.labels:
            words = f"{len(labels)} labels of {name!r:.99} are more than limits.labels ({limits.labels})"
            raise EventError("too_many_labels", words)
        kept = {}
        for label, value in labels.items():
            if len(label) > limits.label:
                raise EventError("too_long", f"the label {label!r:.60} is longer than limits.label ({limits.label})")
            if len(value) > limits.label:
                self.counts["labels_cut"] += 1
                digest = blake2b(value.encode(errors="surrogatepass"), digest_size=6).hexdigest()
                value = f"{value[: limits.label - 13]}…{digest}"  # noqa: PLW2901
            kept[label] = value
        return Origin(name, kept, kind, unit)

    def _plausible(self, name: str, time: float, value: float) -> bool:
        """Whether only a value is missing, if anything is."""
        if not EARLIEST <= time < LATEST:
            words = f"the time of a point of {name!r:.99} ({time:g} s) is not between 1973 and 2100"
            self.refuse(EventError("implausible_time", words))
        elif time > self.latest:
            ahead = time - self.latest + self.limits.ahead
            what = "what came before it" if math.isnan(self.received) else "Kafka's own time of the message"
            words = f"a point of {name!r:.99} is {ahead:.0f} s later than {what}"
            self.refuse(EventError("from_the_future", f"{words} (limits.ahead allows {self.limits.ahead:g} s)"))
        elif math.isinf(value):
            self.refuse(EventError("infinite", f"the value of {name!r:.99} is infinite"))
        else:
            return True
        return False


class PointDecoder(ABC):
    """A `Decoder` of metrics, record by record or, by its `columns`, many at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    @abstractmethod
    def _read(self, value: bytes, points: Points) -> None:
        """Add the points of a message. Raises EventError if it is no message of this format."""

    def counts(self) -> Mapping[str, int]:
        """no_value, labels_cut, points_refused by reason, and what else the format counts."""
        return self._counts

    def decode(self, record: Record) -> Decoded:
        refused: list[Refused] = []
        found = self.columns([record], lambda _, decoded: refused.extend(decoded.refused))
        signals: list[Signal] = []
        histograms = list(found.histograms)
        starts = dict(found.starts)
        for i, (origin, time, value) in enumerate(zip(*found[:3], strict=True)):
            while histograms and histograms[0][0] <= i:
                signals.append(histograms.pop(0)[1])
            number = None if math.isnan(value) else value
            start = starts.get(i, 0.0)
            signals.append(Metric(time, origin.name, number, origin.labels, origin.kind, origin.unit, start))
        return Decoded(signals + [histogram for _, histogram in histograms], refused)

    def columns(self, records: Iterable[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        """As `ColumnDecoder` has it."""
        points = Points(self._limits, self._counts)
        shares: list[tuple[int, int]] = []
        for record in records:
            mark = points.begin(record)
            value = record.value or b""
            try:
                if not value:
                    raise EventError("empty", "the message has no value")
                if len(value) > self._limits.message:
                    words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
                    raise EventError("too_large", words)
                self._read(value, points)
                refused = points.refused(value)
            except EventError as error:
                points.cut(mark)
                refused = [Refused(None, error.error, error.message, value)]
            if refused:
                refuse(record, Decoded([], refused))
            shares.append((len(points.times) - mark[0], len(points.histograms) - mark[1]))
        return Samples(points.origins, points.times, points.values, points.histograms, shares, points.starts)


class PointColumns:
    """The `ColumnDecoder` of a format whose decoder reads points."""

    def __init__(self, decoder: object, limits: Limits) -> None:
        if not isinstance(decoder, PointDecoder):
            raise TypeError(f"{type(decoder).__name__} reads no points")
        self._columns = decoder.columns

    def decode(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        return self._columns(records, refuse)


class Origins:
    """Origins by the raw bytes of their labels; those of one metric are a family. A memo, no state.

    Of two halves with at most `limits.series` origins each the older goes: it costs a walk through the labels each.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.series
        self._size = 0
        self._known: dict[Hashable, dict[Hashable, Origin]] = {}
        self._older: dict[Hashable, dict[Hashable, Origin]] = {}

    def family(self, key: Hashable, size: int) -> dict[Hashable, Origin]:
        """The origins of a metric. To be asked for in each message: the memo may have let go of it.

        `size`: bytes of the key; longer ones are not remembered.
        """
        found = self._known.get(key)
        if found is None:
            found = self._older.pop(key, {})
            if size <= LARGEST_KEY:
                self._make_room(1 + len(found))
                self._known[key] = found
        return found

    def remember(self, family: dict[Hashable, Origin], key: Hashable, origin: Origin, size: int) -> None:
        if size <= LARGEST_KEY:
            self._make_room(1)
            family[key] = origin

    def _make_room(self, more: int) -> None:
        if self._size >= self._most:
            self._older, self._known, self._size = self._known, {}, 0
        self._size += more


def number(value: str | float | None) -> float:
    """A value that may be text ("0.5", "NaN", "+Inf"). NaN is none. Raises ValueError."""
    return math.nan if value is None else float(value)


class JsonMessages(Generic[_Message]):
    """Reads messages in JSON that are an object of one struct, or an array of them."""

    def __init__(self, of: type[_Message], *, labels: Sequence[str] = ()) -> None:
        """`labels`: fields that are objects of text. What else is plain there becomes text, and null is left out."""
        self._of = of
        self._labels = labels
        self._one = msgspec.json.Decoder(of)
        self._many: msgspec.json.Decoder[list[_Message]] = msgspec.json.Decoder(GenericAlias(list, (of,)))

    def read(self, value: bytes) -> list[_Message]:
        """All of a message, or nothing. Raises EventError: `not_json`, `wrong_type`."""
        try:
            return self._many.decode(value) if value.lstrip()[:1] == b"[" else [self._one.decode(value)]
        except msgspec.ValidationError as error:
            raise EventError("wrong_type", f"the message has another form: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("not_json", f"the message is not JSON: {error}") from None

    def each(self, value: bytes, points: Points) -> list[_Message]:
        """The objects of a message; one of another form refuses itself and no other. Raises EventError if nothing can
        be read."""
        try:
            return self.read(value)
        except EventError:
            data = strict_json(value, points.counts)
        if data[:1] != b"[":
            return [self._mended(data, points, "")]
        elements = _elements.decode(data)
        if len(elements) > points.limits.events:
            words = f"the message holds {len(elements)} events, more than limits.events ({points.limits.events})"
            raise EventError("too_many_events", words)
        found: list[_Message] = []
        for index, raw in enumerate(elements):
            with points:
                found.append(self._mended(bytes(raw), points, f" {index} of the message"))
        return found

    def _mended(self, text: bytes, points: Points, place: str) -> _Message:
        """An object; a null in it is as if it were not there. Raises EventError."""
        try:
            parsed = parsed_json(text, points.counts)
            if isinstance(parsed, dict):
                parsed = {name: value for name, value in parsed.items() if value is not None}
                for name in self._labels:
                    if isinstance(found := parsed.get(name), dict):
                        parsed[name] = as_text(found, points.counts)
            return msgspec.convert(parsed, self._of)
        except msgspec.ValidationError as error:
            words = in_plain_words(str(error))
            raise EventError(words.error, f"event{place} cannot be read: {words.message}") from None


def as_text(labels: Mapping[str, object], counts: Counter[str]) -> dict[str, object]:
    """Labels whose numbers and truth values are text; null ones are left out and counted."""
    kept: dict[str, object] = {}
    for name, value in labels.items():
        if value is None:
            counts["labels_dropped"] += 1
        elif isinstance(value, bool):
            kept[name] = "true" if value else "false"
        else:
            kept[name] = str(value) if isinstance(value, int | float) else value
    return kept
