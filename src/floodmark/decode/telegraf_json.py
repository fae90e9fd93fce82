"""Telegraf's JSON (`data_format = "json"`): a measurement with its fields, or the batch `{"metrics": […]}`.

Times are seconds unless `json_timestamp_units` says otherwise; their size tells.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.points import JsonMessages, PointDecoder, Points


class _Measurement(Struct, gc=False):
    """What is in it is looked at one by one, so that one that is odd refuses no other."""

    name: Any = ""
    fields: Any = None
    timestamp: Any = 0
    tags: Any = None
    metrics: list[_Measurement | None] | None = None
    """Of a batch, which has nothing else."""


_messages = JsonMessages(_Measurement)


class TelegrafJsonDecoder(PointDecoder):
    """Decodes one measurement, a batch, or an array of them. Fields that are no number are left out."""

    def _read(self, value: bytes, points: Points) -> None:
        for message in _messages.each(value, points):
            for each in [message] if message.metrics is None else message.metrics:
                with points:
                    if each is None:
                        raise EventError("wrong_type", "a measurement is null")
                    _add(each, points)


def _add(found: _Measurement, points: Points) -> None:
    name, fields, tags = found.name, found.fields or {}, found.tags or {}
    if name == "":
        raise EventError("missing_field", "a measurement has no name")
    if not isinstance(name, str) or not isinstance(fields, dict) or not isinstance(tags, dict):
        raise EventError("wrong_type", f"the measurement {str(name)[:60]!r} has another form")
    labels = {tag: _text(value) for tag, value in tags.items() if value is not None}
    points.add_fields(name, fields.items(), labels, points.stamp(found.timestamp))


def _text(value: object) -> str:
    """A tag; a number or truth value is one as well."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise EventError("wrong_type", f"a tag is {str(value)[:60]!r}")
