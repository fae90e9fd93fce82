"""How a message looks in Slack: blocks, within Slack's limits, with nothing of an incident read as markup.

Slack reads `&`, `<` and `>` as the beginning of mentions and links; only these are escaped, as it asks for.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from floodmark.notify import wording
from floodmark.notify.bodies import encoded
from floodmark.notify.links import links
from floodmark.notify.sink import Message

HEADER: Final = 150
SECTION: Final = 3000
VALUE: Final = 2000
BUDGET: Final = 10_000
"""Characters of all blocks together: Slack refuses a little over 13,000, and says nowhere of what it counts."""
SNOOZE: Final = 3600
"""Seconds for which the button snoozes."""
_LINE: Final = 500
_PART: Final = 2000
_OFFERED: Final = {
    "open": ("ack", "snooze", "resolve"),
    "acked": ("snooze", "resolve"),
    "snoozed": ("ack", "resolve"),
    "resolved": (),
    "merged": (),
}
_STATES: Final = {"acked": "Acknowledged", "snoozed": "Snoozed", "resolved": "Resolved", "merged": "Merged"}
_LABELS: Final = {"ack": "Acknowledge", "snooze": "Snooze 1 h", "resolve": "Resolve", "approve": "Run"}


def escaped(text: str, most: int) -> str:
    """The text as Slack's markup, at most so many characters after escaping."""
    room = most
    while True:
        found = wording.cut(text, room).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if len(found) <= most:
            return found
        room -= max(1, (len(found) - most) // 5)


def title(message: Message) -> str:
    """What stands in notifications, and where no blocks are shown."""
    return escaped(wording.title(message), SECTION)


def words(message: Message) -> str:
    """All of it as text, for when Slack does not take the blocks."""
    return escaped(f"{wording.title(message)}\n\n{wording.text(message, SECTION)}", SECTION)


def blocks(message: Message, *, buttons: bool) -> list[dict[str, Any]]:
    """The message as it stands in a channel."""
    heading = {"type": "plain_text", "text": escaped(wording.title(message), HEADER), "emoji": False}
    found: list[dict[str, Any]] = [{"type": "header", "text": heading}]
    if state := _STATES.get(message.state):
        owner = wording.printable(message.owner).strip() if message.state == "acked" else ""
        found.append(_section(f"*{state}*{f' by {escaped(owner, 100)}' if owner else ''}"))
    left = BUDGET
    for part in wording.parts(msgspec.structs.replace(message, link="", runbook="")):
        lines = "\n".join(wording.cut(line, _LINE) for line in part.lines)
        text = f"*{part.heading}*\n{escaped(lines, min(_PART, left))}"
        found.append(_section(text))
        left -= len(text)
        if left < _LINE:
            break
    if links := _links(message):
        found.append(_section(links))
    return found + (_actions(message, _OFFERED[message.state] if message.incident else ()) if buttons else [])


def reply(message: Message, *, buttons: bool) -> dict[str, Any]:
    """The message as it stands in the thread below the first one: only what is new."""
    told = [message.reason or wording.title(message)]
    if message.incident is not None and message.event != "resolve":
        told += [f"{each.entity} ({each.share:.0%}): {each.reason}" for each in message.incident.causes[:1]]
    if message.incident is not None and message.event == "resolve" and message.incident.resolution:
        told.append(message.incident.resolution)
    text = escaped("\n".join(wording.printable(wording.cut(line, _LINE)) for line in told), SECTION)
    if not (buttons and message.playbook):
        return {"text": text}
    return {"text": text, "blocks": [_section(text), *_actions(message, ())]}


def _section(text: str) -> dict[str, Any]:
    """`verbatim`: Slack does not look for addresses and channels in it, which an incident could name."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _links(message: Message) -> str:
    return " · ".join(f"<{escaped(url, SECTION)}|{label}>" for label, url in links(message, 500))


def _actions(message: Message, verbs: tuple[str, ...]) -> list[dict[str, Any]]:
    """Buttons; what they are for comes back to `floodmark gateway`, in `value`."""
    if message.playbook and message.state not in ("resolved", "merged"):
        verbs = (*verbs, "approve")
    elements = [button for verb in verbs if (button := _button(message, verb))]
    return [{"type": "actions", "elements": elements}] if elements else []


def _button(message: Message, verb: str) -> dict[str, Any] | None:
    value: dict[str, Any] = {"incident": message.key, "scope": "", "seen": message.revision, "verb": verb}
    if message.incident is not None:
        value["scope"] = message.incident.scope
    if verb == "snooze":
        value["for"] = SNOOZE
    label = _LABELS[verb]
    if verb == "approve":
        value["playbook"] = message.playbook
        label = f"{label} {message.playbook}"
    text = encoded(value).decode().replace("<", "\\u003c").replace(">", "\\u003e")
    if len(text) > VALUE:
        return None
    shown = {"type": "plain_text", "text": escaped(wording.printable(label), 75), "emoji": False}
    return {"type": "button", "action_id": f"floodmark.{verb}", "text": shown, "value": text}
