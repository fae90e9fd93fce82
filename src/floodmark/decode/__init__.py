"""Wire formats to signals: `decoder` finds the decoder of an input by the names in its config.

A decoder never raises for what a producer wrote: it hands back what it understood and what it refused, each with
the reason. One file per wire format; a format is added by registering it here.
"""

from __future__ import annotations

from collections.abc import Callable

from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, Decoder, Refused
from floodmark.decode.native import NativeDecoder, native_schemas
from floodmark.signals import SignalName

__all__ = ["FORMATS", "Decoded", "Decoder", "Refused", "decoder", "native_schemas"]

FORMATS: dict[str, Callable[[SignalName, Limits], Decoder]] = {"native": NativeDecoder}
"""Every wire format by the name that `inputs[].format` has for it."""


def decoder(signal: SignalName, format: str, limits: Limits) -> Decoder:
    """A fresh decoder for one input. Raises KeyError for an unknown format; config refuses those earlier."""
    return FORMATS[format](signal, limits)
