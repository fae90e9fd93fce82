"""Triage in a browser, by keyboard alone, and what is on the topic afterwards; hostile texts; two people."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect
from served import Served, recorded

from floodmark.actions import Action
from floodmark.alerts import Incident, utc

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "\u202egnp.exe \u2066 \u0000 \u001b[31m",
    "'; DROP TABLE incident; --",
)


@pytest.fixture(scope="module")
def still(console: Served) -> list[Incident]:
    """Incidents that are open and nobody's, made for these tests; the newest told first."""
    told = recorded.incidents(recorded.records())
    end = max(each.updated_at for each in told)
    base = next(each for each in reversed(told) if each.event == "opened")
    made = [
        _incident(base, f"inc-{number:016x}", f"triage {number}: errors up", end.timestamp() - number, number)
        for number in range(1, 9)
    ]
    console.write([recorded.kept(each, end.timestamp(), "floodmark.alerts", each.id) for each in made])
    return made


def _incident(base: Incident, id: str, title: str, at: float, number: int) -> Incident:
    import msgspec

    members = [
        msgspec.structs.replace(each, id=f"ano-{number:04}{place:012x}") for place, each in enumerate(base.members[:3])
    ]
    return msgspec.structs.replace(
        base, id=id, title=title, event="opened", revision=1, started_at=utc(at - 60), updated_at=utc(at),
        resolved_at=None, resolution="", members=members, member_count=len(members), acts=[], told="", scope="default",
    )  # fmt: skip


def _act(console: Served, incident: str, verb: str) -> Action:
    """The newest such action on the topic; waited for."""
    for _ in range(50):
        found = [a for a in console.acts() if isinstance(a, Action) and a.incident == incident and a.verb == verb]
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no {verb} of {incident} on the topic")


def _go(page: Page, incident: Incident) -> None:
    """Move to it in the list, by keys alone."""
    expect(page.locator(f"#row-{incident.id}")).to_be_attached(timeout=15_000)
    for _ in range(60):
        if "here" in (page.locator(f"#row-{incident.id}").get_attribute("class") or "").split():
            return
        page.keyboard.press("j")
    raise AssertionError("it was never reached")


def test_a_whole_triage_by_keyboard(page: Page, console: Served, still: list[Incident]):
    page.goto("/")
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible(timeout=15_000)
    first = still[0]
    _go(page, first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(first.id))
    expect(page.get_by_role("heading", name="triage 1: errors up")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Give back")).to_be_visible(timeout=10_000)
    act = _act(console, first.id, "ack")
    assert act.by == "operator"
    assert act.via == "console"
    assert act.seen == 1
    assert act.effective is None
    page.get_by_role("status").get_by_role("button", name="Undo").first.press("Enter")
    _act(console, first.id, "unack")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible(timeout=10_000)

    page.keyboard.press("g")
    dialog = page.get_by_role("dialog", name="Assign")
    expect(dialog).to_be_visible()
    page.keyboard.type("bob@example.org")
    page.keyboard.press("Enter")
    assert _act(console, first.id, "assign").args.to == "bob@example.org"
    expect(dialog).to_be_hidden()

    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Snooze")).to_be_visible()
    page.keyboard.press("Enter")
    snooze = _act(console, first.id, "snooze")
    assert snooze.args.unless == "worse"
    expect(page.get_by_text(re.compile("^snoozed to"))).to_be_visible(timeout=10_000)

    page.keyboard.press("c")
    page.keyboard.type("Looking at it <b>now</b>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert _act(console, first.id, "comment").args.text == "Looking at it <b>now</b>"
    expect(page.locator("blockquote", has_text="Looking at it <b>now</b>")).to_be_visible(timeout=10_000)

    page.keyboard.press("n")
    expect(page.get_by_role("dialog", name="Not an anomaly")).to_be_visible()
    page.keyboard.press("Enter")
    dismiss = _act(console, first.id, "dismiss")
    assert dismiss.effective is not None  # behind all that the engine may have decided by now
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile("/$"))


def test_marked_ones_are_merged(page: Page, console: Served, still: list[Incident]):
    page.goto("/")
    into, others = still[1], still[2:4]
    for each in (into, *others):
        _go(page, each)
        page.keyboard.press("x")
    expect(page.get_by_text("3 incidents marked")).to_be_visible()
    page.keyboard.press("m")
    expect(page.get_by_role("dialog", name="Merge: 3 incidents")).to_be_visible()
    page.keyboard.press("Enter")
    merges: list[Action] = []
    for _ in range(50):
        merges = [a for a in console.acts() if isinstance(a, Action) and a.verb == "merge" and a.via == "console"]
        merges = [a for a in merges if a.incident in {each.id for each in still}]
        if merges:
            break
        time.sleep(0.1)
    (act,) = merges
    assert {act.incident, *act.args.from_} == {each.id for each in still[1:4]}


def test_a_member_is_split_off(page: Page, console: Served, still: list[Incident]):
    page.goto(f"/incidents/{still[4].id}")
    page.get_by_role("button", name=re.compile("^What to do with")).first.press("Enter")
    page.get_by_role("menuitem", name="Split off").press("Enter")
    expect(page.get_by_role("dialog", name="Split off")).to_be_visible()
    page.keyboard.press("Enter")
    act = _act(console, still[4].id, "split")
    assert len(act.args.anomalies) == 1


def test_the_slower_of_two_sees_what_is_true_now(opened, console: Served, still: list[Incident]):
    import json
    import urllib.request

    page = opened()
    page.goto(f"/incidents/{still[5].id}")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible(timeout=15_000)
    other = Action(
        id="act-faster0",
        verb="ack",
        by="zoe@example.org",
        at=utc(time.time()),
        incident=still[5].id,
        seen=1,
        via="slack",
    )
    console.write([recorded.kept(other, time.time(), "floodmark.actions", still[5].id)])
    for _ in range(50):
        row = json.load(urllib.request.urlopen(f"{console.url}/api/v1/incidents/{still[5].id}"))["row"]
        if row["state"] == "acked":
            break
        time.sleep(0.1)
    headers = {"Origin": console.url, "X-Floodmark": "1"}
    body = json.dumps({"verb": "ack", "incident": still[5].id, "seen": 1}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{console.url}/api/v1/actions", body, headers))
    problem = json.load(refused.value)
    assert refused.value.code == 409
    assert "zoe@example.org" in problem["detail"]
    assert problem["current"]["owner"] == "zoe@example.org"
    expect(page.get_by_text("zoe@example.org").first).to_be_visible(timeout=10_000)  # live, without a reload


def test_hostile_texts_are_texts(opened, console: Served, still: list[Incident]):
    import msgspec

    text = " ".join(HOSTILE)
    base = still[6]
    members = [
        msgspec.structs.replace(each, entity=text[:90], summary=text, template=text, name=text, series=f"{text}{n}")
        for n, each in enumerate(base.members)
    ]
    bad = msgspec.structs.replace(
        base, id="inc-ffffffffffffffff", title=text, why=text, entities=[text[:90]], members=members, lines=[text],
        changes=[], causes=[msgspec.structs.replace(base.causes[0], entity=text[:90], reason=text)], scope=text[:50],
    )  # fmt: skip
    said = Action(
        id="act-hostile", verb="comment", by=HOSTILE[0], at=utc(time.time()), incident=bad.id, seen=1, reason=text,
        args=recorded.Arguments(text=text),
    )  # fmt: skip
    now = base.updated_at.timestamp()
    console.write(
        [
            recorded.kept(bad, now, "floodmark.alerts", bad.id),
            recorded.kept(said, now, "floodmark.actions", bad.id),
        ]
    )
    page = opened()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(f"/incidents/{bad.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert(1)</script>", timeout=15_000)
    assert page.locator("main img, main script, main iframe").count() == 0
    assert "\u202e" not in page.locator("main").inner_text()
    for path in ("/", "/audit", f"/?q={HOSTILE[1]}", "/explorer"):
        page.goto(path)
        page.wait_for_timeout(400)
        assert page.locator("main img, main script, main iframe").count() == 0


def test_rows_do_not_jump_while_a_thousand_revisions_come(page: Page, console: Served, still: list[Incident]):
    import msgspec

    page.goto("/")
    _go(page, still[7])
    row = page.locator(f"#row-{still[7].id}")
    before = row.bounding_box()
    now = still[7].updated_at.timestamp()
    flood = []
    for number in range(1_000):
        some = number % 50
        revision = 1 + number // 50
        each = msgspec.structs.replace(
            still[7], id=f"inc-{some:04}00000000abcd", revision=revision, title=f"flood {some}.{revision}",
            event="opened" if revision == 1 else "updated", updated_at=utc(now + number / 100),
        )  # fmt: skip
        flood.append(recorded.kept(each, now + number / 100, "floodmark.alerts", each.id))
    console.write(flood)
    expect(page.get_by_role("button", name=re.compile("new or moved, show"))).to_be_visible(timeout=20_000)
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    banner = page.locator(".fresh").bounding_box()
    moved = after["y"] - before["y"]
    assert moved <= (banner["height"] + 20 if banner else 0)  # only the note above has come
    assert page.locator("text=flood 1.").count() == 0
    page.keyboard.press(".")
    expect(page.get_by_text(re.compile(r"^flood 1\.")).first).to_be_visible(timeout=15_000)
