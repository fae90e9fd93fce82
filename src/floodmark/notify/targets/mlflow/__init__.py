"""MLflow: what is asked of a model is a tag of its version; a rollback may move an alias, if one is named.

Tags `floodmark.*` fire MLflow's webhooks again; the decoder of these passes over them. To set a tag, or an alias, twice
is the same as once.
"""

from __future__ import annotations

from collections.abc import Mapping

from floodmark.config import targets
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import basic, bearer
from floodmark.notify.targets.conversation import asked, at, posted

_VALUE = 5_000
"""Characters of a tag's value (MLflow 2.9 and later)."""


def sink(settings: targets.Mlflow, exchange: Exchange) -> Mlflow:
    return Mlflow(settings, exchange)


class Mlflow:
    """Tags the versions of registered models."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.Mlflow, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._headers: dict[str, str] = {}
        if settings.token is not None:
            self._headers = bearer(settings.token)
        elif settings.username is not None and settings.password is not None:
            self._headers = basic(settings.username, settings.password)

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        request = message.request
        if request is None:
            return Refused("only requests are of a model")
        if message.test:
            return settled(
                await asked(self._exchange, f"{self._at('registered-models/search')}?max_results=1", self._headers)
            )
        of: dict[str, object] = {"name": request.model}
        path = "registered-models/set-tag"
        if request.version:
            of, path = {**of, "version": request.version}, "model-versions/set-tag"
        tags = {"request": request.id, "kind": request.kind, "why": request.why[:_VALUE], "by": request.by}
        tags |= {"incident": request.incident} if request.incident else {}
        for name, value in tags.items():
            outcome = await self._call(path, {**of, "key": f"floodmark.{name}", "value": value})
            if not isinstance(outcome, Delivered):
                return outcome
        if request.kind == "rollback" and self._settings.alias and request.version:
            alias = {"name": request.model, "alias": self._settings.alias, "version": request.version}
            return await self._call("registered-models/alias", alias)
        note = "no alias was moved: none is named in the config, or the request names no version"
        return Delivered({"model": request.model}, note if request.kind == "rollback" else "")

    async def _call(self, path: str, body: Mapping[str, object]) -> Outcome:
        return settled(await posted(self._exchange, self._at(path), body, self._headers))

    def _at(self, path: str) -> str:
        return at(self._settings.url, "api", "2.0", "mlflow", *path.split("/"))
