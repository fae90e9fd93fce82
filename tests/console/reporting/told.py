"""A week of incidents, and what people did to them."""

from datetime import UTC, datetime, timedelta

from floodmark.actions import Action, Arguments
from floodmark.alerts import Cause, Impact, Incident, Member
from floodmark.console.reporting.weeks import week_named

WEEK = week_named("2026-W48")
WILD = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "![x](http://evil.example/a.png) [y](javascript:alert(1)) https://evil.example www.evil.example a@evil.example",
    "a | b || c\\| d",
    "# head\n- list\n1. one\n> quote\n```\ncode\n```",
    "\x1b[31mred\x00 \u202egnp.exe \u2066 \ud800",
    "&lt;b&gt; &amp; {{7*7}} ${7*7} ~~gone~~ **bold** __init__",
)


def at(hours):
    """So many hours after the week began."""
    return WEEK.start + timedelta(hours=hours)


def member(id="ano-1", **changes):
    said = {
        "id": id, "entity": "cart", "signal": "metric", "series": 'latency_ms{service="cart"}', "head": "range",
        "direction": "up", "started_at": at(10), "ended_at": None, "p_value": 0.002, "severity": "error",
        "name": "latency_ms", "summary": "cart latency_ms is 90 ms", "why": "first", "unit": "ms", "observed": 90.0,
        "low": 45.0, "high": 55.0,
    }  # fmt: skip
    return Member(**{**said, **changes})


def incident(id="inc-1", **changes):
    said = {
        "id": id, "event": "opened", "revision": 1, "scope": "default", "severity": "error",
        "title": "cart: latency up", "why": "one series by itself",
        "started_at": at(10), "resolution": "", "updated_at": at(10),
        "resolved_at": None, "entities": ["cart"], "member_count": 1, "members": [member(f"ano-{id}")],
        "causes": [Cause(entity="cart", share=0.9, reason="it was first", anomalies=["ano-1"], signs={"onset": 0.5})],
        "changes": [], "lines": ["timed out"],
    }  # fmt: skip
    return Incident(**{**said, **changes})


def over(id="inc-1", hours=1.0, **changes):
    """Its two revisions: opened, and resolved after some hours."""
    began = changes.get("started_at", at(10))
    end = began + timedelta(hours=hours)
    first = incident(id, **{"started_at": began, "updated_at": began, **changes})
    last = {"event": "resolved", "revision": 2, "updated_at": end, "resolved_at": end, "resolution": "it ended"}
    return [first, incident(id, **{"started_at": began, **changes, **last})]


def action(verb, incident="inc-1", hours=10.5, **changes):
    args = Arguments(**changes.pop("args", {}))
    return Action(**{"id": f"act-{verb}-{incident}-{hours}", "verb": verb, "by": "ann", "at": at(hours),
                     "incident": incident, "args": args, "seen": 1, **changes})  # fmt: skip


def impact(loss, unit="EUR", **changes):
    said = {
        "entity": "checkout", "series": "orders", "name": "orders", "unit": unit, "since": at(10), "share": -0.3,
        "loss": loss, "summary": "orders are a third less",
    }  # fmt: skip
    return Impact(**{**said, **changes})


NOW = datetime(2026, 11, 30, tzinfo=UTC)
