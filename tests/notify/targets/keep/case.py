"""Keep in the shared suite: one alert a fingerprint; the operation takes any object, so AlertDto is our schema."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from suite import Case

from floodmark.notify.sink import Answer, Request


class _Vendor:
    def __init__(self) -> None:
        self.alerts: dict[str, bool] = {}

    def __call__(self, request: Request) -> Answer:
        self.alerts[_identity(request)] = json.loads(request.body)["status"] != "resolved"
        return Answer(202, {}, b"{}")

    def standing(self) -> list[tuple[str, bool]]:
        return list(self.alerts.items())


def _identity(request: Request) -> str:
    return parse_qs(urlsplit(request.url).query)["fingerprint"][0]


CASES = [
    Case(
        kind="keep",
        section={"url": "https://keep.example.org/api", "api_key": "kp-0f9e8d7c6b5a"},
        hosts=frozenset({"keep.example.org"}),
        vendor=_Vendor,
        identity=_identity,
        most=256 * 1024,
        contract="keep.json",
        path=lambda path: path.removeprefix("/api"),
    )
]
