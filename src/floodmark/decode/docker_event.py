"""Events of Docker and Podman (`change`, `log`), as `docker events --format json` and the Engine's API write them.

A container that is made of an image is a deploy, one that is restarted, dies or is killed for its memory a restart; all
that happens to containers is a log line of their service, too: that of Compose or Swarm, else the container's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, last, plain, text
from floodmark.decode.wire import ChangeEvent, LogEvent
from floodmark.signals import ChangeKind

_KINDS: Final[dict[str, ChangeKind]] = {
    "create": "deploy",
    "restart": "restart",
    "die": "restart",
    "died": "restart",
    "oom": "restart",
    "update": "config",
}
_QUIET: Final = ("exec_", "exec", "top", "attach", "detach", "resize", "archive-path", "extract-to-dir", "copy", "init")
_SERVICES: Final = ("com.docker.compose.service", "com.docker.swarm.service.name", "io.podman.compose.service", "name")
_BAD: Final = {"oom": "FATAL", "kill": "WARN", "unhealthy": "WARN"}


def read(said: Json, post: Post) -> Iterator[ChangeEvent | LogEvent]:
    """Raises EventError."""
    action = text(said, "Action", "status", "Status").lower()
    if not action:
        raise EventError("missing_field", "this is no event of Docker: it has no Action")
    kind = text(said, "Type").lower() or "container"
    about = plain(at(said, "Actor", "Attributes")) or plain(said.get("Attributes"))
    word, _, more = action.partition(":")
    if kind == "service" and word == "update":
        yield from _service(said, about, post)
    if kind != "container" or word.startswith(_QUIET):
        return
    service = text(about, *_SERVICES) or text(said, "Name")
    if not service:
        raise EventError("missing_field", "the event of a container does not name it")
    image = text(about, "image") or text(said, "Image", "from", "image")
    code = _code(about, said)
    when = post.moment(said.get("timeNano"), said.get("time"), said.get("Time"))
    container = text(said, "Actor.ID", "ID", "id")[:12]
    if word in _KINDS:
        words = {"create": f"container of {last(image)}", "oom": "out of memory"}.get(word, f"container {word}")
        yield ChangeEvent(
            timestamp=when,
            service=service,
            kind=_KINDS[word],
            summary=f"{words}, exit code {code}" if code is not None else words,
            id=f"{container}/{word}/{when}",
            status="failed" if word == "oom" or code not in (None, "0") else None,
            version=_tag(image),
            environment=text(about, "com.docker.compose.project", "com.docker.stack.namespace"),
        )
    state = f"{word}:{more}" if more else word
    grade = "ERROR" if code not in (None, "0") else next((v for k, v in _BAD.items() if k in state), "INFO")
    yield LogEvent(
        timestamp=when,
        body=f"container {state}" + (f", exit code {code}" if code is not None else ""),
        severity=grade,
        labels={"service": service, "container": text(about, "name") or text(said, "Name"), "image": image},
        attributes={"exit_code": code, "container.id": container} if code is not None else {"container.id": container},
    )


def _service(said: Json, about: dict[str, Any], post: Post) -> Iterator[ChangeEvent]:
    """Swarm updates a service: it says from what to what."""
    name, scaled = text(about, "name"), text(about, "replicas.new")
    if name:
        when = post.moment(said.get("timeNano"), said.get("time"))
        state, image = text(about, "updatestate.new"), text(about, "image.new")
        yield ChangeEvent(
            timestamp=when,
            service=name,
            kind="scale" if scaled else "deploy",
            summary=f"{scaled} replicas" if scaled else f"update {state or image}".strip(),
            id=f"{text(said, 'Actor.ID')[:12]}/{when}",
            status=state or None,
            version=_tag(image),
        )


def _code(about: dict[str, Any], said: Json) -> str | None:
    code = about.get("exitCode", about.get("containerExitCode", said.get("ContainerExitCode")))
    return str(code) if type(code) in (int, str) and code != "" else None


def _tag(image: str) -> str:
    """The tag of an image; of one without, nothing."""
    return last(image).partition("@")[0].partition(":")[2]
