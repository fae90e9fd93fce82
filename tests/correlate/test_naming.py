"""Names and labels as a person says them, over names of real producers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.correlate.naming import Labels, readable


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("node_memory_MemAvailable_bytes", "memory available"),
        ("node_filesystem_avail_bytes", "filesystem available"),
        ("node_network_receive_errs_total", "network receive errors"),
        ("node_network_transmit_bytes_total", "network sent"),
        ("node_load15", "load (15 min)"),
        ("process_resident_memory_bytes", "resident memory"),
        ("process_open_fds", "open files"),
        ("kube_pod_container_status_restarts_total", "container restarts"),
        ("kube_deployment_status_replicas_unavailable", "deployment replicas unavailable"),
        ("container_cpu_cfs_throttled_seconds_total", "CPU cfs throttled"),
        ("apiserver_request_total", "apiserver requests"),
        ("go_gc_duration_seconds_sum", "go GC duration"),
        ("http.server.request.duration", "HTTP request duration"),
        ("system.memory.usage", "memory usage"),
        ("jvm.gc.duration", "JVM GC duration"),
        ("df_df_complex", "disk space"),
        ("interface_if_octets_rx", "network received"),
        ("disk_disk_ops_write", "disk ops written"),
        ("load_shortterm", "load (1 min)"),
        ("cpu_usage_idle", "CPU usage idle"),
        ("http_requests_per_second", "HTTP requests"),
        ("http_error_ratio", "HTTP errors"),
        ("cache_hit_ratio", "cache hit ratio"),
        ("HTTPErrors5xx", "HTTP errors 5xx"),
        ("requestCount", "requests"),
        ("LatencyP90(s)", "latency p90"),
        ("orders_total", "orders"),
        ("log_errors", "error lines"),
        ("log_new_templates", "new kinds of log lines"),
        ("model_auc", "AUC"),
        ("m0", "m0"),
        ("total", "total"),
        ("Größe", "Größe"),
        ("", ""),
    ],
)
def test_names(name, said):
    assert readable(name) == said


@pytest.mark.parametrize(
    ("labels", "entity", "said"),
    [
        ({"service": "web"}, "web", ""),
        ({"host": "db-1", "plugin_instance": "0", "type_instance": "idle"}, "db-1", " [idle, no. 0]"),
        ({"instance": "db-1", "mountpoint": "/var", "device": "/dev/sda1", "fstype": "ext4"}, "db-1", " /var"),
        ({"service": "web", "http.response.status_code": "500"}, "web", " [code 500]"),
        ({"http.route": "/pay", "http.request.method": "POST"}, "web", " POST /pay"),
        ({"http.request.method": "POST"}, "web", " [POST]"),
        ({"quantile": "0.99"}, "web", " [p99]"),
        ({"jvm.memory.pool.name": "G1 Old Gen"}, "web", " [G1 Old Gen]"),
        ({"pod": "web-7d9f8-x2x4z", "job": "web", "namespace": "shop"}, "web", " [web-7d9f8-x2x4z, namespace=shop]"),
        ({"topic": "orders", "partition": "3", "a": "b"}, "web", " [orders, partition 3]"),
        ({"rpc.method": "hipstershop.ProductCatalogService.ListProducts"}, "web", " […logService.ListProducts]"),
        ({"operation": "/hipstershop.ProductCatalogService/List"}, "web", " …ductCatalogService/List"),
    ],
)  # fmt: skip
def test_labels(labels, entity, said):
    assert Labels(labels, entity).suffix() == said


def test_what_all_members_share_is_left_out_but_not_what_says_what_it_is():
    labels = {"mode": "idle", "cluster": "eu-1", "shard": "7"}
    assert Labels(labels, "web", labels.items()).suffix() == " [idle, shard 7]"


@given(st.text(max_size=60))
def test_every_name_has_words(name):
    assert (readable(name) != "") == (name != "")
    assert len(readable(name)) <= max(40, len(name))
