"""Metricbeat's documents (ECS): each nested number becomes a series, named by its dotted path.

Text is left out, but for what says of which thing the numbers are: fields called `name`, `id` and the like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode import counters
from floodmark.decode.decoder import EventError
from floodmark.decode.points import JsonMessages, PointDecoder, Points

_ABOUT_ITSELF: Final = ("@metadata", "@timestamp", "agent", "ecs", "event", "metricset", "tags", "error")
_NAMING: Final = re.compile(r"(?:.*\.)?(?:name|id|pid|device_name|mount_point|partition|namespace|index)|labels\..*")
_NAMES: Final = {"host.name": "host", "service.name": "service", "kubernetes.pod.name": "pod"}
_DEEPEST: Final = 16


_messages = JsonMessages(Any)


class MetricbeatDecoder(PointDecoder):
    """Decodes documents of any metricset."""

    def _read(self, value: bytes, points: Points) -> None:
        for document in _messages.each(value, points):
            with points:
                _add(document, points)


def _add(document: Any, points: Points) -> None:
    if not isinstance(document, dict) or "@timestamp" not in document:
        raise EventError("wrong_type", "a document has no `@timestamp`")
    time = points.stamp(document["@timestamp"])
    labels: dict[str, str] = {}
    numbers: list[tuple[str, float]] = []
    for name, leaf in _leaves(document):
        if _NAMING.fullmatch(name):
            if isinstance(leaf, str | int):
                labels[_NAMES.get(name, name)] = str(leaf)
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            numbers.append((name, leaf))
    for name, number in numbers:
        points.expect(1)
        with points:
            points.add(points.origin(name, labels, counters.metricbeat(name)), time, float(number))


def _leaves(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is not nested any more, with its dotted path, in the document's order. Arrays are left out."""
    waiting = [(name, value, 1) for name, value in reversed(document.items()) if name not in _ABOUT_ITSELF]
    while waiting:
        name, value, depth = waiting.pop()
        if isinstance(value, dict):
            if depth < _DEEPEST:
                waiting += [(f"{name}.{inner}", each, depth + 1) for inner, each in reversed(value.items())]
        elif not isinstance(value, list):
            yield name, value
