"""`format: auto`: tells of each message in which format it is. The answer follows from the record alone.

So a replay gives the same answer, and a topic may hold several formats. It looks at the first bytes and, in JSON, at
which fields the first event has; it does not try decoders until one is content. What it cannot tell is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import msgspec

from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Limits
from floodmark.decode.decoder import ColumnDecoder, Decoded, Decoder, Refused
from floodmark.decode.otlp_records import first_embedded, wires
from floodmark.records import Record
from floodmark.signals import Histogram, Origin, Samples, SignalName

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_CRI: Final = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP]")
_GRAPHITE: Final = re.compile(rb"[^\s=]++ [-+.\deEnaN]++ \d++(?:\.\d++)?[ \t\r]*+(?:\Z|\n)")
_INFLUX: Final = re.compile(rb"(?:#[^\n]*+\n|\s)*+(?:\\.|[^\s\\])++ (?:\\.|[^\s=\\])++=")
_PROMETHEUS: Final = re.compile(
    rb"# (?:HELP|TYPE|UNIT) \S|(?:#[^\n]*+\n|\s)*+[a-zA-Z_:][\w:]*+"
    rb'(?:[ \t]*+\{(?:[^"{}\n]|"(?:[^"\\]|\\.)*+")*+\}[ \t]*+[-+.\dIN]'
    rb"|[ \t]++[-+]?+(?:[.\d]++|NaN|Inf)(?:[eE][-+\d]++)?+\s*+(?:\Z|\n))"
)
_QUOTED: Final = re.compile(rb'\{"(?:[^"\\\n]|\\.)++"\s*+[,}]')
"""Of Prometheus, a name that has other characters than names had before."""
_SYSLOG: Final = re.compile(
    rb"(?:\d{1,7}\s)?<\d{1,3}>|(?:\d{1,10}: ){0,2}[*.]?(?:\d{4} )?[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d|"
    rb"\d{4}-\d\d-\d\dT|%[A-Z][A-Z0-9_-]{1,64}-[0-7]-|date=\d{4}-\d\d-\d\d "
)
_SELDON: Final = re.compile(r".+?\.(?:model|pipeline)\..+\.(?:inputs|outputs)")
_OTLP: Final[dict[SignalName, str]] = {"metric": "resourceMetrics", "log": "resourceLogs", "span": "resourceSpans"}
_RSYSLOG: Final = (
    "timereported",
    "timegenerated",
    "programname",
    "syslogtag",
    "fromhost",
    "app-name",
    "syslogseverity",
)
_VECTOR: Final = (
    *("counter", "gauge", "set", "distribution"),
    *("aggregated_histogram", "aggregated_summary", "sketch"),
)

_KIND: Final = "floodmark-kind"
"""The header in which `floodmark gateway` says who has posted a message."""
_POSTED: Final[Mapping[bytes, tuple[FormatName, tuple[SignalName, ...]]]] = {
    **{
        name.encode(): (name, signals)
        for name, signals in CARRIES.items()
        if len(signals) < 3 and {"alert", "action", "change"} & set(signals)
    },
    b"docker": ("docker_event", CARRIES["docker_event"]),
    b"grafana": ("alertmanager", CARRIES["alertmanager"]),
}
_LOOKS: Final[Mapping[SignalName, tuple[tuple[FormatName, tuple[str, ...]], ...]]] = {
    "change": (
        ("gitlab", ("object_kind",)),
        ("docker_event", ("Action Actor", "status Type time", "Status Type Name")),
        ("k8s_event", ("involvedObject:", "regarding:", "resourceLogs", "type object:")),
        ("openlineage", ("eventType run: job:",)),
        ("mlflow", ("entity action data:", "event model_name")),
        ("native", ("timestamp service kind",)),
        ("jenkins", ("build: name", "build: url")),
        (
            "wandb",
            ("artifact_version", "artifact_version_string", "artifact_collection_name", "event_type event_author"),
        ),
        ("argocd", ("app:", "application:", "metadata: spec: status:")),
    ),
    "alert": (
        ("alertmanager", ("alerts", "labels: startsAt", "labels: annotations:")),
        ("newrelic", ("issueId", "issueUrl", "issue_id", "condition_name", "current_state")),
        ("opsgenie", ("action alert:",)),
        ("pagerduty", ("event:",)),
        ("native", ("timestamp source name status",)),
        ("kibana", ("rule", "rule_name", "ruleName", "alertId", "alert_id", "kibana.alert.uuid", "kibana")),
    ),
    "action": (
        ("native", ("timestamp id verb by",)),
        ("jira", ("webhookEvent",)),
        ("opsgenie", ("action alert:",)),
        ("pagerduty", ("event:",)),
        ("slack", ("type actions",)),
    ),
}
"""Fields that a format has together, of the formats of a signal; the first that fits. With a colon, it is an object."""
_HEC: Final = ("sourcetype", "index", "fields", "source", "time", "host")
_JOURNAL: Final = ("__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID")
_AGAIN: Final = re.compile(rb"\}\s*+\{")

Fields = Mapping[str, msgspec.Raw]


class AutoDecoder:
    """Decodes messages of whatever format carries the signal. Counts are those of the decoders within, `format:NAME`
    for each message of a format, and `unknown_format`."""

    def __init__(self, signal: SignalName, limits: Limits, make: Callable[[FormatName], Decoder]) -> None:
        """`make`: a fresh decoder of a format."""
        self.signal: SignalName = signal
        self._limits = limits
        self._make = make
        self._decoders: dict[FormatName, Decoder] = {}
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        return sum((Counter(each.counts()) for each in self._decoders.values()), self._counts)

    def decode(self, record: Record) -> Decoded:
        """The signals of a message. Refused as a whole: empty, too_large, unknown_format, what its format refuses."""
        format = self.format_of(record)
        return self.unknown(record) if format is None else self.decoder(format).decode(record)

    def format_of(self, record: Record) -> FormatName | None:
        """Tell the format of a message, and count it; None if it cannot be told."""
        value = record.value or b""
        format = told(self.signal, record) if len(value) <= self._limits.message else None
        self._counts[f"format:{format}" if format is not None else "unknown_format"] += 1
        return format

    def decoder(self, format: FormatName) -> Decoder:
        found = self._decoders.get(format)
        if found is None:
            found = self._decoders[format] = self._make(format)
        return found

    def unknown(self, record: Record) -> Decoded:
        """Why a message is refused whose format cannot be told."""
        value = record.value or b""
        error, words = "unknown_format", f"the message is in none of the formats in which {self.signal}s are known here"
        if not value:
            error, words = "empty", "the message has no value"
        elif len(value) > self._limits.message:
            error = "too_large"
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
        return Decoded([], [Refused(None, error, words, value)])


class AutoColumns:
    """The `ColumnDecoder` of metrics: neighbours of one format go to its own together."""

    def __init__(self, decoder: AutoDecoder, make: Callable[[Decoder, FormatName], ColumnDecoder | None]) -> None:
        """`make`: what decodes a format by column, if anything does."""
        self._auto = decoder
        self._make = make
        self._columns: dict[FormatName, ColumnDecoder] = {}

    def decode(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        origins: list[Origin] = []
        times: list[float] = []
        values: list[float] = []
        histograms: list[tuple[int, Histogram]] = []
        shares: list[tuple[int, int]] = []
        starts: list[tuple[int, float]] = []
        for format, some in groupby(records, self._auto.format_of):
            alike = list(some)
            if format is None:
                for record in alike:
                    refuse(record, self._auto.unknown(record))
                shares += [(0, 0)] * len(alike)
                continue
            found = self._of(format).decode(alike, refuse)
            shares += found.shares or [(1, 0)] * len(alike)
            histograms += [(len(times) + at, histogram) for at, histogram in found.histograms]
            starts += [(len(times) + at, start) for at, start in found.starts]
            origins += found.origins
            times += found.times
            values += found.values
        return Samples(origins, times, values, histograms, shares, starts)

    def _of(self, format: FormatName) -> ColumnDecoder:
        found = self._columns.get(format)
        if found is None:
            found = self._make(self._auto.decoder(format), format)
            if found is None:
                raise TypeError(f"metrics of {format} are not decoded by column")
            self._columns[format] = found
        return found


def told(signal: SignalName, record: Record) -> FormatName | None:
    """The format of a record that holds such signals, by its looks; None if there is none that looks like it."""
    value = (record.value or b"").lstrip()
    for name, kind in record.headers:
        if name == _KIND and signal in _POSTED.get(kind, ("native", ()))[1]:
            return _POSTED[kind][0]
    if value[:1] in (b"{", b"["):
        fields = _first(value)
        if fields is None:
            return "prometheus_text" if signal == "metric" and _QUOTED.match(value) else None
        return _of_json(signal, fields, record)
    return _of_bytes(signal, value, record)


def _first(value: bytes) -> Fields | None:
    """The fields of a message, or of the first event in its array (of arrays: Zipkin's traces)."""
    try:
        return _object(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _loosely(value)


def _loosely(value: bytes) -> Fields | None:
    """NaN and Infinity are not JSON, and written all the same. So are objects behind one another, and bytes that are
    not of UTF-8."""
    given = value
    try:
        value = value.split(b"\0", 1)[0].decode(errors="replace").encode()
        if _AGAIN.search(value) is not None:
            first, _ = json.JSONDecoder().raw_decode(value.decode())
            return {name: msgspec.Raw(json.dumps(each).encode()) for name, each in first.items()}
    except (ValueError, AttributeError, RecursionError):
        pass
    strict = re.sub(rb"-?\b(?:NaN|Infinity)\b", b"null", value)
    try:
        return _object(strict) if strict != given else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _object(value: bytes) -> Fields:
    """Arrays may hold arrays, as Zipkin's traces do. One odd element at the beginning tells nothing of the others.

    Raises msgspec.DecodeError.
    """
    for _ in range(2):
        if value[:1] != b"[":
            break
        some = map(bytes, _elements.decode(value)[:8])
        value = next((each for each in some if each[:1] in (b"{", b"[")), b"{}")
    return _fields.decode(value)


def _of_json(signal: SignalName, fields: Fields, record: Record) -> FormatName | None:
    if _OTLP.get(signal) in fields:
        return "otlp_json"
    if signal == "metric":
        return _metrics(fields)
    if signal == "log":
        return _logs(fields)
    if signal == "prediction":
        return _predictions(fields, record)
    if signal == "span":
        return _spans(fields)
    if signal in _LOOKS:
        for name, looks in _LOOKS[signal]:
            if any(all(_has(fields, field) for field in one.split()) for one in looks):
                return name
    return "native"


def _metrics(fields: Fields) -> FormatName | None:
    if "event" in fields and _is_metric(fields["event"]):
        return "splunk_hec"
    if "dsnames" in fields and "values" in fields:
        return "collectd_json"
    if "metricset" in fields or ("@timestamp" in fields and "event" in fields):
        return "metricbeat"
    if "metrics" in fields or ("fields" in fields and "tags" in fields):
        return "telegraf_json"
    if "kind" in fields and _any(fields, _VECTOR):
        return "vector_metrics"
    if "labels" in fields and b'"__name__"' in bytes(fields["labels"]):
        return "prometheus_kafka_adapter"
    return "native" if "name" in fields and "value" in fields else None


def _is_metric(event: msgspec.Raw) -> bool:
    return bytes(event).strip() == b'"metric"'


def _logs(fields: Fields) -> FormatName | None:
    if "body" in fields:
        return "native"
    if "reason" in fields and _any(fields, ("involvedObject", "regarding")):
        return "k8s_event"
    if "Action" in fields and "Actor" in fields:
        return "docker_event"
    if "short_message" in fields:
        return "gelf"
    if "event" in fields and "@timestamp" not in fields and _any(fields, _HEC):
        return "splunk_hec"
    if "source_type" not in fields and "@timestamp" not in fields and _any(fields, _JOURNAL):
        return "journald"
    if "source_type" in fields:
        return "vector_logs"
    if "@timestamp" in fields:
        if bytes(fields.get("log", b""))[:1] == b'"':
            return "fluentbit"
        if "message" in fields and any("." in name for name in fields):
            return "filebeat"
        if _any(fields, ("ecs", "@metadata", "agent", "log.level")) or bytes(fields.get("log", b""))[:1] == b"{":
            return "filebeat"
        if _any(fields, ("log", "MESSAGE", "msg", "log_processed", "kubernetes")):
            return "fluentbit"
        return "rsyslog_json" if _any(fields, _RSYSLOG) else "filebeat"
    if "MESSAGE" in fields or ("PRIORITY" in fields and _any(fields, ("PROGRAM", "HOST", "ISODATE"))):
        return "syslogng_json"
    if _any(fields, _RSYSLOG):
        return "rsyslog_json"
    if _any(fields, ("log", "log_processed", "kubernetes")):
        return "fluentbit"
    return (
        "rsyslog_json" if "message" in fields and _any(fields, ("severity", "priority", "hostname", "host")) else None
    )


def _predictions(fields: Fields, record: Record) -> FormatName | None:
    headers = {name.lower().replace("-", "_") for name, _ in record.headers}
    if "prediction_id" in fields:
        return "native"
    if "specversion" in fields or "ce_specversion" in headers:
        return "kserve"
    if _SELDON.fullmatch(record.topic):
        return "seldon"
    if _any(fields, ("inputs", "outputs", "instances", "predictions")):
        return "seldon" if "modelName" in fields else "mlserver"
    return "bentoml" if _any(fields, ("bento_meta", "request_id")) else None


def _spans(fields: Fields) -> FormatName | None:
    if "operation" in fields:
        return "native"
    if _any(fields, ("localEndpoint", "remoteEndpoint")) or ("traceId" in fields and "id" in fields):
        return "zipkin_json"
    if _any(fields, ("operationName", "operation_name", "processes", "data")) or (
        "spans" in fields and "process" in fields
    ):
        return "jaeger_json"
    return "native" if "duration" in fields and "service" in fields else None


def _of_bytes(signal: SignalName, value: bytes, record: Record) -> FormatName | None:
    if signal == "span":
        return _proto_spans(record.value or b"")
    if signal in _OTLP and first_embedded(record.value or b""):
        return "otlp_proto"
    if signal == "metric":
        if value.startswith(b"PUTVAL "):
            return "collectd_command"
        if _PROMETHEUS.match(value):
            return "prometheus_text"
        if _GRAPHITE.match(value):
            return "collectd_graphite"
        if _INFLUX.match(value):
            return "telegraf_influx"
        return "prometheus_remote_write" if value and not value[:64].isascii() else None
    if signal == "action":
        return "slack" if value.startswith(b"payload=") else None
    if signal == "log":
        if _CRI.match(value):
            return "cri"
        return "syslog" if _SYSLOG.match(value) else None
    return None


def _proto_spans(value: bytes) -> FormatName | None:
    """All begin with field 1. Where Jaeger's and Zipkin's spans have their start, as an embedded message and as eight
    bytes, OTLP's groups of them have nothing."""
    if not (first := first_embedded(value)):
        return None
    if wires(memoryview(value)).get(6) == 2:
        return "jaeger_proto"
    within = wires(first).get(6)
    return "jaeger_proto" if within == 2 else "zipkin_proto" if within == 1 else "otlp_proto"


def _has(fields: Fields, name: str) -> bool:
    if name[-1] != ":":
        return name in fields
    return bytes(fields.get(name[:-1], b"")).lstrip()[:1] == b"{"


def _any(fields: Fields, names: Iterable[str]) -> bool:
    return any(name in fields for name in names)
