"""Pages as text: what an operator reads follows from what was told."""

import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from floodmark.alerts import Point, utc
from floodmark.terminal import anomaly as anomalies
from floodmark.terminal import top
from floodmark.terminal.incidents import Filter, changes, evidence_of, listed, newest, sureness, table, told, whole
from floodmark.terminal.sparks import marks, merged, spark
from floodmark.terminal.words import lasting, safe

from .told import POINTS, START, anomaly, incident, member


def text(renderable, width=200):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_spark_is_a_character_a_point_and_marks_are_under_it():
    assert spark(POINTS) == "▁▁▁▁▁▁▁▁██"
    assert spark(POINTS, ascii=True) == "________@@"
    assert marks(POINTS) == "        ^^"
    assert spark(POINTS, 3) == "▁██"
    assert spark([]) == spark([Point(1.0, None, None, None, None)]) == ""


def test_flat_and_missing_points():
    assert spark([Point(float(i), 1.0 if i != 1 else None, None, None, None) for i in range(3)]) == "▅ ▅"


points = st.builds(
    Point,
    st.floats(0, 1e9),
    *[st.none() | st.floats(allow_nan=True, allow_infinity=True) for _ in range(4)],
)


@given(st.lists(points, max_size=60), st.booleans())
def test_any_points_make_a_line_of_their_length_or_none(given_points, ascii):
    line = spark(given_points, 48, ascii=ascii)
    assert len(line) in (0, min(48, len(given_points)))


def test_a_point_that_is_told_again_replaces_the_first():
    later = Point(POINTS[0].time, 7.0, None, None, None)
    assert merged([POINTS, [later]])[0] == later


def test_the_newest_revision_counts_and_open_ones_come_first():
    old = incident(id="inc-0", started_at=utc(START + 9))
    over = incident(id="inc-0", started_at=utc(START + 9), revision=2, event="resolved", resolved_at=utc(START + 99))
    merged_away = incident(id="inc-2", merged_into="inc-1")
    found = newest([over, old, incident(), merged_away])
    assert found["inc-0"] is over
    assert [each.id for each in listed(found.values(), Filter(), 9)] == ["inc-1", "inc-0"]
    assert [each.id for each in listed(found.values(), Filter(open=True), 9)] == ["inc-1"]
    assert [each.id for each in listed(found.values(), Filter(), 1)] == ["inc-1"]


@pytest.mark.parametrize(
    ("chosen", "takes"),
    [
        (Filter(service="cart"), True), (Filter(service="c*"), True), (Filter(service="web"), False),
        (Filter(severity="error"), True), (Filter(severity="critical"), False), (Filter(open=True), True),
    ],
)  # fmt: skip
def test_filters(chosen, takes):
    assert chosen.takes(incident()) is takes


def test_the_list():
    shown = text(table([incident(), incident(id="inc-2", resolved_at=utc(START + 600), event="resolved")]))
    assert "2026-01-31 12:00:00  error     open                   cart: latency up  cart            1  inc-1" in shown
    assert "resolved after 10 min" in shown


def test_a_revision_says_what_is_new():
    first = incident()
    second = incident(
        revision=2, event="updated", severity="critical", members=[member(ended_at=utc(START + 90)), member(id="ano-2")]
    )
    assert told(first, None)[1:] == ["why: one series by itself", "first cause: cart: it was first"]
    assert changes(first, second) == [
        "severity error → critical", "new: cart latency_ms is 90 ms", 'over: latency_ms{service="cart"}',
    ]  # fmt: skip
    resolved = incident(revision=3, event="resolved", resolved_at=utc(START + 600))
    assert told(resolved, second)[-1] == "after 10 min: nothing is odd any more"


def test_the_whole_of_an_incident():
    shown = text(whole([incident()], evidence_of([anomaly()])))
    for part in (
        "inc-1, revision 1: open, severity error",
        "as much as this happens by chance about once in 2 years in this scope",
        "▁▁▁▁▁▁▁▁██  50 to 90 ms, expected 45 to 55 ms",
        "        ^^",
        " 90%  cart: it was first",
        "deploy of cart: v42",
        "timed out",
        "  1  opened    cart: latency up",
    ):
        assert part in shown, part


def test_an_anomaly_says_why_it_was_told_and_what_became_of_it():
    closed = anomaly(event="closed", updated_at=utc(START + 900), ended_at=utc(START + 300))
    said = anomalies.verdict([anomaly(), closed], incident(), 10.0)
    assert said == [
        "Level: p = 1e-11 of the model is below 0.0007, which the budget of detector default allows.",
        "It closed at 2026-01-31 12:15:00; its last odd moment was 2026-01-31 12:05:00, after 5 min.",
        "Told in inc-1 (cart: latency up): first.",
        "Of that incident, as much as this happens by chance about once in 2 years in this scope.",
        "Feedback: people have said that it is no anomaly; the level is divided by 10 now.",
    ]
    assert "No incident names it" in anomalies.verdict([anomaly()], None)[-1]
    assert "▁▁▁▁▁▁▁▁██" in text(anomalies.page([anomaly()], None))


def view(**changes):
    page = top.View(utc(START + 300), **changes)
    for body in (anomaly(), anomaly(id="ano-2", series="cpu", surprise=99.0), incident(), "another"):
        page.hear(body)
    return page


def test_a_frame_has_all_that_is_known():
    metrics = (
        '# TYPE floodmark_task_state gauge\nfloodmark_task_state{kind="series",topic="m"} 7\n'
        'floodmark_task_state{kind="warming",topic="m"} 2\nfloodmark_clock_skew_seconds{source="h"} -61\n'
    )
    engine = top.Engine(
        "here:1", "", False, ["m/0 is being recovered"], ["log source a: warming up"], top.samples_of(metrics)
    )
    dead = top.Engine("there:1", "Connection refused: is it running?")
    behind = [top.Behind("g-detect", "m", 0, 10, 7), top.Behind("g-detect", "m", 1, 10, 10)]
    page = view(engines=[engine, dead], behind=behind, rate=12.4, troubles=["Kafka is away"])
    page.letter("not_json", "m: the message is not JSON")
    shown = text(top.frame(page))
    for part in (
        "12 events a second  ·  7 series watched, 2 warming up",
        "! Kafka is away",
        "! engine here:1 is not ready\n    m/0 is being recovered\n    log source a: warming up",
        "    the clock of h is 61 s slow",
        "! engine there:1 does not answer: Connection refused",
        "g-detect  m        3  partition 0: 3   2",
        "1 open incident",
        "2 series odd now",
        "1 dead letter in the last hour\n1  not_json  m: the message is not JSON",
    ):
        assert part in shown, part
    assert shown.index("cpu") < shown.index("latency_ms{")  # the oddest first
    assert "ano-1" not in text(top.frame(page, narrow=True), 80)


def test_what_is_over_leaves_the_page():
    page = view()
    page.hear(anomaly(event="closed", ended_at=utc(START)))
    page.hear(incident(revision=2, resolved_at=utc(START + 1), event="resolved"))
    shown = text(top.frame(page))
    assert "0 open incidents" in shown
    assert "1 series odd now" in shown
    assert "Lag: not known" in shown


def test_small_words():
    assert safe("a\x1b[31mb\nc") == "a [31mb c"
    assert [lasting(timedelta(seconds=s)) for s in (40, 720, 12_000, 187_200)] == [
        "40 s",
        "12 min",
        "3 h 20 min",
        "2 d 4 h",
    ]
    assert sureness(86_400 * 14) == "as much as this happens by chance about once in 2 weeks in this scope"
