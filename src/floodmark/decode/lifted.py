"""What loggers' own fields say of a line, where a shipper has lifted them out of it to the top of its event.

Fluent Bit's `Merge_Log`, Filebeat's `json.keys_under_root` and Vector's `parse_json` do that, and often drop the line.
"""

from __future__ import annotations

from typing import Any

from msgspec import field
from msgspec.structs import astuple

from floodmark.decode.bodies import repeated
from floodmark.decode.places import Placed
from floodmark.decode.severities import of_level, on_scale


class Lifted(Placed):
    """The names that loggers have for a level, a trace and a number of repeats, beside those of a shipper."""

    ecs_level: Any = field(name="log.level", default=None)
    lvl: Any = None
    loglevel: Any = None
    log_level: Any = None
    camel_level: Any = field(name="logLevel", default=None)
    levelname: Any = None
    level_name: Any = None
    severity_text: Any = None
    camel_text: Any = field(name="severityText", default=None)
    net_level: Any = field(name="LogLevel", default=None)
    upper_level: Any = field(name="Level", default=None)
    compact_level: Any = field(name="@l", default=None)
    syslog_severity: Any = None
    severity_number: Any = None
    camel_number: Any = field(name="severityNumber", default=None)
    levelno: Any = None
    template: Any = field(name="@mt", default=None)
    trace_id: Any = None
    camel_trace: Any = field(name="traceId", default=None)
    log_count: Any = None
    repeat_count: Any = None


_FIRST = Lifted.__struct_fields__.index("ecs_level")
_LAST = Lifted.__struct_fields__.index("trace_id")
_SILENT = (None,) * (_LAST - _FIRST)


def lifted_level(event: Lifted) -> str:
    """The severity by these fields; empty if they do not say."""
    if astuple(event)[_FIRST:_LAST] == _SILENT:
        return ""
    for each in (
        *(event.ecs_level, event.lvl, event.loglevel, event.log_level, event.camel_level, event.levelname),
        *(event.level_name, event.severity_text, event.camel_text, event.net_level, event.upper_level),
        event.compact_level,
    ):
        if each is not None and (found := of_level(each)):
            return found
    for each, scale in (
        (event.syslog_severity, "syslog"),
        (event.severity_number, "opentelemetry"),
        (event.camel_number, "opentelemetry"),
        (event.levelno, "python"),
    ):
        if each is not None and (found := on_scale(each, scale)):  # type: ignore[arg-type]  # they are scales
            return found
    return "INFO" if event.template is not None else ""  # Serilog leaves out @l for it


def lifted_trace(event: Lifted) -> str:
    """The trace by these fields; empty if they do not say."""
    trace = event.trace_id if event.trace_id is not None else event.camel_trace
    return trace if isinstance(trace, str) else ""


def lifted_count(event: Lifted) -> int:
    """How many lines the event stands for by these fields; 0 if they do not say."""
    return repeated(event.log_count) or repeated(event.repeat_count)
