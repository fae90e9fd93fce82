"""Jenkins: a request is a build with parameters.

Starting a build is not idempotent, and Jenkins merges queued builds only if all their parameters are equal. So the
queue and the newest builds are looked through first for one with this FLOODMARK_REQUEST.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from floodmark.config import targets
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Refused, Request, settled
from floodmark.notify.targets.authorization import basic
from floodmark.notify.targets.conversation import asked, at, said
from floodmark.notify.targets.handed import variables

_QUEUED = "tree=items[id,task[url],actions[parameters[name,value]]]"
_BUILT = "tree=builds[number,actions[parameters[name,value]]]{0,50}"


def sink(settings: targets.Jenkins, exchange: Exchange) -> Jenkins:
    return Jenkins(settings, exchange)


class Jenkins:
    """Starts builds of one job."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.Jenkins, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._headers = basic(settings.username, settings.token)
        folders = [part for name in settings.job.strip("/").split("/") for part in ("job", name)]
        self._job = at(settings.url, *folders)

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.request is None:
            return Refused("only requests about models start builds")
        queue = await asked(
            self._exchange, f"{at(self._settings.url, 'queue', 'api', 'json')}?{_QUEUED}", self._headers
        )
        if queue.status != 200:
            return _told(settled(queue))
        built = await asked(self._exchange, f"{at(self._job, 'api', 'json')}?{_BUILT}", self._headers)
        if built.status != 200:
            return _told(settled(built))
        if message.test:
            return Delivered(memory)
        for each in (*said(queue).get("items", ()), *said(built).get("builds", ())):
            if ("FLOODMARK_REQUEST", message.request.id) in _parameters(each):
                return Delivered({"build": str(each.get("number") or each.get("id"))}, "it had been started before")
        form = urlencode(variables(message.request)).encode()
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"}
        answer = await self._exchange(Request("POST", f"{self._job}/buildWithParameters", headers, form))
        return _told(settled(answer, {"queued": answer.headers.get("location", "")}))


def _parameters(item: Any) -> Iterator[tuple[str, str]]:
    for action in item.get("actions", ()) if isinstance(item, dict) else ():
        for parameter in (action or {}).get("parameters", ()) if isinstance(action, dict) else ():
            yield str(parameter.get("name")), str(parameter.get("value"))


def _told(outcome: Outcome) -> Outcome:
    """A redirect is its page to sign in."""
    if isinstance(outcome, Refused) and outcome.reason.startswith("status 3"):
        return Refused("Jenkins wants somebody to sign in: user name or API token are wrong")
    return outcome
