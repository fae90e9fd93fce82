"""Chains of the audit trail: any edit, removal, insertion and change of order is found, and where."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Watermark, utc
from floodmark.audits import Head, Source, Stored, compare, digest, examine, last, opened, sealed
from floodmark.config.models import Audit, Config, Feedback
from floodmark.events import encode
from floodmark.flow.audit import AuditTask, chain_of, heard, keys, tasks
from floodmark.records import Record
from floodmark.reports import ConfigLoaded, ModelReport
from floodmark.requests import ModelRequest
from floodmark.state import StateError

START = 1_767_571_200.0
ACTIONS = "floodmark.actions"
CHAIN = chain_of("floodmark", ACTIONS, 0)
KEY = b"a secret"


def config(key=None, **more):
    audit = Audit(key=SecretStr(key) if key else None, **more)
    return Config(audit=audit, actions={}, feedback=Feedback())


def record(body, offset, topic=ACTIONS, key="k"):
    told = encode(body, source="t/0", key=key)
    return Record(topic, 0, offset, int(START * 1000), told.key, told.value, told.headers)


def acted(number):
    action = Action(id=f"act-{number}", verb="ack", by="ann", at=utc(START + number), incident="inc-1")
    return record(action, number)


def trail(count, key=None):
    """The entries of so many actions, and the digests of these."""
    task = AuditTask(config(key), ACTIONS, 0, {})
    sources = [acted(number) for number in range(count)]
    out = task.process(sources)
    stored = [Stored(0, place, each.key, each.value) for place, each in enumerate(out)]
    return stored, {each.offset: digest(each.key, each.value, each.headers) for each in sources}


def flaws(stored, keys=(), source=None, anchors=None):
    chains, found = examine(stored, keys, anchors)
    if source is not None:
        oldest, end = min(source, default=0), max(source, default=-1) + 1
        found = [*found, *compare(CHAIN, chains.get(CHAIN), Source(source, oldest, end))]
    return found


@pytest.mark.parametrize("key", [None, "a secret"])
def test_what_was_not_touched_is_sound(key):
    stored, source = trail(5, key)
    assert flaws(stored, [KEY] if key else (), source) == []
    chains, _ = examine(stored)
    assert (chains[CHAIN].head.sequence, chains[CHAIN].entries, chains[CHAIN].unsigned) == (5, 5, 0 if key else 5)


@given(st.integers(1, 6), st.data())
def test_a_removal_is_found(count, data):
    stored, source = trail(count)
    gone = data.draw(st.integers(0, count - 1))
    left = stored[:gone] + stored[gone + 1 :]
    found = flaws(left, source=source)
    assert any("has no entry" in each.words for each in found)
    if gone < count - 1:
        assert any(each.place == f"0@{gone + 1}" and "missing" in each.words for each in flaws(left))


@given(st.integers(2, 6), st.data())
def test_another_order_is_found(count, data):
    stored, _ = trail(count)
    moved = data.draw(st.permutations(stored))
    assume(moved != stored)
    assert flaws(moved)


@given(st.integers(1, 6), st.data())
def test_an_insertion_is_found(count, data):
    stored, source = trail(count)
    place = data.draw(st.integers(0, count))
    before = opened(stored[place - 1].value) if place else None
    made = msgspec.structs.replace(
        opened(stored[0].value),
        sequence=place + 1,
        previous="" if before is None else examine(stored[:place])[0][CHAIN].head.link,
        who="mallory",
        digest="0" * 64,
    )
    value = msgspec.json.encode(made)
    found = flaws([*stored[:place], Stored(0, 99, CHAIN.encode(), value), *stored[place:]], source=source)
    assert found
    signed, source = trail(count, KEY.decode())
    found = flaws([*signed[:place], Stored(0, 99, CHAIN.encode(), value), *signed[place:]], [KEY], source)
    if place:
        assert [each.place for each in found if "signed" in each.words] == ["0@99"]
    assert found


@given(st.integers(1, 6), st.data())
def test_any_other_byte_is_found(count, data):
    """The last entry has none behind it: what shows it is the signature."""
    stored, _ = trail(count, KEY.decode())
    number = data.draw(st.integers(0, count - 1))
    value = stored[number].value
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.integers(0, 255))
    assume(value[at] != other)
    edited = value[:at] + bytes([other]) + value[at + 1 :]
    found = flaws([*stored[:number], stored[number]._replace(value=edited), *stored[number + 1 :]], [KEY])
    assert any(each.place == f"0@{number}" for each in found)


@given(st.integers(2, 6), st.data())
def test_an_edit_is_found_by_the_next_entry_without_a_key(count, data):
    stored, _ = trail(count)
    number = data.draw(st.integers(0, count - 2))
    edited = msgspec.structs.replace(opened(stored[number].value), who="mallory")
    changed = stored[number]._replace(value=msgspec.json.encode(edited))
    (found,) = flaws([*stored[:number], changed, *stored[number + 1 :]])
    assert found.place == f"0@{number + 1}"
    assert f"does not follow on entry {number + 1} at 0@{number}" in found.words


@given(st.integers(1, 5), st.data())
def test_what_is_here_twice_and_what_forks_is_found(count, data):
    stored, _ = trail(count)
    twice = data.draw(st.sampled_from(stored))
    (found,) = flaws([*stored, twice._replace(offset=77)])
    assert "here again" in found.words
    other = msgspec.json.encode(msgspec.structs.replace(opened(twice.value), who="eve"))
    (found,) = flaws([*stored, twice._replace(offset=77, value=other)])
    assert "forks" in found.words


def test_a_changed_source_is_found():
    stored, source = trail(3)
    (found,) = flaws(stored, source=source | {1: "0" * 64})
    assert found.words.startswith("record 1 is not what its entry is about")
    assert flaws(stored, source={2: source[2]}) == []  # retention took the others


def test_entries_of_what_never_was_are_found():
    stored, source = trail(3)
    chains, _ = examine(stored)
    part = {0: source[0], 2: source[2]}
    assert "record 1, and there is none" in compare(CHAIN, chains[CHAIN], Source(part, 0, 3))[0].words
    assert compare(CHAIN, chains[CHAIN], Source(part, 0, 3, thinned=True)) == []
    assert "not been audited yet" in compare(CHAIN, chains[CHAIN], Source(part, 0, 2, thinned=True))[0].words


def test_the_end_of_a_chain_is_proven_by_an_anchor():
    stored, _ = trail(4)
    heads = {CHAIN: examine(stored)[0][CHAIN].head}
    more, _ = trail(6)
    assert flaws(more, anchors=heads) == []
    assert "ends with entry 3" in flaws(stored[:3], anchors=heads)[0].words
    assert "nothing of it" in flaws([], anchors=heads)[0].words
    other, _ = trail(4, "other")
    assert "not the one" in flaws(other, anchors=heads)[0].words


def test_signing_may_begin_later_and_keys_may_change():
    task = AuditTask(config(), ACTIONS, 0, {})
    plain = task.process([acted(0)])
    later = AuditTask(config("a secret"), ACTIONS, 0, {})
    later.restore(task.snapshot())
    signed = later.process([acted(1)])
    newest = AuditTask(config("another", old_keys=[SecretStr("a secret")]), ACTIONS, 0, {})
    newest.restore(later.snapshot())
    out = [*plain, *signed, *newest.process([acted(2)])]
    stored = [Stored(0, place, each.key, each.value) for place, each in enumerate(out)]
    known = keys(config("another", old_keys=[SecretStr("a secret")]))
    assert [each.words for each in flaws(stored, known)] == ["entry 1 is not signed"]
    assert examine(stored, known, unsigned=True)[1] == []
    assert len(flaws(stored, keys(config("another")))) == 3  # the old one is not known, and what follows lacks it


def test_what_is_no_entry_is_found():
    stored, _ = trail(1)
    assert flaws([*stored, Stored(0, 9, b"x", b"{}"), Stored(0, 10, b"x", None)])[0].place == "0@9"
    assert "key" in flaws([stored[0]._replace(key=b"other")])[0].words


def test_a_chain_goes_on_where_the_topic_says_it_ended():
    stored, _ = trail(3, KEY.decode())
    forged = msgspec.structs.replace(opened(stored[-1].value), sequence=4, signature="")
    tail = [Stored(0, 3, CHAIN.encode(), msgspec.json.encode(forged)), Stored(0, 4, CHAIN.encode(), b"{}")]
    assert last([*stored, *tail], CHAIN, [KEY]) == examine(stored)[0][CHAIN].head
    assert last(stored, "another") is None
    task = AuditTask(config("a secret"), ACTIONS, 0, {})
    task.restore(msgspec.json.encode(last(stored, CHAIN, [KEY])))
    (out,) = task.process([acted(3)])
    assert flaws([*stored, Stored(0, 3, out.key, out.value)], [KEY]) == []
    with pytest.raises(StateError):
        task.restore(b"nonsense")


@given(st.lists(st.integers(1, 3), max_size=4))
def test_how_records_are_cut_into_batches_changes_nothing(sizes):
    records = [acted(number) for number in range(sum(sizes))]
    whole = AuditTask(config(), ACTIONS, 0, {}).process(records)
    task, parts = AuditTask(config(), ACTIONS, 0, {}), []
    for size in sizes:
        parts += task.process(records[len(parts) : len(parts) + size])
    assert parts == whole


@dataclass
class Case:
    body: object
    kind: str
    who: str
    words: str


CASES = [
    Case(Action(id="a", verb="snooze", by="ann", at=utc(START), incident="inc-1", reason="known", seen=3,
                args=Arguments(until=utc(START + 60))), "action", "ann", "snooze inc-1"),
    Case(ActionOutcome(action="a", verb="split", incident="inc-1", result="refused", applied_at=utc(START),
                       reason="no such anomaly"), "outcome", "", "split (a) is refused: no such anomaly"),
    Case(ModelRequest(id="r", kind="retrain", model="fraud", why="drift", by="bob", at=utc(START)), "request", "bob",
         "asks to retrain fraud: drift"),
    Case(ConfigLoaded(process="h:1", version="1", at=utc(START), hash="ab" * 32), "config", "h:1", "is loaded"),
    Case(ConfigLoaded(process="h:1", version="1", at=utc(START), hash="ab" * 32, previous="cd" * 32), "config", "h:1",
         "in place of cdcd"),
    Case(ConfigLoaded(process="h:1", version="1", at=utc(START), hash="ab" * 32, problems=["x.yaml:1:1: no"]),
         "config", "h:1", "refused"),
    Case(Watermark(task="m/0", tasks=1, time=utc(START), idle=False), "unreadable", "", "does not belong"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
def test_what_an_entry_says(case):
    said = heard(config(), record(case.body, 0))
    assert (said.kind, said.who) == (case.kind, case.who)
    assert case.words in said.what


def test_verdicts_and_what_cannot_be_read():
    verdict = (
        b'{"id":"v","verdict":"not_anomaly","series":"m","by":"ann","at":"2026-01-05T00:00:00Z","reason":"deploy"}'
    )
    said = heard(config(), Record("floodmark.feedback", 0, 0, 0, None, verdict))
    assert (said.kind, said.who, said.what) == ("verdict", "ann", "both of m is no anomaly: deploy")
    for value in (None, b"", b"{", b"\xff", b"[" * 100_000):
        assert heard(config(), Record("floodmark.feedback", 0, 0, -1, None, value)).kind == "unreadable"
        assert heard(config(), Record(ACTIONS, 0, 0, -1, None, value)).kind == "unreadable"


def test_reports_of_models_are_not_audited():
    report = ModelReport(
        model="m", version="1", scope="", task="x", time=utc(START), window=1, predictions=1, labelled=0, pending=0
    )
    assert heard(config(), record(report, 0)) is None


@given(st.binary(max_size=200), st.integers(-1, 2**62))
def test_nothing_that_is_written_raises_or_is_passed_over(value, time):
    task = AuditTask(config(), ACTIONS, 0, {})
    assert len(task.process([Record(ACTIONS, 0, 0, time, value, value, (("ce_type", value),))])) == 1


def test_a_large_record_is_not_copied():
    action = Action(id="a", verb="comment", by="ann", at=utc(START), incident="i", reason="\x01" * 3_000)
    (out,) = AuditTask(config(), ACTIONS, 0, {}).process([record(action, 0)])
    assert opened(out.value).copy
    (out,) = AuditTask(config(), ACTIONS, 0, {}).process([Record(ACTIONS, 0, 0, 0, None, b"\x01" * 100_000)])
    assert opened(out.value).copy == ""
    assert len(out.value) < 2_000


def test_only_what_the_config_has_is_audited():
    assert set(tasks(config())) == {ACTIONS, "floodmark.feedback", "floodmark.model-requests", "floodmark.reports"}
    assert set(tasks(Config(audit={}))) == {"floodmark.model-requests", "floodmark.reports"}
    assert tasks(Config()) == {}


def test_the_signature_is_the_last_field():
    entry = opened(trail(1)[0][0].value)
    assert msgspec.json.encode(sealed(entry, KEY)).endswith(b'"}')
    assert Head(0, "") == Head(0, "")
