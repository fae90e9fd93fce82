"""Kubernetes: a playbook that takes a deployment back to the revision before, or starts its pods anew.

What `kubectl rollout undo` and `kubectl rollout restart` do: the pod template is that of an older ReplicaSet, or has
another annotation. The same patch leaves the playbook's id on the deployment, by which a repetition is known, and holds
only if nobody has changed the deployment meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Event, Exchange, Later, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import bearer
from floodmark.notify.targets.blamed import named
from floodmark.notify.targets.conversation import asked, at, posted, said

_DONE = "floodmark.dev/playbook"
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_PATCH = {"content-type": "application/json-patch+json"}


def sink(settings: targets.Kubernetes, exchange: Exchange) -> Kubernetes:
    return Kubernetes(settings, exchange)


class Kubernetes:
    """Rolls deployments of a namespace back."""

    takes: frozenset[Event] = frozenset({"playbook"})

    def __init__(self, settings: targets.Kubernetes, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._apps = at(settings.url, "apis", "apps", "v1", "namespaces", settings.namespace)
        self._headers = bearer(settings.token)

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.incident is None:
            return Refused("there is no incident, so nothing says what to roll back")
        name = named(self._settings.deployment, message.incident)
        if name is None:
            return Refused("the incident's first cause is no name that a deployment can have")
        url = at(self._apps, "deployments", name)
        answer = await asked(self._exchange, url, self._headers)
        if answer.status != 200:
            return settled(answer)
        deployment = said(answer)
        if _annotations(deployment).get(_DONE) == message.id:
            return Delivered({"deployment": name}, "it had been done before")
        if self._settings.kind == "restart":
            template = _restarted(deployment, message.id)
            note = f"the pods of {name} {'would start' if message.test else 'start'} anew"
        else:
            sets = await self._sets(deployment)
            if isinstance(sets, Answer):
                return settled(sets)
            older = _before(deployment, sets)
            if older is None:
                return Refused(f"deployment {name} has no older revision to go back to")
            going = "would go" if message.test else "goes"
            template, note = _template(older), f"{name} {going} back to revision {_annotations(older).get(_REVISION)}"
        return await self._patched(url, deployment, template, message, note)

    async def _sets(self, deployment: dict[str, Any]) -> list[dict[str, Any]] | Answer:
        """The ReplicaSets of a deployment."""
        labels = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        query = urlencode({"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))})
        answer = await asked(self._exchange, f"{self._apps}/replicasets?{query}", self._headers)
        if answer.status != 200:
            return answer
        own = (deployment.get("metadata") or {}).get("uid")
        return [
            each
            for each in said(answer).get("items", [])
            if any(owner.get("uid") == own for owner in (each.get("metadata") or {}).get("ownerReferences", []))
        ]

    async def _patched(
        self, url: str, deployment: dict[str, Any], template: dict[str, Any], message: Message, note: str
    ) -> Outcome:
        version = (deployment.get("metadata") or {}).get("resourceVersion")
        mark: dict[str, object] = {
            "op": "add",
            "path": f"/metadata/annotations/{_DONE.replace('/', '~1')}",
            "value": message.id,
        }
        if not _annotations(deployment):
            mark = {"op": "add", "path": "/metadata/annotations", "value": {_DONE: message.id}}
        body = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/template", "value": template},
            mark,
        ]
        dry = "?dryRun=All" if message.test else ""
        answer = await posted(self._exchange, url + dry, body, {**self._headers, **_PATCH}, "PATCH")
        if answer.status in (409, 422) and b"test" in answer.body:
            return Later("somebody else has just changed the deployment")
        outcome = settled(answer, {"deployment": url.rsplit("/", 1)[-1]})
        return Delivered(outcome.memory, note) if isinstance(outcome, Delivered) else outcome


def _annotations(thing: dict[str, Any]) -> dict[str, Any]:
    found = (thing.get("metadata") or {}).get("annotations")
    return found if isinstance(found, dict) else {}


def _revision(thing: dict[str, Any]) -> int:
    text = str(_annotations(thing).get(_REVISION, ""))
    return int(text) if text.isdigit() else 0


def _before(deployment: dict[str, Any], sets: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest ReplicaSet before the one that the deployment has now."""
    older = [each for each in sets if 0 < _revision(each) < _revision(deployment)]
    return max(older, key=_revision, default=None)


def _template(replica_set: dict[str, Any]) -> dict[str, Any]:
    """Its pod template, without the label that the controller has put there."""
    template: dict[str, Any] = (replica_set.get("spec") or {}).get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _restarted(deployment: dict[str, Any], id: str) -> dict[str, Any]:
    template: dict[str, Any] = (deployment.get("spec") or {}).get("template") or {}
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), _DONE: id}}}
