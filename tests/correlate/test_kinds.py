import pytest

from floodmark.correlate.kinds import Names, kind

from .making import symptom


@pytest.mark.parametrize(
    ("name", "direction", "expected"),
    [
        ("cpu_usage_ratio", "up", "resource"),
        ("cpu_usage_ratio", "down", "load"),
        ("memory_used_bytes", "down", "resource"),  # a process has begun anew
        ("node_memory_MemAvailable_bytes", "down", "resource"),
        ("MemoryUsageRate(%)", "up", "resource"),
        ("db_connections_in_use", "up", "resource"),
        ("disk_used_ratio", "up", "resource"),
        ("kafka.consumer.lag", "up", "resource"),
        ("http_errors_total", "up", "failure"),
        ("http_errors_total", "down", "load"),
        ("success_rate", "down", "failure"),
        ("http_request_duration_seconds", "up", "latency"),
        ("http_request_duration_seconds", "down", "load"),
        ("span_latency_p99", "up", "latency"),
        ("trace_p50", "up", "latency"),
        ("PodServerLatencyP90(s)", "up", "latency"),
        ("PodClientLatencyP90(s)", "up", "outward"),
        ("upstream_response_time_ms", "up", "outward"),
        ("trace_self_mean", "up", "own"),
        ("http_requests_total", "down", "load"),
        ("NetworkReceiveBytes", "up", "load"),
        ("node_load1", "up", "resource"),
        ("up", "down", "failure"),
        ("kube_deployment_status_replicas_ready", "down", "failure"),
        ("x17", "up", "other"),
        ("log_errors", "up", "failure"),
        ("log_lines", "up", "load"),
        ("log_mix", "up", "other"),
        ("log_code_errors", "up", "failure"),
        ("log_code_error_ratio", "up", "failure"),
        ("log_code_mix", "up", "other"),
    ],
)
def test_a_name_says_what_kind_of_trouble_it_is(name, direction, expected):
    assert kind(symptom(0, "a", name, direction=direction)) == expected


def test_less_of_what_is_free_is_worse():
    idle = {"state": "idle"}
    assert kind(symptom(0, "a", "system.cpu.utilization", direction="down", labels=idle)) == "resource"
    assert kind(symptom(0, "a", "system.cpu.utilization", direction="up", labels=idle)) == "load"


def test_what_is_measured_in_seconds_takes_time():
    assert kind(symptom(0, "a", "http_server_requests_seconds", unit="s")) == "latency"
    assert kind(symptom(0, "a", "http_server_requests", unit="1/s")) == "load"


def test_the_direction_that_hurts_decides_where_it_is_said():
    assert kind(symptom(0, "a", "latency", direction="down", worse="down")) == "latency"
    assert kind(symptom(0, "a", "latency", direction="up", worse="down")) == "load"


def test_silence_and_models_have_kinds_of_their_own():
    assert kind(symptom(0, "a", "http_requests_total", head="stale", observed=None)) == "silence"
    assert kind(symptom(0, "a", "model_feature", signal="prediction")) == "resource"


def test_a_template_that_speaks_of_failure_is_one():
    failing = symptom(0, "a", "log_template")
    failing.template = "call to <*> timed out after <*>"
    harmless = symptom(0, "a", "log_template")
    harmless.template = "listening on <*>"
    assert (kind(failing), kind(harmless)) == ("failure", "other")


def test_series_name_those_they_speak_of():
    names = Names(["fraud-scorer", "web", "ProductCatalogService", "payment"])
    operation = symptom(0, "web", "trace_p50", labels={"operation": "hipstershop.ProductCatalogService/Get"})
    assert names.named(operation) == ["ProductCatalogService"]
    line = symptom(0, "payment", "log_template")
    line.lines = ["call to fraud-scorer failed with status 503", "fraud scorer: web of fraud"]
    assert names.named(line) == ["fraud-scorer", "web"]


def test_who_calls_is_not_blamed_for_being_named():
    names = Names(["web", "payment"])
    assert names.named(symptom(0, "payment", "latency", labels={"caller": "web"})) == []


def test_the_longest_name_is_meant():
    names = Names(["payment", "payment-db", "db"])
    line = symptom(0, "checkout", "log_template")
    line.template = "payment-db refused the connection"
    assert names.named(line) == ["payment-db"]


def test_no_name_is_found_within_a_word_or_across_two_texts():
    names = Names(["web", "fraud-scorer"])
    line = symptom(0, "payment", "log_template", labels={"zone": "fraud"})
    line.template = "scorer of webhooks failed"
    assert names.named(line) == []
