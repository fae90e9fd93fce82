import calendar
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.decode.syslog import frames
from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON, decode, error, one


def at(*when):
    return calendar.timegm((*when, 0, 0, 0))


def test_rfc_5424():
    line = (
        '<34>1 2026-01-31T12:00:00.25Z web-1 nginx 4242 ID47 [ex@1 a="b" c="\\"x\\]"][y z="1"] '
        '\ufeffupstream timed out "GET /api"'
    )
    attributes = {"syslog.facility": "auth", "syslog.msgid": "ID47", "ex@1.a": "b", "ex@1.c": '"x]', "y.z": "1"}
    labels = {"service": "nginx", "host": "web-1"}
    assert one("syslog", line) == Log(NOON + 0.25, 'upstream timed out "GET /api"', "FATAL", labels, attributes)


def test_rfc_5424_of_a_relay_that_kept_the_space_after_the_tag():
    assert one("syslog", "<13>1 2026-01-31T12:00:00Z web-1 pool - - -  at 90%").body == "at 90%"
    assert one("syslog", '<13>1 - web-1 app - - -   File "x", line 7').body == ' File "x", line 7'


def test_rfc_5424_with_nothing_in_it():
    assert one("syslog", "<13>1 - - - - - -") == Log(ARRIVAL / 1000, "", "INFO", {}, {"syslog.facility": "user"})
    assert error("syslog", "<13>1 - - - -") == "missing_field"
    assert error("syslog", "<13>1 - - - - - [ex a=") == "wrong_type"
    assert error("syslog", "<13>1 - - - - - x") == "wrong_type"
    assert error("syslog", "<192>1 - - - - - -") == "wrong_type"


@pytest.mark.parametrize(
    ("line", "host", "program"),
    [
        ("<13>Jan 31 12:00:00 db-1 postgres[77]: deadlock", "db-1", "postgres"),
        ("<13>Jan 31 12:00:00 db-1 postgres: deadlock", "db-1", "postgres"),
        ("<13>Jan 31 12:00:00 postgres[77]: deadlock", None, "postgres"),  # a local socket: no host
        ("Jan 31 12:00:00 db-1 postgres[77]: deadlock", "db-1", "postgres"),  # a file's line
        ("2026-01-31T12:00:00.000000+00:00 db-1 postgres[77]: deadlock", "db-1", "postgres"),  # rsyslog's default
        ("<13>2026-01-31T13:00:00+01:00 db-1 postgres[77]: deadlock\n", "db-1", "postgres"),
        ("<13>Jan 31 12:00:00 db-1 deadlock", "db-1", None),
    ],
)
def test_rfc_3164_and_its_kin(line, host, program):
    log = one("syslog", line)
    assert (log.time, log.body) == (NOON, "deadlock")
    assert (log.labels.get("host"), log.labels.get("service")) == (host, program)


@pytest.mark.parametrize(
    ("line", "arrival", "expected"),
    [
        ("<13>Dec 31 23:59:58 h a: x", at(2026, 1, 1, 0, 0, 3), at(2025, 12, 31, 23, 59, 58)),
        ("<13>Jan  1 00:00:01 h a: x", at(2025, 12, 31, 23, 59, 59), at(2026, 1, 1, 0, 0, 1)),  # a clock that is ahead
        ("<13>Jan 31 13:00:00 h a: x", at(2026, 1, 31, 12, 0, 5), at(2026, 1, 31, 12, 0, 0)),  # Paris
        ("<13>Jan 31 07:00:00 h a: x", at(2026, 1, 31, 12, 0, 5), at(2026, 1, 31, 12, 0, 0)),  # New York
        ("<13>Jan 31 11:40:00 h a: x", at(2026, 1, 31, 12, 0, 5), at(2026, 1, 31, 11, 40, 0)),  # 20 minutes late
        ("<13>Jan 20 11:40:00 h a: x", at(2026, 1, 31, 12, 0, 5), at(2026, 1, 20, 11, 40, 0)),  # old: UTC
        ("<13>Feb 29 12:00:00 h a: x", at(2024, 2, 29, 12, 0, 1), at(2024, 2, 29, 12, 0, 0)),
        ("<13>2026-01-31T13:00:00 h a: x", at(2026, 1, 31, 12, 0, 5), at(2026, 1, 31, 12, 0, 0)),  # no offset
    ],
)
def test_year_and_offset_are_those_that_kafkas_time_tells(line, arrival, expected):
    assert one("syslog", line, timestamp=arrival * 1000).time == expected


def test_without_kafkas_time_they_are_not_guessed():
    assert error("syslog", "<13>Jan 31 12:00:00 h a: x", timestamp=-1) == "not_a_time"
    assert error("syslog", "<13>Feb 30 12:00:00 h a: x") == "not_a_time"


def test_a_priority_without_a_time_we_know_has_kafkas():
    assert one("syslog", "<11>something went wrong").time == ARRIVAL / 1000
    assert one("syslog", "<11>something went wrong").severity == "ERROR"


def test_without_a_priority_the_severity_is_in_the_text():
    assert one("syslog", "Jan 31 12:00:00 h app[1]: ERROR lost").severity == "ERROR"


def test_lines_below_belong_to_the_record_and_other_bytes_are_holes():
    assert one("syslog", "<13>Jan 31 12:00:00 h a: x\n\tat y\n").body == "x\n\tat y"
    assert one("syslog", b"<13>Jan 31 12:00:00 h a: caf\xe9").body == "caf\ufffd"


def test_refusals():
    assert error("syslog", "hello") == "wrong_type"
    assert error("syslog", b"") == "empty"
    assert error("syslog", "<13>Jan 31 12:00:00 h a: x", message=5) == "too_large"
    assert decode("syslog", "<13>" + "[" * 5000).signals


def test_names_in_structured_data_are_bounded():
    """A run without an end is not read again from each of its characters."""
    long = "a" * 65
    line = f'<34>1 2026-01-31T12:00:00Z h p - - [ex@1 {long}="x" b="y" {"c" * 50_000}] said'
    assert one("syslog", line).attributes == {"syslog.facility": "auth", "ex@1.b": "y"}


@given(st.lists(st.text("ab\n <>1", max_size=20).map(lambda text: f"<13>{text}x".encode()), min_size=1, max_size=5))
def test_what_was_counted_comes_apart_again(records):
    assert frames(b"".join(b"%d %s" % (len(record), record) for record in records)) == records


@given(st.binary(max_size=60) | st.text("0123456789 <>1\n\0x", max_size=60).map(str.encode))
def test_framing_loses_only_what_frames(value):
    left = b"".join(b"".join(frames(value)).split())
    assert len(left) <= len(value)
    assert b"x" not in value or b"x" in left


def test_devices_of_which_nobody_knows_the_year():
    line = " *Jan 31 12:00:00.123: %LINEPROTO-5-UPDOWN: changed state to down"
    event = {"message": line, "programname": "4711", "timereported": "2026-01-31T12:00:03Z"}
    assert one("rsyslog_json", event, timestamp=-1).time == NOON + 3
    assert error("syslog", "<189>4711:" + line, timestamp=-1) == "missing_field"


@pytest.mark.parametrize(
    "value",
    [
        b"<13>" + b"\n" * 200_000 + b"x",
        b"\0" * 200_000 + b"x",
        b"9 <13>" * 30_000,
        b"7 <13>x\n" * 30_000,
        b"<13>\n" * 30_000,
    ],
)
def test_framing_reads_a_message_once(value):
    assert frames(value)


@pytest.mark.parametrize(
    "text", ["%A-" * 9999, "Jan 31 12:00:00 " * 9999, "a=b " * 9999, "date=" + "a=" * 9999, "4711: " * 9999]
)
def test_headers_of_devices_are_bounded(text):
    for line in (text, f"<13>{text}", f"<13>{text}%LINK-3-UPDOWN: x"):
        found = decode("syslog", line)
        assert len(found.signals) + len(found.refused) == 1
