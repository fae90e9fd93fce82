"""GitLab's webhooks (`change`): deployments, jobs and pipelines that deploy to an environment, feature flags, releases.

A deployment is told by its own hook, by that of its job and by that of the pipeline, each several times: all of them
have the number of the job, so that they are one change. What is no change (notes, pushes, merge requests) is passed
over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, last, text
from floodmark.decode.wire import ChangeEvent

_NOT_YET: Final = frozenset({"created", "manual", "skipped", "pending", "blocked", "scheduled", "waiting_for_resource"})
"""States of what has not begun, and may never."""


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    kind = text(said, "object_kind", "event_type")
    if not kind:
        raise EventError("missing_field", "this is no webhook of GitLab: it has no object_kind")
    if kind == "deployment":
        yield from _deployment(said, post)
    elif kind in ("build", "job"):
        yield from _job(said, said, post, text(said, "build_id"), text(said, "build_status"), "build_")
    elif kind == "pipeline":
        for build in each(said, "builds"):
            yield from _job(build, said, post, text(build, "id"), text(build, "status"), "")
    elif kind == "feature_flag":
        yield from _flag(said, post)
    elif kind == "release":
        yield from _release(said, post)


def _deployment(said: Json, post: Post) -> Iterator[ChangeEvent]:
    status = text(said, "status").lower()
    if status in _NOT_YET:
        return
    job, own = text(said, "deployable_id"), text(said, "deployment_id")
    yield ChangeEvent(
        timestamp=post.moment(said.get("status_changed_at")),
        service=_service(said),
        kind="deploy",
        summary=text(said, "commit_title") or _to(text(said, "environment")),
        id=f"job-{job}" if job else f"deployment-{own}" if own else None,
        status=status,
        version=_version(said, text(said, "short_sha")),
        environment=text(said, "environment") or text(said, "environment_tier"),
        url=text(said, "deployable_url", "commit_url", "project.web_url"),
        actor=text(said, "user.username", "user.name"),
    )


def _job(job: Any, said: Json, post: Post, number: str, status: str, prefix: str) -> Iterator[ChangeEvent]:
    """A job that deploys: it has an environment, and begins something there."""
    where = at(job, "environment")
    environment = text(where, "name") if isinstance(where, dict) else text(job, "environment")
    action = text(where, "action") or "start"
    if not environment or action != "start" or status.lower() in _NOT_YET or not isinstance(job, dict):
        return
    done = status.lower() not in ("running", "canceling")
    times = (job.get(f"{prefix}finished_at"), job.get(f"{prefix}started_at"), job.get(f"{prefix}created_at"))
    web = text(said, "project.web_url", "repository.homepage")
    yield ChangeEvent(
        timestamp=post.moment(*(times if done else times[1:])),
        service=_service(said),
        kind="deploy",
        summary=_line(text(said, "commit.title", "commit.message")) or _to(environment),
        id=f"job-{number}" if number else None,
        status=status,
        version=_version(said, text(said, "sha", "object_attributes.sha", "commit.sha", "commit.id")[:8]),
        environment=environment,
        url=f"{web}/-/jobs/{number}" if web and number else web,
        actor=text(job, "user.username", "user.name") or text(said, "user.username", "user.name"),
    )


def _flag(said: Json, post: Post) -> Iterator[ChangeEvent]:
    flag = text(said, "object_attributes.name")
    once = post.headers.get("idempotency-key") or post.headers.get("x-gitlab-event-uuid")
    yield ChangeEvent(
        timestamp=post.moment(at(said, "object_attributes", "updated_at")),
        service=_service(said),
        kind="flag",
        summary=f"feature flag {flag} is {'on' if at(said, 'object_attributes', 'active') is True else 'off'}",
        id=once,
        url=text(said, "project.web_url"),
        actor=text(said, "user.username", "user.name"),
    )


def _release(said: Json, post: Post) -> Iterator[ChangeEvent]:
    if text(said, "action") not in ("create", ""):
        return
    tag = text(said, "tag")
    yield ChangeEvent(
        timestamp=post.moment(said.get("released_at"), said.get("created_at")),
        service=_service(said),
        kind="deploy",
        summary=f"release {text(said, 'name') or tag}",
        id=f"release-{text(said, 'id') or tag}",
        version=tag,
        url=text(said, "url", "project.web_url"),
        actor=text(said, "commit.author.name"),
    )


def _service(said: Json) -> str:
    path = text(said, "project.path_with_namespace") or text(said, "project.web_url")
    name = last(path) or text(said, "project.name") or text(said, "project_name").rpartition(" / ")[2]
    if not name:
        raise EventError("missing_field", "the webhook of GitLab names no project")
    return name


def _version(said: Json, sha: str) -> str:
    """The tag, if one is deployed, else the commit."""
    tag = at(said, "tag") is True or at(said, "object_attributes", "tag") is True
    return (text(said, "ref", "object_attributes.ref") if tag else "") or sha


def _to(environment: str) -> str:
    return f"to {environment}" if environment else "a deployment"


def _line(message: str) -> str:
    return message.partition("\n")[0]
