"""Opsgenie in the shared suite: an alias is of one open alert; closed ones do not count."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Request


class _Vendor:
    def __init__(self) -> None:
        self.alerts: list[tuple[str, bool]] = []
        self.did: list[str] = []

    def __call__(self, request: Request) -> Answer:
        path = urlsplit(request.url).path.partition("/v2/alerts")[2]
        if not path:
            alias = json.loads(request.body)["alias"]
            self.did.append("create")
            if (alias, True) not in self.alerts:
                self.alerts.append((alias, True))
        else:
            _, alias, action = path.split("/")
            self.did.append(action)
            if action == "close":
                self.alerts = [(name, is_open and name != unquote(alias)) for name, is_open in self.alerts]
        return Answer(202, {}, b'{"result":"Request will be processed","took":0.1,"requestId":"43a29c5c-3dbf"}')

    def standing(self) -> list[tuple[str, bool]]:
        return self.alerts


def _identity(request: Request) -> str:
    path = urlsplit(request.url).path.partition("/v2/alerts")[2]
    return unquote(path.split("/")[1]) if path else json.loads(request.body)["alias"]


def _expect(status: int, request: Request) -> Kinds:
    """An alert that is not there is closed already, and one that cannot be noted is created."""
    return (
        (Delivered,)
        if status == 404 and "identifierType" in request.url and "acknow" not in request.url
        else said(status, request)
    )


CASES = [
    Case(
        kind="opsgenie",
        name=name,
        section={
            "api_key": "eb243592-faa2-4ba2-a551q-1afdf565c889",
            "url": url,
            "responders": ["payments", "4513b7ea-3b91-438f-b7e4-e3e54af9147c"],
            "tags": ["eu"],
        },
        hosts=frozenset({url.split("/")[2]}),
        vendor=_Vendor,
        identity=_identity,
        expect=_expect,
        most=100_000,
        contract="opsgenie.json",
        path=lambda path: path.removeprefix("/jsm/ops/integration"),
    )
    for name, url in (
        ("opsgenie", "https://api.eu.opsgenie.com"),
        ("jsm", "https://api.atlassian.com/jsm/ops/integration/"),
    )
]
