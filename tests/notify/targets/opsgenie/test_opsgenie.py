"""What only Opsgenie does: notes in place of changes, aliases of open alerts, acknowledgements."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings
from suite import Taker, Wire, cases

from floodmark.notify.sink import Delivered

CASE = next(case for case in cases() if case.kind == "opsgenie")


async def _did(*messages: Any) -> list[str]:
    vendor: Any = CASE.vendor()
    sink, memory = CASE.sink(Wire(CASE, vendor)), {}
    for message in messages:
        outcome = await sink.deliver(message, memory)
        assert isinstance(outcome, Delivered)
        memory = dict(outcome.memory)
    return list(vendor.did)


@pytest.mark.parametrize(
    ("messages", "did"),
    [
        ([tellings.telling("open"), tellings.telling("update", 2)], ["create", "notes"]),
        ([tellings.telling("open"), tellings.telling("update", 2, loud=True)], ["create", "notes", "create"]),
        (
            [tellings.telling("open"), *(tellings.telling("update", n, state="acked") for n in (2, 3))],
            ["create", "notes", "acknowledge", "notes"],
        ),
        ([tellings.telling("open", state="snoozed")], ["create", "acknowledge"]),
        ([tellings.telling("open"), tellings.telling("resolve", 2)], ["create", "close"]),
        ([tellings.telling("open"), tellings.telling("update", 2, state="resolved")], ["create", "close"]),
    ],
)
async def test_what_is_told_is_done(messages: list[Any], did: list[str]) -> None:
    assert await _did(*messages) == did


async def test_an_alert_that_is_not_there_is_closed() -> None:
    outcome = await CASE.sink(Wire(CASE, Taker(404))).deliver(tellings.telling("resolve"), {})
    assert outcome == Delivered(note="no such alert is open")


async def test_an_alert_has_what_a_responder_needs() -> None:
    wire = Wire(CASE, CASE.vendor())
    await CASE.sink(wire).deliver(tellings.telling("open"), {})
    alert = json.loads(wire.requests[0].body)
    assert alert["priority"] == "P2"
    assert alert["alias"] == tellings.KEY
    assert alert["tags"] == ["floodmark", "eu", "env:production", "team:payments"]
    assert alert["responders"] == [
        {"type": "team", "name": "payments"},
        {"type": "team", "id": "4513b7ea-3b91-438f-b7e4-e3e54af9147c"},
    ]
    assert "Probable causes" in alert["description"]


async def test_an_acknowledgement_says_whose_it_is() -> None:
    wire = Wire(CASE, CASE.vendor())
    await CASE.sink(wire).deliver(tellings.telling("open", state="acked", owner="ann"), {})
    assert json.loads(wire.requests[-1].body)["user"] == "ann"
