import sys
from pathlib import Path

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import NOON, error, one

EVENT = {
    "file": "/var/log/pods/shop_cart-1_0c9b/app/1.log",
    "kubernetes": {
        "container_name": "app",
        "pod_labels": {"app": "cart"},
        "pod_name": "cart-1",
        "pod_namespace": "shop",
        "pod_node_name": "node-3",
        "pod_ips": ["192.0.2.1", "::1"],
    },
    "message": "E0131 12:00:00.499073       1 main.go:39] lost",
    "source_type": "kubernetes_logs",
    "stream": "stderr",
    "timestamp": "2026-01-31T12:00:00.250000000Z",
}
LABELS = {"service": "cart", "namespace": "shop", "pod": "cart-1", "container": "app", "host": "node-3"}


def test_kubernetes():
    expected = Log(NOON + 0.25, EVENT["message"], "ERROR", LABELS, {"stream": "stderr", "log.file.path": EVENT["file"]})
    assert one("vector_logs", EVENT) == expected


def test_docker_and_syslog_sources():
    docker = {"message": "x", "timestamp": NOON, "container_name": "cart", "host": "h", "source_type": "docker_logs"}
    assert one("vector_logs", docker).labels == {"service": "cart", "container": "cart", "host": "h"}
    syslog = {
        "message": "x",
        "timestamp": NOON,
        "appname": "sshd",
        "hostname": "db",
        "host": "10.0.0.1",
        "severity": "err",
    }
    log = one("vector_logs", syslog)
    assert (log.labels, log.severity) == ({"service": "sshd", "host": "db"}, "ERROR")


def test_pieces_are_marked():
    assert one("vector_logs", EVENT | {"_partial": True}).partial


def test_refusals():
    assert error("vector_logs", {"timestamp": NOON}) == "missing_field"
    assert error("vector_logs", {"name": "m", "gauge": {"value": 1}, "timestamp": NOON}) == "missing_field"
    assert error("vector_logs", EVENT | {"timestamp": "2026-01-31 12:00"}) == "not_a_time"
