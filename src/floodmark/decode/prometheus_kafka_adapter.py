"""The JSON of prometheus-kafka-adapter (`SERIALIZATION_FORMAT=json`, its default): one sample a message.

The value is text, so that it can be "NaN" or "+Inf"; a stale marker can no longer be told from a missing value.
"""

from __future__ import annotations

from msgspec import Struct

from floodmark.decode.counters import by_name
from floodmark.decode.points import JsonMessages, PointDecoder, Points, number


class _Sample(Struct, gc=False):
    timestamp: str | int | float | None = None
    value: str | float | None = None
    name: str = ""
    labels: dict[str, str] = {}


_messages = JsonMessages(_Sample, labels=("labels",))


class KafkaAdapterDecoder(PointDecoder):
    """Decodes one sample, or an array of them."""

    def _read(self, value: bytes, points: Points) -> None:
        for sample in _messages.each(value, points):
            points.expect(1)
            with points:
                labels = sample.labels
                name = labels.pop("__name__", "") or sample.name
                origin = points.origin(name, labels, by_name(name))
                points.add(origin, points.time(sample.timestamp), number(sample.value))
