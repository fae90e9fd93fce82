"""Argo CD in the shared suite: asked twice, it goes back to the same."""

from __future__ import annotations

import json

from suite import Case

from floodmark.notify.sink import Answer, Request

HISTORY = [{"id": 4, "deployedAt": "2026-01-20T00:00:00Z", "revision": "bbb"}]


class Vendor:
    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, {}, json.dumps({"spec": {}, "status": {"history": HISTORY}}).encode())
        return Answer(200, {}, b"{}")

    def standing(self) -> None:
        return None


CASES = [
    Case(
        kind="argocd",
        section={"url": "https://argocd.example.org", "token": "argocd-0f9e8d7c6b5a", "application": "shop"},
        hosts=frozenset({"argocd.example.org"}),
        vendor=Vendor,
        contract="argocd.json",
    )
]
