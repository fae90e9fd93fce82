import sys
from pathlib import Path

import pytest

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON, decode, error, one

RECORD = {
    "@timestamp": NOON + 0.598656,
    "log": "cart 7041 saved\n",
    "stream": "stdout",
    "kubernetes": {
        "pod_name": "cart-1",
        "namespace_name": "shop",
        "labels": {"app.kubernetes.io/name": "cart"},
        "annotations": {"prometheus.io/scrape": "true"},
        "host": "node-3",
        "container_name": "app",
    },
}
LABELS = {"service": "cart", "namespace": "shop", "pod": "cart-1", "container": "app", "host": "node-3"}


def test_float_seconds_and_the_newline():
    assert one("fluentbit", RECORD) == Log(NOON + 0.598656, "cart 7041 saved", "", LABELS, {"stream": "stdout"})


def test_a_time_as_text_and_none_at_all():
    assert one("fluentbit", RECORD | {"@timestamp": "2026-01-31T12:00:00.598656Z"}).time == NOON + 0.598656
    without = {k: v for k, v in RECORD.items() if k != "@timestamp"}
    assert one("fluentbit", without).time == ARRIVAL / 1000
    assert error("fluentbit", without, timestamp=-1) == "missing_field"


def test_a_merged_log_has_its_line_twice_and_its_severity_at_the_top():
    merged = RECORD | {"log": '{"text":"Simple text","level":"error"}\n', "text": "Simple text", "level": "error"}
    log = one("fluentbit", merged)
    assert (log.body, log.severity) == ('{"text":"Simple text","level":"error"}', "ERROR")
    log = one("fluentbit", {k: v for k, v in merged.items() if k != "level"})
    assert log.severity == "ERROR"  # from the line


def test_a_merged_log_whose_line_was_not_kept():
    record = {k: v for k, v in RECORD.items() if k != "log"}
    assert one("fluentbit", record | {"log_processed": {"level": "warn", "msg": "x"}}).severity == "WARN"
    assert one("fluentbit", record | {"msg": "x"}).body == "x"
    assert error("fluentbit", record) == "missing_field"


def test_without_labels_the_container_is_the_service():
    assert one("fluentbit", RECORD | {"kubernetes": {"container_name": "json"}}).labels["service"] == "json"


def test_systemd_priorities_are_syslogs_numbers():
    record = {"@timestamp": NOON, "MESSAGE": "x", "PRIORITY": "3", "_HOSTNAME": "h", "SYSLOG_IDENTIFIER": "sshd"}
    assert one("fluentbit", record) == Log(NOON, "x", "ERROR", {"service": "sshd", "host": "h"})
    assert one("fluentbit", record | {"PRIORITY": "6"}).severity == "INFO"


def test_pieces_are_marked():
    assert one("fluentbit", RECORD | {"logtag": "P"}).partial
    assert not one("fluentbit", RECORD | {"logtag": "F"}).partial


def test_an_array_of_records():
    assert len(decode("fluentbit", [RECORD, RECORD]).signals) == 2


@pytest.mark.parametrize(
    "odd", [{"log": {"a": 1}}, {"level": [1]}, {"stream": 7}, {"trace_id": {}}, {"host": {"a": 1}}]
)
def test_merged_fields_may_be_anything(odd):
    assert one("fluentbit", RECORD | odd).labels == LABELS


def test_nan_is_not_json_and_is_understood():
    assert one("fluentbit", b'{"@timestamp": 1769860800.0, "log": "x", "ratio": NaN}').body == "x"
