"""Where a log line comes from, as labels: what shippers know of hosts, pods and services, under our names.

`service`, `namespace`, `pod`, `container`, `host`, `env`, `region`, `cluster`. `Placed` has the names under which any
of them may stand at the top of an event: of the Elastic Common Schema, of OpenTelemetry, of Fluent Bit, Fluentd and
Vector; what a shipper has beside these is in its own decoder. A dotted name (`host.name`) is the same as a nested one
(`undotted`).

These parts of a message are the same for all lines of a container, so labels are found again by the bytes that they
were made from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Raw, Struct, field

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import program_of
from floodmark.decode.native import JsonDecoder
from floodmark.signals import Signal

E = TypeVar("E")

_KNOWN: Final = 2048
"""Entries of each of the memo's two generations."""
_LONGEST: Final = 8192
"""Bytes of the parts beyond which an entry is not kept."""
_SERVICE_LABELS: Final = ("app.kubernetes.io/name", "app", "k8s-app", "app_kubernetes_io/name")
_WORKLOADS: Final = ("deployment", "statefulset", "daemonset", "cronjob", "job")
_DOTTED: Final = re.compile(rb'\.[\w@-]++"\s*+:')
"""The end of a name with a dot in it. A label of Kubernetes has a slash there, mostly."""
_KEPT_WHOLE: Final = frozenset({"labels", "annotations", "pod_labels", "pod_annotations", "namespace_labels", "fields"})
"""Objects whose names are somebody's own."""
_DEEPEST: Final = 32

NOTHING: Final = cast("Raw", b"")
"""A part that the message does not have. (Plain bytes, which are joined faster.)"""


class Placed(Struct, gc=False):
    """The parts of an event that say where it is from, undecoded; see `PARTS`."""

    service: Raw = NOTHING
    service_name: Raw = NOTHING
    kubernetes: Raw = NOTHING
    k8s: Raw = NOTHING
    container: Raw = NOTHING
    container_name: Raw = NOTHING
    host: Raw = NOTHING
    hostname: Raw = NOTHING
    deployment: Raw = NOTHING
    cloud: Raw = NOTHING
    orchestrator: Raw = NOTHING
    cluster: Raw = NOTHING
    env: Raw = NOTHING
    environment: Raw = NOTHING
    namespace: Raw = NOTHING
    pod: Raw = NOTHING
    resource: Raw = NOTHING
    labels: Raw = NOTHING
    fields: Raw = NOTHING
    process: Raw = NOTHING
    appname: Raw = NOTHING
    ident: Raw = NOTHING
    identifier: Raw = field(name="SYSLOG_IDENTIFIER", default=NOTHING)
    small_identifier: Raw = field(name="syslog_identifier", default=NOTHING)
    journal_container: Raw = field(name="CONTAINER_NAME", default=NOTHING)
    unit: Raw = field(name="_SYSTEMD_UNIT", default=NOTHING)
    stripped_unit: Raw = field(name="SYSTEMD_UNIT", default=NOTHING)
    command: Raw = field(name="_COMM", default=NOTHING)
    journal_host: Raw = field(name="_HOSTNAME", default=NOTHING)
    stripped_host: Raw = field(name="HOSTNAME", default=NOTHING)


PARTS: Final = len(Placed.__struct_fields__)
"""The fields of a kind of `Placed` that are parts: the first."""


_NAMES: Final = Placed.__struct_encode_fields__


def placed(parts: list[Any], said: str, program: str, host: str) -> dict[str, Any]:
    """Labels of the parts of `Placed`. `said`: the service that the line itself names; `program` and `host`: those of a
    device that has written the line, and before all others."""
    service, named, kubernetes, k8s, container, called, node, hostname, deployment, cloud, orchestrator = parts[:11]
    cluster, env, environment, namespace, pod, resource = parts[11:17]
    process, appname, ident, identifier, small, journals, unit, other_unit, command, journal_host, other_host = parts[
        19:
    ]
    if isinstance(resource, dict):  # OpenTelemetry's attributes, flat or under `attributes`
        under = unfolded(resource.get("attributes") if isinstance(resource.get("attributes"), dict) else resource)
        service, kubernetes = service or under.get("service"), kubernetes or under.get("kubernetes")
        k8s, node = k8s or under.get("k8s"), node or under.get("host")
        deployment, cloud = deployment or under.get("deployment"), cloud or under.get("cloud")
    if isinstance(kubernetes, dict):
        k8s = {**kubernetes, **k8s} if isinstance(k8s, dict) else kubernetes
    inside = (
        _text(child(k8s, "container_name"))
        or _text(child(k8s, "container", "name"))
        or _text(child(container, "name"))
        or _text(container)
        or _text(called)
        or _text(journals)
    ).lstrip("/")
    workload = next((name for each in _WORKLOADS if (name := _text(child(k8s, each, "name")))), "")
    return {
        "service": program
        or _text(child(service, "name"))
        or _text(service)
        or said
        or _text(named)
        or _text(appname)
        or service_of(child(k8s, "labels") or child(k8s, "pod_labels"), "")
        or workload
        or inside
        or program_of(_text(ident))
        or _text(identifier)
        or _text(small)
        or (_text(unit) or _text(other_unit)).removesuffix(".service")
        or _text(command)
        or _text(child(process, "program")),
        "namespace": _text(child(k8s, "namespace_name"))
        or _text(child(k8s, "pod_namespace"))
        or _text(child(k8s, "namespace", "name"))
        or _text(child(k8s, "namespace"))
        or _text(namespace),
        "pod": _text(child(k8s, "pod_name")) or _text(child(k8s, "pod", "name")) or _text(pod),
        "container": inside,
        "host": host
        or _text(child(k8s, "host"))
        or _text(child(k8s, "pod_node_name"))
        or _text(child(k8s, "node", "name"))
        or _text(child(k8s, "node_name"))
        or _text(child(node, "name"))
        or _text(child(node, "hostname"))
        or _text(hostname)
        or _text(node)
        or _text(journal_host)
        or _text(other_host),
        "env": _text(child(service, "environment"))
        or _text(child(deployment, "environment", "name"))
        or _text(child(deployment, "environment"))
        or _text(env)
        or _text(environment),
        "region": child(cloud, "region"),
        "cluster": _text(child(orchestrator, "cluster", "name"))
        or _text(child(k8s, "cluster", "name"))
        or _text(child(k8s, "cluster_name"))
        or _text(cluster),
    }


def labels_by_name(fields: Mapping[str, Any], said: str = "") -> dict[str, Any]:
    """The same of an object whose fields, nested, dotted or joined by `_`, are named as the parts of `Placed`."""
    under = unfolded(dict(fields))
    pod = {name.removeprefix("kubernetes_"): each for name, each in under.items() if name.startswith("kubernetes_")}
    pod |= {name.removeprefix("k8s_"): each for name, each in under.items() if name.startswith("k8s_")}
    if pod and not isinstance(under.get("k8s"), dict):
        under["k8s"] = pod
    made = placed([under.get(name) for name in _NAMES], said, "", "")
    return {name: value for name, value in made.items() if _is_label(value)}


class Places:
    """A memo of labels. Bounded, and no state: what it has forgotten is made again, and is the same."""

    def __init__(self, admission: Admission, make: Callable[[list[Any], str, str, str], Mapping[str, Any]]) -> None:
        """`make` is given the parsed parts (None for one that is missing) and three texts, and gives labels."""
        self._admission = admission
        self._make = make
        self._known: dict[_Key, dict[str, str]] = {}
        self._older: dict[_Key, dict[str, str]] = {}

    def of(self, parts: tuple[Raw, ...], said: str = "", program: str = "", host: str = "") -> dict[str, str]:
        """The labels that these make, the same dict for the same bytes. Raises EventError."""
        bare = b"\0".join(parts)  # JSON has no such byte, so the parts can be told apart again
        key: _Key = (bare, said, program, host) if said or program or host else bare
        return self._known.get(key) or self._made(key)

    def _made(self, key: _Key) -> dict[str, str]:
        found = self._older.get(key)
        bare, *texts = (key, "", "", "") if isinstance(key, bytes) else key
        if found is None:
            try:
                parsed = [msgspec.json.decode(part) if part else None for part in bare.split(b"\0")]
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
                raise EventError("not_json", f"a part of the event cannot be read: {error}") from None
            made = self._make([unfolded(each) for each in parsed], *texts)
            found = self._admission.labels({name: value for name, value in made.items() if _is_label(value)}, "labels")
        if len(bare) + sum(map(len, texts)) <= _LONGEST:
            if len(self._known) >= _KNOWN:
                self._older, self._known = self._known, {}
            self._known[key] = found
        return found


_Key = bytes | tuple[bytes, str, str, str]


class PlacedDecoder(JsonDecoder[E], Generic[E]):
    """A decoder of JSON whose events may have dotted names where others have objects."""

    def __init__(
        self, event: type[E], admit: Callable[[E, float], Signal], admission: Admission, limits: Limits
    ) -> None:
        super().__init__(event, admit, admission, limits, raw=True)
        self._one = _Undotting(self._one)  # type: ignore[assignment]  # they have `decode` alone in common
        self._many = _Undotting(self._many)  # type: ignore[assignment]


class _Undotting(Generic[E]):
    """Decodes what is left when dotted names are taken apart."""

    def __init__(self, decoder: msgspec.json.Decoder[E]) -> None:
        self._decode = decoder.decode

    def decode(self, value: bytes) -> E:
        return self._decode(value if _DOTTED.search(value) is None else undotted(value))


def undotted(value: bytes) -> bytes:
    """JSON in which dotted names are nested ones: `{"host.name": "n1"}` is `{"host": {"name": "n1"}}`.

    Raises msgspec.DecodeError. A name stays as it is where the place is taken by something else (`log` is a text), and
    among labels, whose names are somebody's own.
    """
    parsed = msgspec.json.decode(value)
    return msgspec.json.encode([unfolded(each) for each in parsed] if isinstance(parsed, list) else unfolded(parsed))


def unfolded(value: Any, depth: int = 0) -> Any:
    """The same of parsed JSON."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    made: dict[str, Any] = {}
    dotted: list[tuple[str, Any]] = []
    for name, each in value.items():
        if "." in name.strip("."):
            dotted.append((name, each))
        else:
            whole = name in _KEPT_WHOLE
            made[name] = (dict(each) if isinstance(each, dict) else each) if whole else unfolded(each, depth + 1)
    for name, each in dotted:
        _put(made, name, unfolded(each, depth + 1))
    return made


def _put(made: dict[str, Any], name: str, value: Any) -> None:
    """Put a value where its dotted name says; under the name itself if that place is taken."""
    steps = name.split(".", _DEEPEST)
    for i, step in enumerate(steps[:-1]):
        if step in _KEPT_WHOLE:
            steps = [*steps[: i + 1], ".".join(steps[i + 1 :])]
            break
    at: Any = made
    for step in steps[:-1]:
        at = at.get(step, _ABSENT) if isinstance(at, dict) else None
        if at is _ABSENT:
            break
    free = at is _ABSENT or (isinstance(at, dict) and steps[-1] not in at)
    merged = isinstance(at, dict) and isinstance(at.get(steps[-1]), dict) and isinstance(value, dict)
    if not free and not merged:
        made[name] = value
        return
    at = made
    for step in steps[:-1]:
        at = at.setdefault(step, {})
    if free:
        at[steps[-1]] = value
    else:
        inner = at[steps[-1]]
        twice = {key: each for key, each in value.items() if key in inner}
        at[steps[-1]] = {**value, **inner}
        if twice:
            made[name] = twice


_ABSENT: Final = object()


def text_of(value: object) -> str:
    """A text; empty if it is anything else."""
    return value if isinstance(value, str) else ""


def _text(value: object) -> str:
    """A name as text, if somebody has written it as a number as well; empty if it is no name, or stands for none."""
    if isinstance(value, str):
        return "" if value == "-" else value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def child(value: object, *names: str) -> Any:
    """What lies under names in parsed JSON; None if it does not."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def scalars(value: object) -> dict[str, Any]:
    """The plain facts of an object, which somebody has put there to be labels."""
    return {name: each for name, each in value.items() if _is_label(each)} if isinstance(value, dict) else {}


def service_of(pod_labels: object, container: object) -> Any:
    """The service that a pod belongs to: Kubernetes' recommended label, the customary ones, or the container's name."""
    named = (child(pod_labels, name) for name in _SERVICE_LABELS)
    return next((name for name in named if name and isinstance(name, str)), container)


def _is_label(value: object) -> bool:
    return value is not None and value != "" and isinstance(value, str | int | float | bool)
