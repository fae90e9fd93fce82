"""Which numbers are counters by their names: Telegraf's fields, Metricbeat's paths, SNMP's objects."""

import pytest

from floodmark.decode.counters import by_name, metricbeat, telegraf

COUNTERS = """
    net.bytes_recv net.drop_in net.tcp_retranssegs diskio.reads diskio.io_time cpu.time_user swap.in
    kernel.context_switches kernel_vmstat.pgfault procstat.cpu_time_system procstat.voluntary_context_switches
    docker_container_net.rx_bytes docker_container_cpu.usage_total redis.keyspace_hits redis.total_commands_processed
    redis_cmdstat.calls mysql.com_select mysql.questions mysql.innodb_rows_read postgresql.xact_commit
    postgresql_bgwriter.buffers_clean nginx.requests haproxy.stot haproxy.bin apache.TotalAccesses memcached.get_hits
    mongodb.net_in_bytes_count rabbitmq_queue.messages_ack interrupts.CPU0.total nstat.IpExtInOctets
    snmp.ifHCInOctets interface.ifInErrors my_switch.ifOutUcastPkts interface.ifHCInBroadcastPkts snmp.ipInReceives
    prometheus.http_requests_total http_server.counter kubernetes_pod_network.tx_bytes zookeeper.packets_sent
    """
OPEN = """
    net.tcp_currestab net.speed diskio.iops_in_progress cpu.usage_user swap.total swap.used mem.total mem.available
    disk.used disk.inodes_total system.load1 system.uptime kernel.boot_time kernel_vmstat.nr_free_pages
    procstat.memory_rss procstat.num_threads docker_container_mem.usage redis.used_memory redis.connected_clients
    redis.total_system_memory mysql.threads_running mysql.innodb_buffer_pool_pages_free postgresql.numbackends
    nginx.active haproxy.scur apache.BusyWorkers memcached.curr_items elasticsearch_indices.docs_count
    rabbitmq_queue.messages_ready nstat.TcpCurrEstab interface.ifSpeed snmp.ifOutQLen netstat.tcp_established
    processes.total exec_shop.orders
    """


@pytest.mark.parametrize("text", COUNTERS.split())
def test_telegrafs_counters(text: str) -> None:
    measurement, _, field = text.partition(".")
    assert telegraf(measurement, field.replace("CPU0.total", "CPU0")) == "counter"


@pytest.mark.parametrize("text", OPEN.split())
def test_what_of_telegraf_is_left_open(text: str) -> None:
    measurement, _, field = text.partition(".")
    assert telegraf(measurement, field) == "untyped"


def test_telegrafs_prometheus_input_says_its_gauges() -> None:
    assert telegraf("jobs_total", "gauge") == "gauge"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("system.network.in.bytes", "counter"),
        ("system.diskio.write.time", "counter"),
        ("system.cpu.user.ticks", "counter"),
        ("system.cpu.user.pct", "untyped"),
        ("system.memory.used.bytes", "untyped"),
        ("docker.network.in.bytes", "untyped"),
        ("docker.network.inbound.bytes", "counter"),
        ("docker.diskio.read.rate", "untyped"),
        ("kubernetes.pod.network.tx.bytes", "counter"),
        ("kubernetes.container.cpu.usage.core.ns", "counter"),
        ("kubernetes.container.cpu.usage.nanocores", "untyped"),
        ("mysql.status.command.insert", "counter"),
        ("mysql.status.threads.running", "untyped"),
        ("nginx.stubstatus.requests", "counter"),
        ("nginx.stubstatus.waiting", "untyped"),
        ("redis.info.stats.keyspace.misses", "counter"),
        ("redis.info.stats.instantaneous.ops_per_sec", "untyped"),
        ("postgresql.database.transactions.commit", "counter"),
        ("postgresql.database.number_of_backends", "untyped"),
        ("haproxy.stat.in.bytes", "counter"),
        ("haproxy.stat.session.rate.value", "untyped"),
        ("mongodb.status.ops.counters.insert", "counter"),
        ("apache.status.total_accesses", "counter"),
        ("memcached.stats.get.hits", "counter"),
        ("rabbitmq.queue.messages.total.count", "untyped"),
        ("prometheus.metrics.http_requests_total", "counter"),
        ("aws.ec2.network.in.bytes", "untyped"),
    ],
)
def test_metricbeats_paths(path: str, kind: str) -> None:
    assert metricbeat(path) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("http_requests_total", "counter"),
        ("ifHCInOctets", "counter"),
        ("snmp_ifOutErrors", "counter"),
        ("ifInOctets.3", "counter"),
        ("node_memory_MemFree_bytes", "untyped"),
        ("verifInOctets", "untyped"),
        ("ifOperStatus", "untyped"),
    ],
)
def test_names_alone(name: str, kind: str) -> None:
    assert by_name(name) == kind
