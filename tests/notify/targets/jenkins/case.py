"""Jenkins in the shared suite: a build is found again by its parameter."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from suite import Case

from floodmark.notify.sink import Answer, Request


class Vendor:
    def __init__(self) -> None:
        self.builds: list[str] = []

    def __call__(self, request: Request) -> Answer:
        path = urlsplit(request.url).path
        if path == "/queue/api/json":
            return Answer(200, {}, b'{"items": []}')
        if request.method == "GET":
            builds: list[dict[str, Any]] = [
                {"number": number, "actions": [{"parameters": [{"name": "FLOODMARK_REQUEST", "value": name}]}]}
                for number, name in enumerate(self.builds)
            ]
            return Answer(200, {}, json.dumps({"builds": builds}).encode())
        self.builds.append(str(_identity(request)))
        return Answer(201, {"location": "https://ci.example.org/queue/item/5/"})

    def standing(self) -> list[tuple[str, bool]]:
        return [(name, True) for name in self.builds]


def _identity(request: Request) -> str | None:
    return parse_qs(request.body.decode())["FLOODMARK_REQUEST"][0] if request.method == "POST" else None


CASES = [
    Case(
        kind="jenkins",
        section={"url": "https://ci.example.org", "job": "ml/retrain", "username": "bot", "token": "11f0e9d8c7b6"},
        hosts=frozenset({"ci.example.org"}),
        vendor=Vendor,
        identity=_identity,
    )
]
