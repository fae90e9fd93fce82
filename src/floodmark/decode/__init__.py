"""Wire formats to signals: `decoder` finds the decoder of an input by the names in its config.

A decoder never raises for what a producer wrote: it hands back what it understood and what it refused, each with
the reason. One file per wire format; a format is added by registering it here.
"""

from __future__ import annotations

from collections.abc import Callable

from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, Decoder, Refused
from floodmark.decode.native import NativeDecoder, native_schemas
from floodmark.decode.samples import SampleDecoder
from floodmark.signals import SignalName

__all__ = ["FORMATS", "Decoded", "Decoder", "Refused", "decoder", "native_schemas", "sample_decoder"]

FORMATS: dict[str, Callable[[SignalName, Limits], Decoder]] = {"native": NativeDecoder}
"""Every wire format by the name that `inputs[].format` has for it."""


def decoder(signal: SignalName, format: str, limits: Limits) -> Decoder:
    """A fresh decoder for one input. Raises KeyError for an unknown format; config refuses those earlier."""
    return FORMATS[format](signal, limits)


def sample_decoder(decoder: Decoder, format: str, limits: Limits) -> SampleDecoder | None:
    """What decodes metrics by column as `decoder` would one by one; None for a format for which there is nothing."""
    return SampleDecoder(decoder, limits) if format == "native" else None
