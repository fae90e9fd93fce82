"""Which way a series hurts, by names as real producers give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.harm import LABEL, harm, words
from floodmark.detect.series import Series, series_key

NAMES = {
    # OpenTelemetry's semantic conventions: name, kind, unit, labels.
    "up": [
        ("http.server.request.duration", "gauge", "s", {"quantile": "0.99"}),
        ("http.server.request.duration_mean", "gauge", "s", {}),
        ("http.client.request.duration", "gauge", "ms", {}),
        ("http.server.request.duration_count", "rate", "1/s", {"http.response.status_code": "503"}),
        ("http.server.request.duration_count", "rate", "1/s", {"error.type": "timeout"}),
        ("rpc.server.duration", "gauge", "ms", {}),
        ("db.client.operation.duration", "gauge", "s", {}),
        ("db.client.connection.wait_time", "gauge", "s", {}),
        ("db.client.connection.pending_requests", "gauge", "{request}", {}),
        ("db.client.connection.timeouts", "rate", "{timeout}/s", {}),
        ("db.client.connection.count", "gauge", "{connection}", {"db.client.connection.state": "used"}),
        ("messaging.process.duration", "gauge", "s", {}),
        ("system.memory.usage", "gauge", "By", {"system.memory.state": "used"}),
        ("system.memory.utilization", "gauge", "1", {"state": "used"}),
        ("system.filesystem.usage", "gauge", "By", {"system.filesystem.state": "used"}),
        ("system.cpu.utilization", "gauge", "1", {"cpu.mode": "user"}),
        ("system.cpu.load_average.1m", "gauge", "{thread}", {}),
        ("system.network.errors", "rate", "{error}/s", {}),
        ("system.network.packet.dropped", "rate", "{packet}/s", {}),
        ("process.cpu.utilization", "gauge", "1", {}),
        ("process.open_file_descriptor.count", "gauge", "{file_descriptor}", {}),
        ("jvm.memory.used", "gauge", "By", {}),
        ("jvm.gc.duration", "gauge", "s", {}),
        ("jvm.cpu.recent_utilization", "gauge", "1", {}),
        ("k8s.container.restarts", "gauge", "{restart}", {}),
        ("otelcol_exporter_queue_size", "gauge", "", {}),
        ("otelcol_exporter_send_failed_spans", "rate", "1/s", {}),
        # node_exporter and cAdvisor.
        ("node_load1", "gauge", "", {}),
        ("node_cpu_seconds_total", "rate", "s/s", {"mode": "user"}),
        ("node_cpu_seconds_total", "rate", "s/s", {"mode": "iowait"}),
        ("node_cpu_seconds_total", "rate", "s/s", {"mode": "steal"}),
        ("node_disk_io_time_seconds_total", "rate", "s/s", {}),
        ("node_filefd_allocated", "gauge", "", {}),
        ("node_network_receive_errs_total", "rate", "1/s", {}),
        ("node_network_transmit_drop_total", "rate", "1/s", {}),
        ("node_netstat_Tcp_RetransSegs", "rate", "1/s", {}),
        ("node_vmstat_oom_kill", "rate", "1/s", {}),
        ("node_pressure_cpu_waiting_seconds_total", "rate", "s/s", {}),
        ("container_cpu_usage_seconds_total", "rate", "s/s", {}),
        ("container_cpu_cfs_throttled_periods_total", "rate", "1/s", {}),
        ("container_memory_working_set_bytes", "gauge", "By", {}),
        ("process_resident_memory_bytes", "gauge", "By", {}),
        ("process_cpu_seconds_total", "rate", "s/s", {}),
        ("process_open_fds", "gauge", "", {}),
        ("kubelet_volume_stats_used_bytes", "gauge", "By", {}),
        # kube-state-metrics.
        ("kube_pod_container_status_restarts_total", "rate", "1/s", {}),
        ("kube_pod_container_status_waiting_reason", "gauge", "", {"reason": "CrashLoopBackOff"}),
        ("kube_deployment_status_replicas_unavailable", "gauge", "", {}),
        ("kube_job_status_failed", "gauge", "", {}),
        ("kube_pod_status_phase", "gauge", "", {"phase": "Failed"}),
        ("kube_pod_status_phase", "gauge", "", {"phase": "Pending"}),
        ("kube_pod_status_unschedulable", "gauge", "", {}),
        # Telegraf.
        ("cpu_usage_user", "gauge", "", {"cpu": "cpu-total"}),
        ("cpu_usage_iowait", "gauge", "", {}),
        ("mem_used_percent", "gauge", "", {}),
        ("disk_used_percent", "gauge", "", {}),
        ("swap_used", "gauge", "", {}),
        ("net_err_in", "rate", "1/s", {}),
        ("net_drop_out", "rate", "1/s", {}),
        ("http_response_response_time", "gauge", "", {}),
        ("mysql_aborted_connects", "rate", "1/s", {}),
        ("redis_evicted_keys", "rate", "1/s", {}),
        ("redis_rejected_connections", "rate", "1/s", {}),
        ("postgresql_deadlocks", "rate", "1/s", {}),
        # Micrometer.
        ("http_server_requests_seconds_max", "gauge", "", {}),
        ("http_server_requests_seconds_count", "rate", "1/s", {"outcome": "SERVER_ERROR", "status": "500"}),
        ("hikaricp_connections_pending", "gauge", "", {}),
        ("hikaricp_connections_timeout_total", "rate", "1/s", {}),
        ("hikaricp_connections_acquire_seconds_max", "gauge", "", {}),
        ("jvm_memory_used_bytes", "gauge", "By", {}),
        ("jvm_gc_pause_seconds_max", "gauge", "", {}),
        ("process_files_open_files", "gauge", "", {}),
        ("system_cpu_usage", "gauge", "", {}),
        ("executor_queued_tasks", "gauge", "", {}),
        ("resilience4j_circuitbreaker_calls_seconds_count", "rate", "1/s", {"kind": "failed", "outcome": "failed"}),
        # Kafka, RabbitMQ, AWS, Nezha and others.
        ("kafka_consumergroup_lag", "gauge", "", {}),
        ("kafka_consumer_records_lag_max", "gauge", "", {}),
        ("kafka_server_ReplicaManager_UnderReplicatedPartitions", "gauge", "", {}),
        ("kafka_controller_KafkaController_OfflinePartitionsCount", "gauge", "", {}),
        ("rabbitmq_queue_messages_ready", "gauge", "", {}),
        ("rabbitmq_queue_messages_unacknowledged", "gauge", "", {}),
        ("ApproximateAgeOfOldestMessage", "gauge", "s", {}),
        ("HTTPCode_Target_5XX_Count", "rate", "1/s", {}),
        ("TargetResponseTime", "gauge", "s", {}),
        ("CPUUtilization", "gauge", "%", {}),
        ("CpuUsageRate(%)", "gauge", "", {}),
        ("MemoryUsageRate(%)", "gauge", "", {}),
        ("PodServerLatencyP95(s)", "gauge", "", {}),
        ("grpc_server_handled_total", "rate", "1/s", {"grpc_code": "Unavailable"}),
        ("http_requests_total", "rate", "1/s", {"code": "502"}),
        ("nginx_ingress_controller_requests", "rate", "1/s", {"status": "5xx"}),
        ("checkout_payment_failures", "rate", "1/s", {}),
        ("db_connections_in_use", "gauge", "", {}),
        ("cart_abandoned", "rate", "1/s", {}),
    ],
    "down": [
        ("up", "gauge", "", {"job": "node"}),
        ("probe_success", "gauge", "", {}),
        ("system.memory.usage", "gauge", "By", {"system.memory.state": "free"}),
        ("system.filesystem.usage", "gauge", "By", {"state": "free"}),
        ("system.cpu.utilization", "gauge", "1", {"cpu.mode": "idle"}),
        ("system.linux.memory.available", "gauge", "By", {}),
        ("db.client.connection.count", "gauge", "", {"db.client.connection.state": "idle"}),
        ("k8s.deployment.available_pods", "gauge", "{pod}", {}),
        ("node_cpu_seconds_total", "rate", "s/s", {"mode": "idle"}),
        ("node_memory_MemAvailable_bytes", "gauge", "By", {}),
        ("node_memory_MemFree_bytes", "gauge", "By", {}),
        ("node_filesystem_avail_bytes", "gauge", "By", {}),
        ("node_filesystem_files_free", "gauge", "", {}),
        ("node_entropy_available_bits", "gauge", "", {}),
        ("kubelet_volume_stats_available_bytes", "gauge", "By", {}),
        ("kube_deployment_status_replicas_available", "gauge", "", {}),
        ("kube_deployment_status_replicas_ready", "gauge", "", {}),
        ("kube_pod_status_ready", "gauge", "", {}),
        ("cpu_usage_idle", "gauge", "", {}),
        ("mem_available_percent", "gauge", "", {}),
        ("disk_inodes_free", "gauge", "", {}),
        ("swap_free", "gauge", "", {}),
        ("hikaricp_connections_idle", "gauge", "", {}),
        ("disk_free_bytes", "gauge", "By", {}),
        ("redis_keyspace_hit_ratio", "gauge", "", {}),
        ("FreeableMemory", "gauge", "By", {}),
        ("checkout_success_ratio", "gauge", "1", {}),
        ("slo_error_budget_remaining", "gauge", "", {}),
        ("service_availability", "gauge", "%", {}),
        ("search_apdex", "gauge", "", {}),
    ],
    "both": [
        ("http.server.active_requests", "gauge", "{request}", {}),
        ("http.server.request.duration_count", "rate", "1/s", {"http.response.status_code": "200"}),
        ("http.server.request.body.size", "gauge", "By", {}),
        ("http.client.open_connections", "gauge", "{connection}", {}),
        ("system.network.io", "rate", "By/s", {}),
        ("system.memory.usage", "gauge", "By", {"system.memory.state": "cached"}),
        ("jvm.thread.count", "gauge", "{thread}", {}),
        ("jvm.memory.limit", "gauge", "By", {}),
        ("jvm.memory.committed", "gauge", "By", {}),
        ("messaging.client.sent.messages", "rate", "{message}/s", {}),
        ("db.client.connection.max", "gauge", "{connection}", {}),
        ("db.client.connection.idle.max", "gauge", "{connection}", {}),
        ("node_network_receive_bytes_total", "rate", "By/s", {}),
        ("node_disk_written_bytes_total", "rate", "By/s", {}),
        ("node_memory_MemTotal_bytes", "gauge", "By", {}),
        ("node_boot_time_seconds", "gauge", "s", {}),
        ("node_context_switches_total", "rate", "1/s", {}),
        ("container_network_transmit_bytes_total", "rate", "By/s", {}),
        ("container_start_time_seconds", "gauge", "s", {}),
        ("container_spec_memory_limit_bytes", "gauge", "By", {}),
        ("process_max_fds", "gauge", "", {}),
        ("kube_pod_container_resource_limits", "gauge", "", {"resource": "cpu"}),
        ("kube_pod_status_phase", "gauge", "", {"phase": "Running"}),
        ("kube_deployment_spec_replicas", "gauge", "", {}),
        ("kube_horizontalpodautoscaler_status_current_replicas", "gauge", "", {}),
        ("net_bytes_recv", "rate", "1/s", {}),
        ("redis_connected_clients", "gauge", "", {}),
        ("mysql_questions", "rate", "1/s", {}),
        ("nginx_connections_active", "gauge", "", {}),
        ("nginx_connections_waiting", "gauge", "", {}),
        ("http_server_requests_seconds_count", "rate", "1/s", {"status": "200", "outcome": "SUCCESS"}),
        ("http_server_requests_seconds_sum", "rate", "1/s", {}),
        ("http_request_duration_seconds_bucket", "rate", "1/s", {"le": "0.5"}),
        ("jdbc_connections_active", "gauge", "", {}),
        ("kafka_server_BrokerTopicMetrics_MessagesInPerSec", "rate", "1/s", {}),
        ("kafka_consumergroup_current_offset", "rate", "1/s", {}),
        ("rabbitmq_queue_messages_published_total", "rate", "1/s", {}),
        ("orders_placed_total", "rate", "1/s", {}),
        ("revenue", "gauge", "EUR", {}),
        ("temperature", "gauge", "Cel", {}),
        ("certificate_expiry_timestamp_seconds", "gauge", "s", {}),
    ],
}  # fmt: skip


def series(name, kind, unit, labels, worse="both", signal="metric"):
    return Series(series_key(name, labels), name, labels, "a", "default", signal, kind, unit, worse)


@pytest.mark.parametrize(
    ("worse", "named"), [(worse, each) for worse, names in NAMES.items() for each in names], ids=str
)
def test_real_names(worse, named):
    assert harm(series(*named)) == worse


def test_the_maker_knows_best_then_the_label_says_it():
    assert harm(series("model_errors", "gauge", "", {LABEL: "down"}, worse="up")) == "up"
    assert harm(series("errors", "gauge", "", {LABEL: "both"})) == "both"
    assert harm(series("blobs", "gauge", "", {LABEL: "down"})) == "down"
    assert harm(series("errors", "gauge", "", {LABEL: "sideways"})) == "up"  # no such way: as if it were not there


def test_of_what_is_no_metric_only_times_in_log_lines_are_read():
    assert harm(series("log_parameter", "gauge", "s", {}, signal="log")) == "up"
    assert harm(series("log_parameter", "gauge", "By", {}, signal="log")) == "both"
    assert harm(series("feature_latency", "gauge", "s", {}, signal="prediction")) == "both"


def test_words():
    assert words("jvm.gc.pauseTime_seconds") == ["jvm", "gc", "pause", "time", "seconds"]
    assert words("HTTPCode_Target_5XX_Count") == ["http", "code", "target", "5xx", "count"]
    assert words("CPUUtilization") == ["cpu", "utilization"]


@given(
    st.text(max_size=40), st.text(max_size=10), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
)
def test_any_name_has_an_answer(name, unit, labels):
    assert harm(series(name, "gauge", unit, labels)) in ("up", "down", "both")
