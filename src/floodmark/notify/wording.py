"""A message in words that every target can take: plain text, in the order in which a person asks.

What, where, since when, how sure, what to do. Targets put it in their own markup, and escape it; nothing here knows
one. Lengths are in characters, and a text that is cut says so by its last one.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final, NamedTuple

from floodmark.alerts import ChangeNotice, Incident, content_id
from floodmark.notify.sink import Message

MEMBERS: Final = 5
"""Members of an incident that are listed."""
LINE: Final = 1_000
"""Characters of a line of the body: what is longer is no sentence."""
_ELLIPSIS: Final = "…"
_WORD: Final = re.compile(r"inc-[A-Za-z0-9._-]{1,100}")
"""Ids of incidents, as the engine makes them."""


class _Shown(dict[int, int]):
    """What stands for a character, by its number; there are no more of them than Unicode has."""

    def __missing__(self, number: int) -> int:
        hidden = unicodedata.category(chr(number)) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
        never = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF  # Unicode has promised that these are nothing
        self[number] = 0x20 if (hidden or never) and chr(number) not in "\n\t\u200d" else number
        return self[number]


_SHOWN: Final = _Shown()


class Part(NamedTuple):
    """A heading, and what is under it, a line each."""

    heading: str
    lines: tuple[str, ...]


def cut(text: str, most: int) -> str:
    """The text, at most so many characters."""
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip() + _ELLIPSIS


def printable(text: str) -> str:
    """The text without what changes how others are shown: control characters, and marks that turn its direction.
    Line ends and tabs stay, and what joins emoji."""
    return text.translate(_SHOWN)


def line(text: str, most: int) -> str:
    """The text as one line without blanks around it, at most so many characters."""
    return cut(" ".join(printable(text[: 4 * most]).split()), most)


def known_as(key: str, most: int) -> str:
    """The key of a message, as an id in a target: as it is, or if it cannot be, another that is always the same."""
    return (
        key
        if key and len(key) <= most and line(key, most) == key
        else content_id("key", key.encode("utf-8", "replace"))
    )


def ended(message: Message) -> bool:
    """Whether what it is about is over, so that nothing may open it by telling more of it."""
    return message.event == "resolve" or message.state in ("resolved", "merged")


def title(message: Message, most: int = 255) -> str:
    """One line, never empty: what has happened, and where it stands."""
    if message.incident is not None:
        words = message.incident.title
    elif message.change is not None:
        words = changed(message.change)
    elif message.request is not None:
        words = f"{message.request.kind} {message.request.model}: {message.request.why}"
    else:
        words = message.lines[0] if message.lines else message.key
    words = printable(words[:LINE]).strip() or printable(message.key).strip() or "something without a name"
    mark = {"resolved": "Resolved: ", "merged": "Merged: ", "acked": "", "snoozed": "", "open": ""}[message.state]
    example = "[example] " if message.test else ""
    return cut(" ".join(f"{example}{mark}{words}".split()), most)


def parts(message: Message) -> list[Part]:
    """The body, part by part; what has nothing to say is left out."""
    found = [Part("Why now", (message.reason,))] if message.reason else []
    if message.incident is not None:
        found += _incident(message.incident)
    if message.lines:
        found.append(Part("What", message.lines))
    who = [f"owner: {message.owner}"] if message.owner else []
    who += [f"team: {message.team}"] if message.team else []
    who += [f"told: {', '.join(message.people)}"] if message.people else []
    what_to_do = [f"runbook: {message.runbook}"] if message.runbook else []
    what_to_do += [f"see: {message.link}"] if message.link else []
    what_to_do += _commands(message)
    found += [Part("Who", tuple(who))] if who else []
    found += [Part("What to do", tuple(what_to_do))] if what_to_do else []
    return [Part(part.heading, tuple(printable(cut(line, LINE)) for line in part.lines)) for part in found]


def text(message: Message, most: int = 3000) -> str:
    """The body as plain text."""
    blocks = [f"{part.heading}\n" + "\n".join(f"  {line}" for line in part.lines) for part in parts(message)]
    return cut("\n\n".join(blocks), most)


def facts(message: Message, most: int = 1_000) -> dict[str, str]:
    """What a program can pick from: a name, and a line of text; what is empty is left out."""
    found = {"key": message.key, "event": message.event, "state": message.state, "reason": message.reason}
    found |= {"owner": message.owner, "team": message.team, "link": message.link, "runbook": message.runbook}
    if (incident := message.incident) is not None:
        found |= {
            "scope": incident.scope,
            "severity": incident.severity,
            "since": when(incident.started_at),
            "why": incident.why,
            "causes": "; ".join(f"{each.entity} ({each.share:.0%})" for each in incident.causes[:3]),
            "changes": "; ".join(changed(each) for each in incident.changes[:3]),
            "impact": "; ".join(each.summary for each in incident.impact[:3]),
            "entities": ", ".join(incident.entities[:20]),
            "anomalies": str(incident.member_count),
            "over": when(incident.resolved_at) if incident.resolved_at else "",
            "resolution": incident.resolution,
        }
        found |= {f"label.{line(name, 40)}": value for name, value in list(incident.labels.items())[:20]}
    if (change := message.change) is not None:
        found |= {"service": change.service, "kind": change.kind, "status": change.status, "version": change.version}
        found |= {"environment": change.environment, "actor": change.actor, "address": change.url}
    return {name: short for name, value in found.items() if (short := line(value, most))}


def changed(change: ChangeNotice) -> str:
    """What was changed, of which service, how that went, and what whoever did it says."""
    return f"{change.said()}: {change.summary}" if change.summary else change.said()


def when(time: datetime) -> str:
    """A time as people are told it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def stamp(time: datetime) -> str:
    """A time as programs are told it: RFC 3339, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _commands(message: Message) -> list[str]:
    """What to type, for who has a terminal and no buttons. A key that a shell would not read as one word names none."""
    if message.incident is None or message.test or _WORD.fullmatch(message.key) is None:
        return []
    said = [f"all of it: floodmark incidents show {message.key}"]
    free = message.state == "open" and not ended(message)
    return [*said, f"take it on: floodmark act ack {message.key}"] if free else said


def _incident(incident: Incident) -> list[Part]:
    since = f"since {when(incident.started_at)}, {incident.severity}"
    over = f"over at {when(incident.resolved_at)}: {incident.resolution}" if incident.resolved_at else ""
    found = [Part("What", tuple(line for line in (incident.why, since, over) if line))]
    causes = [f"{cause.entity} ({cause.share:.0%}): {cause.reason}" for cause in incident.causes[:3]]
    found += [Part("Probable causes", tuple(causes))] if causes else []
    changes = [f"{when(each.time)} {changed(each)}" for each in incident.changes[:3]]
    found += [Part("Changes nearby", tuple(changes))] if changes else []
    impact = [each.summary for each in incident.impact[:3]]
    found += [Part("What it costs", tuple(impact))] if impact else []
    members = [f"{each.entity}: {each.summary}" for each in incident.members[:MEMBERS]]
    more = incident.member_count - len(members)
    members += [f"and {more} more"] if more > 0 else []
    found += [Part("What is odd", tuple(members))] if members else []
    return found
