import sys
from pathlib import Path

import pytest

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON, error, one

LINE = {
    "message": " pam_unix(sshd:auth): authentication failure; uid=0",
    "fromhost": "db-1",
    "facility": "auth",
    "priority": "info",
    "timereported": "2026-01-31T12:00:00.000123+00:00",
    "timegenerated": "2026-01-31T12:00:02.000456+00:00",
}


def test_std_json_fmt():
    body = "pam_unix(sshd:auth): authentication failure; uid=0"
    assert one("rsyslog_json", LINE) == Log(
        NOON + 0.000123, body, "INFO", {"host": "db-1"}, {"syslog.facility": "auth"}
    )


def test_full_json_fmt_names_the_program():
    full = LINE | {"programname": "sshd", "procid": "24200", "msgid": "-"}
    assert one("rsyslog_json", full).labels == {"service": "sshd", "host": "db-1"}


def test_a_list_template_of_the_manual():
    line = b"""{"@timestamp":"2026-01-31T12:00:00.5Z", "host":"web-1", "severity":"crit", "facility":"auth",
    "tag":"nginx[4242]:", "app":"nginx", "message":"timed out \\"GET \\/api\\""}"""
    log = one("rsyslog_json", line)
    assert (log.time, log.body, log.severity) == (NOON + 0.5, 'timed out "GET /api"', "FATAL")
    assert log.labels == {"service": "nginx", "host": "web-1"}


def test_what_is_indented_stays_so_because_it_belongs_to_a_trace():
    assert one("rsyslog_json", LINE | {"message": '   File "till.py", line 7\n'}).body == '  File "till.py", line 7'


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"priority": "notice"}, "INFO"),
        ({"priority": "3"}, "ERROR"),
        ({"priority": 7}, "DEBUG"),
        ({"priority": None, "syslogseverity": "4"}, "WARN"),
        ({"priority": "134", "syslogseverity-text": "err"}, "ERROR"),
        ({"priority": "?"}, ""),
    ],
)
def test_the_severity_is_called_priority(more, severity):
    assert one("rsyslog_json", LINE | more).severity == severity


def test_the_tag_without_its_number_is_the_service():
    assert one("rsyslog_json", LINE | {"syslogtag": "cron[7]:"}).labels["service"] == "cron"


def test_without_a_time_kafkas_is_taken():
    assert one("rsyslog_json", {"msg": "x"}).time == ARRIVAL / 1000
    assert error("rsyslog_json", {"msg": "x"}, timestamp=-1) == "missing_field"
    assert error("rsyslog_json", {"host": "x"}) == "missing_field"
