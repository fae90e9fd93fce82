"""Kubernetes' Events (`change`, `log`): as the API has them, as its watch does, and as the OpenTelemetry Collector's
receivers `k8sobjects` and `k8sevents` hand them on, in OTLP's JSON and protobuf.

Every Event is a log line of the workload that it is about. A rollout, another number of replicas and a restarted node
are changes. An Event that was told before, as watches do when they begin anew, has the same id and count, so that a
change of it is the same change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, objects, text
from floodmark.decode.wire import ChangeEvent, LogEvent
from floodmark.signals import ChangeKind

_DEEPEST: Final = 20
_SCALED: Final = re.compile(
    r"Scaled (up|down) replica ?set (\S+)(?: from (\d+))? to (\d+)(?: from (\d+))?", re.IGNORECASE
)
_SIZE: Final = re.compile(r"New size: (\d+)(?:; reason: (.*))?", re.IGNORECASE)
_POD: Final = re.compile(r"-[a-z0-9]{5}$")
_HASH: Final = re.compile(r"-[a-z0-9]{6,10}$")
_ORDINAL: Final = re.compile(r"-\d{1,4}$")
_REASONS: Final[dict[str, tuple[ChangeKind, str]]] = {
    "InstallSucceeded": ("deploy", "succeeded"),
    "InstallFailed": ("deploy", "failed"),
    "UpgradeSucceeded": ("deploy", "succeeded"),
    "UpgradeFailed": ("deploy", "failed"),
    "RollbackSucceeded": ("rollback", "succeeded"),
    "RollbackFailed": ("rollback", "failed"),
    "DeploymentRollback": ("rollback", ""),
    "RolloutUpdated": ("deploy", "started"),
    "RolloutCompleted": ("deploy", "succeeded"),
    "RolloutAborted": ("rollback", "cancelled"),
    "OperationStarted": ("deploy", "started"),
    "Rebooted": ("restart", ""),
    "NodeRebooted": ("restart", ""),
}
"""Reasons of Helm's controllers, Argo's and the node's that say that something was changed."""


def unfold(value: bytes) -> list[Any]:
    """The Events of a message, each as the API has it. Raises EventError."""
    if value.lstrip()[:1] in (b"{", b"["):
        found = objects(value.decode(errors="replace").encode())
    else:
        message = LogsData()
        try:
            message.ParseFromString(value)
            found = [MessageToDict(message)]
        except (DecodeError, ValueError, RecursionError):
            raise EventError("malformed", "the message is neither JSON nor log records of OTLP") from None
    events: list[Any] = []
    for one in found:
        if isinstance(one, dict) and "resourceLogs" in one:
            events += _of_otlp(one)
        elif isinstance(one, dict) and text(one, "kind").endswith("List"):
            events += each(one, "items")
        else:
            events.append(one)
    return events


def read(said: Json, post: Post) -> Iterator[ChangeEvent | LogEvent]:
    """Raises EventError."""
    deleted = text(said, "type") == "DELETED"
    event = said["object"] if isinstance(said.get("object"), dict) else said
    about = at(event, "involvedObject") or at(event, "regarding")
    if not isinstance(about, dict):
        if text(event, "kind") not in ("", "Event"):
            return  # k8sobjects watches other things as well
        raise EventError("missing_field", "this is no Event of Kubernetes: it is about no object")
    if deleted:
        return  # Events are forgotten after an hour
    reason, note = text(event, "reason"), text(event, "message", "note")
    when = post.moment(
        *(
            at(event, *path.split("."))
            for path in ("series.lastObservedTime", "lastTimestamp", "deprecatedLastTimestamp")
        ),
        *(at(event, *path.split(".")) for path in ("eventTime", "firstTimestamp", "metadata.creationTimestamp")),
    )
    namespace, name = text(about, "namespace") or text(event, "metadata.namespace"), text(about, "name")
    kind = text(about, "kind")
    service = _workload(kind, name)
    uid = text(event, "metadata.uid", "metadata.name")
    count = text(event, "series.count", "count", "deprecatedCount")
    if (change := _change(kind, reason, note)) is not None and service:
        what, status, words, identity, version = change
        yield ChangeEvent(
            timestamp=when,
            service=service,
            kind=what,
            summary=words,
            id=identity or (f"{uid}/{count}" if uid else None),
            status=status or None,
            version=version,
            environment=namespace,
            actor=text(event, "source.component", "reportingComponent", "reportingController"),
        )
    labels = {"service": service or "kubernetes", "namespace": namespace, kind.lower() or "object": name}
    if kind != "Node" and (node := text(event, "source.host")):
        labels["node"] = node
    yield LogEvent(
        timestamp=when,
        body=f"{reason}: {note}" if reason and note else reason or note or "event",
        severity="WARN" if text(event, "type") == "Warning" else "INFO",
        labels={label: value for label, value in labels.items() if value},
        attributes={"k8s.event.reason": reason, "k8s.event.uid": uid, "k8s.event.count": count},
    )


def _change(kind: str, reason: str, note: str) -> tuple[ChangeKind, str, str, str, str] | None:
    """What was changed: the kind, how far it is, in words, its id if that is not the Event's, and the version."""
    if reason == "ScalingReplicaSet" and (match := _SCALED.search(note)):
        way, replicas, before, to = match[1].lower(), match[2], match[3] or match[5], match[4]
        if way == "up" and (before or "0") == "0":  # the first pods of a new revision
            return "deploy", "", f"rollout of {replicas}", f"replicaset/{replicas}", _revision(replicas)
        if way == "down" and to == "0":
            return None  # the end of the revision before
        return "scale", "", f"{replicas} scaled {way} to {to}", "", ""
    if reason == "SuccessfulRescale" and (match := _SIZE.search(note)):
        return "scale", "", f"scaled to {match[1]}" + (f": {match[2]}" if match[2] else ""), "", ""
    if reason == "OperationCompleted" and kind == "Application":
        return "deploy", "failed" if "fail" in note.lower() else "succeeded", note, "", ""
    if reason in _REASONS:
        what, status = _REASONS[reason]
        return what, status, note or reason, "", ""
    return None


def _revision(replicas: str) -> str:
    match = _HASH.search(replicas)
    return match[0][1:] if match else ""


def _workload(kind: str, name: str) -> str:
    """What a pod, a ReplicaSet or a Job belongs to, by its name: pay-7d4b9c6f5-x2x9z is of pay."""
    if kind == "Pod":
        bare = _POD.sub("", name)
        return _HASH.sub("", bare) if bare != name else _ORDINAL.sub("", name)
    return _HASH.sub("", name) if kind in ("ReplicaSet", "Job") else name


def _of_otlp(message: Json) -> Iterator[Any]:
    """The Events in log records: whole in the body (k8sobjects), or in attributes (k8sevents)."""
    for group in each(message, "resourceLogs"):
        resource = _attributes(at(group, "resource", "attributes"))
        for scope in each(group, "scopeLogs"):
            for record in each(scope, "logRecords"):
                body = _value(at(record, "body"))
                if isinstance(body, dict):
                    yield body
                    continue
                own = resource | _attributes(at(record, "attributes"))
                if "k8s.event.reason" in own or "k8s.event.uid" in own:
                    yield _rebuilt(own, body, record)


def _rebuilt(own: dict[str, Any], body: Any, record: Any) -> dict[str, Any]:
    """The Event of which k8sevents has made a record."""
    nanoseconds = text(record, "timeUnixNano", "observedTimeUnixNano")
    return {
        "involvedObject": {
            "kind": own.get("k8s.object.kind"),
            "name": own.get("k8s.object.name"),
            "namespace": own.get("k8s.namespace.name"),
        },
        "reason": own.get("k8s.event.reason"),
        "message": body,
        "count": own.get("k8s.event.count"),
        "type": "Warning" if str(at(record, "severityText") or "").lower().startswith("warn") else "Normal",
        "lastTimestamp": nanoseconds if nanoseconds not in ("", "0") else own.get("k8s.event.start_time"),
        "metadata": {"uid": own.get("k8s.event.uid"), "name": own.get("k8s.event.name")},
        "source": {"host": own.get("k8s.node.name")},
    }


def _attributes(pairs: Any) -> dict[str, Any]:
    if not isinstance(pairs, list):
        return {}
    return {
        pair["key"]: _value(pair.get("value")) for pair in pairs if isinstance(pair, dict) and _is_text(pair, "key")
    }


def _is_text(owner: Json, name: str) -> bool:
    return isinstance(owner.get(name), str)


def _value(value: Any, depth: int = 0) -> Any:
    """OTLP's values as plain ones."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value if isinstance(value, str | int | float | bool) else None
    if "stringValue" in value:
        return value["stringValue"]
    if "kvlistValue" in value:
        pairs = at(value, "kvlistValue", "values")
        if not isinstance(pairs, list):
            return {}
        return {
            pair["key"]: _value(pair.get("value"), depth + 1)
            for pair in pairs
            if isinstance(pair, dict) and _is_text(pair, "key")
        }
    if "arrayValue" in value:
        return [_value(one, depth + 1) for one in each(value, "arrayValue", "values")]
    if "intValue" in value:
        number = value["intValue"]
        return int(number) if isinstance(number, str) and re.fullmatch(r"-?\d{1,19}", number) else number
    return value.get("doubleValue", value.get("boolValue"))
