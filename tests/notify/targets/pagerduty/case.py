"""PagerDuty in the shared suite: it knows alerts by routing key and dedup_key."""

from __future__ import annotations

import json

from suite import Case

from floodmark.notify.sink import Answer, Request

_KEY = "e93facc04764012d7bfb002500d5d1a6"


class _Vendor:
    def __init__(self) -> None:
        self.alerts: dict[str, bool] = {}
        self.actions: list[str] = []

    def __call__(self, request: Request) -> Answer:
        event = json.loads(request.body)
        if "event_action" in event:
            self.actions.append(event["event_action"])
            if event["event_action"] == "trigger":
                self.alerts[event["dedup_key"]] = True
            elif event["event_action"] == "resolve" and event["dedup_key"] in self.alerts:
                self.alerts[event["dedup_key"]] = False
        return Answer(202, {}, b'{"status":"success","message":"Event processed","dedup_key":"x"}')

    def standing(self) -> list[tuple[str, bool]]:
        return list(self.alerts.items())


def _identity(request: Request) -> str:
    event = json.loads(request.body)
    return event.get("dedup_key") or json.dumps(event["payload"], sort_keys=True) + json.dumps(event.get("links"))


CASES = [
    Case(
        kind="pagerduty",
        name=name,
        section={"routing_key": key, "url": "https://events.eu.pagerduty.com/"},
        hosts=frozenset({"events.eu.pagerduty.com"}),
        vendor=_Vendor,
        identity=_identity,
        most=512 * 1024,
        contract="pagerduty-events-v2.json",
        path=lambda path: path.removeprefix("/v2"),
    )
    for name, key in (("service", _KEY), ("orchestration", "R" + _KEY[1:].upper()))
]
