"""What a series is called: its name as a person says it, and the labels that tell it from its sisters.

"node_filesystem_avail_bytes" of mountpoint /var is "filesystem available /var"; "cpu" of type_instance idle is
"CPU [idle]". Pure text; it must never decide anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

_OWN: Final = {
    "log_lines": "log lines",
    "log_errors": "error lines",
    "log_error_ratio": "share of error lines",
    "log_new_templates": "new kinds of log lines",
    "log_rare_templates": "rare kinds of log lines",
    "log_rare_sessions": "rare sessions",
    "log_template": "log lines of one kind",
    "log_parameter": "number in log lines",
    "log_mix": "mix of log lines",
    "log_code_errors": "lines with bad codes",
    "log_code_error_ratio": "share of bad codes",
    "log_code_mix": "mix of codes",
    "span_requests": "requests",
    "span_errors": "failed requests",
    "span_error_ratio": "failed requests",
    "span_latency_p50": "latency p50",
    "span_latency_p99": "latency p99",
    "model_accuracy": "accuracy",
    "model_precision": "precision",
    "model_recall": "recall",
    "model_f1": "F1",
    "model_auc": "AUC",
    "model_mae": "mean absolute error",
    "model_rmse": "root mean squared error",
    "model_error": "prediction error",
    "model_feature": "feature",
    "model_prediction": "mix of predictions",
    "model_predictions": "predictions",
    "model_label_delay": "label delay",
    "clock_skew_seconds": "clock",
    "entity": "many series at once",
}
"""Series that Floodmark makes itself."""
_PHRASES: Final = (
    ("df complex", "disk space"),
    ("df inodes", "inodes"),
    ("df percent", "disk space"),
    ("load shortterm", "load (1 min)"),
    ("load midterm", "load (5 min)"),
    ("load longterm", "load (15 min)"),
    ("load1", "load (1 min)"),
    ("load5", "load (5 min)"),
    ("load15", "load (15 min)"),
    ("network if", "network"),
    ("processes ps state", "processes"),
    ("HTTP server request", "HTTP request"),
    ("HTTP server requests", "HTTP requests"),
    ("HTTP server response", "HTTP response"),
    ("error ratio", "errors"),
    ("open fds", "open files"),
    ("net bytes", "network"),
)
_WORDS: Final = {
    "avail": "available",
    "mem": "memory",
    "errs": "errors",
    "err": "errors",
    "recv": "receive",
    "rx": "receive",
    "tx": "transmit",
    "conn": "connection",
    "conns": "connections",
    "reqs": "requests",
    "req": "request",
    "resp": "response",
    "util": "utilization",
    "interface": "network",
    "fs": "filesystem",
    "pct": "",
    "cpu": "CPU",
    "gpu": "GPU",
    "http": "HTTP",
    "https": "HTTPS",
    "grpc": "gRPC",
    "rpc": "RPC",
    "io": "I/O",
    "gc": "GC",
    "jvm": "JVM",
    "tcp": "TCP",
    "udp": "UDP",
    "dns": "DNS",
    "tls": "TLS",
    "oom": "OOM",
    "api": "API",
    "db": "DB",
    "ip": "IP",
    "ttl": "TTL",
    "k8s": "Kubernetes",
}
_AT_THE_END: Final = {"receive": "received", "transmit": "sent", "read": "read", "write": "written"}
_LISTED_MANY: Final = """
request response error message thread session connection order restart eviction retry timeout exception
failure query job task event
"""
_MANY: Final = frozenset(_LISTED_MANY.split())
"""What is said as many where it is counted: "request_total"."""
_NAMESPACES: Final = frozenset(("node", "system", "kube", "k8s", "container", "process", "kubelet"))
"""First words that say which exporter it was."""
_LISTED_UNITS: Final = """
total seconds milliseconds millis microseconds nanoseconds ms us ns bytes octets percent celsius
"""
_UNITS: Final = frozenset(_LISTED_UNITS.split())
_LAST: Final = frozenset(("count", "ratio", "sum", "bucket", "s", "b"))
"""Units where they stand last, and words elsewhere."""
_PART: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Za-z]\d+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]*|[A-Z]+|[^A-Za-z0-9]+")
_PACE: Final = re.compile(r"[ _.]per[ _.]?(?:s|sec|second|min|minute)$|[ _.][rq]ps$", re.IGNORECASE)

_LISTED_PLAIN: Final = """
mountpoint mount path plugin_instance device mode state type_instance direction interface route http_route
operation span handler uri url queue topic consumer_group group pool area method collection table database db
resource reason error_type exception feature filesystem disk volume persistentvolumeclaim command cmd
db_operation db_namespace status_class destination messaging_destination deployment statefulset daemonset
horizontalpodautoscaler condition severity level type kind
"""
_PLAIN: Final = tuple(_LISTED_PLAIN.split())
"""Labels whose values say by themselves what they are."""
_KEYED: Final = {
    "code": "code",
    "status": "status",
    "status_code": "code",
    "http_status": "code",
    "http_status_code": "code",
    "http_response_status_code": "code",
    "grpc_code": "code",
    "rpc_grpc_status_code": "code",
    "quantile": "quantile",
}
"""Labels whose values say what is measured, but not without the label."""
_INDEX: Final = {
    "cpu": "CPU",
    "core": "core",
    "gpu": "GPU",
    "partition": "partition",
    "shard": "shard",
    "pod": "pod",
    "k8s_pod": "pod",
    "container": "container",
    "k8s_container": "container",
    "replica": "replica",
    "instance": "instance",
    "service_instance_id": "instance",
    "host": "host",
    "node": "node",
    "broker": "broker",
    "worker": "worker",
    "thread": "thread",
    "slot": "slot",
}
"""Labels that number what is alike: what one of them says, all could say."""
_LISTED_SILENT: Final = """
template place parameter fstype le image image_id container_id uid pid version otel_scope_name
otel_scope_version telemetry_sdk_name telemetry_sdk_language telemetry_sdk_version __name__ job endpoint
prometheus metrics_path
"""
_SILENT: Final = frozenset(_LISTED_SILENT.split())
"""Labels that say nothing to a person who is woken."""
_PLACES: Final = {name: place for place, name in enumerate(_PLAIN)}
_KNOWN: Final = frozenset((*_PLAIN, *_KEYED, *_INDEX, *_SILENT))
_LABEL: Final = 24
"""Characters of a value that are told."""


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis, at most `width` characters."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def readable(name: str) -> str:
    """A series' name in words, without its namespace and its unit: "http_request_duration_seconds" → "HTTP request
    duration". At most 40 characters."""
    if name in _OWN:
        return _OWN[name]
    bare = _PACE.sub("", re.sub(r"\([^()]{1,12}\)\s*$", "", name)).strip()
    parts = [part for part in re.split(r"[\s_.:/|,;-]+", bare) if part]
    if len(parts) > 1 and parts[0] in _NAMESPACES and not all(part.lower() in _UNITS for part in parts[1:]):
        _pick(parts)
    words = [word for part in parts for word in _humps(part)]
    kept = [word for word in words if word.lower() not in _UNITS]
    while len(kept) > 1 and kept[-1].lower() in _LAST and [word.lower() for word in kept[-2:]] != ["error", "ratio"]:
        if kept[-1].lower() == "ratio" and kept[-2].lower() not in ("usage", "used", "utilization", "errors"):
            break
        kept.pop()
    if kept and len(kept) < len(words) and words[-1].lower() in ("total", "count") and kept[-1].lower() in _MANY:
        kept[-1] = f"{kept[-1][:-1]}ies" if kept[-1].endswith("y") else f"{kept[-1]}s"
    said: list[str] = []
    for word in kept or words:
        known = _WORDS.get(word.lower(), word)
        if known and (not said or said[-1] != known):
            said.append(known)
    if len(said) > 1:
        said[-1] = _AT_THE_END.get(said[-1], said[-1])
    text = f" {' '.join(said)} "
    for phrase, better in _PHRASES:
        text = text.replace(f" {phrase} ", f" {better} ")
    return cut(text.strip(), 40) or name


def _pick(parts: list[str]) -> None:
    """Drop the namespace, and with kube-state-metrics' "kube_pod_container_status_restarts_total" all before what it is
    of and the word `status`."""
    if parts.pop(0) == "kube" and "status" in parts[1:-1]:
        place = parts.index("status")
        del parts[place]
        del parts[: place - 1]


def _humps(part: str) -> list[str]:
    """ "MemAvailable" as "mem available"; what is one word in any one case stays it."""
    if not part.isascii() or part.islower() or part.isupper():
        return [part]
    found = _PART.findall(part)
    return [word if word.isupper() and len(word) > 1 and word.isalpha() else word.lower() for word in found]


class Labels:
    """The labels of a series, in the order in which a person wants them: `plain` say what it is, "/var" or "idle";
    `index` says which of those that are alike, by kind ("pod")."""

    __slots__ = ("index", "other", "plain")

    def __init__(self, labels: Mapping[str, str], entity: str, common: Collection[tuple[str, str]] = ()) -> None:
        """`common`: labels that all members of the incident share, which tell nothing apart."""
        self.plain: list[str] = []
        self.index: dict[str, str] = {}
        self.other: dict[str, str] = {}
        method = ""
        found = sorted((_PLACES.get(_normal(label), len(_PLACES)), label, value) for label, value in labels.items())
        mounted = any(label in ("mountpoint", "path") for _, label, _ in found)
        for _, label, value in found:
            name = _normal(label)
            if value in (entity, "") or name in _SILENT or (mounted and name == "device"):
                continue
            if name == "method" and value.isupper():  # of HTTP; that of an RPC is a name
                method = value
            elif name in _KEYED:
                self.plain.append(_keyed(_KEYED[name], value))
            elif name == "plugin_instance" and value.isdigit():
                self.index["no."] = value
            elif name in _PLACES:
                self.plain.append(_short(value))
            elif name in _INDEX:
                self.index[_INDEX[name]] = _short(value)
            elif (label, value) not in common:
                self.other[label] = _short(value)
        paths = [text for text in self.plain if text.startswith("/")]
        if method and paths:
            self.plain[self.plain.index(paths[0])] = f"{method} {paths[0]}"
        elif method:
            self.plain.insert(0, method)

    def apart(self) -> dict[str, str]:
        """What tells it from those that are alike, by kind."""
        return self.index | self.other

    def suffix(self, known: Collection[str] = ()) -> str:
        """As it stands behind the name: " /var", " [idle]", " [user, CPU 3]"; empty if there is nothing to say. What
        is `known` is left out."""
        words = list(self.plain)
        words += [f"{kind} {value}" if value.isdigit() else value for kind, value in self.index.items()]
        words += [f"{label}={value}" for label, value in self.other.items()]
        shown = [word for word in words if word not in known][:2]
        if not shown:
            return ""
        if len(shown) == 1 and "/" in shown[0]:
            return f" {shown[0]}"
        return f" [{', '.join(shown)}]"


@lru_cache(maxsize=4096)
def _normal(label: str) -> str:
    """The label as the tables have it: "jvm.memory.pool.name" is a `pool`, "db.client.connections.state" a `state`."""
    name = label.lower().replace(".", "_").replace("-", "_").removesuffix("_name")
    words = name.split("_")
    for i in range(len(words)):
        if (end := "_".join(words[i:])) in _KNOWN:
            return end
    return name


def _short(value: str) -> str:
    """At most 24 characters; of a path, of a dotted name and of what ends in an id the end says more."""
    if len(value) > _LABEL and re.search(r"[/.]|-[a-z0-9]{4,}$", value):
        return f"…{value[1 - _LABEL :].lstrip('/.-')}"
    return cut(value, _LABEL)


def _keyed(kind: str, value: str) -> str:
    if kind == "quantile":
        try:
            return f"p{float(value) * 100:g}"
        except ValueError:
            return cut(value, _LABEL)
    return f"{kind} {cut(value, _LABEL)}" if value.replace("x", "").isdigit() else cut(value, _LABEL)
