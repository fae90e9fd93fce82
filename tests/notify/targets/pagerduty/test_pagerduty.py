"""What only PagerDuty does: acknowledgements, change events, keys of orchestrations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings
from suite import Wire, cases

from floodmark.notify.sink import Delivered

SERVICE, ORCHESTRATION = (case for case in cases() if case.kind == "pagerduty")


async def _actions(*messages: Any) -> list[str]:
    vendor: Any = SERVICE.vendor()
    sink, memory = SERVICE.sink(Wire(SERVICE, vendor)), {}
    for message in messages:
        outcome = await sink.deliver(message, memory)
        assert isinstance(outcome, Delivered)
        memory = dict(outcome.memory)
    return list(vendor.actions)


@pytest.mark.parametrize(
    ("states", "actions"),
    [
        (["open", "open"], ["trigger", "trigger"]),
        (["open", "acked", "acked"], ["trigger", "acknowledge", "trigger"]),
        (["acked"], ["trigger", "acknowledge"]),
        (["open", "snoozed", "open"], ["trigger", "acknowledge", "trigger"]),
        (["open", "resolved"], ["trigger", "resolve"]),
        (["open", "merged"], ["trigger", "resolve"]),
    ],
)
async def test_states_are_actions(states: list[Any], actions: list[str]) -> None:
    messages = [tellings.telling("update" if n else "open", n + 1, state=state) for n, state in enumerate(states)]
    assert await _actions(*messages) == actions


async def test_a_comment_after_the_end_pages_nobody() -> None:
    after = tellings.telling("update", 3, state="resolved", reason="ann: it was the pool")
    assert await _actions(tellings.telling("open"), tellings.telling("resolve", 2), after) == [
        "trigger",
        "resolve",
        "resolve",
    ]


async def test_a_digest_that_is_kept_up_to_date_pages_once() -> None:
    assert await _actions(tellings.telling("digest", 1, loud=True), tellings.telling("digest", 2)) == ["trigger"]


async def test_a_change_is_a_change_event() -> None:
    wire = Wire(SERVICE, SERVICE.vendor())
    await SERVICE.sink(wire).deliver(tellings.telling("change"), {})
    (request,) = wire.requests
    event = json.loads(request.body)
    assert request.url == "https://events.eu.pagerduty.com/v2/change/enqueue"
    assert event["payload"]["summary"] == "deploy 3.41.0 of payment: payment 3.41.0 (smaller pool)"
    assert event["payload"]["timestamp"] == "2026-02-01T03:11:00.000Z"
    assert event["links"] == [{"href": "https://ci.example.org/deploys/91", "text": "The change"}]


def test_an_orchestration_takes_no_changes() -> None:
    assert "change" in SERVICE.sink(Wire(SERVICE, SERVICE.vendor())).takes
    assert "change" not in ORCHESTRATION.sink(Wire(ORCHESTRATION, ORCHESTRATION.vendor())).takes


async def test_an_alert_says_what_a_page_needs() -> None:
    wire = Wire(SERVICE, SERVICE.vendor())
    await SERVICE.sink(wire).deliver(tellings.telling("open"), {})
    event = json.loads(wire.requests[0].body)
    assert event["dedup_key"] == tellings.KEY
    assert event["payload"]["severity"] == "error"
    assert event["payload"]["component"] == "payment"
    assert event["payload"]["custom_details"]["causes"] == "payment (72%)"
    assert event["client_url"] == f"https://floodmark.example.org/incidents/{tellings.KEY}"
    assert [link["text"] for link in event["links"]] == ["The incident", "The runbook"]
