"""What collectd's types hold: of its types.db, the types that are not gauges, and the names of values.

write_kafka's Command and Graphite formats carry counters as they are and say neither. A type of one value that is
called `value`, as most are, is not listed. Source: types.db of collectd 5.12, which a test holds this against.
"""

from __future__ import annotations

from typing import Final

from floodmark.signals import MetricKind

_LISTED: Final = """
apache_bytes apache_requests arc_counts arc_l2_bytes ath_stat cache_eviction cache_operation cache_result ceph_rate
commands compression connections contextswitch cookies counter cpu derive disk_io_time disk_merged disk_octets
disk_ops disk_ops_complex disk_time dns_answer dns_notify dns_octets dns_opcode dns_qtype dns_query dns_question
dns_rcode dns_reject dns_request dns_resolver dns_response dns_transfer dns_update dns_zops dpdk_telemetry
drbd_resource errors evicted_keys expired_keys filter_result fork_rate fscache_stat hash_collisions
http_request_methods http_requests http_response_codes ib_errors ib_link_error_recovery ib_octets ib_packets
ib_xmit_wait if_collisions if_dropped if_errors if_multicast if_octets if_packets if_rx_dropped if_rx_errors
if_rx_nohandler if_rx_octets if_rx_packets if_tx_dropped if_tx_errors if_tx_octets if_tx_packets invocations
io_octets io_ops io_packets ipt_bytes ipt_packets irq job_stats memcached_command memcached_octets memcached_ops
memory_bandwidth memory_throttle_count mutex_operations mysql_bpool_counters mysql_commands mysql_handler
mysql_innodb_data mysql_innodb_dblwr mysql_innodb_log mysql_innodb_pages mysql_innodb_row_lock mysql_innodb_rows
mysql_locks mysql_log_position mysql_octets mysql_qcache mysql_select mysql_slow_queries mysql_sort
mysql_sort_merge_passes mysql_sort_rows mysql_threads nfs_procedure nginx_requests node_octets node_stat operations
packets perf pf_counters pf_limits pf_source pf_state pg_blks pg_n_tup_c pg_scan pg_xact protocol_counter
ps_cputime ps_disk_octets ps_disk_ops ps_pagefaults redis_command_cputime serial_octets slurm_backfilled_jobs
slurm_cycle_depth slurm_cycle_duration slurm_cycles slurm_job_stats slurm_queue_length swap_io total_bytes
total_connections total_events total_objects total_operations total_requests total_sessions total_threads
total_time_in_ms total_values transitions vf_broadcast vf_bytes vf_dropped vf_multicast vf_packets virt_cpu_total
virt_vcpu vmpage_action vmpage_faults vmpage_io
"""
_COUNTERS: Final = frozenset(_LISTED.split())
_GAUGES: Final = frozenset(
    (
        ("mysql_qcache", "queries_in_cache"),
        ("mysql_threads", "cached"),
        ("mysql_threads", "connected"),
        ("mysql_threads", "running"),
    )
)
"""Values that are gauges within a type that also has counters."""

_NAMES: Final = {
    "rx tx": """ib_octets ib_packets if_dropped if_errors if_octets if_packets io_octets io_packets memcached_octets
        mysql_octets node_octets serial_octets""",
    "read write": """arc_l2_bytes disk_latency disk_merged disk_octets disk_ops disk_time io_ops ps_disk_octets
        ps_disk_ops""",
    "current target minlimit maxlimit": "arc_size",
    "current worst threshold pretty": "smart_attribute",
    "demand_data demand_metadata prefetch_data prefetch_metadata": "arc_counts",
    "hits inserts not_cached lowmem_prunes queries_in_cache": "mysql_qcache",
    "in out": "vmpage_io",
    "io_time weighted_io_time": "disk_io_time",
    "minflt majflt": "ps_pagefaults vmpage_faults",
    "processes threads": "ps_count",
    "queries responses": "dns_octets",
    "running connected cached created": "mysql_threads",
    "seconds": "duration",
    "shortterm midterm longterm": "load",
    "state reason": "domain_state",
    "uncompressed compressed": "compression",
    "used free": "df",
    "user syst": "ps_cputime",
    "value threshold": "voltage_threshold",
    "vf_rx vf_tx": "vf_bytes vf_dropped vf_packets",
    "vf_value": "vf_broadcast vf_link_info vf_multicast",
}
VALUES: Final = {each: tuple(names.split()) for names, types in _NAMES.items() for each in types.split()}
"""The names of a type's values, in order."""


def kind_of(type_: str, value: str) -> MetricKind:
    """What a value of a type is, as it is before collectd makes a rate of it."""
    if type_ == "absolute":  # its source starts again at zero each time it is read
        return "delta"
    return "counter" if type_ in _COUNTERS and (type_, value) not in _GAUGES else "gauge"
