"""What only Jira does: documents of nodes, wiki text, workflows that differ, a search that lags behind."""

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
from suite import Case, Wire, cases

from floodmark.notify.sink import Answer, Delivered, Later, Refused, Request
from floodmark.notify.targets.jira import label
from floodmark.notify.targets.jira.markup import document, escaped, wiki

CLOUD, DATACENTER = (case for case in cases() if case.kind == "jira")


async def _told(case: Case, vendor: Any, *messages: Any) -> tuple[list[Any], Wire]:
    wire = Wire(case, vendor)
    sink, memory, outcomes = case.sink(wire), {}, []
    for message in messages:
        outcomes.append(await sink.deliver(message, memory))
        if isinstance(outcomes[-1], Delivered):
            memory = dict(outcomes[-1].memory)
    return outcomes, wire


@pytest.mark.parametrize("event", ["open", "digest"])
def test_documents_are_what_atlassian_publishes(event: Any) -> None:
    schema = jsonschema.Draft4Validator(json.loads((folder() / "adf-full.json").read_text()))
    schema.validate(document(tellings.telling(event)))


def test_a_document_has_a_link_that_can_be_followed() -> None:
    nodes = json.dumps(document(tellings.telling("open")))
    assert '{"href": "https://wiki.example.org/payment"}' in nodes
    assert '"href": "javascript' not in json.dumps(
        document(tellings.telling("open", link="javascript:alert(1)", reason="x"))
    )


def test_wiki_text_that_was_told_is_no_markup() -> None:
    assert escaped("{panic} *b* [x|y] a-b c\\d") == r"\{panic\} \*b\* \[x\|y\] a\-b c&#92;d"
    assert escaped("h1. big") == "h1&#46; big"
    assert escaped("see: https://wiki.example.org/a_b?c=d") == "see: https://wiki.example.org/a_b?c=d"
    assert wiki(tellings.telling("open")).startswith("payment: errors")


def test_a_label_has_no_blanks() -> None:
    assert label("inc-1") == "floodmark-inc-1"
    assert label("a b\n") == label("a b\n")
    assert " " not in label("a b\n")
    assert label("a b") != label("a  b")


async def test_each_update_is_a_comment_and_a_digest_is_written_anew() -> None:
    vendor = CLOUD.vendor()
    await _told(CLOUD, vendor, tellings.telling("open"), tellings.telling("update", 2), tellings.telling("update", 3))
    assert [len(issue["comments"]) for issue in vendor.issues.values()] == [2]  # type: ignore[attr-defined]
    vendor = CLOUD.vendor()
    _, wire = await _told(CLOUD, vendor, tellings.telling("digest"), tellings.telling("digest", 2))
    assert [request.method for request in wire.requests].count("PUT") == 1


async def test_an_issue_that_was_deleted_is_made_anew() -> None:
    vendor = CLOUD.vendor()
    sink = CLOUD.sink(Wire(CLOUD, vendor))
    first = await sink.deliver(tellings.telling("open"), {})
    vendor.issues.clear()  # type: ignore[attr-defined]
    assert isinstance(first, Delivered)
    assert isinstance(await sink.deliver(tellings.telling("update", 2), first.memory), Delivered)
    assert [is_open for _, is_open in vendor.standing() or ()] == [True]


async def test_a_workflow_without_the_transition_is_said() -> None:
    vendor = CLOUD.vendor()

    def stuck(request: Request) -> Answer:
        if request.url.endswith("/transitions"):
            return Answer(200, {}, b'{"transitions": [{"id": "5", "name": "Escalate", "to": {"name": "Escalated"}}]}')
        return vendor(request)

    outcomes, _ = await _told(CLOUD, stuck, tellings.telling("open"), tellings.telling("resolve", 2))
    assert isinstance(outcomes[1], Delivered)
    assert outcomes[1].note == "no transition or status Done is offered where the issue stands, but Escalate"


async def test_a_making_without_an_answer_waits_for_the_search() -> None:
    from suite import lost

    vendor = CLOUD.vendor()
    outcome = await CLOUD.sink(Wire(CLOUD, vendor, lost(1, vendor))).deliver(tellings.telling("open"), {})
    assert outcome == Later("no answer within 10 s; an issue may have been made, so it is looked for first", 60.0)
    assert isinstance(await CLOUD.sink(Wire(CLOUD, vendor)).deliver(tellings.telling("open"), {}), Delivered)
    assert len(vendor.standing() or ()) == 1


async def test_a_required_field_is_refused_in_jira_s_words() -> None:
    body = b'{"errorMessages":[],"errors":{"customfield_10010":"Team is required."}}'
    vendor = CLOUD.vendor()
    wire = Wire(CLOUD, vendor, lambda n, _: Answer(400, {}, body) if n == 1 else None)
    outcome = await CLOUD.sink(wire).deliver(tellings.telling("open"), {})
    assert isinstance(outcome, Refused)
    assert "Team is required" in outcome.reason


async def test_editions_differ_in_version_account_and_text() -> None:
    for case, version, account, kind in (
        (CLOUD, "/rest/api/3/", "Basic ", dict),
        (DATACENTER, "/rest/api/2/", "Bearer ", str),
    ):
        _, wire = await _told(case, case.vendor(), tellings.telling("open"))
        made = wire.requests[-1]
        assert version in made.url
        assert made.headers["authorization"].startswith(account)
        assert isinstance(json.loads(made.body)["fields"]["description"], kind)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_an_error_of_the_server_may_have_made_one_too(status: int) -> None:
    vendor = CLOUD.vendor()

    def made(number: int, request: Request) -> Answer | None:
        if number != 1:
            return None
        vendor(request)
        return Answer(status, {}, b"bad gateway")

    outcome = await CLOUD.sink(Wire(CLOUD, vendor, made)).deliver(tellings.telling("open"), {})
    assert isinstance(outcome, Later)
    assert outcome.after == 60.0
    assert isinstance(await CLOUD.sink(Wire(CLOUD, vendor)).deliver(tellings.telling("open"), {}), Delivered)
    assert len(vendor.standing() or ()) == 1


async def test_what_somebody_closed_there_opens_again_for_what_rings_only() -> None:
    vendor: Any = CLOUD.vendor()
    first = await CLOUD.sink(Wire(CLOUD, vendor)).deliver(tellings.telling("open"), {})
    assert isinstance(first, Delivered)
    vendor.issues["OPS-1"]["status"] = "Done"
    sink = CLOUD.sink(Wire(CLOUD, vendor))
    await sink.deliver(tellings.telling("update", 2), first.memory)
    assert vendor.issues["OPS-1"]["status"] == "Done"
    await sink.deliver(tellings.telling("update", 3, loud=True), first.memory)
    assert vendor.issues["OPS-1"]["status"] == "To Do"
    assert len(vendor.issues["OPS-1"]["comments"]) == 2
