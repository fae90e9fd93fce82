"""collectd's write_kafka, in its three formats: JSON, Command (PUTVAL) and Graphite.

JSON tells the names of a type's values, and its counters are rates already (`StoreRates true`, the default). The other
two carry counters as they are and name no type of data source, so both are known from `collectd_types`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from floodmark.decode.collectd_types import VALUES, kind_of
from floodmark.decode.counters import by_name
from floodmark.decode.decoder import EventError
from floodmark.decode.mending import lines
from floodmark.decode.points import JsonMessages, PointDecoder, Points, number
from floodmark.decode.timestamps import parse

_PUTVAL: Final = re.compile(r'PUTVAL\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))((?:\s+\w+=\S+)*)\s+(\S+)\s*')

_INTERVAL: Final = re.compile(r"\binterval=(\d+(?:\.\d+)?)(?!\S)")


class _ValueList(Struct, gc=False):
    values: list[float | str | None]
    dstypes: list[str]
    dsnames: list[str]
    plugin: str
    type: str
    time: float | None = None
    host: str = ""
    plugin_instance: str = ""
    type_instance: str = ""


_messages = JsonMessages(_ValueList)


class CollectdJsonDecoder(PointDecoder):
    """Decodes arrays of value lists. The first sample of a counter is null: it has no rate yet."""

    def _read(self, value: bytes, points: Points) -> None:
        for each in _messages.each(value, points):
            if not len(each.values) == len(each.dstypes) == len(each.dsnames):
                points.refuse(EventError("wrong_type", f"{each.plugin!r:.60} has not a name and type for each value"))
                continue
            labels = _labels(each.host, each.plugin_instance, each.type_instance)
            for name, kind, each_value in zip(each.dsnames, each.dstypes, each.values, strict=True):
                points.expect(1)
                with points:
                    unit = "" if kind == "gauge" else "/s"
                    origin = points.origin(_name(each.plugin, each.type, name), labels, "gauge", unit)
                    at = parse(each.time) if each.time is not None else points.time(None)
                    points.add(origin, at, number(each_value))


class CollectdCommandDecoder(PointDecoder):
    """Decodes lines `PUTVAL HOST/PLUGIN-INSTANCE/TYPE-INSTANCE interval=… TIME:VALUE…`; "U" is no value."""

    def _read(self, value: bytes, points: Points) -> None:
        for line in _lines(value, points):
            with points:
                match = _PUTVAL.fullmatch(line)
                path = (match[1] or match[2] or "").rsplit("/", 2) if match else []
                if match is None or len(path) != 3:
                    raise EventError("malformed", f"the line {line[:60]!r} is no PUTVAL")
                time, *values = match[4].split(":")
                interval = float(found[1]) if (found := _INTERVAL.search(match[3])) else 0.0
                names = VALUES.get(path[2].partition("-")[0], ())
                for i, text in enumerate(values):
                    name = names[i] if len(names) == len(values) else "" if len(values) == 1 else str(i)
                    at = points.received if time == "N" else parse(time)
                    _add(points, path, name, at, "nan" if text == "U" else text, interval)


class CollectdGraphiteDecoder(PointDecoder):
    """Decodes lines `HOST.PLUGIN-INSTANCE.TYPE-INSTANCE[.VALUE] NUMBER SECONDS`; another path is a name as it is."""

    def _read(self, value: bytes, points: Points) -> None:
        for line in _lines(value, points):
            with points:
                parts = line.split()
                if len(parts) != 3:
                    raise EventError("malformed", f"the line {line[:60]!r} is no path, number and time")
                path, text, time = parts
                places = path.split(".")
                if len(places) in (3, 4):
                    name = places[3] if len(places) == 4 else _only(places[2].partition("-")[0])
                    _add(points, places[:3], name, parse(time), text)
                else:
                    points.expect(1)
                    points.add(points.origin(path, {}, by_name(path)), parse(time), number(text))


def _lines(value: bytes, points: Points) -> list[str]:
    found = lines(value, points.counts)
    if len(found) > points.limits.events:
        words = f"the message holds {len(found)} lines, more than limits.events ({points.limits.events})"
        raise EventError("too_many_events", words)
    return found


def _only(type_: str) -> str:
    """The name of the one value of a type; empty if that is not known, for then it is called `value`."""
    names = VALUES.get(type_, ())
    return names[0] if len(names) == 1 else ""


def _add(points: Points, path: list[str], value_name: str, time: float, text: str, interval: float = 0.0) -> None:
    host, plugin, type_ = path
    plugin, _, plugin_instance = plugin.partition("-")
    type_, _, type_instance = type_.partition("-")
    points.expect(1)
    labels = _labels(host, plugin_instance, type_instance)
    kind = kind_of(type_, value_name)
    origin = points.origin(_name(plugin, type_, value_name), labels, kind)
    points.add_since(time - interval if kind == "delta" and interval > 0 else 0.0, origin, time, number(text))


def _name(plugin: str, type_: str, value: str) -> str:
    name = type_ if plugin == type_ else f"{plugin}_{type_}"
    return name if value in ("", "value") else f"{name}_{value}"


def _labels(host: str, plugin_instance: str, type_instance: str) -> dict[str, str]:
    labels = {"host": host, "plugin_instance": plugin_instance, "type_instance": type_instance}
    return {name: value for name, value in labels.items() if value}
