"""GitLab: a request is a pipeline, by a trigger token.

A trigger is not idempotent. If the project's CI file says `workflow: name: floodmark-$FLOODMARK_REQUEST` (the template
in `deploy/requests/` does) and there is a `read_token`, the pipelines of that name are asked for first.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from floodmark.config import targets
from floodmark.notify.bodies import decoded
from floodmark.notify.sink import Answer, Delivered, Event, Exchange, Message, Outcome, Refused, Request, settled
from floodmark.notify.targets.conversation import asked, at, said
from floodmark.notify.targets.handed import variables


def sink(settings: targets.GitlabPipeline, exchange: Exchange) -> GitlabPipeline:
    return GitlabPipeline(settings, exchange)


class GitlabPipeline:
    """Starts pipelines of one project."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.GitlabPipeline, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._project = at(settings.url, "api", "v4", "projects", settings.project)

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.request is None:
            return Refused("only requests about models start pipelines")
        if self._settings.read_token is not None:
            name = f"floodmark-{message.request.id}"
            query = urlencode({"name": name, "ref": self._settings.ref, "per_page": 1})
            token = {"private-token": self._settings.read_token.get_secret_value()}
            answer = await asked(self._exchange, f"{self._project}/pipelines?{query}", token)
            if answer.status != 200:
                return settled(answer)
            if (found := _first(answer)) is not None:
                return Delivered({"pipeline": found}, "it had been started before")
        if message.test:
            return Delivered(memory)
        form = {"token": self._settings.token.get_secret_value(), "ref": self._settings.ref}
        form |= {f"variables[{name}]": value for name, value in variables(message.request).items()}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        url = f"{self._project}/trigger/pipeline"
        answer = await self._exchange(Request("POST", url, headers, urlencode(form).encode()))
        return settled(answer, {"pipeline": str(said(answer).get("id", ""))})


def _first(answer: Answer) -> str | None:
    found = decoded(answer)
    return str(found[0].get("id", "")) if isinstance(found, list) and found and isinstance(found[0], dict) else None
