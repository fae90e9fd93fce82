"""Outages in the first hour of a log source: each is told, soon, to the incident tools."""

import json
import random

import msgspec
import pytest

from floodmark.alerts import Anomaly, Incident
from floodmark.config.models import Config, Correlate, Input
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Record

START = 1_700_006_400
INPUTS = [Input(topic="logs", signal="log")]
CONFIG = Config(inputs=INPUTS)
LOOSER = Config(inputs=INPUTS, correlate=Correlate(false_incidents=1 / 86_400))


def lines(outages, minutes, busy, *, levels=True):
    """So many lines a minute, all errors within the outages (first and last second)."""
    draw = random.Random(6)
    found = []
    for minute in range(minutes):
        for second in sorted(draw.uniform(0, 60) for _ in range(draw.randint(busy - busy // 4, busy + busy // 4))):
            now = 60 * minute + second
            bad = any(first <= now < last for first, last in outages)
            body = "connect() failed (111: Connection refused)" if bad else f"GET /item/{draw.randrange(9999)} 200"
            severity = "ERROR" if bad else "INFO" if levels else ""
            found.append((now, {"severity": severity, "body": body, "labels": {"service": "nginx"}}))
    return found


def told(events, config=CONFIG):
    """What was said by the time a line came, in seconds: of anomalies of errors, and of incidents."""
    flow = LocalFlow(config)
    anomalies, incidents = [], []
    for i, (now, event) in enumerate(events):
        value = json.dumps({"timestamp": START + now, **event}).encode()
        for output in flow.process([Record("logs", 0, i, round(1000 * (START + now)), None, value)]):
            kind = TYPES.get(event_type(output.headers) or "")
            if kind is Anomaly:
                anomalies.append((now, msgspec.json.decode(output.value or b"", type=Anomaly)))
            elif kind is Incident:
                incidents.append((now, msgspec.json.decode(output.value or b"", type=Incident)))
    anomalies = [each for each in anomalies if each[1].name == "log_errors"]
    return anomalies, incidents


@pytest.mark.parametrize(
    ("levels", "config", "soon"),
    [
        pytest.param(True, LOOSER, 90, id="levels, one a day by chance"),
        pytest.param(False, LOOSER, 90, id="first levels are errors, one a day by chance"),
        pytest.param(True, CONFIG, 180, id="levels, one a week by chance"),
        pytest.param(
            False,
            CONFIG,
            180,
            id="first levels are errors, one a week by chance",
        ),
    ],
)
def test_each_of_three_outages_is_told_soon(levels, config, soon):
    """The anomaly within a minute; the incident once it is more than chance, though it is one series by itself."""
    outages = [(958, 1080), (1285, 1420), (2960, 3300)]
    anomalies, incidents = told(lines(outages, 60, 150, levels=levels), config)
    for first, last in outages:
        assert any(first < now < first + 60 and said.event != "closed" for now, said in anomalies)
        assert any(first < now < first + soon and said.severity == "error" for now, said in incidents), (first, last)
    assert all(said.p_value > 1 / 100 for _, said in anomalies)


@pytest.mark.parametrize("onset", [0, 3, 10, 19])
def test_an_outage_at_the_start_does_not_hide_the_next(onset):
    outages = [(60 * onset, 60 * onset + 600), (60 * onset + 1500, 60 * onset + 2100)]
    anomalies, _ = told(lines(outages, onset + 36, 60))
    first, _ = outages[1]
    assert any(first < now < first + 60 and said.event != "closed" for now, said in anomalies)
