"""Jenkins (`change`): what its Notification plugin sends of a build, from the start to the end. Each is one change.

Of which service it is says a parameter of the build (SERVICE, APP), else the name of the job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from floodmark.decode.decoder import EventError
from floodmark.decode.phases import kind_of
from floodmark.decode.posted import Json, Post, at, last, plain, text
from floodmark.decode.wire import ChangeEvent

_OF: Final = re.compile(
    r"^(?:deploy|release|rollout|build)[-_ ]+(?:of[-_ ]+)?|[-_ ](?:deploy(?:ment)?|release|rollout)$", re.IGNORECASE
)
_BRANCHES: Final = frozenset({"main", "master", "trunk", "develop"})


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    build = at(said, "build")
    if not isinstance(build, dict):
        raise EventError("missing_field", "this is no notification of Jenkins: it has no build")
    phase = text(build, "phase").upper()
    if phase in ("QUEUED", "ENQUEUED"):
        return
    given = {name.lower(): value for name, value in plain(build.get("parameters")).items()}
    began, lasted = build.get("timestamp"), build.get("duration")
    over = phase in ("COMPLETED", "FINALIZED")
    ends = began + lasted if over and type(began) is int and type(lasted) is int and 0 <= lasted < 1e10 else began
    name = text(said, "name", "display_name")
    number = text(build, "number")
    service = text(given, "service", "service_name", "app", "application") or _OF.sub("", _job(said, name))
    yield ChangeEvent(
        timestamp=post.arrival(ends) if over and ends == began else post.moment(ends),
        service=service,
        kind=kind_of(text(given, "kind", "change_kind")) or "deploy",
        summary=text(given, "summary", "description") or f"{name} #{number}",
        id=f"{_job(said, name)}#{number}" if number else None,
        status=(text(build, "status") or "succeeded") if over else "started",
        version=text(given, "version", "tag", "image_tag", "release") or text(build, "scm.commit")[:12],
        environment=text(given, "environment", "env", "stage", "target"),
        url=text(build, "full_url"),
        actor=text(given, "user", "build_user", "actor"),
    )


def _job(said: Json, name: str) -> str:
    """The job without the branch, for a pipeline of several branches: "job/shop/job/pay/job/main/" is pay."""
    folders = [part for part in text(said, "url").split("/") if part and part != "job"]
    if len(folders) > 1 and folders[-1] in _BRANCHES:
        return folders[-2]
    return last(name) or "jenkins"
