"""How fast each wire format is decoded on one core, beside its bare library parse in the same run.

python benchmarks/decode.py [FORMAT …] [--rounds 7]

A batch of OTLP, remote write and influx lines holds 1,000 points with 4 attributes; the other formats have messages of
the size that their producers write. Points or records a second of CPU, medians of the rounds; what is decoded
repeats its series, as it does in life. A format is added to `SAMPLES`: its messages, and what its library does; one of
logs or predictions to `decode_logs`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import cramjam
import msgspec
from line_protocol_parser import parse_line
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

import decode_logs
from floodmark.config.formats import FormatName
from floodmark.config.models import Input, Limits
from floodmark.decode import Decoded, column_decoder, input_decoder
from floodmark.decode.descriptors import messages
from floodmark.records import Record
from floodmark.signals import SignalName

NOW = 1_769_860_800
BATCH = 1_000
_json = msgspec.json.decode


class Sample(NamedTuple):
    """Messages of a format, and the parse to compare with."""

    format: FormatName
    signal: SignalName
    messages: list[bytes]
    bare: Callable[[bytes], object]
    parse: str


def labels(number: int) -> dict[str, str]:
    return {"route": f"/cart/{number % 10}", "status": "200", "method": "GET", "zone": f"eu-{number // 10}"}


def otlp_json() -> list[bytes]:
    def text(pairs: dict[str, str]) -> list[dict[str, object]]:
        return [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]

    metrics = []
    for i in range(BATCH // 100):
        at = {"startTimeUnixNano": str((NOW - 60) * 10**9), "timeUnixNano": str(NOW * 10**9)}
        points = [{**at, "asDouble": 0.5 * i + j, "attributes": text(labels(j))} for j in range(100)]
        metrics.append({"name": f"http.server.{i}", "unit": "ms", "gauge": {"dataPoints": points}})
    resource = {"attributes": text({"service.name": "checkout", "host.name": "web-1", "k8s.pod.name": "checkout-7d9f"})}
    scopes = [{"scope": {"name": "app", "version": "1.0"}, "metrics": metrics}]
    return [encoded({"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]})]


def otlp_proto() -> list[bytes]:
    request = ExportMetricsServiceRequest()
    for one in json.loads(otlp_json()[0])["resourceMetrics"]:
        resource = request.resource_metrics.add()
        for each in one["resource"]["attributes"]:
            resource.resource.attributes.add(key=each["key"]).value.string_value = each["value"]["stringValue"]
        scope = resource.scope_metrics.add()
        scope.scope.name = "app"
        for metric in one["scopeMetrics"][0]["metrics"]:
            points = scope.metrics.add(name=metric["name"], unit="ms").gauge.data_points
            for each in metric["gauge"]["dataPoints"]:
                point = points.add(time_unix_nano=int(each["timeUnixNano"]), as_double=each["asDouble"])
                for pair in each["attributes"]:
                    point.attributes.add(key=pair["key"]).value.string_value = pair["value"]["stringValue"]
    return [request.SerializeToString()]


_REMOTE: Any = messages(
    "benchmark",
    {
        "Label": "name:1:string value:2:string",
        "Sample": "value:1:double timestamp:2:int64",
        "TimeSeries": "labels:1:Label* samples:2:Sample*",
        "WriteRequest": "timeseries:1:TimeSeries*",
    },
)["WriteRequest"]


def remote_write() -> list[bytes]:
    series = [
        {
            "labels": [{"name": k, "value": v} for k, v in {"__name__": f"m{i // 100}", **labels(i % 100)}.items()],
            "samples": [{"value": 0.5 * i, "timestamp": NOW * 1000}],
        }
        for i in range(BATCH)
    ]
    return [bytes(cramjam.snappy.compress_raw(_REMOTE(timeseries=series).SerializeToString()))]


def bare_remote_write(value: bytes) -> object:
    return _REMOTE.FromString(bytes(cramjam.snappy.decompress_raw(value)))


def prometheus_text() -> list[bytes]:
    lines = [f"# TYPE m{i} gauge" for i in range(BATCH // 100)]
    for i in range(BATCH):
        pairs = ",".join(f'{key}="{value}"' for key, value in labels(i % 100).items())
        lines.append(f"m{i // 100}{{{pairs}}} {0.5 * i} {NOW}000")
    return ["\n".join(lines).encode()]


def influx() -> list[bytes]:
    lines = []
    for i in range(BATCH):
        tags = ",".join(f"{key}={value}" for key, value in labels(i % 100).items())
        lines.append(f"m{i // 100},{tags} value={0.5 * i} {NOW}000000000")
    return ["\n".join(lines).encode()]


def bare_influx(value: bytes) -> object:
    return [parse_line(line) for line in value.decode().split("\n")]


def bare_lines(value: bytes) -> object:
    return [line.split() for line in value.decode().split("\n")]


def encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def many(make: Callable[[int], object], count: int = BATCH) -> list[bytes]:
    return [each if isinstance(each := make(i), bytes) else encoded(each) for i in range(count)]


def native(i: int) -> object:
    return {"timestamp": NOW * 1000, "name": "http_duration_ms", "value": 0.5 * i, "labels": labels(i % 100)}


def adapter(i: int) -> object:
    named = {"__name__": "load", **labels(i % 100)}
    return {"value": f"{0.5 * i}", "timestamp": "2026-01-31T12:00:00Z", "name": "load", "labels": named}


def telegraf(i: int) -> object:
    return {"name": "cpu", "tags": labels(i % 100), "fields": {"idle": 0.5 * i, "user": 3.0}, "timestamp": NOW}


def collectd(i: int) -> object:
    named = {"host": f"db-{i % 100}", "plugin": "interface", "plugin_instance": "lo", "type": "if_octets"}
    kinds = {"dstypes": ["derive", "derive"], "dsnames": ["rx", "tx"], "interval": 10.0, "type_instance": ""}
    return [{"values": [0.5 * i, 2.0], "time": NOW + 0.5, **kinds, **named}]


def putval(i: int) -> object:
    return f"PUTVAL db-{i % 100}/interface-lo/if_octets interval=10.000 {NOW}.5:{i}:{i}\n".encode()


def graphite(i: int) -> object:
    return b"".join(f"db-{i % 100}.interface-lo.if_octets.{way} {i} {NOW}\r\n".encode() for way in ("rx", "tx"))


def metricbeat(i: int) -> object:
    cpu = {part: {"pct": 0.01 * i, "ticks": i} for part in ("user", "system", "idle", "iowait")}
    named = {"host": {"name": f"web-{i % 100}"}, "metricset": {"name": "cpu"}, "event": {"dataset": "system.cpu"}}
    return {"@timestamp": "2026-01-31T12:00:00.000Z", **named, "system": {"cpu": cpu}}


def vector(i: int) -> object:
    at = {"timestamp": "2026-01-31T12:00:00.000000011Z", "kind": "incremental", "tags": labels(i % 100)}
    return {"name": "served", "namespace": "shop", **at, "counter": {"value": 0.5 * i}}


SAMPLES: dict[FormatName, Callable[[], Sample]] = {
    "native": lambda: Sample("native", "metric", many(native), _json, "msgspec"),
    "collectd_command": lambda: Sample("collectd_command", "metric", many(putval), bare_lines, "str.split"),
    "collectd_graphite": lambda: Sample("collectd_graphite", "metric", many(graphite), bare_lines, "str.split"),
    "collectd_json": lambda: Sample("collectd_json", "metric", many(collectd), _json, "msgspec"),
    "metricbeat": lambda: Sample("metricbeat", "metric", many(metricbeat, 200), _json, "msgspec"),
    "otlp_json": lambda: Sample("otlp_json", "metric", otlp_json() * 5, _json, "msgspec"),
    "otlp_proto": lambda: Sample(
        "otlp_proto", "metric", otlp_proto() * 20, ExportMetricsServiceRequest.FromString, "upb"
    ),
    "prometheus_kafka_adapter": lambda: Sample("prometheus_kafka_adapter", "metric", many(adapter), _json, "msgspec"),
    "prometheus_remote_write": lambda: Sample(
        "prometheus_remote_write", "metric", remote_write() * 20, bare_remote_write, "cramjam, upb"
    ),
    "prometheus_text": lambda: Sample("prometheus_text", "metric", prometheus_text() * 5, bare_lines, "str.split"),
    "telegraf_influx": lambda: Sample("telegraf_influx", "metric", influx() * 5, bare_influx, "line-protocol-parser"),
    "telegraf_json": lambda: Sample("telegraf_json", "metric", many(telegraf), _json, "msgspec"),
    "vector_metrics": lambda: Sample("vector_metrics", "metric", many(vector), _json, "msgspec"),
}
"""What is measured of each format of metrics."""


def lines() -> Iterator[Sample]:
    """What is measured of the formats of logs and predictions; of those records count."""
    log = {
        "timestamp": NOW * 1000,
        "severity": "INFO",
        "body": "cart 7041 saved in 12 ms",
        "labels": {"service": "cart"},
    }
    yield Sample("native", "log", [encoded(log)] * BATCH, _json, "msgspec")
    for format, signal, message, records in decode_logs.samples():
        if format == "otlp_proto":
            yield Sample(format, signal, [message] * 20, ExportLogsServiceRequest.FromString, "upb")
        elif message[:1] in b"{[":
            yield Sample(format, signal, [message] * (BATCH if records == 1 else 20), _json, "msgspec")
        else:
            yield Sample(format, signal, [message] * BATCH, bare_lines, "str.split")


def measure(sample: Sample, rounds: int) -> tuple[float, float]:
    """Points or records a second of CPU: decoded, and only parsed."""
    limits = Limits()
    plain = input_decoder(Input(topic="in", signal=sample.signal, format=sample.format), limits)
    columns = column_decoder(plain, sample.format, limits) if sample.signal == "metric" else None
    records = [Record("in", 0, i, NOW * 1000, None, value) for i, value in enumerate(sample.messages)]

    def decode() -> int:
        if columns is None:
            return sum(len(plain.decode(record).signals) for record in records)
        return len(columns.decode(records, _refused).times)

    points = decode()  # the series are known from now on
    decoded = statistics.median(_seconds(decode) for _ in range(rounds))
    parsed = statistics.median(
        _seconds(lambda: [sample.bare(value) for value in sample.messages]) for _ in range(rounds)
    )
    return points / decoded, points / parsed


def _refused(record: Record, decoded: Decoded) -> None:
    raise SystemExit(f"the sample is refused: {decoded.refused[0].message}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("formats", nargs="*", metavar="FORMAT")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    print("| format | points/s | bare parse, points/s | parse | share |\n|---|---:|---:|---|---:|")
    for sample in (*(make() for make in SAMPLES.values()), *lines()):
        if options.formats and sample.format not in options.formats:
            continue
        decoded, parsed = measure(sample, options.rounds)
        name = f"`{sample.format}` {sample.signal}"
        print(f"| {name} | {decoded:,.0f} | {parsed:,.0f} | {sample.parse} | {decoded / parsed:.0%} |", flush=True)


if __name__ == "__main__":
    main()
