"""Metrics by column: the native decoder's answer for many records at once, for the price of one typed decode each.

The labels stay as they were written: the same bytes again are the same series again. Whatever is not plain (no number,
a time that cannot be, an array, labels not seen before) takes the ordinary decoder, so the answer is always its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, Decoder, EventError
from floodmark.decode.timestamps import parse
from floodmark.records import Record, bound
from floodmark.signals import Metric, Origin, SaidKind, Samples

_Key = tuple[str, bytes, str | None, str | None]
_NONE: Final = Raw(b"null")


class _Plain(Struct, gc=False):
    """`wire.MetricEvent`, but for a value that is no number; the labels are left as they are."""

    timestamp: int | float | str
    name: Annotated[str, Meta(min_length=1)]
    value: float
    labels: Raw = _NONE
    kind: SaidKind | None = None
    unit: str | None = None


class SampleDecoder:
    """Wraps the decoder of an input of metrics. Its memo holds at most twice `limits.series`, and is no state."""

    def __init__(self, decoder: Decoder, limits: Limits) -> None:
        self._decoder = decoder
        self._plain = msgspec.json.Decoder(_Plain).decode
        self._limits = limits
        self._most = limits.series
        self._origins: dict[_Key, Origin] = {}
        self._older: dict[_Key, Origin] = {}

    def decode(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        """What the records hold, in order; `refuse` is called for each record of which something was refused."""
        origins: list[Origin] = []
        times: list[float] = []
        values: list[float] = []
        uneven: list[tuple[int, int]] = []
        plain, known = self._plain, self._origins
        longest, ahead = self._limits.message, self._limits.ahead
        for record in records:
            value = record.value
            if value and value[0] == 0x7B and len(value) <= longest and value.isascii():
                try:
                    event = plain(value)
                    stamp = event.timestamp
                    # The usual milliseconds are taken as `parse` takes them, without the call.
                    usual = type(stamp) is int and 10**11 <= stamp < 4_102_444_800_000
                    time = stamp / 1_000 if usual else parse(stamp)  # type: ignore[operator]
                    key = (event.name, bytes(event.labels), event.kind, event.unit)
                    origin = known.get(key)
                    if origin is None and (origin := self._older.get(key)) is not None:
                        self._remember(key, origin)
                    kafkas = record.timestamp
                    if origin is not None and (time <= kafkas / 1000 + ahead if kafkas >= 0 else bound(record) < 0):
                        origins.append(origin)
                        times.append(time)
                        values.append(event.value)
                        continue
                except (msgspec.DecodeError, EventError, RecursionError):
                    key = None
            else:
                key = None
            before = sum(self._decoder.counts().values())
            decoded = self._decoder.decode(record)
            if decoded.refused:
                refuse(record, decoded)
            if len(decoded.signals) != 1:
                uneven.append((len(times), len(decoded.signals)))
            for signal in decoded.signals:
                if isinstance(signal, Metric):
                    origin = Origin(signal.name, signal.labels, signal.kind, signal.unit)
                    if key is not None and sum(self._decoder.counts().values()) == before:
                        self._remember(key, origin)
                    origins.append(origin)
                    times.append(signal.time)
                    values.append(math.nan if signal.value is None else signal.value)
        return Samples(origins, times, values, shares=_shares(len(records), uneven))

    def _remember(self, key: _Key, origin: Origin) -> None:
        """Labels that nothing had to be repaired in. Of two halves the older goes: it costs a slow decode each."""
        if len(self._origins) >= self._most:
            self._older = self._origins.copy()
            self._origins.clear()  # the same dict: `decode` is reading it
        self._origins[key] = origin


def _shares(records: int, uneven: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """See `Samples`. `uneven`: where in the columns a record begins that gave another number of samples than one."""
    if not uneven:
        return ()
    found: list[tuple[int, int]] = []
    done = 0
    for at, number in uneven:
        found += [(1, 0)] * (at - done)
        found.append((number, 0))
        done = at + number
    return found + [(1, 0)] * (records - len(found))
