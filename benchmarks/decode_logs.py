"""Messages of the log and prediction formats, to measure and to fuzz their decoders with. Made up, in real shapes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from floodmark.config.formats import FormatName
from floodmark.signals import SignalName

BATCH = 100
"""Records of a message of OTLP."""
_LINE = '10.4.0.7 - - [31/Jan/2026:12:00:00 +0000] "GET /cart/7041 HTTP/1.1" 200 5316 "-" "Mozilla/5.0 (X11)"'
_POD = {
    "pod_name": "cart-6d4cf56db6-x2x7p",
    "namespace_name": "shop",
    "pod_id": "0c9b8f5e-6b1d-4f9a-9f0e-3b8a4f1b2c3d",
    "labels": {"app.kubernetes.io/name": "cart", "pod-template-hash": "6d4cf56db6"},
    "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9102"},
    "host": "node-3.example.net",
    "container_name": "cart",
    "container_image": "registry.example.net/shop/cart:2.14.0",
}

LOGS: dict[FormatName, Any] = {
    "cri": "2026-01-31T12:00:00.123456789Z stdout F INFO cart 7041 saved in 12 ms",
    "filebeat": {
        "@timestamp": "2026-01-31T12:00:03.612Z",
        "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.17.0"},
        "message": _LINE,
        "log": {"offset": 176144, "file": {"path": "/var/log/nginx/access.log", "inode": "140027"}},
        "input": {"type": "filestream"},
        "ecs": {"version": "8.0.0"},
        "service": {"name": "shop-front"},
        "host": {"name": "web-1.example.net"},
        "agent": {"id": "24f13539-7e02-46c0-bd78-a1d9212f93f3", "name": "web-1.example.net", "type": "filebeat"},
    },
    "fluentbit": {
        "@timestamp": 1769860800.598656,
        "log": "INFO cart 7041 saved in 12 ms\n",
        "stream": "stdout",
        "kubernetes": _POD,
    },
    "gelf": {
        "version": "1.1",
        "host": "node-3.example.net",
        "short_message": "cart 7041 saved in 12 ms",
        "timestamp": 1769860800.598,
        "level": 6,
        "_container_id": "bf1db4f2c1c4a0a1b2c3d4e5f60718293a4b5c6d7e8f9001122334455667788a",
        "_container_name": "cart",
        "_image_name": "registry.example.net/shop/cart:2.14.0",
        "_tag": "bf1db4f2c1c4",
    },
    "journald": {
        "__CURSOR": "s=1;i=2;b=3;m=4;t=5;x=6",
        "__REALTIME_TIMESTAMP": "1769860800598656",
        "_SOURCE_REALTIME_TIMESTAMP": "1769860800598000",
        "_BOOT_ID": "2f1db4f2c1c4a0a1b2c3d4e5f6071829",
        "_HOSTNAME": "web-1",
        "_SYSTEMD_UNIT": "ssh.service",
        "SYSLOG_IDENTIFIER": "sshd",
        "PRIORITY": "6",
        "_PID": "4242",
        "_TRANSPORT": "syslog",
        "MESSAGE": "Accepted publickey for root from 10.1.2.3 port 50022 ssh2",
    },
    "rsyslog_json": {
        "message": " pam_unix(sshd:auth): authentication failure; uid=0 rhost=10.1.2.3",
        "fromhost": "db-1",
        "programname": "sshd",
        "procid": "24200",
        "facility": "auth",
        "priority": "info",
        "timereported": "2026-01-31T12:00:00.000123+00:00",
        "timegenerated": "2026-01-31T12:00:00.000456+00:00",
    },
    "splunk_hec": {
        "time": 1769860800.598,
        "host": "node-3.example.net",
        "source": "/var/log/containers/cart.log",
        "sourcetype": "kube:container:cart",
        "event": "INFO cart 7041 saved in 12 ms",
        "fields": {"k8s.pod.name": "cart-x2x7p", "k8s.namespace.name": "shop", "k8s.container.name": "cart"},
    },
    "syslog": '<34>1 2026-01-31T12:00:00.123456Z web-1 nginx 4242 ID47 [ex@1 a="b"] upstream timed out (110)',
    "syslogng_json": {
        "_SDATA": {"ex@1": {"a": "b"}},
        "PROGRAM": "nginx",
        "PRIORITY": "crit",
        "PID": "4242",
        "MESSAGE": "upstream timed out",
        "ISODATE": "2026-01-31T12:00:00.123456+00:00",
        "HOST": "web-1",
        "FACILITY": "auth",
        "DATE": "Jan 31 12:00:00.123456",
    },
    "vector_logs": {
        "file": "/var/log/pods/shop_cart-x2x7p_0c9b8f5e/cart/1.log",
        "kubernetes": {
            "container_name": "cart",
            "pod_labels": {"app.kubernetes.io/name": "cart"},
            "pod_name": "cart-6d4cf56db6-x2x7p",
            "pod_namespace": "shop",
            "pod_node_name": "node-3",
        },
        "message": "E0131 12:00:00.499073       1 main.go:39] cart store: connection refused",
        "source_type": "kubernetes_logs",
        "stream": "stderr",
        "timestamp": "2026-01-31T12:00:00.499555308Z",
    },
}

PREDICTIONS: dict[FormatName, Any] = {
    "bentoml": {
        "sepal length": 4.9,
        "sepal width": 3.0,
        "pred": "setosa",
        "timestamp": "2026-01-31T12:00:00.490137",
        "request_id": "14642743634293743168",
    },
    "kserve": {
        "specversion": "1.0",
        "type": "org.kubeflow.serving.inference.request",
        "source": "http://localhost:9081/",
        "id": "0009174a-24a8-4603-b098-09c8799950e9",
        "time": "2026-01-31T12:00:00.078952900Z",
        "inferenceservicename": "iris",
        "namespace": "default",
        "data": {"instances": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]},
    },
    "mlserver": {
        "id": "7041",
        "model_name": "mnist",
        "inputs": [{"name": "predict", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}],
    },
    "seldon": {
        "id": "7041",
        "modelName": "cifar10",
        "modelVersion": "1",
        "outputs": [{"name": "fc", "datatype": "FP32", "shape": ["1", "2"], "contents": {"fp32Contents": [0.1, 0.9]}}],
    },
}


def otlp(records: int) -> dict[str, Any]:
    """A message of OTLP with so many log records."""
    resource = {"service.name": "cart", "host.name": "web-1", "k8s.pod.name": "cart-7d9f"}
    named = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    record = {
        "timeUnixNano": "1769860800123456789",
        "observedTimeUnixNano": "1769860800200000000",
        "severityNumber": 9,
        "severityText": "Information",
        "traceId": "5b8efff798038103d269b633813fc60c",
        "attributes": [
            {"key": "http.route", "value": {"stringValue": "/cart"}},
            {"key": "items", "value": {"intValue": "3"}},
        ],
    }
    lines = [{**record, "body": {"stringValue": f"cart {7041 + i} saved in {i % 90} ms"}} for i in range(records)]
    scopes = [{"scope": {"name": "app"}, "logRecords": lines}]
    return {"resourceLogs": [{"resource": {"attributes": named}, "scopeLogs": scopes}]}


def otlp_proto(records: int) -> bytes:
    """The same in protobuf."""
    message = otlp(records)
    for record in message["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        record["traceId"] = base64.b64encode(bytes.fromhex(record["traceId"])).decode()  # as protobuf's JSON has it
    return ParseDict(message, ExportLogsServiceRequest()).SerializeToString()


def samples() -> Iterator[tuple[FormatName, SignalName, bytes, int]]:
    """(format, signal, message, records in it) of each format."""
    for format, message in LOGS.items():
        yield format, "log", _bytes(message), 1
    yield "otlp_json", "log", _bytes(otlp(BATCH)), BATCH
    yield "otlp_proto", "log", otlp_proto(BATCH), BATCH
    for format, message in PREDICTIONS.items():
        yield format, "prediction", _bytes(message), 1


def _bytes(message: Any) -> bytes:
    return (message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))).encode()
