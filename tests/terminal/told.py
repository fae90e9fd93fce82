"""Incidents and anomalies to be shown."""

from floodmark.alerts import Anomaly, Cause, ChangeNotice, Evidence, Incident, Member, Point, utc

START = 1_769_860_800.0
SERIES = 'latency_ms{service="cart"}'
POINTS = [Point(START + 60 * i, 90.0 if i >= 8 else 50.0, 50.0, 45.0, 55.0) for i in range(10)]


def anomaly(**changes):
    said = {
        "id": "ano-1", "event": "opened", "series": SERIES, "name": "latency_ms", "labels": {"service": "cart"},
        "entity": "cart", "scope": "default", "unit": "ms", "signal": "metric", "detector": "default", "head": "range",
        "severity": "error", "p_value": 0.002, "direction": "up", "observed": 90.0, "expected": 50.0, "low": 45.0,
        "high": 55.0, "started_at": utc(START), "updated_at": utc(START + 60), "ended_at": None, "level": 7e-4,
        "summary": "cart latency_ms is 90 ms, higher than ever seen", "evidence": Evidence(points=POINTS),
        "surprise": 11.0,
    }  # fmt: skip
    return Anomaly(**{**said, **changes})


def member(**changes):
    said = {
        "id": "ano-1", "entity": "cart", "signal": "metric", "series": SERIES, "head": "range", "direction": "up",
        "started_at": utc(START), "ended_at": None, "p_value": 0.002, "severity": "error", "name": "latency_ms",
        "summary": "cart latency_ms is 90 ms", "why": "first", "unit": "ms", "low": 45.0, "high": 55.0,
    }  # fmt: skip
    return Member(**{**said, **changes})


def incident(**changes):
    said = {
        "id": "inc-1", "event": "opened", "revision": 1, "scope": "default", "severity": "error", "by_chance": 6.3e7,
        "title": "cart: latency up", "why": "one series by itself", "started_at": utc(START), "resolution": "",
        "updated_at": utc(START + 60), "resolved_at": None, "entities": ["cart"], "member_count": 1,
        "members": [member()], "causes": [Cause(entity="cart", share=0.9, reason="it was first", anomalies=["ano-1"])],
        "lines": ["timed out"],
        "changes": [
            ChangeNotice(id="chg-1", scope="", time=utc(START - 60), service="cart", kind="deploy", summary="v42")
        ],
    }  # fmt: skip
    return Incident(**{**said, **changes})
