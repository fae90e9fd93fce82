"""Argo Workflows: a request is a workflow of a template.

It is called `floodmark-ID`, so that the server itself refuses a second one (409).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from floodmark.config import targets
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import bearer
from floodmark.notify.targets.conversation import asked, at, posted
from floodmark.notify.targets.handed import conf

_NAME = 63
"""Characters of a name in Kubernetes (RFC 1123)."""


def sink(settings: targets.ArgoWorkflows, exchange: Exchange) -> ArgoWorkflows:
    return ArgoWorkflows(settings, exchange)


class ArgoWorkflows:
    """Submits workflows of one template."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.ArgoWorkflows, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        settings, request = self._settings, message.request
        if request is None:
            return Refused("only requests about models start workflows")
        headers = bearer(settings.token)
        if message.test:
            template = at(settings.url, "api", "v1", "workflow-templates", settings.namespace, settings.template)
            return settled(await asked(self._exchange, template, headers), memory)
        name = named(request.id)
        body = {
            "namespace": settings.namespace,
            "resourceKind": "WorkflowTemplate",
            "resourceName": settings.template,
            "submitOptions": {"name": name, "parameters": [f"{key}={value}" for key, value in conf(request).items()]},
        }
        url = at(settings.url, "api", "v1", "workflows", settings.namespace, "submit")
        answer = await posted(self._exchange, url, body, headers)
        if answer.status == 409:
            return Delivered({"workflow": name}, "it had been started before")
        return settled(answer, {"workflow": name})


def named(request: str) -> str:
    """A name that Kubernetes takes, the same for the same request."""
    plain = re.sub(r"[^a-z0-9-]+", "-", f"floodmark-{request}".lower())
    return plain[:_NAME].strip("-")
