"""What only Keep does: its AlertDto, which the operation itself does not ask for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings
from contract import folder
from suite import Wire, cases

(CASE,) = (case for case in cases() if case.kind == "keep")


async def _alert(message: Any) -> dict[str, Any]:
    wire = Wire(CASE, CASE.vendor())
    await CASE.sink(wire).deliver(message, {})
    found: dict[str, Any] = json.loads(wire.requests[0].body)
    return found


async def test_it_is_an_alert_of_keep() -> None:
    spec = json.loads((folder() / "keep.json").read_text())
    schema = {"$ref": "#/components/schemas/AlertDto", "components": spec["components"]}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    known = set(spec["components"]["schemas"]["AlertDto"]["properties"])
    for event in ("open", "update", "resolve", "digest"):
        for _, message in tellings.nasty(event):  # type: ignore[arg-type]
            alert = await _alert(message)
            validator.validate(alert)
            assert set(alert) <= known


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("open", "firing"),
        ("acked", "acknowledged"),
        ("snoozed", "suppressed"),
        ("resolved", "resolved"),
        ("merged", "resolved"),
    ],
)
async def test_states_are_statuses(state: Any, status: str) -> None:
    assert (await _alert(tellings.telling("update", state=state)))["status"] == status


async def test_it_says_of_what_it_is() -> None:
    alert = await _alert(tellings.telling("open"))
    assert (alert["severity"], alert["environment"], alert["service"]) == ("high", "production", "payment")
    assert alert["fingerprint"] == tellings.KEY
