"""Slack (`action`): a button under a message of ours was pressed. The body is a form with one field, `payload`.

The button says in its value what it is about. Only its own words are read: what else is in the body, such as the
address to answer to, is a secret and goes nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args
from urllib.parse import parse_qs

import orjson

from floodmark.actions import Verb
from floodmark.alerts import content_id
from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, objects, text
from floodmark.decode.wire import ActionEvent

_OURS: Final = "floodmark."
_VERBS: Final = frozenset(get_args(Verb))
_LONGEST: Final = 30 * 86_400.0


def unfold(value: bytes) -> list[Any]:
    """The payload of the form; plain JSON as it is. Raises EventError."""
    if value.lstrip()[:1] in (b"{", b"["):
        return objects(value)
    try:
        form = parse_qs(value.decode(errors="replace"), max_num_fields=20)
    except ValueError:
        form = {}
    if not form.get("payload"):
        raise EventError("missing_field", "this is no press of a button in Slack: it has no payload")
    return objects(form["payload"][0].encode(errors="replace"))


def read(said: Json, post: Post) -> Iterator[ActionEvent]:
    """Raises EventError."""
    kind = text(said, "type")
    if not kind:
        raise EventError("missing_field", "this is no interaction of Slack: it has no type")
    if kind != "block_actions":
        return
    user = text(said, "user.id")
    for pressed in each(said, "actions"):
        name = text(pressed, "action_id")
        if not name.startswith(_OURS):
            continue
        value = _value(pressed)
        verb = text(value, "verb") or name.removeprefix(_OURS).partition(".")[0]
        incident, when = text(value, "incident"), text(pressed, "action_ts")
        if verb not in _VERBS:
            raise EventError("wrong_type", f"a button of ours asks for {verb!r}, which nobody can do")
        if not user:
            raise EventError("missing_field", "a button was pressed, and Slack does not say by whom")
        moment = post.moment(when)
        yield ActionEvent(
            timestamp=moment,
            id=content_id("slack", when or moment, user, verb, incident),
            verb=verb,  # type: ignore[arg-type]
            by=f"slack:{user}",
            incident=incident,
            scope=text(value, "scope"),
            seen=seen if type(seen := at(value, "seen")) is int else 0,
            via="slack",
            until=_until(moment, at(value, "for")),
            to=f"slack:{user}" if verb == "assign" else "",
            playbook=text(value, "playbook"),
        )


def _value(pressed: Any) -> Any:
    written = text(pressed, "value", "selected_option.value")
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        return {"incident": written}


def _until(moment: int | float | str, seconds: Any) -> float | None:
    """The end of what holds for so many seconds."""
    if type(seconds) not in (int, float) or not 0 < seconds <= _LONGEST:
        return None
    try:
        return float(moment) + float(seconds)
    except ValueError:
        return None
