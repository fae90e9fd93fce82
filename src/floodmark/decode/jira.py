"""Jira's webhooks (`action`): what is done to an issue that tells of an incident of ours, and comments on it.

Such an issue has the label `floodmark-` and the incident's id. What an app has done, ours among them, is nobody's
action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, text
from floodmark.decode.wire import ActionEvent

_LABEL: Final = re.compile(r"(?:floodmark-)?(inc-[0-9a-f]{16})")
_DEEPEST: Final = 12
_HEADINGS: Final = frozenset({"Why now", "What", "Who", "What to do", "Changes nearby"})
"""Of what we tell in an issue; see `floodmark.notify.wording`."""
_WIKI: Final = re.compile(r"^h4\. (?:Why now|What|Who|What to do|Changes nearby)\s*$", re.MULTILINE)
_PRIORITIES: Final = {"highest": "p1", "high": "p2", "medium": "p3", "low": "p4", "lowest": "p5"}


def read(said: Json, post: Post) -> Iterator[ActionEvent]:
    """Raises EventError."""
    event = text(said, "webhookEvent", "issue_event_type_name")
    issue = at(said, "issue")
    if not event:
        raise EventError("missing_field", "this is no webhook of Jira: it has no webhookEvent")
    incident = _incident(issue)
    if not incident:
        return
    key, change = text(issue, "key", "id"), text(said, "changelog.id") or text(said, "timestamp")
    comment = at(said, "comment")
    if isinstance(comment, dict):
        who = _person(comment.get("author")) or _person(said.get("user"))
        if who and "deleted" not in event and not _is_ours(comment.get("body")):
            yield ActionEvent(
                timestamp=post.moment(comment.get("updated"), comment.get("created"), said.get("timestamp")),
                id=f"jira-{key}-comment-{text(comment, 'id') or change}",
                verb="comment",
                by=who,
                incident=incident,
                via="jira",
                text=_words(comment.get("body"))[:4_000],
            )
    who = _person(said.get("user"))
    if not who:
        return
    for verb, more in _done(issue, each(said, "changelog", "items")):
        yield ActionEvent(
            timestamp=post.moment(said.get("timestamp")),
            id=f"jira-{key}-{change}-{verb}",
            verb=verb,  # type: ignore[arg-type]
            by=who,
            incident=incident,
            via="jira",
            **more,  # type: ignore[arg-type]
        )


def _done(issue: Any, items: list[Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """What the items of a change come to. A transition that resolves has both a status and a resolution."""
    changed = {text(item, "fieldId", "field").lower(): item for item in items if isinstance(item, dict)}
    category = text(issue, "fields.status.statusCategory.key")
    resolution = changed.get("resolution")
    if resolution is not None:
        given = text(resolution, "toString")
        yield ("resolve", {"reason": given}) if given else ("reopen", {})
    elif "status" in changed and category == "done":
        yield "resolve", {"reason": text(changed["status"], "toString")}
    elif "status" in changed and category == "indeterminate":
        yield "ack", {}
    if "assignee" in changed:
        to = text(changed["assignee"], "to")
        if to:
            yield "assign", {"to": f"jira:{to}"}
    if "priority" in changed:
        name = text(changed["priority"], "toString").lower()
        if (priority := _PRIORITIES.get(name, name)) in _PRIORITIES.values():
            yield "priority", {"priority": priority}


def _incident(issue: Any) -> str:
    for label in each(issue, "fields", "labels"):
        if isinstance(label, str) and (match := _LABEL.fullmatch(label)):
            return match[1]
    return ""


def _person(user: Any) -> str:
    """Whoever it is, by e-mail if Jira tells it; empty if it is an app."""
    if text(user, "accountType") == "app":
        return ""
    mail = text(user, "emailAddress")
    account = text(user, "accountId", "name", "key")
    return mail or (f"jira:{account}" if account else "")


def _is_ours(body: Any) -> bool:
    """Whether it is a comment that we have written: by its headings, for its account may be a person's."""
    if isinstance(body, str):
        return _WIKI.search(body) is not None
    return any(text(node, "type") == "heading" and _words(node) in _HEADINGS for node in each(body, "content"))


def _words(body: Any, depth: int = 0) -> str:
    """The text of a comment: plain, or a document of Atlassian's format."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict) or depth > _DEEPEST:
        return ""
    if isinstance(own := body.get("text"), str):
        return own
    parts = [_words(one, depth + 1) for one in each(body, "content")[:1_000]]
    return ("\n" if body.get("type") == "doc" else "").join(parts)
