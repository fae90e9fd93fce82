import sys
from pathlib import Path

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON, error, one

LINE = {
    "_SDATA": {"ex@1": {"a": "b"}},
    "PROGRAM": "nginx",
    "PRIORITY": "crit",
    "PID": "4242",
    "MSGID": "ID47",
    "MESSAGE": "upstream timed out",
    "ISODATE": "2026-01-31T12:00:00+00:00",
    "HOST_FROM": "localhost",
    "HOST": "web-1",
    "FACILITY": "auth",
    "DATE": "Jan 31 12:00:00",
}


def test_a_line():
    attributes = {"syslog.facility": "auth", "ex@1.a": "b"}
    labels = {"service": "nginx", "host": "web-1"}
    assert one("syslogng_json", LINE) == Log(NOON, "upstream timed out", "FATAL", labels, attributes)


def test_a_date_without_year_and_offset_is_told_by_kafkas_time():
    line = {k: v for k, v in LINE.items() if k != "ISODATE"}
    assert one("syslogng_json", line | {"DATE": "Jan 31 12:00:00.25"}).time == NOON + 0.25
    assert one("syslogng_json", line | {"DATE": "Jan 31 17:30:00"}).time == NOON  # India's clock
    assert one("syslogng_json", {k: v for k, v in line.items() if k != "DATE"}).time == ARRIVAL / 1000
    assert error("syslogng_json", line, timestamp=-1) == "not_a_time"


def test_unixtime_and_the_level():
    line = {"MESSAGE": "x", "UNIXTIME": str(int(NOON)), "LEVEL": "warning", "PROGRAM": "app"}
    assert one("syslogng_json", line) == Log(NOON, "x", "WARN", {"service": "app"})


def test_an_empty_line_has_no_message():
    line = {name: LINE[name] for name in ("PROGRAM", "PRIORITY", "ISODATE", "HOST", "FACILITY")}
    log = one("syslogng_json", line)
    assert (log.body, log.severity, log.labels) == ("", "FATAL", {"service": "nginx", "host": "web-1"})


def test_refusals():
    assert error("syslogng_json", {"HOST": "x"}) == "missing_field"
    assert error("syslogng_json", LINE | {"ISODATE": "x"}) == "not_a_time"
    assert one("syslogng_json", LINE | {"_SDATA": {"x": 7, "y": {"z": [1]}}}).attributes["y.z"] == ""
