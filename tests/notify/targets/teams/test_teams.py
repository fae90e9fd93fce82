"""What is particular about Teams: cards by Microsoft's schema, small enough, with nothing read as Markdown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tellings import nasty, telling

from floodmark.notify.sink import Event
from floodmark.notify.targets.teams import MOST, body

EVENTS: tuple[Event, ...] = ("open", "update", "resolve", "digest", "change", "request")


def card(raw: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(raw)["attachments"][0]["content"]
    return content


def runs(raw: bytes) -> list[str]:
    return [run["text"] for block in card(raw)["body"] for run in block["inlines"]]


def test_a_card_says_what_a_person_asks() -> None:
    shown = runs(body(telling("open")))
    assert shown[0] == "payment: errors and latency, since a deploy of payment"
    assert "payment (72%): it changed before" in shown
    assert [each["title"] for each in card(body(telling("open")))["actions"]] == ["See the incident", "Runbook"]


def test_the_colour_says_where_it_stands() -> None:
    colours = [card(body(telling(event)))["body"][0]["inlines"][0]["color"] for event in ("open", "resolve", "change")]
    assert colours == ["Attention", "Good", "Default"]


@pytest.mark.parametrize("event", EVENTS)
def test_a_card_is_small_enough_and_still_says_what_it_is(event: Event) -> None:
    for name, message in nasty(event):
        raw = body(message)
        assert len(raw) <= MOST, name
        assert runs(raw)[0].strip(), name


def test_addresses_that_cannot_be_followed_are_left_out() -> None:
    assert card(body(telling("open", link="javascript:alert(1)", runbook="https://x y")))["actions"] == []


@pytest.mark.parametrize("event", EVENTS)
def test_cards_are_what_microsoft_publishes(event: Event) -> None:
    folder = os.environ.get("FLOODMARK_CONTRACTS")
    if not folder or not (path := Path(folder) / "adaptive-card.json").exists():
        pytest.skip("FLOODMARK_CONTRACTS names no folder with adaptive-card.json")
    schema = jsonschema.Draft6Validator(json.loads(path.read_text()))
    for name, message in [("plain", telling(event)), *nasty(event)]:
        shown = {key: each for key, each in card(body(message)).items() if key != "msteams"}
        assert not [each.message for each in schema.iter_errors(shown)], name
