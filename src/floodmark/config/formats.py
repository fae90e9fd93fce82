"""The wire formats by the names that `inputs[].format` has for them, and which signals each can carry.

`floodmark.decode` has a decoder for every pair of the two; a test holds them together. The names are here because the
configuration must know them, and nothing below the configuration may know a wire format.
"""

from __future__ import annotations

from typing import Literal, get_args

from floodmark.signals import SignalName

FormatName = Literal["native", "otlp_json", "otlp_proto"]

CARRIES: dict[FormatName, tuple[SignalName, ...]] = {
    "native": get_args(SignalName),
    "otlp_json": ("span",),
    "otlp_proto": ("span",),
}
"""The signals that messages of a format can hold."""
