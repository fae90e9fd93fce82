"""Which way a series hurts, read off its labels, its name and its unit: errors up, availability down, traffic both.

It only says what an anomaly tells (`Anomaly.worse`). It must never decide whether one opens: what is read off a name is
no more than a good guess.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, Literal

from floodmark.detect.series import Series

Worse = Literal["both", "up", "down"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


LABEL: Final = "floodmark_worse"
"""The label by which a producer says it: up, down or both."""
_SAID: Final[dict[str, Worse]] = {"up": "up", "down": "down", "both": "both"}

_EXACT: Final[dict[str, Worse]] = {
    "up": "down",  # Prometheus: whether a scrape worked
    "nginx_connections_waiting": "both",  # connections kept alive, and none that has to wait
    "nginx_waiting": "both",
    "node_time_seconds": "both",
    "cpu": "up",  # said so, they are what is used
    "mem": "up",
    "memory": "up",
    "disk": "up",
}
"""Names that their words would give another sense."""

_TROUBLE: Final = _set("""
    error errors err errs failure failures failed fail fails exception exceptions fault faults fatal panic
    panics crash crashes crashed 5xx timeout timeouts timedout reject rejects rejected rejection rejections
    refused denied drop drops dropped discard discards discarded retry retries retried retransmit retransmits
    retransmitted retransmission retransmissions retrans restart restarts restarted reboot reboots throttle
    throttled throttles throttling oom oomkilled killed evicted eviction evictions deadlock deadlocks aborted
    aborts lost loss corrupt corrupted corruption unhealthy unavailable unschedulable unreachable unassigned
    underreplicated offline saturation saturated pressure stalled stall stalls steal stolen iowait collision
    collisions overrun overruns overflow overflows violation violations invalid malformed bad shed misses missed
    deadletter dlq dlx nack nacked undelivered starved starvation backoff crashloopbackoff degraded anomalies
    alerts incidents bounced bounces chargebacks complaints churn abandoned cancelled canceled declined miss
    """)
"""What nobody wants to have more of."""
_WELL: Final = _set("""
    free avail available availability freeable unused idle remaining headroom healthy alive online uptime accuracy
    precision recall f1 auc apdex reachable insync satisfaction
    """)
_WAITS: Final = _set("""
    latency latencies duration durations elapsed delay delays delayed lag lags lagging wait waits waiting pending
    backlog behind blocked ttfb rtt ping jitter overdue pause pauses age staleness lateness rss psi
    """)
_FULL: Final = _set("used usage utilization utilisation utilized busy util occupied occupancy inuse load")
_TIMED: Final = _set("""
    response processing process execution execute query queries request requests service operation render load connect
    connection handling handler transaction read write io job task gc call lookup scrape use create dns tls roundtrip
    turnaround acquire acquisition collection commit flush sync
    """)
"""What takes time: before the word `time`."""
_QUEUES: Final = _set("queue queues queued buffer buffered inflight outstanding spool mailbox")
_LENGTHS: Final = _set("depth size length len ready messages items count unacked unacknowledged jobs tasks")
_BOUNDS: Final = _set("limit limits threshold interval config")
"""What is set, and not measured."""
_MOMENTS: Final = _set("""
    timestamp start started boot created creation modified updated last birth expiry expires expiration expire expired
    ttl until since offset deadline interval period retention schedule scheduled next time clock epoch mtime
    """)
"""Moments and settings, which are in seconds as well."""
_SECONDS: Final = _set("s ms us µs ns min h second seconds millisecond milliseconds microseconds nanoseconds")
_CPU_TIMES: Final = _set("cpu cpus core processor")
_STATES: Final = _set("""
    state status mode phase outcome result reason type code status_code http_status http_status_code response_code
    http.response.status_code rpc.grpc.status_code grpc_code grpc_status system.memory.state system.cpu.state cpu.mode
    system.filesystem.state system.paging.state db.client.connection.state jvm.thread.state level severity condition
    response.code http_response_status_code error_type rpc_grpc_status_code
    """)
"""Labels that say of what state a series counts."""
_ERROR_TYPES: Final = frozenset(("error.type", "error_type", "exception", "exception.type", "exception_type"))
_NO_ERROR: Final = frozenset(("", "none", "None", "ok", "no_error"))
_SERVER_ERROR: Final = re.compile(r"5(?:\d\d|xx)", re.IGNORECASE)
_GRPC_TROUBLE: Final = _set("internal unavailable unknown dataloss deadlineexceeded resourceexhausted aborted")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SPECIAL: Final = re.compile(r"(?<![a-z0-9])(?:5xx|f1|p\d{2,3})(?![a-z0-9])")


def harm(series: Series) -> Worse:
    """The direction in which the series is in trouble. Its maker's word first, then its label, then words and unit."""
    if series.worse != "both":
        return series.worse
    said = series.labels.get(LABEL, "")
    if said in _SAID:
        return _SAID[said]
    if series.signal == "metric":
        return _of_metric(series)
    # A number in a log line has no name, but a time is a time.
    return "up" if series.name == "log_parameter" and series.unit in _SECONDS else "both"


def words(name: str) -> list[str]:
    """The words of a name, in lower case: `jvm.gc.pauseTime_seconds` is jvm, gc, pause, time, seconds."""
    found: list[str] = []
    for part in re.split(r"[^A-Za-z0-9]+", name):
        special = _SPECIAL.fullmatch(part.lower())
        found += [part.lower()] if special else [word.lower() for word in _WORD.findall(part)]
    return found


def _of_metric(series: Series) -> Worse:
    exact = _EXACT.get(series.name)
    if exact is not None:
        return exact
    named = words(series.name)
    have, state = set(named), _state(series)
    trouble = have & _TROUBLE or {"under", "replicated"} <= have
    if state == "up" or (trouble and "budget" not in have and not _allowed(named)):
        return "up"
    if _of_traffic(named, series):
        return "both"
    if state is not None:
        return state
    if have & _QUEUES and series.kind != "rate" and have & _LENGTHS and "max" not in have:
        return "up"
    if _well(named, have):
        return "down"
    if _full(have, series) or _slow(named, have, series):
        return "up"
    return "both"


def _allowed(named: list[str]) -> bool:
    """Whether the trouble is only a setting: `max_retries`, `timeout_seconds_limit`."""
    return named[0] in ("max", "min") or named[-1] in _BOUNDS


def _of_traffic(named: list[str], series: Series) -> bool:
    """Whether it is a part of a histogram or summary that follows traffic: how many there were, or their sum."""
    return named[-1:] == ["bucket"] or (series.kind == "rate" and named[-1:] in (["count"], ["sum"]))


def _state(series: Series) -> Worse | None:
    """What the labels say of which it counts: the free memory, the requests that failed."""
    for label in sorted(series.labels):
        value = series.labels[label]
        if label in _ERROR_TYPES and value not in _NO_ERROR:
            return "up"
        if label not in _STATES and not label.endswith((".state", "_state")):
            continue
        said = set(words(value))
        if _SERVER_ERROR.fullmatch(value) or value == "429" or said & _TROUBLE or value.lower() in _GRPC_TROUBLE:
            return "up"
        if {"server", "error"} <= said:
            return "up"
        if said & {"free", "available", "idle", "avail"}:
            return "down"
        if said & {"used", "pending", "waiting", "blocked", "wait"}:
            return "up"
        if said & {"cached", "buffered", "buffers", "buffer"}:
            return "both"
    return None


def _well(named: list[str], have: set[str]) -> bool:
    """Whether it is good to have much of it."""
    if have & {"max", "min"} and "idle" in have:  # how many may be idle
        return False
    if "idle" in have and have & {"heap", "timeout", "time"} and not have & _CPU_TIMES:
        return False
    if have & _WELL and not ("age" in have or named[-1] in ("limit", "threshold")):
        return True
    share = bool(have & {"ratio", "rate", "percent", "percentage", "pct", "share"})
    if have & {"success", "successful", "succeeded", "hit", "hits", "ok", "conversion", "valid"} and share:
        return True
    if named[-1:] == ["success"]:  # a probe's
        return True
    return "ready" in have and bool(
        have & {"replicas", "pod", "pods", "node", "nodes", "status", "container", "brokers"}
    )


def _full(have: set[str], series: Series) -> bool:
    """Whether it says how much of something that ends is taken."""
    if have & _FULL or {"in", "use"} <= have:
        return True
    if have & _CPU_TIMES:
        return bool(
            have & {"time", "seconds", "percent", "percentage", "user", "system", "ratio", "total", "pct"}
        ) and (series.kind == "rate" or bool(have & {"percent", "percentage", "user", "system", "ratio", "pct"}))
    if {"working", "set"} <= have or (have & {"memory", "mem"} and have & {"resident", "rss", "inuse", "percent"}):
        return True
    opened = have & {"fd", "fds", "filefd", "descriptor", "descriptors", "files"}
    return bool(opened and have & {"open", "opened", "allocated"} and not have & {"max", "limit"})


def _slow(named: list[str], have: set[str], series: Series) -> bool:
    """Whether it is a time that somebody waits for."""
    if have & _WAITS and not have & _BOUNDS:
        return True
    pairs = set(pairwise(named))
    if any((word, "time") in pairs for word in _TIMED):
        return True
    timed = series.unit in _SECONDS or bool(have & {"seconds", "milliseconds", "ms", "microseconds", "nanoseconds"})
    return timed and series.kind != "rate" and not have & _MOMENTS
