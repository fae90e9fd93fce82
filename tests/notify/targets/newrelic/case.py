"""New Relic in the shared suite: events are only added, and NerdGraph says its errors with 200."""

from __future__ import annotations

import json

from suite import Case

from floodmark.notify.sink import Answer, Request


class Vendor:
    def __call__(self, request: Request) -> Answer:
        if "graphql" in request.url:
            made = {"changeTrackingEvent": {"changeTrackingId": "c-1"}, "messages": []}
            return Answer(200, {}, json.dumps({"data": {"changeTrackingCreateEvent": made}}).encode())
        return Answer(200, {}, b'{"success":true,"uuid":"0000"}')

    def standing(self) -> None:
        return None


def _identity(request: Request) -> str | None:
    body = json.loads(request.body)
    return str(body[0]["incidentId"]) if isinstance(body, list) else str(body["variables"]["groupId"])


CASES = [
    Case(
        kind="newrelic",
        name=region,
        section={
            "account": "1234567",
            "api_key": "licence-0123456789",
            "user_key": "NRAK-0123456789",
            "region": region,
        },
        hosts=hosts,
        vendor=Vendor,
        identity=_identity,
        most=1_000_000,
    )
    for region, hosts in (
        ("us", frozenset({"insights-collector.newrelic.com", "api.newrelic.com"})),
        ("eu", frozenset({"insights-collector.eu01.nr-data.net", "api.eu.newrelic.com"})),
    )
]
