"""The wire formats by the names that `inputs[].format` has for them, and which signals each can carry.

`floodmark.decode` has a decoder for every pair of the two; a test holds them together. The names are here because the
configuration must know them, and nothing below the configuration may know a wire format.
"""

from __future__ import annotations

from typing import Literal, get_args

from floodmark.signals import SignalName

FormatName = Literal[
    "native",
    "auto",
    "bentoml",
    "collectd_command",
    "collectd_graphite",
    "collectd_json",
    "cri",
    "filebeat",
    "fluentbit",
    "gelf",
    "jaeger_json",
    "jaeger_proto",
    "journald",
    "json",
    "kserve",
    "metricbeat",
    "mlserver",
    "otlp_json",
    "otlp_proto",
    "prometheus_kafka_adapter",
    "prometheus_remote_write",
    "prometheus_text",
    "rsyslog_json",
    "seldon",
    "splunk_hec",
    "syslog",
    "syslogng_json",
    "telegraf_influx",
    "telegraf_json",
    "vector_logs",
    "vector_metrics",
    "zipkin_json",
    "zipkin_proto",
]

EnvelopeName = Literal["none", "connect", "cloudevents"]
"""What may be wrapped around the messages of a format."""

CARRIES: dict[FormatName, tuple[SignalName, ...]] = {
    "native": get_args(SignalName),
    "auto": get_args(SignalName),
    "bentoml": ("prediction",),
    "collectd_command": ("metric",),
    "collectd_graphite": ("metric",),
    "collectd_json": ("metric",),
    "cri": ("log",),
    "filebeat": ("log",),
    "fluentbit": ("log",),
    "gelf": ("log",),
    "jaeger_json": ("span",),
    "jaeger_proto": ("span",),
    "journald": ("log",),
    "json": get_args(SignalName),
    "kserve": ("prediction",),
    "metricbeat": ("metric",),
    "mlserver": ("prediction",),
    "otlp_json": ("metric", "log", "span"),
    "otlp_proto": ("metric", "log", "span"),
    "prometheus_kafka_adapter": ("metric",),
    "prometheus_remote_write": ("metric",),
    "prometheus_text": ("metric",),
    "rsyslog_json": ("log",),
    "seldon": ("prediction",),
    "splunk_hec": ("log", "metric"),
    "syslog": ("log",),
    "syslogng_json": ("log",),
    "telegraf_influx": ("metric",),
    "telegraf_json": ("metric",),
    "vector_logs": ("log",),
    "vector_metrics": ("metric",),
    "zipkin_json": ("span",),
    "zipkin_proto": ("span",),
}
"""The signals that messages of a format can hold."""
