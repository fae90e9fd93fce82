"""Telegraf's JSON (`data_format = "json"`): a measurement with its fields, or the batch `{"metrics": […]}`.

Times are seconds unless `json_timestamp_units` says otherwise; their size tells.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.points import JsonMessages, PointDecoder, Points
from floodmark.decode.timestamps import parse


class _Measurement(Struct, gc=False):
    name: str = ""
    fields: dict[str, Any] = {}
    timestamp: int | float | str = 0
    tags: dict[str, str] = {}
    metrics: list[_Measurement] | None = None
    """Of a batch, which has nothing else."""


_messages = JsonMessages(_Measurement)


class TelegrafJsonDecoder(PointDecoder):
    """Decodes one measurement, a batch, or an array of them. Fields that are no number are left out."""

    def _read(self, value: bytes, points: Points) -> None:
        for message in _messages.read(value):
            for each in [message] if message.metrics is None else message.metrics:
                with points:
                    if not each.name:
                        raise EventError("missing_field", "a measurement has no name")
                    points.add_fields(each.name, each.fields.items(), each.tags, parse(each.timestamp))
