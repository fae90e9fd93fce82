"""Wire formats to signals: `decoder` finds the decoder of an input by the names in its config.

A decoder never raises for what a producer wrote: it hands back what it understood and what it refused, each with
the reason. One file per wire format; a format is added by naming it in `floodmark.config.formats` and registering it
here, for each signal that it can carry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Input, Limits
from floodmark.decode import (
    alertmanager,
    argocd,
    docker_event,
    gitlab,
    jenkins,
    jira,
    k8s_event,
    kibana,
    mlflow,
    newrelic,
    openlineage,
    opsgenie,
    pagerduty,
    slack,
    wandb,
)
from floodmark.decode.auto import AutoColumns, AutoDecoder
from floodmark.decode.bentoml import BentoMlDecoder
from floodmark.decode.collectd import CollectdCommandDecoder, CollectdGraphiteDecoder, CollectdJsonDecoder
from floodmark.decode.cri import CriDecoder
from floodmark.decode.decoder import ColumnDecoder, Decoded, Decoder, Refused
from floodmark.decode.envelopes import Opened
from floodmark.decode.filebeat import FilebeatDecoder
from floodmark.decode.fluentbit import FluentBitDecoder
from floodmark.decode.framing import Framed, FramedColumns
from floodmark.decode.gelf import GelfDecoder
from floodmark.decode.inferences import InferenceDecoder
from floodmark.decode.jaeger import JaegerJsonDecoder, JaegerProtoDecoder
from floodmark.decode.journald import JournaldDecoder
from floodmark.decode.mapped import MappedDecoder
from floodmark.decode.metricbeat import MetricbeatDecoder
from floodmark.decode.native import NativeDecoder, native_schemas
from floodmark.decode.otlp_json import OtlpJsonDecoder
from floodmark.decode.otlp_logs import JsonLogDecoder, ProtoLogDecoder
from floodmark.decode.otlp_proto import OtlpProtoDecoder
from floodmark.decode.otlp_spans import JsonSpanDecoder, ProtoSpanDecoder
from floodmark.decode.points import PointColumns
from floodmark.decode.posted import PostedDecoder, Read
from floodmark.decode.prometheus_kafka_adapter import KafkaAdapterDecoder
from floodmark.decode.prometheus_remote_write import RemoteWriteDecoder
from floodmark.decode.prometheus_text import PrometheusTextDecoder
from floodmark.decode.registered import schemas_needed
from floodmark.decode.rsyslog_json import RsyslogJsonDecoder
from floodmark.decode.samples import SampleDecoder
from floodmark.decode.splunk_hec import SplunkHecDecoder
from floodmark.decode.syslog import SyslogDecoder
from floodmark.decode.syslogng_json import SyslogNgJsonDecoder
from floodmark.decode.telegraf_influx import InfluxDecoder
from floodmark.decode.telegraf_json import TelegrafJsonDecoder
from floodmark.decode.vector_logs import VectorLogDecoder
from floodmark.decode.vector_metrics import VectorDecoder
from floodmark.decode.zipkin import ZipkinJsonDecoder, ZipkinProtoDecoder
from floodmark.records import Schemas
from floodmark.signals import SignalName

__all__ = [
    "DECODERS",
    "ColumnDecoder",
    "Decoded",
    "Decoder",
    "Refused",
    "column_decoder",
    "decoder",
    "input_decoder",
    "native_schemas",
    "schemas_needed",
]

_POSTED: dict[FormatName, Read] = {
    "alertmanager": alertmanager.read,
    "argocd": argocd.read,
    "docker_event": docker_event.read,
    "gitlab": gitlab.read,
    "jenkins": jenkins.read,
    "jira": jira.read,
    "k8s_event": k8s_event.read,
    "kibana": kibana.read,
    "mlflow": mlflow.read,
    "newrelic": newrelic.read,
    "openlineage": openlineage.read,
    "opsgenie": opsgenie.read,
    "pagerduty": pagerduty.read,
    "slack": slack.read,
    "wandb": wandb.read,
}
"""What reads an object of a webhook, or an event of a platform."""
_UNFOLDED: dict[FormatName, Callable[[bytes], list[Any]]] = {"k8s_event": k8s_event.unfold, "slack": slack.unfold}
"""What finds the objects of a message that is no plain JSON."""


def _posted(format: FormatName, signal: SignalName) -> Callable[[Limits], Decoder]:
    return lambda limits: PostedDecoder(_POSTED[format], signal, limits, _UNFOLDED.get(format))


DECODERS: dict[tuple[FormatName, SignalName], Callable[[Limits], Decoder]] = {
    **{("native", signal): partial(NativeDecoder, signal) for signal in get_args(SignalName)},
    **{(format, signal): _posted(format, signal) for format in _POSTED for signal in CARRIES[format]},
    ("bentoml", "prediction"): BentoMlDecoder,
    ("collectd_command", "metric"): CollectdCommandDecoder,
    ("collectd_graphite", "metric"): CollectdGraphiteDecoder,
    ("collectd_json", "metric"): CollectdJsonDecoder,
    ("cri", "log"): CriDecoder,
    ("filebeat", "log"): FilebeatDecoder,
    ("fluentbit", "log"): FluentBitDecoder,
    ("gelf", "log"): GelfDecoder,
    ("jaeger_json", "span"): JaegerJsonDecoder,
    ("jaeger_proto", "span"): JaegerProtoDecoder,
    ("journald", "log"): JournaldDecoder,
    ("kserve", "prediction"): partial(InferenceDecoder, "kserve"),
    ("metricbeat", "metric"): MetricbeatDecoder,
    ("mlserver", "prediction"): partial(InferenceDecoder, "mlserver"),
    ("otlp_json", "log"): JsonLogDecoder,
    ("otlp_json", "metric"): OtlpJsonDecoder,
    ("otlp_json", "span"): JsonSpanDecoder,
    ("otlp_proto", "log"): ProtoLogDecoder,
    ("otlp_proto", "metric"): OtlpProtoDecoder,
    ("otlp_proto", "span"): ProtoSpanDecoder,
    ("prometheus_kafka_adapter", "metric"): KafkaAdapterDecoder,
    ("prometheus_remote_write", "metric"): RemoteWriteDecoder,
    ("prometheus_text", "metric"): PrometheusTextDecoder,
    ("rsyslog_json", "log"): RsyslogJsonDecoder,
    ("seldon", "prediction"): partial(InferenceDecoder, "seldon"),
    ("splunk_hec", "log"): partial(SplunkHecDecoder, "log"),
    ("splunk_hec", "metric"): partial(SplunkHecDecoder, "metric"),
    ("syslog", "log"): SyslogDecoder,
    ("syslogng_json", "log"): SyslogNgJsonDecoder,
    ("telegraf_influx", "metric"): InfluxDecoder,
    ("telegraf_json", "metric"): TelegrafJsonDecoder,
    ("vector_logs", "log"): VectorLogDecoder,
    ("vector_metrics", "metric"): VectorDecoder,
    ("zipkin_json", "span"): ZipkinJsonDecoder,
    ("zipkin_proto", "span"): ZipkinProtoDecoder,
}
"""What decodes a signal from a format."""

COLUMNS: dict[FormatName, Callable[[Decoder, Limits], ColumnDecoder]] = {
    "native": SampleDecoder,
    "collectd_command": PointColumns,
    "collectd_graphite": PointColumns,
    "collectd_json": PointColumns,
    "metricbeat": PointColumns,
    "otlp_json": PointColumns,
    "otlp_proto": PointColumns,
    "prometheus_kafka_adapter": PointColumns,
    "prometheus_remote_write": PointColumns,
    "prometheus_text": PointColumns,
    "splunk_hec": SampleDecoder,
    "telegraf_influx": PointColumns,
    "telegraf_json": PointColumns,
    "vector_metrics": PointColumns,
}
"""What decodes the metrics of a format by column, around the decoder for what is unusual. Not every format has it."""


PROTOBUF: frozenset[FormatName] = frozenset({"jaeger_proto", "otlp_proto", "zipkin_proto"})
"""The formats that are Protobuf themselves."""


def input_decoder(source: Input, limits: Limits, schemas: Schemas | None = None) -> Decoder:
    """A fresh decoder for an input, frames and envelope and all. `schemas`: of the registry, if there is one."""
    if source.fields is not None:
        inner: Decoder = MappedDecoder(source.signal, source.fields, limits)
    else:
        inner = decoder(source.signal, source.format, limits)
    framed = partial(Framed, limits=limits, schemas=schemas, protobuf=source.format in PROTOBUF)
    found = framed(inner, eager=source.format == "auto")
    return found if source.envelope == "none" else framed(Opened(source.envelope, found, limits))


def decoder(signal: SignalName, format: FormatName, limits: Limits) -> Decoder:
    """A fresh decoder for one input. Raises KeyError if the format lacks the signal; config refuses that earlier."""
    if format == "auto":
        return AutoDecoder(signal, limits, lambda found: decoder(signal, found, limits))
    return DECODERS[format, signal](limits)


def column_decoder(decoder: Decoder, format: FormatName, limits: Limits) -> ColumnDecoder | None:
    """What decodes metrics by column as `decoder` would one by one; None for a format for which there is nothing."""
    if isinstance(decoder, Framed) and format != "native":
        inner = column_decoder(decoder.inner, format, limits)
        return FramedColumns(decoder, inner) if inner is not None else None
    if isinstance(decoder, AutoDecoder):
        return AutoColumns(decoder, lambda inner, found: column_decoder(inner, found, limits))
    columns = COLUMNS.get(format)
    return columns(decoder, limits) if columns is not None else None
