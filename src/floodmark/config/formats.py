"""The wire formats by the names that `inputs[].format` has for them, and which signals each can carry.

`floodmark.decode` has a decoder for every pair of the two; a test holds them together. The names are here because the
configuration must know them, and nothing below the configuration may know a wire format.
"""

from __future__ import annotations

from typing import Literal, get_args

from floodmark.signals import SignalName

FormatName = Literal[
    "native",
    "cri",
    "filebeat",
    "fluentbit",
    "rsyslog_json",
    "syslog",
    "syslogng_json",
    "vector_logs",
]

CARRIES: dict[FormatName, tuple[SignalName, ...]] = {
    "native": get_args(SignalName),
    "cri": ("log",),
    "filebeat": ("log",),
    "fluentbit": ("log",),
    "rsyslog_json": ("log",),
    "syslog": ("log",),
    "syslogng_json": ("log",),
    "vector_logs": ("log",),
}
"""The signals that messages of a format can hold."""
