"""Small recordings for the tests of tuning."""

import json
import random

from floodmark.config.models import Config
from floodmark.records import Record
from floodmark.tuning.recording import Recording

START = 1_700_006_400
FAULT = range(400, 420)


def latency(service, fault=FAULT, points=600, seed=1, **extra):
    """A point a minute of a series around 50 that is three times as high within the fault."""
    draw = random.Random(seed)
    return [
        {
            "timestamp": START + 60 * i,
            "name": "latency_ms",
            "value": draw.gauss(50, 2) * (3 if i in fault else 1),
            "labels": {"service": service},
            **extra,
        }
        for i in range(points)
    ]


def recording(*series, config=None):
    """The events of some series, merged by time, as a file would hold them."""
    events = sorted((each for events in series for each in events), key=lambda each: each["timestamp"])
    records = [Record("made.jsonl:metric", 0, i, -1, None, json.dumps(e).encode()) for i, e in enumerate(events, 1)]
    return Recording(lambda: records, config or Config())


def key(service):
    return f'latency_ms{{service="{service}"}}'
