"""What is said of one incident when it is over, and the blanks that are left to people."""

import re
from datetime import timedelta

import pytest
from markdown_it import MarkdownIt

from floodmark.alerts import ChangeNotice, Point
from floodmark.console.reporting.postmortem import BLANK, postmortem
from floodmark.console.reporting.rendering import rendered
from floodmark.deliveries import Delivery
from floodmark.fold import Book

from .told import NOW, WILD, action, at, impact, incident, member, over


def known(revisions, *actions):
    book = Book()
    for each in revisions:
        book.take(each)
    for offset, each in enumerate(actions):
        book.take(each, offset)
    return book.known(revisions[0].id, NOW)


def section(report, heading):
    return next(each for each in report.sections if each.heading == heading)


def rows(report, heading):
    found = section(report, heading).table
    return found.rows if found is not None else []


def test_it_says_what_is_known_and_leaves_blanks_for_the_rest():
    revisions = over(hours=2.0, impact=[impact(900.0)])
    report = postmortem(revisions, known(revisions, action("ack", hours=10.5)))
    assert report.title == "Post-mortem: cart: latency up"
    summary = " ".join(section(report, "Summary").paragraphs)
    assert "taken by ann 30 min after that, and over 2 h after it was told" in summary.replace("120 min", "2 h")
    assert rows(report, "Impact")[0][3] == "900 EUR"
    assert all(BLANK in each for each in section(report, "What people are to add").paragraphs)
    assert rows(report, "What is to be done") == [[BLANK, BLANK, BLANK, "☐"]] * 3


def test_the_timeline_has_the_engine_people_deliveries_and_changes_in_order():
    change = ChangeNotice(id="chg", scope="", time=at(9.9), service="cart", kind="deploy", summary="v2", actor="ci")
    revisions = over(changes=[change])
    sent = Delivery(
        target="chat", key="inc-1", id="m", event="opened", result="refused", at=at(10.2), reason="no such channel"
    )
    report = postmortem(revisions, known(revisions, action("ack", hours=10.4, reason="mine")), deliveries=[sent])
    who = [row[2] for row in rows(report, "Timeline")]
    assert who == ["ci", "Floodmark", "Floodmark, in hindsight", "notify", "ann", "Floodmark"]
    assert "refused to chat (opened): no such channel" in rows(report, "Timeline")[3][1]
    assert rows(report, "Timeline")[4][1] == "ack: mine"


def test_what_was_tried_has_what_came_of_it():
    revisions = over()
    done = [
        action("ran", args={"playbook": "restart", "result": "it came back", "ok": False}),
        action("comment", hours=10.6, args={"text": "rolled back"}, by="bob"),
    ]
    found = rows(postmortem(revisions, known(revisions, *done)), "What was tried")
    assert [(row[1], row[2]) for row in found] == [
        ("ann", "ran playbook restart “it came back”, and failed"),
        ("bob", "comment “rolled back”"),
    ]


def test_evidence_is_drawn_where_points_are_known_and_numbers_remain_where_not():
    one, two = member("ano-1"), member("ano-2", observed=None, low=None, high=None)
    points = [Point(n, float(n), None, None, None) for n in range(8)]
    report = postmortem(over(members=[one, two], member_count=30), points={"ano-1": points})
    first, second = rows(report, "Evidence")
    assert first[3:5] + first[6:] == ["90 ms", "45 to 55 ms", "▁▂▃▄▅▆▇█"]
    assert second[3:5] + second[6:] == ["-", "-", "-"]
    assert "28 anomalies" in section(report, "Evidence").paragraphs[0]


def test_causes_have_their_signs():
    assert rows(postmortem(over()), "Probable causes") == [["cart", "90%", "it was first", "onset 0.50"]]


def test_changes_nearby_are_told_from_those_in_the_incident():
    own, near = (
        ChangeNotice(id=id, scope="", time=at(9), service="cart", kind="deploy", summary=id) for id in ("a", "b")
    )
    found = rows(postmortem(over(changes=[own]), nearby=[own, near]), "What changed")
    assert [row[-1] for row in found] == ["in the incident", "nearby"]


def test_an_incident_that_goes_on_has_one_too():
    report = postmortem([incident(members=[], causes=[], lines=[])])
    assert "and goes on." in " ".join(section(report, "Summary").paragraphs)


def test_ten_thousand_revisions_are_cut_and_that_is_said():
    revisions = [
        incident(revision=n, event="updated", updated_at=at(10) + timedelta(seconds=n)) for n in range(1, 2000)
    ]
    report = postmortem(revisions)
    assert len(rows(report, "Timeline")) == 200
    assert "1,800 later entries are left out" in " ".join(section(report, "Timeline").paragraphs)


@pytest.mark.parametrize("text", WILD)
def test_wild_texts_are_shown_as_texts(text):
    clean = text.replace("\ud800", "?")
    change = ChangeNotice(id="c", scope="", time=at(9), service=clean, kind="deploy", summary=clean, actor=clean)
    own = member(entity=clean, name=clean, series=clean, summary=clean, unit=clean)
    revisions = over(title=clean, why=clean, entities=[clean], members=[own], lines=[clean], changes=[change])
    report = postmortem(revisions, known(revisions, action("comment", args={"text": clean}, reason=clean, by=clean)))
    page, plain = rendered(report, "html").decode(), rendered(report, "md").decode()
    assert set(re.findall(r"<(\w+)", page.partition("<main>")[2])) <= {
        "header", "h1", "h2", "p", "section", "div", "table", "thead", "tbody", "tr", "th", "td", "caption", "svg",
        "rect",
    }  # fmt: skip
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(plain)
    assert set(re.findall(r"<(\w+)", shown)) <= {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert not {"\x1b", "\x00", "\u202e", "\u2066"} & set(page + plain)
