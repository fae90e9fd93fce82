"""One message to what a decoder makes of it."""

import json

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.records import Record

NOON = 1_769_860_800.0
"""2026-01-31T12:00:00Z."""
ARRIVAL = 1_769_860_805_000
"""Five seconds later, in Kafka's milliseconds."""


def decode(format, value, signal="log", *, timestamp=ARRIVAL, key=None, headers=(), **limits):
    value = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return decoder(signal, format, Limits(**limits)).decode(Record("topic", 0, 0, timestamp, key, value, headers))


def one(format, value, signal="log", **more):
    """The one signal of a message, of which nothing is refused."""
    decoded = decode(format, value, signal, **more)
    assert decoded.refused == []
    assert len(decoded.signals) == 1
    return decoded.signals[0]


def error(format, value, signal="log", **more):
    """The class of the one refusal of a message that holds nothing else."""
    decoded = decode(format, value, signal, **more)
    assert decoded.signals == []
    assert len(decoded.refused) == 1
    return decoded.refused[0].error
