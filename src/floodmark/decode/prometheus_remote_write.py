"""Prometheus remote write: protobuf in one block of snappy, of version 1 or 2. Their messages have no field in common,
so the bytes say which it is.

As with OTLP, the messages are declared once more. Of version 1 the labels are bytes: those that were met before are not
looked at. Native histograms and exemplars are bytes as well, which costs nothing where there are none; a request that
has any is parsed once more.

Source: Prometheus's remote write specifications 1.0 and 2.0, `prompb/types.proto` and `io/prometheus/write/v2`.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import cramjam
from google.protobuf.message import DecodeError

from floodmark.config.models import Limits
from floodmark.decode.buckets import CUSTOM, native
from floodmark.decode.counters import by_name
from floodmark.decode.decoder import EventError
from floodmark.decode.descriptors import messages
from floodmark.decode.mending import utf8
from floodmark.decode.points import Origins, PointDecoder, Points
from floodmark.decode.protobuf import parsed, sound
from floodmark.signals import Histogram, MetricKind, Origin

_STALE: Final = 0x7FF0000000000002
"""The bits of the NaN that says: the series has ended."""
_KINDS: Final[dict[int, MetricKind]] = {1: "counter", 2: "gauge", 4: "gauge", 6: "gauge", 7: "gauge"}
"""By the type that the metadata tell; the series of histograms (3) and summaries (5) go by their suffix."""
_SUFFIX: Final = re.compile("_(?:total|created|count|sum|bucket)$")
_COUNTS: Final = ("_count", "_bucket")
"""Suffixes of what has not the unit of its family."""
_GAUGE: Final = 3
"""The reset hint of a histogram that says how it is now."""
_bits = struct.Struct("<d").pack
_HISTOGRAM: Final = {
    "Span": "offset:1:sint32 length:2:uint32",
    "Histogram": "count_int:1:uint64? count_float:2:double? sum:3:double schema:4:sint32 zero_threshold:5:double "
    "zero_count_int:6:uint64? zero_count_float:7:double? negative_spans:8:Span* negative_deltas:9:sint64* "
    "negative_counts:10:double* positive_spans:11:Span* positive_deltas:12:sint64* positive_counts:13:double* "
    "reset_hint:14:int32 timestamp:15:int64 custom_values:16:double* start_timestamp:17:int64",
}
_ONE: Final = {
    "Label": "name:1:string value:2:string",
    "Sample": "value:1:double timestamp:2:int64",
    "TimeSeries": "labels:1:bytes* samples:2:Sample* exemplars:3:bytes histograms:4:bytes",
    "Metadata": "type:1:int32 metric_family_name:2:string unit:5:string",
    "WriteRequest": "timeseries:1:TimeSeries* metadata:3:Metadata*",
}
_FULL: Final = {**_ONE, **_HISTOGRAM, "TimeSeries": "labels:1:bytes* samples:2:Sample* histograms:4:Histogram*"}
_TWO: Final = {
    **_HISTOGRAM,
    "Sample": "value:1:double timestamp:2:int64 start_timestamp:3:int64",
    "Metadata": "type:1:int32 unit_ref:4:uint32",
    "TimeSeries": "labels_refs:1:uint32* samples:2:Sample* histograms:3:Histogram* exemplars:4:bytes "
    "metadata:5:Metadata created_timestamp:6:int64",
    "Request": "symbols:4:bytes* timeseries:5:TimeSeries*",
}
_MESSAGES: Final = messages("remote", _ONE)
_request: Any = _MESSAGES["WriteRequest"]
_label: Any = _MESSAGES["Label"]
_full: Any = messages("remote_full", _FULL)["WriteRequest"]
_second: Any = messages("remote_two", _TWO)["Request"]


class _Told(NamedTuple):
    """What the metadata say of a family."""

    type: int
    unit: str


class RemoteWriteDecoder(PointDecoder):
    """Decodes `WriteRequest`, and `Request` of version 2. Counts also series_ended, series_empty (nothing but labels),
    metadata_only (requests), exemplars_unread (series that have any)."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._origins = Origins(limits)

    def _read(self, value: bytes, points: Points) -> None:
        plain = _unpacked(value, self._limits.message)
        refuse = partial(_refuse, points)
        try:
            request = _request.FromString(plain)
        except DecodeError:
            try:
                plain = sound(_full, plain, self._counts, refuse)
            except EventError as error:
                words = f"the message is no remote write request in protobuf: {error.message}"
                raise EventError(error.error, words) from None
            request = _request.FromString(plain)
        if request.timeseries or request.metadata:
            self._first(request, plain, points)
        elif plain:
            second = parsed(_second, plain, self._counts, refuse)
            if not second.symbols and not second.timeseries and not points.refused(value):
                raise EventError("not_protobuf", "the message holds no series of Prometheus remote write")
            self._second(second, points)

    def _first(self, request: Any, plain: bytes, points: Points) -> None:
        """Of version 1."""
        told = {each.metric_family_name: _Told(each.type, each.unit) for each in request.metadata}
        known = self._origins.family((), 0)
        full: Any = None
        many = request.timeseries
        if not many:
            self._counts["metadata_only"] += 1
        for index, series in enumerate(many):
            raw = tuple(series.labels)
            origin = known.get(raw) if not told else None
            samples = series.samples
            points.expect(len(samples))
            if origin is None:
                try:
                    origin = _origin(raw, told, points)
                except EventError as error:
                    points.refuse(error)
                    continue
                if not told:
                    self._origins.remember(known, raw, origin, sum(map(len, raw)))
            self._samples(origin, samples, points)
            if series.exemplars:
                self._counts["exemplars_unread"] += 1
            if series.histograms:
                if full is None:
                    full = parsed(_full, plain, self._counts, partial(_refuse, points))
                self._histograms(origin, full.timeseries[index].histograms, 0, points)
            elif not samples and not series.exemplars:
                self._counts["series_empty"] += 1

    def _second(self, request: Any, points: Points) -> None:
        """Of version 2: labels, units and so on are places in the list of symbols."""
        symbols = [utf8(each, self._counts) for each in request.symbols]
        known = self._origins.family("2", 0)
        if not request.timeseries:
            self._counts["metadata_only"] += 1
        for series in request.timeseries:
            samples = series.samples
            points.expect(len(samples))
            with points:
                texts = tuple(_symbol(symbols, place) for place in series.labels_refs)
                about = series.metadata
                told = _Told(about.type, _symbol(symbols, about.unit_ref) if about.unit_ref else "")
                origin = known.get((texts, told))
                if origin is None:
                    if len(texts) % 2:
                        raise EventError("wrong_type", f"a series has {len(texts)} names and values of labels")
                    origin = _named(dict(zip(texts[::2], texts[1::2], strict=True)), told, points)
                    self._origins.remember(known, (texts, told), origin, sum(map(len, texts)))
                self._since(origin, samples, series.created_timestamp, points)
                self._histograms(origin, series.histograms, series.created_timestamp, points)
                if series.exemplars:
                    self._counts["exemplars_unread"] += 1
                elif not samples and not series.histograms:
                    self._counts["series_empty"] += 1

    def _samples(self, origin: Origin, samples: Any, points: Points) -> None:
        for sample in samples:
            number = sample.value
            if number != number and _is_stale(number):  # noqa: PLR0124
                self._counts["series_ended"] += 1
            else:
                points.add(origin, sample.timestamp / 1000, number)

    def _since(self, origin: Origin, samples: Any, created: int, points: Points) -> None:
        """Of version 2, which may tell since when a sample counts."""
        for sample in samples:
            number = sample.value
            if number != number and _is_stale(number):  # noqa: PLR0124
                self._counts["series_ended"] += 1
            else:
                start = (sample.start_timestamp or created) / 1000
                points.add_since(start, origin, sample.timestamp / 1000, number)

    def _histograms(self, origin: Origin, histograms: Any, created: int, points: Points) -> None:
        """Native histograms. One that is a gauge stands for itself; whether one began again, its counts say."""
        points.expect(len(histograms))
        for each in histograms:
            if _is_stale(each.sum):
                self._counts["series_ended"] += 1
                continue
            with points:
                bounds, counts = native(each)
                count = each.count_float if each.HasField("count_float") else each.count_int
                points.add_histogram(
                    Histogram(
                        time=each.timestamp / 1000,
                        name=origin.name,
                        count=float(count),
                        total=each.sum if math.isfinite(each.sum) else None,
                        bounds=bounds,
                        counts=counts,
                        labels=origin.labels,
                        unit=origin.unit,
                        start=(each.start_timestamp or created) / 1000,
                        cumulative=each.reset_hint != _GAUGE,
                        geometric=each.schema != CUSTOM,
                    )
                )


def _unpacked(value: bytes, most: int) -> bytes:
    try:
        size = cramjam.snappy.decompress_raw_len(value)
        if size > most:
            words = f"the message has {size} bytes when unpacked, more than limits.message ({most})"
            raise EventError("too_large", words)
        return bytes(cramjam.snappy.decompress_raw(value))
    except cramjam.DecompressionError:
        raise EventError("malformed", "the message is no block of snappy") from None


def _refuse(points: Points, path: str, why: str) -> None:
    points.refuse(EventError("not_protobuf", f"{path} cannot be read: {why}"))


def _is_stale(number: float) -> bool:
    return int.from_bytes(_bits(number), "little") == _STALE


def _origin(raw: tuple[bytes, ...], told: Mapping[str, _Told], points: Points) -> Origin:
    try:
        found = [parsed(_label, each, points.counts) for each in raw]
    except EventError as error:
        raise EventError("not_protobuf", f"the labels of a series are no protobuf: {error.message}") from None
    labels = {label.name: label.value for label in found}
    name = labels.get("__name__", "")
    family = told.get(name) or told.get(_SUFFIX.sub("", name)) or _Told(0, "")
    return _named(labels, family, points)


def _named(labels: dict[str, str], told: _Told, points: Points) -> Origin:
    name = labels.pop("__name__", "")
    unsaid = not told.type or _SUFFIX.search(name)
    kind = _KINDS.get(told.type) or (by_name(name) if unsaid else "gauge")
    return points.origin(name, labels, kind, "" if name.endswith(_COUNTS) else told.unit)


def _symbol(symbols: Sequence[str], place: int) -> str:
    if place >= len(symbols):
        raise EventError("wrong_type", f"a series names symbol {place} of a request that has {len(symbols)}")
    return symbols[place]
