"""Jira: an issue an incident, with a comment for whatever happens to it. See README.md.

Jira makes a second issue of a second request. So an issue has a label with the incident's id, and before one is made,
it is asked for one with that label. Its search knows an issue only after a while: if no answer came to the making of
one, it is tried again after `_INDEXED` seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from floodmark.alerts import content_id
from floodmark.config.targets import Jira
from floodmark.notify import wording
from floodmark.notify.bodies import decoded, encoded, items_at, text_at
from floodmark.notify.sink import (
    Answer,
    Delivered,
    Event,
    Exchange,
    Later,
    Message,
    Outcome,
    Request,
    Sink,
    UnansweredError,
    settled,
)
from floodmark.notify.targets.authorization import basic, bearer
from floodmark.notify.targets.jira import markup

EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest"})
_SUMMARY: Final = 255
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,50}-[0-9]{1,12}")
_DONE: Final = "done"
_MISSING: Final = 404
_ANY_ERROR: Final = 500
"""From here on a status does not say whether the request was done."""
_INDEXED: Final = 60.0


def sink(settings: Jira, exchange: Exchange) -> Sink:
    return _Sink(settings, exchange)


def label(key: str) -> str:
    """The label of the issue of an incident: without blanks, as Jira wants them."""
    plain = re.fullmatch(r"[A-Za-z0-9_.:-]{1,200}", key)
    return f"floodmark-{key if plain else content_id('key', key.encode('utf-8', 'replace'))}"


class _Issue(NamedTuple):
    key: str
    done: bool


class _UnfinishedError(Exception):
    """A step came to no good end; `outcome` is what there is to say of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Jira, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._cloud = settings.edition == "cloud"
        mail = settings.email if self._cloud else None
        self._proof = basic(mail, settings.token) if mail is not None else bearer(settings.token)
        self._base = f"{settings.url.rstrip('/')}/rest/api/{3 if self._cloud else 2}"

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        try:
            return await self._deliver(message, memory.get("key", ""))
        except _UnfinishedError as error:
            return error.outcome

    async def _deliver(self, message: Message, key: str) -> Outcome:
        ended = wording.ended(message)
        issue = await self._read(key) if _KEY.fullmatch(key) else None
        known = issue is not None
        if issue is None:
            issue = await self._search(message)
        if issue is None:
            return Delivered(note="there is no issue of it") if ended else await self._create(message)
        note = ""
        again = message.event == "open" or message.loud  # what somebody closed there stays closed, but for these
        if ended != issue.done and (ended or again):
            note = await self._move(issue, self._settings.resolved if ended else self._settings.reopened, ended)
        elif not known:
            return Delivered({"key": issue.key}, "the issue was there")
        if message.event == "digest" and not ended:
            await self._put(f"/issue/{issue.key}", {"fields": {"description": self._text(message)}})
        else:
            await self._post(f"/issue/{issue.key}/comment", {"body": self._text(message)})
        return Delivered({"key": issue.key}, note)

    async def _read(self, key: str) -> _Issue | None:
        answer = await self._send("GET", f"/issue/{key}?fields=status")
        if answer.status == _MISSING:
            return None
        return _issue(self._good(answer), key)

    async def _search(self, message: Message) -> _Issue | None:
        project = self._settings.project.replace("\\", "\\\\").replace('"', '\\"')
        asked = {
            "jql": f'project = "{project}" AND labels = "{label(message.key)}" ORDER BY created DESC',
            "fields": ["status"],
            "maxResults": 1,
        }
        found = await self._post("/search/jql" if self._cloud else "/search", asked)
        if not isinstance(found, Mapping) or not isinstance(found.get("issues"), list):
            raise _UnfinishedError(Later("the answer to a search is no list of issues"))
        first = next(iter(items_at(found, "issues")), None)
        return None if first is None else _issue(first, text_at(first, "key"))

    async def _create(self, message: Message) -> Outcome:
        settings = self._settings
        made = {
            "fields": {
                "project": {"key": settings.project},
                "issuetype": {"name": settings.kind},
                "summary": wording.title(message, _SUMMARY),
                "description": self._text(message),
                "labels": [label(message.key), *("-".join(each.split()) for each in settings.labels)],
            },
            "properties": [{"key": "floodmark", "value": {"incident": message.key, "message": message.id}}],
        }
        try:
            answer = await self._send("POST", "/issue", made)
        except UnansweredError as error:
            return _unsure(str(error))
        if answer.status >= _ANY_ERROR and isinstance(outcome := settled(answer), Later):
            return outcome if outcome.after is not None else _unsure(outcome.reason)
        key = text_at(self._good(answer), "key")
        if not _KEY.fullmatch(key):
            return _unsure("the answer to the making of an issue does not say which it is")
        return Delivered({"key": key})

    async def _move(self, issue: _Issue, wanted: str, done: bool) -> str:
        """Take a transition to a status; what there is to say if there is none. Which there are is asked each time, for
        it depends on where the issue stands."""
        offered = self._good(await self._send("GET", f"/issue/{issue.key}/transitions"))
        ways = [each for each in items_at(offered, "transitions") if text_at(each, "id").isdigit()]
        names = [(text_at(each, "name").casefold(), text_at(each, "to", "name").casefold()) for each in ways]
        fits = [way for way, name in zip(ways, names, strict=True) if wanted.casefold() in name]
        fits += [way for way in ways if done and text_at(way, "to", "statusCategory", "key") == _DONE]
        if not fits:
            others = ", ".join(wording.line(text_at(each, "name"), 60) for each in ways[:10]) or "none"
            return f"no transition or status {wanted} is offered where the issue stands, but {others}"
        await self._post(f"/issue/{issue.key}/transitions", {"transition": {"id": text_at(fits[0], "id")}})
        return ""

    def _text(self, message: Message) -> Any:
        return markup.document(message) if self._cloud else markup.wiki(message)

    async def _post(self, path: str, body: Any) -> Any:
        return self._good(await self._send("POST", path, body))

    async def _put(self, path: str, body: Any) -> Any:
        return self._good(await self._send("PUT", path, body))

    @staticmethod
    def _good(answer: Answer) -> Any:
        """What an answer holds. Raises _UnfinishedError if it is an error."""
        outcome = settled(answer)
        if not isinstance(outcome, Delivered):
            raise _UnfinishedError(outcome)
        return decoded(answer)

    async def _send(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"accept": "application/json", **self._proof}
        if body is None:
            return await self._exchange(Request(method, self._base + path, headers))
        headers["content-type"] = "application/json"
        return await self._exchange(Request(method, self._base + path, headers, encoded(body)))


def _unsure(reason: str) -> Later:
    return Later(f"{reason}; an issue may have been made, so it is looked for first", _INDEXED)


def _issue(found: Any, key: str) -> _Issue:
    """Raises _UnfinishedError if it is no issue."""
    if not _KEY.fullmatch(key):
        raise _UnfinishedError(Later("the answer names an issue without a key"))
    return _Issue(key, text_at(found, "fields", "status", "statusCategory", "key") == _DONE)
