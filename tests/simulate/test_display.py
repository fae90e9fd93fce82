from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from floodmark.alerts import Impact
from floodmark.simulate.display import Display, introduce
from floodmark.simulate.faults import HOUR, Fault
from floodmark.simulate.score import scoreboard
from floodmark.simulate.shop import START, Shop

from .builders import incident

NOON = START + 12 * HOUR


def fault(id="F01", kind="latency", service="a", start=NOON):
    return Fault(id, kind, service, start, start + 1800, f"{service} answers 4.0 times slower", 4.0)


def told(act, *, width=100, faults=(), **console):
    out = io.StringIO()
    display = Display(
        Console(file=out, width=width, **console),
        title="A shop",
        subtitle="Two days.",
        start=START,
        end=START + 48 * HOUR,
        faults=faults,
    )
    with display:
        act(display)
        display.tell(START + 48 * HOUR)
    return out.getvalue()


def advance(display, time):
    display.progress(time, events=1000, rate=500.0, anomalies=7, incidents=2, opened=1)


def test_where_nothing_can_move_lines_are_plain_and_whole():
    def act(display):
        display.incident(
            incident(
                start=NOON,
                at=NOON + 120,
                causes=["a"],
                title="a: " + "very " * 40 + "long",
                changes=[(NOON - 70, "a", "release 3")],
            )
        )
        display.incident(incident(event="resolved", start=NOON, at=NOON + 3600, causes=["a"], title="a: latency up"))

    lines = told(act).splitlines()
    assert "\x1b" not in "".join(lines)
    assert lines[0] == "A shop"
    assert lines[3].startswith("Tue 12:02  error     a: very very")
    assert lines[3].endswith("long")  # one fact, one line, however long
    assert lines[4].strip() == "cause: a (60%): It moved first."
    assert lines[5].strip() == "change: deploy of a: release 3, 70 s before"
    assert lines[6] == "Tue 13:00  resolved  after 60 min: a: latency up"
    assert len(lines) == 7


def test_updates_that_are_no_news_are_left_out():
    def act(display):
        display.incident(incident(start=NOON, severity="warning", causes=["a"]))
        for _ in range(3):
            display.incident(incident(event="updated", start=NOON, at=NOON + 300, severity="warning", causes=["a"]))
        display.incident(incident(event="updated", start=NOON, at=NOON + 360, severity="critical", causes=["a"]))
        display.incident(incident(event="updated", start=NOON, at=NOON + 420, severity="critical", causes=["b"]))

    lines = told(act).splitlines()[3:]
    assert [line[11:].split()[0] for line in lines] == ["warning", "cause:", "critical", "critical", "cause:"]
    assert "up from warning" in lines[2]


def test_reopened_and_merged_are_said():
    def act(display):
        display.incident(incident(event="reopened", start=NOON))
        display.incident(incident(event="merged", start=NOON, merged_into="inc-9"))

    text = told(act)
    assert "again: a: latency up" in text
    assert "into inc-9: a: latency up" in text


def test_faults_are_announced_once_as_time_passes_them():
    def act(display):
        advance(display, NOON - 60)
        assert display._coming
        advance(display, NOON + 60)
        advance(display, NOON + 120)

    text = told(act, faults=[fault()])
    assert text.count("injected: a answers 4.0 times slower") == 1
    assert text.index("progress") < text.index("injected")


def test_plain_progress_is_rare():
    def act(display):
        for minute in range(48 * 60):
            advance(display, START + minute * 60)

    lines = [line for line in told(act).splitlines() if "progress" in line]
    assert len(lines) == 7
    assert lines[0] == "Tue 06:00  progress  12% · 1,000 events · 500/s · 7 anomalies · 2 incidents, 1 open"


@pytest.mark.parametrize("width", [60, 100, 160])
def test_a_terminal_is_never_overrun(width):
    def act(display):
        display.incident(incident(start=NOON, causes=["a"], title="a: " + "latency and " * 20, severity="critical"))
        advance(display, NOON + 60)
        display.finish(scoreboard([incident(start=NOON)], 10, 50, [fault()], {"a": []}, events=10, seconds=1))

    out = told(act, width=width, force_terminal=True, color_system=None, faults=[fault()])
    plain = Console(file=io.StringIO(), width=width)
    assert all(plain.measure(line).maximum <= width for line in visible(out).splitlines())
    assert "cause" in out


def visible(text):
    """Without the control codes by which the moving line is drawn."""
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)


def test_titles_are_text_and_not_markup_or_control_codes():
    out = told(lambda display: display.incident(incident(start=NOON, title="a: [bold]x[/bold] \x1b[31m\x07\x9b")))
    assert "[bold]x[/bold]" in out
    assert not {"\x07", "\x1b", "\x9b"} & set(out)


def test_the_scoreboard_tells_found_several_mixed_and_missed():
    graph = {"a": [], "b": [], "c": [], "d": []}
    faults = [fault(f"F0{n}", service=name, start=NOON + 3 * HOUR * n) for n, name in enumerate("abcd", 1)]
    a, b, c, _ = (f.start + 60 for f in faults)
    incidents = [
        incident("1", start=a, entities=["a"], causes=["a"], title="a: latency up, over since 14:20 UTC; also b"),
        incident("2", start=b, entities=["b"], causes=["x", "b"], title="b: errors up"),
        incident("3", start=b + 90, entities=["b"], title="b: again"),
        incident("4", start=c, entities=["c"], members=[("c", c), ("d", faults[3].start + 60)], title="c: mixed up"),
        incident("5", start=NOON, entities=["a"], title="a: nothing"),
    ]
    score = scoreboard(incidents, 50, 4000, faults, graph, events=10_000, seconds=4.0)
    text = told(lambda display: display.finish(score))
    rows = {line.split()[2]: line for line in text.splitlines() if " latency  " in line and "services" not in line}
    assert rows["a"].split()[0] == "✓"
    assert rows["a"].rstrip().endswith("latency up")
    assert "2nd" in rows["b"]
    assert "2 incidents: errors up" in rows["b"]
    assert "mixed: mixed up" in rows["c"]
    assert "missed" in rows["d"]
    assert "50 → 5" in text
    assert "10,000   2,500 a second, in 4 s" in text
    assert "4,000" in text


def test_the_line_that_says_most_and_what_it_costs_stand_under_an_incident():
    one = incident(start=NOON, title="a: errors 1 → 9")
    since = one.started_at
    cost = Impact(entity="a", series="o", name="o", unit="", since=since, share=-0.3, loss=9, summary="orders down")
    out = told(lambda display: display.incident(replace(one, lines=["b" * 200], impact=[cost]))).splitlines()
    assert [line.strip() for line in out[4:]] == ["log: " + "b" * 109 + "…", "impact: orders down"]


def test_titles_in_a_terminal_without_unicode():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    display = Display(Console(file=out, width=100), title="A shop", start=START, end=START + 48 * HOUR)
    with display:
        display.incident(incident(start=NOON, title="a: latency 2 → 5 µs; é…; orders \N{MINUS SIGN}3 %"))
        display.tell(NOON + HOUR)
    out.flush()
    assert b"a: latency 2 -> 5 us; ?...; orders -3 %" in out.buffer.getvalue()


def test_a_terminal_without_unicode_gets_ascii():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with Display(Console(file=out, width=100), title="A shop", start=START, end=START + HOUR) as display:
        display.incident(incident(start=NOON))
        display.finish(scoreboard([incident(start=NOON)], 10, 0, [fault()], {"a": []}))
    out.flush()
    assert b"Scoreboard" in out.buffer.getvalue()


def test_introduction():
    shop = Shop(7)
    title, subtitle = introduce(len(shop.depends_on), shop.start, shop.days, shop.faults)
    assert title == "A simulated shop of 12 services, 2 days from Tuesday 3 June 2025"
    assert subtitle.startswith("12 faults will be injected, the first after 15 hours")
    assert "none" in introduce(12, shop.start, 0.5, [])[1]


def test_all_is_told_in_the_order_of_event_time():
    """However far ahead one is known: a revision, a fault and a line of progress stand where they belong."""

    def act(display):
        display.incident(incident("late", start=NOON, at=NOON + 7 * HOUR, title="second"))
        display.incident(incident("early", start=NOON, at=NOON + 60, title="first"))
        advance(display, NOON + 8 * HOUR)

    lines = [line for line in told(act, faults=[fault(start=NOON + 30)]).splitlines()[3:] if line.startswith("Tue")]
    assert [line.split()[1] for line in lines] == sorted(line.split()[1] for line in lines)
    words = [line.split(maxsplit=3)[2:] for line in lines]
    assert [word for word, _ in words] == ["progress", "progress", "fault", "error", "progress", "error"]
    assert [text for word, text in words if word == "error"] == ["first", "second"]


def test_what_time_has_not_come_to_waits():
    out = io.StringIO()
    with Display(Console(file=out, width=100), title="A shop", start=START, end=START + 48 * HOUR) as display:
        display.incident(incident(start=NOON, at=NOON + 60, title="later"))
        advance(display, NOON)
        assert "later" not in out.getvalue()
        advance(display, NOON + 61)
        assert "later" in out.getvalue()
