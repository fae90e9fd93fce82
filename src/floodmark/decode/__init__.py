"""Wire formats to signals: `decoder` finds the decoder of an input by the names in its config.

A decoder never raises for what a producer wrote: it hands back what it understood and what it refused, each with
the reason. One file per wire format; a format is added by naming it in `floodmark.config.formats` and registering it
here, for each signal that it can carry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

from floodmark.config.formats import FormatName
from floodmark.config.models import Limits
from floodmark.decode.cri import CriDecoder
from floodmark.decode.decoder import ColumnDecoder, Decoded, Decoder, Refused
from floodmark.decode.filebeat import FilebeatDecoder
from floodmark.decode.fluentbit import FluentBitDecoder
from floodmark.decode.native import NativeDecoder, native_schemas
from floodmark.decode.rsyslog_json import RsyslogJsonDecoder
from floodmark.decode.samples import SampleDecoder
from floodmark.decode.syslog import SyslogDecoder
from floodmark.decode.syslogng_json import SyslogNgJsonDecoder
from floodmark.decode.vector_logs import VectorLogDecoder
from floodmark.signals import SignalName

__all__ = ["DECODERS", "ColumnDecoder", "Decoded", "Decoder", "Refused", "column_decoder", "decoder", "native_schemas"]

DECODERS: dict[tuple[FormatName, SignalName], Callable[[Limits], Decoder]] = {
    **{("native", signal): partial(NativeDecoder, signal) for signal in get_args(SignalName)},
    ("cri", "log"): CriDecoder,
    ("filebeat", "log"): FilebeatDecoder,
    ("fluentbit", "log"): FluentBitDecoder,
    ("rsyslog_json", "log"): RsyslogJsonDecoder,
    ("syslog", "log"): SyslogDecoder,
    ("syslogng_json", "log"): SyslogNgJsonDecoder,
    ("vector_logs", "log"): VectorLogDecoder,
}
"""What decodes a signal from a format."""

COLUMNS: dict[FormatName, Callable[[Decoder, Limits], ColumnDecoder]] = {"native": SampleDecoder}
"""What decodes the metrics of a format by column, around the decoder for what is unusual. Not every format has it."""


def decoder(signal: SignalName, format: FormatName, limits: Limits) -> Decoder:
    """A fresh decoder for one input. Raises KeyError if the format lacks the signal; config refuses that earlier."""
    return DECODERS[format, signal](limits)


def column_decoder(decoder: Decoder, format: FormatName, limits: Limits) -> ColumnDecoder | None:
    """What decodes metrics by column as `decoder` would one by one; None for a format for which there is nothing."""
    columns = COLUMNS.get(format)
    return columns(decoder, limits) if columns is not None else None
