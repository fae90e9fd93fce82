"""collectd's write_kafka, in its three formats: JSON, Command (PUTVAL) and Graphite.

JSON tells the names of a type's values, and its counters are rates already (`StoreRates true`, the default). The other
two carry counters as they are and name no type of data source, so both are known from collectd's own types.db: of
it, the types that are not gauges, and those with several values.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.points import JsonMessages, PointDecoder, Points, number
from floodmark.decode.timestamps import parse
from floodmark.signals import MetricKind

_COUNTERS: Final = re.compile(
    r"counter|derive|cpu|contextswitch|fork_rate|irq|connections|operations|requests|invocations|swap_io|nfs_procedure"
    r"|apache_(?:bytes|requests)|http_\w+|cache_(?:operation|result)|protocol_counter|total_\w+|mysql_\w+|pg_\w+"
    r"|(?:if|disk|ps_disk|io|ipt|node|serial|dns|memcached|vmpage|compression)_"
    r"(?:\w*octets|\w*packets|ops|bytes|merged|time|io_time|errors|dropped|collisions|multicast|command|action|faults|io)"
    r"|ps_(?:cputime|pagefaults)"
)
_BOTH_WAYS: Final = ("rx", "tx")
_DISK: Final = ("read", "write")
_VALUES: Final = {
    **dict.fromkeys(("if_octets", "if_packets", "if_errors", "if_dropped", "io_octets", "io_packets"), _BOTH_WAYS),
    **dict.fromkeys(("node_octets", "mysql_octets", "memcached_octets", "serial_octets"), _BOTH_WAYS),
    **dict.fromkeys(("disk_octets", "disk_ops", "disk_time", "disk_merged", "ps_disk_octets", "ps_disk_ops"), _DISK),
    "disk_io_time": ("io_time", "weighted_io_time"),
    "load": ("shortterm", "midterm", "longterm"),
    "ps_count": ("processes", "threads"),
    "ps_cputime": ("user", "syst"),
    "ps_pagefaults": ("minflt", "majflt"),
    "vmpage_faults": ("minflt", "majflt"),
    "vmpage_io": ("in", "out"),
    "dns_octets": ("queries", "responses"),
}
_PUTVAL: Final = re.compile(r'PUTVAL\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))((?:\s+\w+=\S+)*)\s+(\S+)\s*')


class _ValueList(Struct, gc=False):
    values: list[float | str | None]
    dstypes: list[str]
    dsnames: list[str]
    time: float
    host: str
    plugin: str
    type: str
    plugin_instance: str = ""
    type_instance: str = ""


_messages = JsonMessages(_ValueList)


class CollectdJsonDecoder(PointDecoder):
    """Decodes arrays of value lists. The first sample of a counter is null: it has no rate yet."""

    def _read(self, value: bytes, points: Points) -> None:
        for each in _messages.read(value):
            if not len(each.values) == len(each.dstypes) == len(each.dsnames):
                points.refuse(EventError("wrong_type", f"{each.plugin!r:.60} has not a name and type for each value"))
                continue
            labels = _labels(each.host, each.plugin_instance, each.type_instance)
            for name, kind, each_value in zip(each.dsnames, each.dstypes, each.values, strict=True):
                points.expect(1)
                with points:
                    unit = "" if kind == "gauge" else "/s"
                    origin = points.origin(_name(each.plugin, each.type, name), labels, "gauge", unit)
                    points.add(origin, parse(each.time), number(each_value))


class CollectdCommandDecoder(PointDecoder):
    """Decodes lines `PUTVAL HOST/PLUGIN-INSTANCE/TYPE-INSTANCE interval=… TIME:VALUE…`; "U" is no value."""

    def _read(self, value: bytes, points: Points) -> None:
        for line in _lines(value):
            with points:
                match = _PUTVAL.fullmatch(line)
                path = (match[1] or match[2] or "").rsplit("/", 2) if match else []
                if match is None or len(path) != 3:
                    raise EventError("malformed", f"the line {line[:60]!r} is no PUTVAL")
                time, *values = match[4].split(":")
                names = _VALUES.get(path[2].partition("-")[0], ())
                for i, text in enumerate(values):
                    name = "" if len(values) == 1 else names[i] if i < len(names) else str(i)
                    at = points.received if time == "N" else parse(time)
                    _add(points, path, name, at, "nan" if text == "U" else text)


class CollectdGraphiteDecoder(PointDecoder):
    """Decodes lines `HOST.PLUGIN-INSTANCE.TYPE-INSTANCE[.VALUE] NUMBER SECONDS`; another path is a name as it is."""

    def _read(self, value: bytes, points: Points) -> None:
        for line in _lines(value):
            with points:
                parts = line.split()
                if len(parts) != 3:
                    raise EventError("malformed", f"the line {line[:60]!r} is no path, number and time")
                path, text, time = parts
                places = path.split(".")
                if len(places) in (3, 4):
                    name = places[3] if len(places) == 4 else ""
                    _add(points, places[:3], name, parse(time), text)
                else:
                    points.expect(1)
                    points.add(points.origin(path, {}), parse(time), number(text))


def _lines(value: bytes) -> list[str]:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise EventError("malformed", f"the message is not UTF-8 at byte {error.start}") from None
    return [line for each in text.split("\n") if (line := each.strip())]


def _add(points: Points, path: list[str], value_name: str, time: float, text: str) -> None:
    host, plugin, type_ = path
    plugin, _, plugin_instance = plugin.partition("-")
    type_, _, type_instance = type_.partition("-")
    kind: MetricKind = "counter" if _COUNTERS.fullmatch(type_) else "gauge"
    points.expect(1)
    origin = points.origin(_name(plugin, type_, value_name), _labels(host, plugin_instance, type_instance), kind)
    points.add(origin, time, number(text))


def _name(plugin: str, type_: str, value: str) -> str:
    name = type_ if plugin == type_ else f"{plugin}_{type_}"
    return name if value in ("", "value") else f"{name}_{value}"


def _labels(host: str, plugin_instance: str, type_instance: str) -> dict[str, str]:
    labels = {"host": host, "plugin_instance": plugin_instance, "type_instance": type_instance}
    return {name: value for name, value in labels.items() if value}
