"""Changes as New Relic's change tracking has them, by NerdGraph.

NerdGraph answers 200 also for what it does not do, and says so in `errors`. A change is told once, however many records
say how far it is; that it has failed or was given up is told besides, as there is no changing what stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from floodmark.alerts import ChangeNotice
from floodmark.notify.bodies import at, decoded, items_at, text_at
from floodmark.notify.links import address
from floodmark.notify.sink import Answer, Delivered, Later, Message, Outcome, Refused, retry_after, settled
from floodmark.notify.wording import cut, printable

DESCRIPTION: Final = 2000
SHORT: Final = 500
TEXT: Final = 255
_LATER: Final = frozenset(
    {"SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT", "TOO_MANY_REQUESTS", "RATE_LIMITED", "INTERNAL_SERVER_ERROR"}
)
_BAD: Final = ("failed", "cancelled")


def passed_over(message: Message, memory: Mapping[str, str]) -> Delivered | None:
    """What has come of a change that stands there already; None if it is to be told."""
    if message.change is None:
        return Delivered(memory, "nothing to tell: no change is in it")
    status = message.change.status
    if "status" not in memory or (status in _BAD and memory["status"] != status):
        return None
    return Delivered(memory, "the change stands there already")


def mutation(message: Message, entity: str) -> dict[str, Any]:
    """A request to NerdGraph. `entity`: the search for what was changed, with {service} in it.

    What comes of a change is in variables, so that no text of it can be read as part of the query.
    """
    change = message.change
    assert change is not None
    category, kind, group, fields = _category(change)
    texts = {
        "query": entity.replace("{service}", _quoted(change.service)),
        "shortDescription": cut(_short(change), SHORT),
        "description": cut(printable(_long(message, change)), DESCRIPTION),
        "groupId": cut(printable(change.id), TEXT),
        "user": cut(printable(change.actor), TEXT),
    }
    texts = {name: text for name, text in texts.items() if text}
    given = " ".join(f"{name}: ${name}" for name in texts if name != "query")
    within = (
        f" categoryFields: {{ {group}: {{ {' '.join(f'{name}: ${name}' for name in fields)} }} }}" if fields else ""
    )
    declared = ", ".join(f"${name}: String!" for name in (*texts, *fields))
    query = (
        f"mutation({declared}) {{ changeTrackingCreateEvent(changeTrackingEvent: {{"
        f' categoryAndTypeData: {{ kind: {{ category: "{category}" type: "{kind}" }}{within} }}'
        f" entitySearch: {{ query: $query }} timestamp: {int(change.time.timestamp() * 1000)} {given}"
        " }) { changeTrackingEvent { changeTrackingId } messages } }"
    )
    return {"query": query, "variables": {**texts, **fields}}


def outcome(answer: Answer, message: Message) -> Outcome:
    """What NerdGraph says."""
    found = settled(answer)
    if not isinstance(found, Delivered):
        return found
    body = decoded(answer)
    if errors := items_at(body, "errors"):
        return _refusal(errors, answer)
    made = at(body, "data", "changeTrackingCreateEvent")
    if not isinstance(made, dict):
        return Later("the answer is none of NerdGraph's: is `nerdgraph` right, or is something between?")
    identity = text_at(made, "changeTrackingEvent", "changeTrackingId")
    if not identity:
        words = "; ".join(str(each) for each in items_at(made, "messages"))
        return Refused(cut(f"New Relic has not taken the change: {words or 'it does not say why'}", 300))
    status = message.change.status if message.change is not None else ""
    return Delivered({"id": identity[:TEXT], "status": status})


def _refusal(errors: list[Any], answer: Answer) -> Later | Refused:
    kinds = {text_at(each, "extensions", name) for each in errors for name in ("errorClass", "code")}
    words = "; ".join(text_at(each, "message") for each in errors)
    reason = cut(f"NerdGraph: {' '.join(words.split()) or 'an error without words'}", 300)
    return Later(reason, retry_after(answer)) if kinds & _LATER else Refused(reason)


def _category(change: ChangeNotice) -> tuple[str, str, str, dict[str, str]]:
    """Category, type, and the fields that New Relic asks for there: a deployment has a version, a flag an id."""
    version = cut(printable(change.version), TEXT)
    if change.kind in ("deploy", "rollback"):
        fields = {"version": version or cut(printable(change.summary or change.id), TEXT) or "unknown"}
        if link := address(change.url, TEXT):
            fields["deepLink"] = link
        return "Deployment", "Basic" if change.kind == "deploy" else "Other", "deployment", fields
    if change.kind == "flag":
        return "Feature Flag", "Basic", "featureFlag", {"featureFlagId": version or cut(_short(change), TEXT)}
    return "Operational", "Server Reboot" if change.kind == "restart" else "Other", "", {}


def _short(change: ChangeNotice) -> str:
    status = f" ({change.status})" if change.status in _BAD else ""
    return printable(f"{change.kind}{status}: {change.summary}".replace("\n", " "))


def _long(message: Message, change: ChangeNotice) -> str:
    said = [f"{change.service}: {change.summary}", f"version {change.version}" if change.version else ""]
    said += [f"environment {change.environment}" if change.environment else "", change.url, message.reason]
    return "\n".join(each for each in said if each)


def _quoted(text: str) -> str:
    """Text within the quotes of a search."""
    return printable(text).replace("\\", "\\\\").replace("'", "\\'")
