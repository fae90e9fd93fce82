"""The Graylog Extended Log Format (GELF 1.1) to logs: what Docker's driver, Fluent Bit, and loggers of many languages
write. A message is one event, an array, or several with a zero byte after each, as on TCP.

The levels are syslog's numbers. The body is `short_message`, with what `full_message` has beyond it. The fields of the
sender begin with `_`; those that say where a line is from become labels, the others attributes. Docker's driver gives
each line the level of its stream, so there a level in the line itself counts before it.
Source: Graylog's GELF reference; Docker's gelf logging driver.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, repeated
from floodmark.decode.decoder import Decoded, EventError
from floodmark.decode.devices import device_of, seems
from floodmark.decode.journald import is_true
from floodmark.decode.native import JsonDecoder, whole
from floodmark.decode.places import labels_by_name, text_of
from floodmark.decode.severities import of_level, on_scale
from floodmark.records import Record, changed
from floodmark.signals import Log

_OWN: Final = frozenset({"version", "host", "short_message", "full_message", "timestamp", "level"})
_LEVELS: Final = ("level_name", "levelname", "severity", "log_level", "loglevel", "log.level")
"""A sender's own fields that name the level."""


class GelfDecoder(JsonDecoder[dict[str, Any]]):
    """Decodes GELF."""

    def __init__(self, limits: Limits) -> None:
        self._admission = Admission(limits)
        super().__init__(dict[str, Any], self._log, self._admission, limits, raw=True)

    def decode(self, record: Record) -> Decoded:
        """The events of one message, in order."""
        value = record.value
        if not value or b"\0" not in value or len(value) > self._limits.message:
            return super().decode(record)
        frames = [frame for frame in value.split(b"\0") if frame.strip()]
        if len(frames) > self._limits.events:
            words = f"the message holds {len(frames)} events, more than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        found = Decoded([], [])
        for index, frame in enumerate(frames):
            signals, refused = super().decode(changed(record, value=frame))
            found.signals.extend(signals)
            found.refused.extend(refused if len(frames) == 1 else [replace(each, index=index) for each in refused])
        return found

    def _log(self, event: dict[str, Any], latest: float) -> Log:
        short, full = event.get("short_message"), event.get("full_message")
        if short is None and full is None:
            short = event.get("message")
        if short is None and full is None:
            raise EventError("missing_field", "short_message is missing")
        body = self._admission.body(short if short is not None else full)
        if isinstance(full, str) and short is not None and full != body:
            body = full.rstrip("\r\n\0") if full.startswith(body) else f"{body}\n{full}"
        said = facts(body)
        stamp = event.get("timestamp")
        time = self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
        own = {name.removeprefix("_"): value for name, value in event.items() if name not in _OWN}
        level = on_scale(event.get("level"), "syslog")
        named = next((found for name in _LEVELS if (found := of_level(own.get(name)))), "")
        level = named or (said.severity or level if "container_id" in own else level or said.severity)
        whence = labels_by_name({**own, "hostname": event.get("host")}, said.service)
        if seems(body) and (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, level = device.body, device.severity or level
            whence |= {"service": device.service, **({"host": device.host} if device.host else {})}
        labels = self._admission.labels(whence, "labels")
        return self._admission.line(
            time,
            body,
            level,
            labels,
            self._admission.attributes(own) if own else {},
            text_of(own.get("trace_id") or own.get("traceId")) or said.trace,
            partial=is_true(own.get("partial_message")) and not is_true(own.get("partial_last")),
            count=repeated(own.get("log_count")) or repeated(own.get("repeat_count")) or said.lines,
        )
