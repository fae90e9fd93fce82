"""How late people are told, as histograms."""

import json

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from floodmark.records import Output
from floodmark.runtime.delays import Delays
from floodmark.runtime.telemetry import Telemetry

NOON = 1_769_860_800


def told(stream="anomalies", event="opened", kind="anomaly", value=None):
    body = {"event": event, "started_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:40Z", "id": "x"}
    headers = (("ce_type", f"dev.floodmark.{kind}.v1".encode()),)
    return Output(stream, b"k", json.dumps(body).encode() if value is None else value, headers)


@pytest.fixture
def registry():
    return CollectorRegistry()


def measured(registry, name, stage):
    return registry.get_sample_value(f"{name}_sum", {"stage": stage}), registry.get_sample_value(
        f"{name}_count", {"stage": stage}
    )


def test_an_opening_counts_from_its_first_odd_record(registry):
    delays = Delays(registry, lambda: NOON + 45.0)
    delays.hear(told())
    delays.hear(told("alerts", kind="incident"))
    for stage in ("anomaly", "incident"):
        assert measured(registry, "floodmark_delay_seconds", stage) == (45.0, 1.0)
        assert measured(registry, "floodmark_decision_seconds", stage) == (40.0, 1.0)


@pytest.mark.parametrize(
    "other",
    [
        told(event="updated"),
        told("alerts", "resolved", "incident"),
        told(kind="watermark"),
        told("model_events"),
        told(value=b"{}"),
        told(value=b""),
    ],
)
def test_nothing_else_counts(registry, other):
    Delays(registry, lambda: NOON).hear(other)
    assert measured(registry, "floodmark_delay_seconds", "anomaly") == (None, None)


def test_a_clock_that_is_behind_makes_no_negative_delay(registry):
    delays = Delays(registry, lambda: NOON - 100.0)
    delays.hear(told())
    assert measured(registry, "floodmark_delay_seconds", "anomaly") == (0.0, 1.0)


def test_the_metrics_have_no_created_series():
    telemetry = Telemetry()
    telemetry.dead_letters.inc()
    telemetry.delays.hear(told())
    text = generate_latest(telemetry.registry).decode()
    assert "floodmark_dead_letters_total 1.0" in text
    assert "_created" not in text
