"""Which numbers are counters, of producers that know and do not say so: Telegraf's inputs, Metricbeat's metricsets and
SNMP's MIBs, by name.

What is not listed is left open ("untyped"): its own values will tell. A wrong entry costs more than a missing one.
Sources: the fields of Telegraf 1.30's input plugins and of Metricbeat 8's modules as their documentation has them, and
the objects of type Counter32 and Counter64 of the MIBs that network devices and hosts have in common.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import Final

from floodmark.signals import MetricKind

_SUFFIXES: Final = ("_total", "_count", "_bucket", "_sum")
"""Prometheus's."""
_SUMS: Final = ("_total", "_bucket", "_sum")

_TELEGRAF: Final = """
apache: TotalAccesses TotalkBytes TotalDuration CPUUser CPUSystem CPUChildrenUser CPUChildrenSystem
bond*: failures
ceph*: *_ops *_errors op_* read_bytes write_bytes
cgroup: cpuacct.usage* blkio.io_serviced* blkio.io_service_bytes* *.nr_throttled *.throttled_time *.nr_periods *failcnt
chrony: -
conntrack: searched found new invalid ignore delete* insert* drop early_drop icmp_error expect_* search_restart
couchbase*: -
cpu: time_*
disk: -
diskio: reads writes read_bytes write_bytes read_time write_time io_time weighted_io_time merged_reads merged_writes
docker_container_cpu: usage_total usage_in_usermode usage_in_kernelmode usage_system throttling_*
docker_container_net: rx_* tx_*
docker_container_blkio: io_* sectors_*
docker_container_mem: pgfault pgmajfault pgpgin pgpgout total_pg* fail_count
docker*: -
dovecot: num_logins num_cmds auth_* disk_input disk_output invol_cs vol_cs mail_* maj_faults min_faults read_bytes
  read_count write_bytes write_count sys_cpu user_cpu clock_time
elasticsearch_indices*: *_total *_time_in_millis
elasticsearch_jvm: gc_collectors_*
elasticsearch_transport: rx_* tx_*
elasticsearch_http: total_opened
elasticsearch_thread_pool: *_completed *_rejected
elasticsearch_fs: io_stats_*
elasticsearch_process: cpu_total*
elasticsearch_breakers: *_tripped
elasticsearch*: -
ethtool: *packets *bytes *errors *dropped *_drops *_cnt *collisions *discards *pause* *timeouts
haproxy: stot bin bout dreq dresp ereq econ eresp wretr wredis chkfail chkdown downtime lbtot cli_abort srv_abort
  comp_in comp_out comp_byp comp_rsp conn_tot req_tot intercepted http_response.* cache_hits cache_lookups connect reuse
  dcon dses
interrupts soft_interrupts: CPU* cpu* total count
influxdb_*: *Req *Reqs *Bytes writeReq pointReq queryReq subWrite*
internal_*: *_written *_gathered *_errors *_dropped *_filtered *_rejected errors gather_errors bytes_*
iptables: pkts bytes
ipvs*: connections pkts_in pkts_out bytes_in bytes_out
java_garbage_collector: CollectionCount CollectionTime
java_class_loading: TotalLoadedClassCount UnloadedClassCount
jolokia* kafka*: Count *.Count CollectionCount CollectionTime
kernel: interrupts context_switches processes_forked disk_pages_in disk_pages_out psi_*total
kernel_vmstat: pg* pswp* numa_* thp_* compact_* allocstall* slabs_scanned kswapd_* drop_* unevictable_pgs_* workingset_*
  htlb_* balloon_*
kubernetes_daemon_set kubernetes_deployment kubernetes_node kubernetes_pod_volume: *core_nanoseconds network_?x_*
  *page_faults
kubernetes_system_container kubernetes_pod_container: cpu_usage_core_nanoseconds *page_faults restarts_total
kubernetes_pod_network: rx_* tx_*
kubernetes*: -
mem memory: -
memcached: get_* cmd_* *_hits *_misses *_badval bytes_read bytes_written total_* evictions reclaimed conn_yields
  listen_disabled_num rejected_connections auth_* expired_unfetched evicted_* crawler_* lrutail_reflocked touch_*
mongodb*: commands deletes getmores inserts queries updates flushes_total_time_ns net_*_bytes_count document_*
  operation_* ttl_* assert_* cursor_timed_out_count connections_total_created latency_* *_failed *_total
  wtcache_pages_* wtcache_bytes_read* wtcache_bytes_written* page_faults storage_freelist_search_* repl_apply_*
  repl_network_* repl_*_per_sec_total
mysql: aborted_* access_denied_errors binlog_cache_* binlog_stmt_* bytes_* com_* commands_* connection_errors_*
  connections created_* delayed_errors delayed_writes flush_commands handler_* handlers_* innodb_buffer_pool_read*
  innodb_buffer_pool_write_requests innodb_buffer_pool_wait_free innodb_buffer_pool_pages_flushed innodb_data_reads
  innodb_data_writes innodb_data_read innodb_data_written innodb_data_fsyncs innodb_dblwr_* innodb_log_*
  innodb_os_log_written innodb_os_log_fsyncs innodb_pages_created innodb_pages_read innodb_pages_written
  innodb_row_lock_time innodb_row_lock_waits innodb_rows_* key_read* key_write* opened_* qcache_hits qcache_inserts
  qcache_not_cached qcache_lowmem_prunes queries questions select_* slow_launch_threads slow_queries sort_*
  table_locks_* table_open_cache_hits table_open_cache_misses table_open_cache_overflows threads_created
  ssl_accepts ssl_*_accepts
mysql*: -
net: bytes_* packets_* err_* drop_* icmp*_* udp*_* tcp_*opens tcp_*segs tcp_attemptfails tcp_estabresets tcp_inerrs
  tcp_outrsts tcp_incsumerrors ip_in* ip_out* ip_frag* ip_reasm* ip_forwdatagrams
net_response http_response ping dns_query: -
netstat: -
nfsclient nfs*: ops trans timeouts bytes* reads writes *_count
nginx: accepts handled requests
nginx_plus*: accepted *_accepted dropped *_dropped total *_total requests responses_* received sent discarded
  handshakes* session_reuses fails unavail processing_total healthchecks_* *_errors
nstat: *
ntpq: -
pgbouncer: total_*
pgbouncer*: -
phpfpm: accepted_conn max_children_reached slow_requests
postfix*: -
postgresql*: xact_* blks_* blk_* tup_* conflicts temp_files temp_bytes deadlocks buffers_* checkpoints_* checkpoint_*
  maxwritten_clean sessions sessions_* session_time active_time idle_in_transaction_time checksum_failures
processes: -
procstat: cpu_time cpu_time_* read_bytes write_bytes read_count write_count disk_read_bytes disk_write_bytes
  *_context_switches minor_faults major_faults child_minor_faults child_major_faults
rabbitmq*: messages_ack* messages_deliver* messages_publish* messages_redeliver* messages_return* messages_drop* gc_num
  gc_bytes_reclaimed io_* mnesia_*_tx_count context_switches reductions
redis: total_commands_processed total_connections_received total_net_* total_reads_processed total_writes_processed
  total_error_replies total_forks total_eviction_exceeded_time total_active_defrag_time keyspace_* expired_* evicted_*
  rejected_connections sync_* used_cpu_* expire_cycle_cpu_milliseconds active_defrag_hits active_defrag_misses
  active_defrag_key_* lazyfreed_objects *_repl_offset io_threaded_* unexpected_error_replies rdb_saves acl_access_*
  client_*_disconnections reply_buffer_*
redis_cmdstat: calls usec rejected_calls failed_calls
redis_errorstat: total
redis*: -
sensors temp: -
sqlserver_database_io: reads writes read_bytes write_bytes read_latency_ms write_latency_ms rg_*
sqlserver_waitstats: wait_time_ms max_wait_time_ms resource_wait_ms signal_wait_time_ms waiting_tasks_count
swap: in out
system: -
systemd_units: restarts
tomcat_connector: bytes_* request_count error_count processing_time
unbound*: total_num_* num_* *_num_* unwanted_*
uwsgi*: requests exceptions accepts *_requests tx harakiri_count signals
varnish: *client_req *cache_hit *cache_miss *backend_conn *backend_fail *sess_conn *sess_drop* *fetch_*
vsphere*: -
win_*: -
wireless: -
zfs: arcstats_*hits arcstats_*misses arcstats_*deleted arcstats_evict_* *reads *writes *nread *nwritten
zookeeper: packets_received packets_sent
"""
"""Of each measurement, the fields that are counters, as globs; the first line that fits has it. `-`: none of them."""

_METRICBEAT: Final = """
*.network.in.* *.network.out.* *.diskio.read.* *.diskio.write.* *.diskio.io.* *.rx.* *.tx.*
system.network_summary.*.in* system.network_summary.*.out* system.*.ticks system.memory.page_stats.*.pages
system.memory.swap.in.pages system.memory.swap.out.pages system.process.cgroup.cpuacct.*.ns
system.process.cgroup.blkio.total.* system.process.cgroup.cpu.stats.throttled.* windows.*.ticks
docker.network.inbound.* docker.network.outbound.* docker.diskio.*.ops docker.diskio.*.bytes
docker.diskio.*.service_time docker.diskio.*.wait_time docker.diskio.*.queued_total docker.cpu.*.ticks
docker.memory.fail.count
kubernetes.*.usage.core.ns kubernetes.*.network.rx.* kubernetes.*.network.tx.* kubernetes.*pagefaults
kubernetes.container.status.restarts kubernetes.*.count.total kubernetes.*.request.count
kubernetes.*cpu.cfs.*
mysql.status.aborted.* mysql.status.bytes.* mysql.status.command.* mysql.status.connections
mysql.status.connection.errors.* mysql.status.created.* mysql.status.delayed.writes mysql.status.delayed.errors
mysql.status.flush_commands mysql.status.handler.* mysql.status.innodb.buffer_pool.read.*
mysql.status.innodb.buffer_pool.write_requests mysql.status.innodb.buffer_pool.pool.wait_free
mysql.status.innodb.buffer_pool.pages.flushed mysql.status.innodb.rows.* mysql.status.opened_tables
mysql.status.queries mysql.status.questions mysql.status.threads.created mysql.status.binlog.cache.*
mysql.status.cache.table.open_cache.* mysql.status.cache.ssl.hits mysql.status.cache.ssl.misses
nginx.stubstatus.accepts nginx.stubstatus.handled nginx.stubstatus.requests nginx.stubstatus.dropped
redis.info.stats.commands_processed redis.info.stats.connections.* redis.info.stats.net.*.bytes
redis.info.stats.keyspace.* redis.info.stats.keys.* redis.info.stats.sync.* redis.info.stats.active_defrag.*
redis.info.cpu.used.* redis.info.replication.*offset redis.info.commandstats.*.calls redis.info.commandstats.*.usec
postgresql.database.transactions.* postgresql.database.blocks.*.count postgresql.database.blocks.time.*
postgresql.database.rows.* postgresql.database.conflicts postgresql.database.temporary.*
postgresql.database.deadlocks postgresql.bgwriter.buffers.* postgresql.bgwriter.checkpoints.*
postgresql.statement.query.calls postgresql.statement.query.rows postgresql.statement.query.time.total.ms
haproxy.*.in.bytes haproxy.*.out.bytes haproxy.*.denied haproxy.*.errors haproxy.*.total haproxy.*.response.http.*
haproxy.*.retried haproxy.*.redispatched haproxy.*.check.failed haproxy.*.check.down haproxy.*.downtime
haproxy.*.aborts.*
mongodb.status.ops.counters.* mongodb.status.ops.replicated.* mongodb.status.ops.latencies.*.latency
mongodb.status.ops.latencies.*.count mongodb.status.network.* mongodb.status.connections.total_created
mongodb.status.asserts.* mongodb.status.extra_info.page_faults mongodb.status.wired_tiger.log.*
mongodb.metrics.commands.* mongodb.metrics.document.* mongodb.metrics.cursor.timed_out mongodb.metrics.ttl.*
mongodb.metrics.operation.* mongodb.metrics.replication.*.ops mongodb.metrics.replication.*.bytes
apache.status.total_accesses apache.status.total_bytes apache.status.total_kbytes apache.status.cpu.user
apache.status.cpu.system apache.status.cpu.children_user apache.status.cpu.children_system
rabbitmq.connection.octet_count.* rabbitmq.connection.packet_count.* rabbitmq.exchange.messages.*.count
rabbitmq.node.io.* rabbitmq.node.gc.* rabbitmq.node.mnesia.*.count rabbitmq.node.queue.index.*.count
rabbitmq.node.msg.store_*.count
memcached.stats.cmd.* memcached.stats.get.* memcached.stats.read.bytes memcached.stats.written.bytes
memcached.stats.evictions memcached.stats.connections.total memcached.stats.items.total
kafka.partition.offset.* kafka.consumergroup.offset kafka.broker.*.count
zookeeper.mntr.packets.*
elasticsearch.*.total.count elasticsearch.*.time.ms elasticsearch.*.collectors.*.collection.*
elasticsearch.index.*.total elasticsearch.node.stats.fs.io_stats.* elasticsearch.node.stats.thread_pool.*.rejected.count
logstash.node.stats.events.* beat.stats.libbeat.output.events.* beat.stats.libbeat.pipeline.events.*
php_fpm.pool.connections.accepted php_fpm.pool.slow_requests traefik.health.response.* uwsgi.status.total.*
uwsgi.status.worker.requests uwsgi.status.worker.tx couchdb.*.value etcd.*.count etcd.network.*
*.ticks *.counter *_total
"""
"""Paths of documents that are counters, as globs (`*` also stands for dots)."""
_METRICBEAT_NOT: Final = """
docker.network.in.* docker.network.out.* docker.diskio.*.rate docker.diskio.reads docker.diskio.writes
docker.diskio.total aws.* gcp.* azure.* *_per_sec *.rate
mongodb.metrics.document.size* haproxy.*.rate.* haproxy.*.weight.* mongodb.metrics.replication.buffer.*
"""

_MIBS: Final = """
if(HC)?(In|Out)(Octets|Pkts|UcastPkts|NUcastPkts|MulticastPkts|BroadcastPkts|Discards|Errors|UnknownProtos)
ip(SystemStats|IfStats)?(HC)?(In|Out|Forw|Frag|Reasm)(?!.*(Len|Timeout))\\w*
icmp(In|Out)\\w+ tcp(Active|Passive)Opens tcpAttemptFails tcpEstabResets tcp(HC)?(In|Out)Segs tcpRetransSegs
tcpInErrs tcpOutRsts udp(HC)?(In|Out)(Datagrams|Errors) udpNoPorts snmp(In|Out)\\w+
dot1dTpPort(In|Out)Frames dot1dTpPortInDiscards dot3(HC)?(Stats|In|Out)\\w*(Errors|Collisions|Frames|Transmissions)
dot3StatsFrameTooLongs etherStats\\w+(Pkts|Octets|Events|Errors|Collisions|Fragments|Jabbers)\\w*
ssCpuRaw\\w+ ssIORaw\\w+ ssRaw(Interrupts|Contexts|Swap\\w+) diskIO(Reads|Writes|NRead|NWritten|NReadX|NWrittenX)
bgpPeer(In|Out)(Updates|TotalMessages) locIf(In|Out)\\w+(Errors|Pkts|Octets|Drops)
c?ifOut(Drops|Queue)Drops cpqNic\\w+(Errors|Octets) jnxFW\\w*(Packet|Byte)Count
hrSWRunPerfCPU cbQos\\w+(Pkt|Byte|Pkt64|Byte64)
fcIfC3(In|Out)\\w+ bsnAPIf\\w+Counter
"""
_MIB: Final = re.compile(rf"(?:.*[^A-Za-z0-9])?(?:{'|'.join(_MIBS.split())})(?:\.\d+)*")


def _globs(text: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in text.split()))


_NONE: Final = re.compile("(?!)")


def _lines(text: str) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    joined = text.strip().replace("\n  ", " ")
    pairs = (line.partition(": ") for line in joined.split("\n"))
    return [(_globs(names), _NONE if fields == "-" else _globs(fields)) for names, _, fields in pairs]


_MEASUREMENTS: Final = _lines(_TELEGRAF)
_NSTAT_LEVELS: Final = re.compile(r".*(?:CurrEstab|MaxConn|Rto(?:Min|Max|Algorithm)|DefaultTTL|Forwarding)")
_PATHS: Final = _globs(_METRICBEAT)
_NOT_PATHS: Final = _globs(_METRICBEAT_NOT)


def by_name(name: str) -> MetricKind:
    """By Prometheus's suffixes and by the names that MIBs have, where nothing else tells."""
    return "counter" if name.endswith(_SUFFIXES) or _MIB.fullmatch(name) else "untyped"


@lru_cache(maxsize=65_536)
def telegraf(measurement: str, field: str) -> MetricKind:
    """Of a field of Telegraf. Its Prometheus input calls fields `counter` and `gauge`."""
    if field in ("counter", "gauge"):
        return "counter" if field == "counter" else "gauge"
    if _MIB.fullmatch(field):
        return "counter"
    for names, fields in _MEASUREMENTS:
        if names.match(measurement):
            if measurement == "nstat" and _NSTAT_LEVELS.fullmatch(field):
                return "untyped"
            added = fields is not _NONE and field.endswith(_SUMS)  # by somebody who writes as Prometheus does
            return "counter" if added or fields.match(field) else "untyped"
    return by_name(f"{measurement}_{field}" if measurement else field)


@lru_cache(maxsize=65_536)
def metricbeat(path: str) -> MetricKind:
    """Of a number in a document of Metricbeat."""
    return "counter" if _PATHS.match(path) and not _NOT_PATHS.match(path) else "untyped"
