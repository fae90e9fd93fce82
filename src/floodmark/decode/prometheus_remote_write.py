"""Prometheus remote write, version 1: protobuf in one block of snappy.

As with OTLP, the messages are declared once more with labels as bytes: those that were met before are not looked at.
Source: Prometheus's remote write specification 1.0, and `prompb/types.proto` for the metadata.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Final

import cramjam
from google.protobuf.message import DecodeError

from floodmark.config.models import Limits
from floodmark.decode.counters import by_name
from floodmark.decode.decoder import EventError
from floodmark.decode.descriptors import messages
from floodmark.decode.points import Origins, PointDecoder, Points
from floodmark.signals import MetricKind, Origin

_STALE: Final = 0x7FF0000000000002
"""The bits of the NaN that says: the series has ended."""
_KINDS: Final[dict[int, MetricKind]] = {1: "counter", 2: "gauge", 4: "gauge", 6: "gauge", 7: "gauge"}
"""By `MetricMetadata.MetricType`; histograms and summaries go by the suffix of each series."""
_SUFFIX: Final = re.compile("_(?:total|created|count|sum|bucket)$")
_bits = struct.Struct("<d").pack
_MESSAGES: Final = messages(
    "remote",
    {
        "Label": "name:1:string value:2:string",
        "Sample": "value:1:double timestamp:2:int64",
        "TimeSeries": "labels:1:bytes* samples:2:Sample*",
        "Metadata": "type:1:int32 metric_family_name:2:string unit:5:string",
        "WriteRequest": "timeseries:1:TimeSeries* metadata:3:Metadata*",
    },
)
_request: Any = _MESSAGES["WriteRequest"]
_label: Any = _MESSAGES["Label"]


class RemoteWriteDecoder(PointDecoder):
    """Decodes `WriteRequest`. Exemplars and native histograms are not read."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._origins = Origins(limits)

    def _read(self, value: bytes, points: Points) -> None:
        request = _parse(value, self._limits.message)
        told = {each.metric_family_name: _KINDS[each.type] for each in request.metadata if each.type in _KINDS}
        known = self._origins.family((), 0)
        for series in request.timeseries:
            raw = tuple(series.labels)
            origin = known.get(raw) if not told else None
            points.expect(len(series.samples))
            if origin is None:
                try:
                    origin = _origin(raw, told, points)
                except EventError as error:
                    points.refuse(error)
                    continue
                if not told:
                    self._origins.remember(known, raw, origin, sum(map(len, raw)))
            for sample in series.samples:
                number = sample.value
                if number != number and int.from_bytes(_bits(number), "little") == _STALE:  # noqa: PLR0124
                    self._counts["series_ended"] += 1
                else:
                    points.add(origin, sample.timestamp / 1000, number)


def _parse(value: bytes, most: int) -> Any:
    try:
        size = cramjam.snappy.decompress_raw_len(value)
        if size > most:
            words = f"the message has {size} bytes when unpacked, more than limits.message ({most})"
            raise EventError("too_large", words)
        plain = bytes(cramjam.snappy.decompress_raw(value))
    except cramjam.DecompressionError:
        raise EventError("malformed", "the message is no block of snappy") from None
    try:
        request = _request.FromString(plain)
    except DecodeError:
        raise EventError("not_protobuf", "the message is no remote write request in protobuf") from None
    if plain and not request.timeseries and not request.metadata:
        raise EventError("not_protobuf", "the message holds no series of Prometheus remote write")
    return request


def _origin(raw: tuple[bytes, ...], told: dict[str, MetricKind], points: Points) -> Origin:
    try:
        pairs = [(label.name, label.value) for label in map(_label.FromString, raw)]
    except DecodeError:
        raise EventError("not_protobuf", "the labels of a series are no protobuf") from None
    labels = dict(pairs)
    name = labels.pop("__name__", "")
    family = told.get(name) or told.get(_SUFFIX.sub("", name))
    return points.origin(name, labels, family or by_name(name))
