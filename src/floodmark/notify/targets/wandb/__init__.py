"""Weights & Biases: a request is an alias of the model's version, on which an automation starts what trains.

By its GraphQL API. An alias that is there already stays there, so that a repetition changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Event, Exchange, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import basic
from floodmark.notify.targets.conversation import at, posted, said

_FIND = (
    "query Found($entity: String!, $project: String!, $name: String!) { project(entityName: $entity, name: $project) \
{ artifact(name: $name) { id } } }"
)
_ADD = "mutation Asked($id: ID!, $collection: String!, $alias: String!) { addAliases(input: {artifactID: $id, \
aliases: [{artifactCollectionName: $collection, alias: $alias}]}) { success } }"


def sink(settings: targets.Wandb, exchange: Exchange) -> Wandb:
    return Wandb(settings, exchange)


class Wandb:
    """Gives a version of a model the alias that asks for it to be trained again."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.Wandb, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        request, settings = message.request, self._settings
        if request is None:
            return Refused("only requests are of a model")
        name = f"{request.model}:{request.version or 'latest'}"
        where = {"entity": settings.entity, "project": settings.project, "name": name}
        answer = await self._ask(_FIND, where)
        if (wrong := _wrong(answer)) is not None:
            return wrong
        artifact = ((said(answer).get("data") or {}).get("project") or {}).get("artifact") or {}
        if not artifact.get("id"):
            return Refused(f"there is no artifact {name} in {settings.entity}/{settings.project}")
        if message.test:
            return Delivered(memory)
        added = {"id": artifact["id"], "collection": request.model, "alias": settings.alias}
        answer = await self._ask(_ADD, added)
        return _wrong(answer) or Delivered({"artifact": str(artifact["id"])})

    async def _ask(self, query: str, variables: dict[str, Any]) -> Answer:
        url = at(self._settings.url, "graphql")
        return await posted(
            self._exchange, url, {"query": query, "variables": variables}, basic("api", self._settings.api_key)
        )


def _wrong(answer: Answer) -> Outcome | None:
    """GraphQL says what is wrong in an answer of status 200."""
    if not 200 <= answer.status < 300:
        return settled(answer)
    errors = said(answer).get("errors")
    if not errors:
        return None
    first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
    return Refused(f"W&B refuses it: {str(first.get('message', 'no reason is given'))[:300]}")
