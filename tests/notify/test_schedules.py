"""Who is on call is a pure function of time; the clocks may jump."""

import itertools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.calendars import Calendar
from floodmark.config.hours import begins, ends
from floodmark.config.notify import Hours, Schedule
from floodmark.config.schedules import Standin, first_handoff, gaps, next_handoff, on_call

from .world import day

WEEKLY = Schedule.model_validate({"timezone": "Europe/Berlin", "rotation": ["ann", "bob", "cy"]})
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "America/Sao_Paulo", "Africa/Casablanca")


def test_turns_change_on_monday_at_nine_by_the_clocks():
    for monday, before, after in (
        ("2024-01-01T09:00:00+01:00", "cy", "ann"),
        ("2024-01-08T09:00:00+01:00", "ann", "bob"),
        ("2026-03-30T09:00:00+02:00", "cy", "ann"),  # the clocks have jumped on the day before
        ("2026-10-26T09:00:00+01:00", "cy", "ann"),
    ):
        assert (on_call(WEEKLY, day(monday) - 1), on_call(WEEKLY, day(monday))) == (before, after)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("handoff", ["02:30", "00:00", "sun 01:30"])
def test_every_turn_has_its_length_by_the_clocks_and_nobody_comes_back(zone, handoff):
    every = "1w" if " " in handoff else "1d"
    schedule = Schedule.model_validate(
        {"timezone": zone, "rotation": ["a", "b", "c"], "every": every, "handoff": handoff}
    )
    at, turns = day("2026-03-01T00:00:00Z"), []
    while at < day("2026-11-15T00:00:00Z"):
        who = on_call(schedule, at)
        if not turns or turns[-1][0] != who:
            turns.append((who, at))
        at += 1800
    order = [who for who, _ in turns]
    assert all(b == "abc"[("abc".index(a) + 1) % 3] for a, b in itertools.pairwise(order)), "nobody comes back"
    length = 7 if " " in handoff else 1
    for (_, one), (_, two) in itertools.pairwise(turns[1:]):
        days = datetime.fromtimestamp(two, ZoneInfo(zone)).date() - datetime.fromtimestamp(one, ZoneInfo(zone)).date()
        assert days == timedelta(days=length)


@given(st.floats(1.7e9, 2.0e9), st.sampled_from(ZONES), st.sampled_from(("mon 09:00", "02:30")), st.integers(1, 20))
def test_the_next_handoff_is_when_the_turn_is_over(now, zone, handoff, days):
    schedule = Schedule.model_validate(
        {"timezone": zone, "rotation": ["a", "b"], "every": f"{days}d", "handoff": handoff}
    )
    change = next_handoff(schedule, now)
    assert change > now
    assert on_call(schedule, change - 1) == on_call(schedule, now) != on_call(schedule, change)


def test_turns_of_hours_are_counted():
    schedule = Schedule.model_validate({"rotation": ["a", "b"], "every": "12h", "start": "2026-01-01T06:00:00Z"})
    assert on_call(schedule, day("2026-01-01T05:59:00Z")) is None
    assert [on_call(schedule, day(f"2026-01-01T{hour:02}:00:00Z")) for hour in (6, 17, 18, 23)] == ["a", "a", "b", "b"]


def test_later_layers_go_first_where_they_have_hours():
    schedule = Schedule.model_validate(
        {
            "timezone": "Europe/Berlin",
            "rotation": ["ann"],
            "layers": [{"rotation": ["night"], "hours": [{"from": "22:00", "to": "06:00"}]}],
        }
    )
    assert on_call(schedule, day("2026-03-29T01:30:00+01:00")) == "night"
    assert on_call(schedule, day("2026-03-29T05:59:00+02:00")) == "night"
    assert on_call(schedule, day("2026-03-29T06:00:00+02:00")) == "ann"


def test_overrides_of_the_config_and_of_people():
    override = {"person": "zoe", "from": "2026-01-05T12:00:00Z", "to": "2026-01-05T18:00:00Z"}
    schedule = Schedule.model_validate({"rotation": ["ann"], "overrides": [override]})
    noon = day("2026-01-05T12:00:00Z")
    assert (on_call(schedule, noon - 1), on_call(schedule, noon), on_call(schedule, noon + 6 * 3600)) == (
        "ann",
        "zoe",
        "ann",
    )
    others = [Standin("x", "bob", noon, noon + 60), Standin("x", "cy", noon, noon + 30)]
    assert [on_call(schedule, noon + s, others) for s in (0, 31, 61)] == ["cy", "bob", "zoe"]


def test_gaps():
    assert gaps(WEEKLY, day("2026-03-01T00:00:00Z")) == []
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "00:00", "to": "24:00"}]
    office = Schedule.model_validate({"layers": [{"rotation": ["ann"], "hours": hours}]})
    found = gaps(office, day("2026-03-02T00:00:00Z"), days=14)
    assert found == [(day(f"2026-03-{a:02}T00:00:00Z"), day(f"2026-03-{a + 2:02}T00:00:00Z")) for a in (7, 14)]
    assert gaps(Schedule(), day("2026-03-02T00:00:00Z"), days=1) == [
        (day("2026-03-02T00:00:00Z"), day("2026-03-03T00:00:00Z"))
    ]


@pytest.mark.parametrize("text", ["monday", "mon 25:00", "", "mon tue 09:00", "09", "foo 09:00"])
def test_what_is_no_handoff(text):
    with pytest.raises(ValueError, match="write it like"):
        first_handoff(text)


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260309T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:ann
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260309T090000
DTEND;TZID=Europe/Berlin:20260316T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:on call
ATTENDEE:mailto:bob@example.org
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_file():
    calendar = Calendar(ICS.replace("\n", "\r\n"))
    schedule = Schedule(ics="x.ics")
    for at, who in (
        ("2026-03-02T08:59:00+01:00", None),
        ("2026-03-02T09:00:00+01:00", "ann"),
        ("2026-03-09T09:00:00+01:00", "bob@example.org"),
        ("2026-03-30T08:59:00+02:00", "bob@example.org"),
        ("2026-03-30T09:00:00+02:00", "ann"),
    ):
        assert on_call(schedule, day(at), calendar=calendar) == who
    assert gaps(schedule, day("2026-03-03T00:00:00Z"), calendar) == []


def test_what_is_no_calendar_is_said():
    with pytest.raises(ValueError, match="no calendar file"):
        Calendar("hello")


@given(st.floats(1.7e9, 2.0e9), st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 23))
def test_hours_begin_where_they_end(now, zone, start, end):
    hours = [Hours.model_validate({"from": f"{start:02}:30", "to": f"{end:02}:30", "timezone": zone})]
    first = begins(hours, now)
    assert first >= now
    until = ends(hours, first)
    assert until is None or until > first
    assert until is not None or start == end
    if first > now:
        assert ends(hours, now) is None


def test_hours_that_follow_at_once_are_one():
    night = Hours.model_validate({"from": "22:00", "to": "24:00"})
    morning = Hours.model_validate({"from": "00:00", "to": "07:00"})
    assert ends([night, morning], day("2026-01-05T23:00:00Z")) == day("2026-01-06T07:00:00Z")
