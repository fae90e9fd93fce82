"""Argo CD (`change`): the body of its notifications, which its users write, or an Application as its API has it.

What is told of one synchronisation has in common when it began, so it is one change: started, then succeeded, failed,
or what it has come to where the health of the application is degraded afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, text
from floodmark.decode.wire import ChangeEvent


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    for one in _applications(said):
        name = text(one, "metadata.name")
        if name:
            yield from _application(one, name, said, post)
        else:
            yield _flat(one, post)


def _applications(said: Json) -> list[Any]:
    inner = next((said[name] for name in ("app", "application", "object") if isinstance(said.get(name), dict)), None)
    return [one for one in each(said, "items") if isinstance(one, dict)] or [inner if inner is not None else said]


def _application(one: Json, name: str, said: Json, post: Post) -> Iterator[ChangeEvent]:
    state = at(one, "status", "operationState")
    if not isinstance(state, dict):
        return  # nothing has been done to it yet
    began, phase = text(state, "startedAt"), text(state, "phase")
    revision = text(state, "syncResult.revision", "operation.sync.revision") or text(one, "status.sync.revision")
    degraded = phase == "Succeeded" and text(one, "status.health.status") in ("Degraded", "Missing")
    yield ChangeEvent(
        timestamp=post.moment(*((state.get("startedAt"),) if phase == "Running" else (state.get("finishedAt"), began))),
        service=name,
        kind="deploy",
        summary=text(state, "message") or f"synchronised to {revision[:12]}",
        id=f"{name}/{began}" if began else None,
        status="failed" if degraded else phase,
        version=_version(one) or revision[:12],
        environment=text(one, "spec.destination.namespace", "spec.destination.name"),
        url=text(said, "url", "context.argocdUrl"),
        actor=text(state, "operation.initiatedBy.username") or "Argo CD",
    )


def _version(one: Json) -> str:
    """The tag of its image, if it has one image."""
    images = [image for image in each(one, "status", "summary", "images") if isinstance(image, str)]
    return images[0].rpartition("/")[2].partition(":")[2].partition("@")[0] if len(images) == 1 else ""


def _flat(said: Json, post: Post) -> ChangeEvent:
    """Fields that a template has by the names that everybody takes."""
    name = text(said, "app", "application", "appName", "app_name", "name", "service")
    if not name:
        raise EventError("missing_field", "this is no Application of Argo CD, and names none")
    began = text(said, "startedAt", "started_at", "operation_started_at")
    phase = text(said, "phase", "operation_phase", "status", "state", "sync_status", "syncStatus")
    if text(said, "health", "health_status", "healthStatus") == "Degraded":
        phase = "failed"
    revision = text(said, "version", "revision", "sha", "commit")
    over = (said.get("finishedAt"), said.get("finished_at"), said.get("timestamp"), said.get("time"))
    return ChangeEvent(
        timestamp=post.moment(*over, began),
        service=name,
        kind="rollback" if "rollback" in text(said, "trigger", "kind").lower() else "deploy",
        summary=text(said, "summary", "message") or f"synchronised to {revision[:12]}",
        id=text(said, "id") or (f"{name}/{began}" if began else None),
        status=phase,
        version=revision[:40],
        environment=text(said, "environment", "namespace", "cluster"),
        url=text(said, "url", "link"),
        actor=text(said, "actor", "user", "initiated_by") or "Argo CD",
    )
