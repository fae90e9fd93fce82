"""Entries of systemd's journal to logs: `journalctl -o json`, and what others hand on of it under its own names.

The entry's time is `_SOURCE_REALTIME_TIMESTAMP` (when it was said), else `__REALTIME_TIMESTAMP` (when the journal had
it), both in microseconds as text. `MESSAGE` may be an array of bytes. What a unit or a container writes to its standard
output has the one priority of all of it, so there a level in the line itself counts before `PRIORITY`.
Source: systemd's "Journal Fields" and "Journal Export Formats"; Docker's journald logging driver.
"""

from __future__ import annotations

from typing import Any

from msgspec import field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, readable, when
from floodmark.decode.decoder import EventError
from floodmark.decode.lifted import Lifted
from floodmark.decode.places import NOTHING, PARTS, PlacedDecoder, Places, placed, text_of
from floodmark.decode.severities import syslog_severity
from floodmark.signals import Log, Scalar


class Journal(Lifted):
    """The fields of the journal that say something of a line, for any event that may have them."""

    journal_message: Any = field(name="MESSAGE", default=None)
    said_at: Any = field(name="_SOURCE_REALTIME_TIMESTAMP", default=None)
    stripped_said_at: Any = field(name="SOURCE_REALTIME_TIMESTAMP", default=None)
    journal_at: Any = field(name="__REALTIME_TIMESTAMP", default=None)
    journal_priority: Any = field(name="PRIORITY", default=None)
    transport: Any = field(name="_TRANSPORT", default=None)
    container_id: Any = field(name="CONTAINER_ID", default=None)
    container_partial: Any = field(name="CONTAINER_PARTIAL_MESSAGE", default=None)


def journal_level(event: Journal, said: str) -> str:
    """The severity of a line by the journal, given the one that it says itself."""
    level = syslog_severity(_first(event.journal_priority))
    common = event.transport == "stdout" or event.container_id is not None or event.journal_container is not NOTHING
    return (said or level) if common else (level or said)


def journal_time(event: Journal, latest: float) -> float | None:
    """When it was by the journal, if it says that."""
    for each in (event.said_at, event.stripped_said_at, event.journal_at):
        own = readable(_first(each))
        if own is not None and own <= latest:
            return own
    return None


def is_true(value: object) -> bool:
    """Whether a flag is set, however it is written."""
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in ("true", "1", "yes"))


class JournaldDecoder(PlacedDecoder[Journal]):
    """Decodes entries of the journal."""

    def __init__(self, limits: Limits) -> None:
        self._admission = Admission(limits)
        super().__init__(Journal, self._log, self._admission, limits)
        self._places = Places(self._admission, placed)

    def _log(self, event: Journal, latest: float) -> Log:
        if event.journal_message is None and event.journal_at is None and event.journal_priority is None:
            raise EventError("missing_field", "MESSAGE is missing")
        body = self._admission.body(event.journal_message if event.journal_message is not None else "")
        said = facts(body)
        shippers = journal_time(event, latest)
        time = when(said, body, self._admission.arrival() if shippers is None else shippers, latest)
        labels = self._places.of(astuple(event)[:PARTS], said.service)
        attributes: dict[str, Scalar] = {}
        if event.transport is not None:
            attributes["stream"] = text_of(event.transport)[:32]
        return self._admission.line(
            time,
            body,
            journal_level(event, said.severity),
            labels,
            attributes,
            said.trace,
            partial=is_true(event.container_partial),
            count=said.lines,
        )


def _first(value: Any) -> Any:
    """Of a field that an entry has several times, and which is an array then, the first."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str | int | float) else ""
