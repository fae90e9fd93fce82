"""Siblings: series of one kind that stand for each other, such as those of the pods of a deployment.

A pod is replaced, a job finishes, a service is scaled down: what has ended so is not silent. The kind of a series is
its name and labels without what was made up for this one instance. Names that look made up (hashes, ids, ordinals of
pods) come and go; a host that has a name of its own is missed, unless another of such a name has come in its place.

It must never decide what is told: it says who the siblings are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from floodmark.detect.series import Series, series_key


class Kind(NamedTuple):
    """`key`: equal for siblings. `fleeting`: instances come and go without a word; else one must come for one that
    goes. `ordinal`: of replicas that are numbered, of which the highest goes first. `finite`: it is made to end, as a
    job is."""

    key: str
    fleeting: bool
    ordinal: int | None = None
    finite: bool = False


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PODS: Final = _names("""
    pod pod_name podname k8s.pod.name k8s_pod_name kubernetes_pod_name kubernetes.pod_name kubernetes.pod.name
    io.kubernetes.pod.name exported_pod container_name container task task_name replica worker job_name k8s.job.name
    k8s_job_name exported_job job_id run_id execution_id alloc alloc_name
    """)
"""Labels that name an instance which is replaced by one of another name."""
_IDS: Final = _names("""
    uid pod_uid k8s.pod.uid k8s_pod_uid container_id container.id containerid alloc_id task_id task_arn pid
    process.pid process_pid k8s.replicaset.name k8s_replicaset_name replicaset k8s.replicaset.uid pod_template_hash
    pod-template-hash controller_revision_hash pod_ip k8s.pod.ip podip
    """)
"""Labels that are nothing but made up."""
_VERSIONS: Final = _names("""
    version service.version service_version app_version app.kubernetes.io/version app_kubernetes_io_version
    label_version release revision build build_id commit git_sha image image_id image_tag container.image.name
    container_image container.image.tag container_image_tag
    """)
"""Labels that change with a release."""
_HOSTS: Final = _names("""
    host hostname host.name host_name host.id instance exported_instance node nodename node_name k8s.node.name
    k8s_node_name kubernetes_node server machine computer address addr instance_id service.instance.id
    service_instance_id
    """)
"""Labels that name a machine."""
_PLACES: Final = _names("host_ip node_ip zone availability_zone cloud.availability_zone topology_zone rack")
"""Labels of where it runs: whatever takes its place may run elsewhere."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MIXED: Final = r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])"
_LONG_HEX: Final = re.compile(rf"(?<![0-9a-z]){_MIXED}[0-9a-f]{{12,}}(?![0-9a-z])", re.IGNORECASE)
_SAFE: Final = "[bcdfghjklmnpqrstvwxz2456789]"
"""Of what Kubernetes makes its suffixes: no vowels, so that they are no words."""
_OF_REPLICA_SET: Final = re.compile(rf"-(?:{_SAFE}{{8,10}}-{_SAFE}{{5}}|[0-9a-f]{{8,10}}-[a-z0-9]{{5}})$")
_OF_JOB: Final = re.compile(r"[-_.]\d{8,14}(?:-[a-z0-9]{5})?$")
_SUFFIX: Final = re.compile(rf"[-_.](?:{_SAFE}{{5}}|{_MIXED}[a-z0-9]{{4,40}}|\d{{5,40}})$")
_ORDINAL: Final = re.compile(r"[-_.](\d{1,4})$")
_DIGITS: Final = re.compile("[0-9]+")
_ANY: Final = "*"
_MOST: Final = 200
"""Siblings that are looked at, the youngest first."""


def kind(series: Series) -> Kind | None:
    """None if nothing says that it has siblings."""
    labels = series.labels
    found = {label: _ANY if label in _VERSIONS or label in _IDS else value for label, value in labels.items()}
    fleeting, finite, settled = not _IDS.isdisjoint(labels), False, False
    ordinals: list[int] = []
    for label, value in labels.items():
        if found[label] == _ANY:
            continue
        found[label], ordinal, job = _masked(value, pod=label in _PODS)
        if found[label] == value:
            continue
        fleeting, finite = True, finite or job
        if ordinal is not None:
            ordinals.append(ordinal)
        elif not job:
            # One of a daemon set is tied to its machine: its name has no more than a suffix.
            settled = settled or value.rpartition("-")[0] == found[label][:-1]
    if fleeting:
        moved = _PLACES if settled else _HOSTS | _PLACES
        found.update({label: _ANY for label in labels if label in moved and found[label] == labels[label]})
        return Kind(_key(series, found), fleeting=True, ordinal=ordinals[0] if ordinals else None, finite=finite)
    found.update({label: _DIGITS.sub("#", labels[label]) for label in labels if label in _HOSTS})
    if found == labels:
        return None
    return Kind(_key(series, found), fleeting=False)


def fleeting(series: Series) -> str | None:
    """The key of its kind, if instances of it come and go without a word."""
    found = kind(series)
    return found.key if found is not None and found.fleeting and found.ordinal is None else None


def renewed(before: Series, now: Series) -> bool:
    """Whether `now` is but another version of what `before` was."""
    return {k: v for k, v in before.labels.items() if k not in _VERSIONS} == {
        k: v for k, v in now.labels.items() if k not in _VERSIONS
    }


def _masked(value: str, *, pod: bool) -> tuple[str, int | None, bool]:
    """The value without what was made up, the ordinal if that is all of it, and whether it is one of a job."""
    bare = _LONG_HEX.sub(_ANY, _UUID.sub(_ANY, value))
    for form in (_OF_JOB, _OF_REPLICA_SET) if pod else (_OF_REPLICA_SET,):
        cut = form.sub("", bare)
        if cut != bare:
            return cut + _ANY, None, form is _OF_JOB
    if not pod:
        return bare, None, False
    cut = bare
    first = _ORDINAL.search(cut)
    while match := _ORDINAL.search(cut) or _SUFFIX.search(cut):
        cut = cut[: match.start()]
    if cut == bare:
        return bare, None, False
    alone = first is not None and bare == value and cut == value[: first.start()]
    return cut + _ANY, int(first[1]) if first is not None and alone else None, False


def _key(series: Series, labels: Mapping[str, str]) -> str:
    return f"{series.scope}/{series_key(series.name, labels)}"


class Kin:
    """The series of a task by their kind. It holds no more than they are, and is no state: it follows from them."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, None]] = {}

    def join(self, series: Series) -> None:
        found = kind(series) if series.signal == "metric" else None
        if found is not None:
            self._members.setdefault(found.key, {})[series.key] = None

    def leave(self, series: Series) -> None:
        found = kind(series) if series.signal == "metric" else None
        members = self._members.get(found.key) if found is not None else None
        if found is None or members is None:
            return
        members.pop(series.key, None)
        if not members:
            del self._members[found.key]

    def siblings(self, series: Series, of: Kind) -> Iterator[str]:
        """The keys of its siblings, the youngest first, at most `_MOST` of them."""
        left = _MOST
        for key in reversed(self._members.get(of.key, {})):
            if key != series.key:
                yield key
                left -= 1
            if not left:
                return
