"""Every target is tried with the same life, the same trouble and the same malice (see `suite.py`)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import tellings
from contract import Contract, folder
from suite import Case, Taker, Wire, cases, lost, named, said

import floodmark.notify.targets
from floodmark.notify.sink import Answer, Delivered, Event, Later, Message, Outcome, Refused, Request, UnansweredError

CASES = cases()
EVENTS: tuple[Event, ...] = ("open", "update", "resolve", "digest", "change", "request", "playbook")
every_case = pytest.mark.parametrize("case", CASES, ids=named)
alive = pytest.mark.parametrize(
    "case", [each for each in CASES if "open" in each.sink(Wire(each, Taker())).takes], ids=named
)


async def _told(case: Case, wire: Wire, messages: list[Message]) -> tuple[list[Outcome], Mapping[str, str]]:
    """What comes of messages, told one after the other; and what is remembered at the end."""
    sink, memory, outcomes = case.sink(wire), dict[str, str](), []
    for message in messages:
        outcome = await sink.deliver(message, dict(memory))
        outcomes.append(outcome)
        if isinstance(outcome, Delivered):
            memory = dict(outcome.memory)
            assert all(isinstance(text, str) for pair in memory.items() for text in pair), memory
            assert len(json.dumps(memory)) <= 4_000, "it remembers more than a line"
    return outcomes, memory


def _takes(case: Case) -> list[Event]:
    takes = case.sink(Wire(case, Taker())).takes
    return [event for event in EVENTS if event in takes]


def _settings(case: Case, event: Event) -> list[Message]:
    """What must be told before that event, and the event."""
    return [tellings.telling("open", 1)] * (event in ("update", "resolve")) + [tellings.telling(event, 2)]


def test_every_target_has_a_case_and_says_what_it_is() -> None:
    folders = Path(floodmark.notify.targets.__file__).parent
    there = {each.name for each in folders.iterdir() if (each / "__init__.py").exists()}
    assert there == {case.kind for case in CASES}
    missing = {name for name in there if not (folders / name / "README.md").exists()}
    assert not missing, "each has a README.md for whoever sets it up"


@every_case
def test_it_takes_something(case: Case) -> None:
    assert _takes(case)


@alive
async def test_a_life_is_one_thing_that_opens_and_ends(case: Case) -> None:
    vendor = case.vendor()
    wire = Wire(case, vendor)
    sink, memory = case.sink(wire), dict[str, str]()
    for message in tellings.life():
        outcome = await sink.deliver(message, memory)
        assert isinstance(outcome, Delivered), (message.event, outcome)
        memory = dict(outcome.memory)
        standing = vendor.standing()
        if standing is not None:
            is_open = [open_ for _, open_ in standing if open_]
            assert len(is_open) == (message.event != "resolve"), (message.id, standing)
            assert len({name for name, _ in standing}) == 1, standing
    assert len(set(wire.identities())) <= 1 or vendor.standing() is None


@alive
async def test_an_end_without_a_beginning_opens_nothing(case: Case) -> None:
    vendor = case.vendor()
    outcomes, _ = await _told(case, Wire(case, vendor), [tellings.telling("resolve", 4)])
    assert isinstance(outcomes[0], Delivered)
    assert not any(is_open for _, is_open in vendor.standing() or ())


@alive
async def test_an_update_of_what_was_never_told_is_told(case: Case) -> None:
    vendor = case.vendor()
    outcomes, _ = await _told(case, Wire(case, vendor), [tellings.telling("update", 2)])
    assert isinstance(outcomes[0], Delivered)
    if (standing := vendor.standing()) is not None:
        assert [is_open for _, is_open in standing] == [True]


@alive
async def test_what_it_forgets_makes_no_second_thing(case: Case) -> None:
    vendor = case.vendor()
    if case.loses or vendor.standing() is None:
        pytest.skip("it cannot be asked")
    sink = case.sink(Wire(case, vendor))
    for message in tellings.life():
        assert isinstance(await sink.deliver(message, {}), Delivered)
        standing = vendor.standing() or ()
        assert len([1 for _, is_open in standing if is_open]) == (message.event != "resolve"), (message.id, standing)


@every_case
async def test_what_is_told_twice_is_one_thing(case: Case) -> None:
    for event in _takes(case):
        vendor, first_message, again = case.vendor(), tellings.telling(event), tellings.telling(event)
        first, second = Wire(case, vendor), Wire(case, vendor)
        assert isinstance(await case.sink(first).deliver(first_message, {}), Delivered)
        assert isinstance(await case.sink(second).deliver(again, {}), Delivered)
        if second.identities():
            assert set(second.identities()) <= set(first.identities())
        standing = vendor.standing()
        if standing is not None and not case.loses:
            assert len([1 for _, is_open in standing if is_open]) <= 1, standing


@every_case
async def test_different_things_are_told_apart(case: Case) -> None:
    for event in _takes(case):
        first, second = Wire(case, case.vendor()), Wire(case, case.vendor())
        message = tellings.telling(event)
        other = _renamed(message, "x")
        await _told(case, first, [message])
        await _told(case, second, [other])
        if first.identities():
            assert not set(first.identities()) & set(second.identities())


def _renamed(message: Message, name: str) -> Message:
    """The same of another incident, change or request."""
    from msgspec.structs import replace

    changed = replace(message, key=message.key + name, id=message.id.replace(message.key, message.key + name))
    if message.incident is not None:
        changed = replace(changed, incident=replace(message.incident, id=message.incident.id + name))
    if message.change is not None:
        changed = replace(changed, change=replace(message.change, id=message.change.id + name))
    if message.request is not None:
        changed = replace(changed, request=replace(message.request, id=message.request.id + name))
    return changed


TELLING = (100, 200, 202, 204, 301, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 429, 451, 499,
           500, 501, 502, 503, 504, 505, 529, 599)  # fmt: skip
"""Statuses with a meaning of their own somewhere. The first event of a target is tried with all there are."""


@every_case
async def test_every_status_at_every_request_is_settled(case: Case) -> None:
    for event in _takes(case):
        *before, message = _settings(case, event)
        probe = Wire(case, case.vendor(), look=False)
        _, memory = await _told(case, probe, before)
        began = len(probe.requests)
        assert isinstance(await case.sink(probe).deliver(message, memory), Delivered)
        for at in range(len(probe.requests) - began):
            for status in range(100, 600) if case.retry_after and event == _takes(case)[0] else TELLING:
                await _status(case, before, message, at, status)


async def _status(case: Case, before: list[Message], message: Message, at: int, status: int) -> None:
    vendor = case.vendor()
    _, memory = await _told(case, Wire(case, vendor, look=False), before)
    met: list[Request] = []

    def strange(number: int, request: Request) -> Answer | None:
        if number != at:
            return None
        met.append(request)
        return Answer(status, {}, "<html>\x1b[31mSomething\x00 is\r\nwrong \u202e</html>".encode())

    outcome = await case.sink(Wire(case, vendor, strange, look=False)).deliver(message, memory)
    may = (said if 200 <= status < 300 else case.expect)(status, met[0])
    assert isinstance(outcome, may), (message.event, met[0].method, at, status, outcome)
    if not isinstance(outcome, Delivered):
        assert outcome.reason
        assert len(outcome.reason) <= 600
        assert outcome.reason.isprintable()


@every_case
async def test_no_answer_is_passed_on_and_told_again(case: Case) -> None:
    for event in _takes(case):
        *before, message = _settings(case, event)
        for heard in (False, True):
            for at in range(20):
                vendor = case.vendor()
                _, memory = await _told(case, Wire(case, vendor), before)
                wire = Wire(case, vendor, lost(at, vendor if heard else None))
                if await _unanswered(case, wire, message, memory, at):
                    break
                again = await case.sink(Wire(case, vendor)).deliver(message, memory)
                assert isinstance(again, Delivered), (event, at, heard, again)
                standing = vendor.standing()
                if standing is not None and not case.loses:
                    assert len([1 for _, is_open in standing if is_open]) <= 1, (event, at, heard, standing)


async def _unanswered(case: Case, wire: Wire, message: Message, memory: Mapping[str, str], at: int) -> bool:
    """Whether the delivery came to its end before the request that gets no answer."""
    try:
        outcome = await case.sink(wire).deliver(message, dict(memory))
    except UnansweredError:
        return False
    if len(wire.requests) > at:  # a request that must not be repeated at once: it says when it may
        assert isinstance(outcome, Later), "a request without an answer was taken for something else"
        assert outcome.after
        return False
    assert isinstance(outcome, Delivered), outcome
    return True


@every_case
async def test_it_waits_as_long_as_it_is_asked(case: Case) -> None:
    if not case.retry_after:
        pytest.skip("no HTTP")
    for status in (429, 503):
        for header, seconds in (("17", 17.0), ("soon", None), ("-3", None), ("9" * 400, None)):
            wire = Wire(case, Taker(status, b"{}", {"retry-after": header}))
            outcome = await case.sink(wire).deliver(tellings.telling(_takes(case)[0]), {})
            assert isinstance(outcome, Later)
            assert outcome.after == seconds


GARBAGE = (
    b"",
    b"ok",
    b"<html><body>Sign in</body></html>",
    b"null",
    b"[]",
    b"[null]",
    b"{}",
    b'"text"',
    b"42",
    b'{"ok":',
    b"\xff\xfe\x00\x00",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"id": null, "key": {}, "issues": 3, "transitions": [7], "data": "x", "items": {}, "errors": 1, "ok": "no"}',
    b'{"id": 9' + b"9" * 5_000 + b"}",
    b'{"issues": [{"key": []}], "transitions": [{"id": 1, "name": null, "to": []}], "ok": false, "error": {}}',
)


@every_case
async def test_an_answer_that_makes_no_sense_breaks_nothing(case: Case) -> None:
    if not case.retry_after:
        pytest.skip("no HTTP")
    for event in _takes(case):
        for memory in ({}, {"id": "1", "key": "OPS-1", "ts": "1.2"}, {"": "", "floodmark": "\x00"}):
            for status in (200, 201, 202, 404) if not memory else (200, 409):
                for body in GARBAGE:
                    wire = Wire(case, Taker(status, body), look=False)
                    outcome = await case.sink(wire).deliver(tellings.telling(event), memory)
                    assert isinstance(outcome, Delivered | Later | Refused)


@every_case
async def test_no_secret_is_told(case: Case) -> None:
    secrets, texts = case.secrets(), case.secret_texts()

    def repeated(status: int, request: Request) -> Answer:
        headers = "\r\n".join(f"{name}: {value}" for name, value in request.headers.items())
        page = f"{request.method} {request.url} failed\r\n{headers}\r\n\r\n".encode() + request.body
        return Answer(status, {"retry-after": "1", "location": request.url}, page)

    for event in _takes(case):
        for status in (200, 302, 400, 401, 403, 404, 410, 413, 429, 500, 503):
            wire = Wire(case, Taker(), lambda _, request, status=status: repeated(status, request), look=False)
            outcome = await case.sink(wire).deliver(tellings.telling(event), {})
            shown = repr(outcome)
            assert secrets.hide(shown) == shown, f"status {status}: a secret is in it"
            assert not [text for text in texts if text in shown], f"status {status}: a secret is in it"

        def away(_: int, request: Request) -> Answer:
            raise UnansweredError(f"no answer from {request.url} {dict(request.headers)}")

        with pytest.raises(UnansweredError) as raised:
            await case.sink(Wire(case, Taker(), away, look=False)).deliver(tellings.telling(event), {})
        assert secrets.hide(str(raised.value)) == str(raised.value)
        assert not [text for text in texts if text in str(raised.value)]


@every_case
async def test_hostile_text_is_text(case: Case) -> None:
    for event in _takes(case):
        for name, message in tellings.nasty(event):
            vendor = case.vendor()
            outcomes, _ = await _told(case, Wire(case, vendor), [message])
            assert isinstance(outcomes[0], Delivered), (event, name, outcomes[0])


TEXT = st.text(max_size=60) | st.text(st.characters(codec=None), max_size=30)


@every_case
@settings(max_examples=12)
@given(text=TEXT)
def test_any_text_is_text(case: Case, text: str) -> None:
    for event in _takes(case):
        outcomes, _ = asyncio.run(_told(case, Wire(case, case.vendor()), [tellings.filled(event, text)]))
        assert isinstance(outcomes[0], Delivered), (event, outcomes[0])


@alive
async def test_it_remembers_no_more_the_longer_it_lasts(case: Case) -> None:
    messages = [tellings.telling("open" if n == 1 else "update", n) for n in range(1, 120)]
    outcomes, memory = await _told(case, Wire(case, case.vendor(), look=False), messages)
    assert all(isinstance(each, Delivered) for each in outcomes)
    assert len(json.dumps(memory)) <= 4_000


@every_case
async def test_requests_are_what_the_vendor_publishes(case: Case) -> None:
    if not case.contract:
        pytest.skip("the vendor publishes no schema that we use")
    if not (path := folder() / case.contract).exists():
        pytest.skip(f"FLOODMARK_CONTRACTS has no {case.contract}")
    contract = Contract(path)
    for event in _takes(case):
        wire = Wire(case, case.vendor())
        await _told(case, wire, _settings(case, event))
        for _, message in tellings.nasty(event):
            await _told(case, wire, [message])
        for request in wire.requests:
            problems = contract.problems(request, case.path)
            assert not problems, (event, problems)
