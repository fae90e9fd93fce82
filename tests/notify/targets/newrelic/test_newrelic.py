"""What is particular about New Relic: flat events, and changes whose errors come with 200."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tellings import change, incident, telling

from floodmark.config.targets import NewRelic
from floodmark.notify.sink import Answer, Delivered, Later, Outcome, Refused, Request
from floodmark.notify.targets.newrelic import changes, event, sink

BASE = {"account": "1", "api_key": "licence-1"}


async def told(
    body: dict[str, Any], memory: dict[str, str] | None = None, **given: Any
) -> tuple[Outcome, list[Request]]:
    asked: list[Request] = []

    async def nerdgraph(request: Request) -> Answer:
        asked.append(request)
        return Answer(200, {}, json.dumps(body).encode())

    settings = NewRelic.model_validate({**BASE, "user_key": "NRAK-1"})
    return await sink(settings, nerdgraph).deliver(telling("change", change=change(**given)), memory or {}), asked


def made(identity: str | None = "c-1", *messages: str) -> dict[str, Any]:
    body = {"changeTrackingEvent": {"changeTrackingId": identity} if identity else None, "messages": list(messages)}
    return {"data": {"changeTrackingCreateEvent": body}}


def test_changes_need_a_user_key() -> None:
    async def nobody(_: Request) -> Answer:
        raise AssertionError

    assert "change" not in sink(NewRelic.model_validate(BASE), nobody).takes
    assert "change" in sink(NewRelic.model_validate({**BASE, "user_key": "NRAK-1"}), nobody).takes


def test_an_event_is_flat_and_has_what_a_query_asks_for() -> None:
    found = event(telling("resolve", 4))
    assert found["incidentId"] == telling("open").key
    assert (found["revision"], found["state"], found["duration"]) == (4, "resolved", 240.0)
    assert not [each for each in found.values() if isinstance(each, bool | dict | list | None)]


def test_labels_keep_their_names_as_far_as_new_relic_takes_them() -> None:
    found = event(telling("open", incident=incident(labels={"k8s.io/app name": "cart", "é": "x", "region": "eu"})))
    assert found["label.k8s.io_app_name"] == "cart"
    assert found["label.region"] == "eu"
    assert found["label._"] == "x"


async def test_a_change_is_told_once_and_again_if_it_fails() -> None:
    outcome, asked = await told(made())
    assert outcome == Delivered({"id": "c-1", "status": "succeeded"})
    assert len(asked) == 1
    again, asked = await told(made(), {"id": "c-1", "status": "started"})
    assert isinstance(again, Delivered)
    assert not asked
    failed, asked = await told(made("c-2"), {"id": "c-1", "status": "started"}, status="failed")
    assert failed == Delivered({"id": "c-2", "status": "failed"})
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["TOO_MANY_REQUESTS", "SERVER_ERROR", "TIMEOUT"])
async def test_errors_that_pass_are_waited_for(kind: str) -> None:
    outcome, _ = await told({"errors": [{"message": "busy", "extensions": {"errorClass": kind}}]})
    assert outcome == Later("NerdGraph: busy")


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"message": "Access denied", "extensions": {"errorClass": "ACCESS_DENIED"}}]},
        {"errors": [{"message": "no entity is found"}], "data": {"changeTrackingCreateEvent": None}},
        made(None, "no entity is found"),
    ],
)
async def test_errors_that_stay_are_final_although_the_status_is_200(body: dict[str, Any]) -> None:
    outcome, _ = await told(body)
    assert isinstance(outcome, Refused)
    assert "no entity" in outcome.reason or "Access denied" in outcome.reason


async def test_what_comes_of_a_change_is_no_part_of_the_query() -> None:
    nasty = "x' OR name LIKE '%' \\"
    _, [request] = await told(made(), service=nasty, summary='"}) { evil }', version='"')
    body = json.loads(request.body)
    assert body["variables"]["query"] == "name = 'x\\' OR name LIKE \\'%\\' \\\\'"
    assert "evil" not in body["query"]


@pytest.mark.parametrize(
    ("kind", "category", "field"),
    [
        ("deploy", '"Deployment" type: "Basic"', "version"),
        ("rollback", '"Deployment" type: "Other"', "version"),
        ("flag", '"Feature Flag" type: "Basic"', "featureFlagId"),
        ("config", '"Operational" type: "Other"', None),
        ("restart", '"Operational" type: "Server Reboot"', None),
    ],
)
def test_kinds_are_new_relics_categories(kind: str, category: str, field: str | None) -> None:
    asked = changes.mutation(telling("change", change=change(kind=kind, version="", url="")), "name = '{service}'")
    assert f"kind: {{ category: {category} }}" in asked["query"]
    if field is not None:
        assert asked["variables"][field], "New Relic asks for it"
        assert f"${field}: String!" in asked["query"]
    declared = set(re.findall(r"\$(\w+): String!", asked["query"]))
    assert declared == set(re.findall(r": \$(\w+)", asked["query"])) == set(asked["variables"])
