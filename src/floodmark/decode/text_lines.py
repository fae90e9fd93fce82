"""Messages of plain text: one record, or several. Never raises for what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.native import whole
from floodmark.records import Record
from floodmark.signals import Log, Signal


class TextDecoder:
    """Decodes text. `admit` makes a log of a line, or raises EventError.

    It is given the line, the record, and the latest plausible time (epoch seconds). Bytes that are no UTF-8 are read as
    U+FFFD and counted (`not_utf8`): what a device writes in Latin-1 is better read with a hole than not at all.
    """

    def __init__(
        self,
        admit: Callable[[str, Record, float], Log],
        admission: Admission,
        limits: Limits,
        split: Callable[[bytes], list[bytes]],
    ) -> None:
        """`split`: the records of a message, as bytes."""
        self._admit = admit
        self._admission = admission
        self._limits = limits
        self._split = split

    def counts(self) -> Mapping[str, int]:
        """Repairs so far; see `Admission`."""
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """The records of one message, in order. Refused as a whole: empty, too_large, too_many_events."""
        value = record.value
        if not value:
            return whole("empty", "the message has no value", b"")
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        lines = self._split(value)
        if len(lines) > self._limits.events:
            words = f"the message holds {len(lines)} lines, more than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        latest = self._admission.begin(record)
        signals: list[Signal] = []
        refused: list[Refused] = []
        for index, line in enumerate(lines):
            try:
                signals.append(self._admit(self._admission.utf8(line), record, latest))
            except EventError as error:
                alone = len(lines) == 1
                own = value if alone else line
                refused.append(Refused(None if alone else index, error.error, error.message, own))
        return Decoded(signals, refused)
