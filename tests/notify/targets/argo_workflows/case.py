"""Argo Workflows in the shared suite: a workflow has the name of its request."""

from __future__ import annotations

import json

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Request


class Vendor:
    def __init__(self) -> None:
        self.workflows: dict[str, bool] = {}

    def __call__(self, request: Request) -> Answer:
        name = _identity(request)
        if name in self.workflows:
            return Answer(409, {}, b"{}")
        self.workflows[str(name)] = True
        return Answer(200, {}, b"{}")

    def standing(self) -> list[tuple[str, bool]]:
        return list(self.workflows.items())


def _identity(request: Request) -> str | None:
    return str(json.loads(request.body)["submitOptions"]["name"]) if request.method == "POST" else None


def _expect(status: int, request: Request) -> Kinds:
    return (Delivered,) if status == 409 else said(status, request)


CASES = [
    Case(
        kind="argo_workflows",
        section={"url": "https://argo:2746", "namespace": "ml", "template": "retrain", "token": "argo-0f9e8d7c"},
        hosts=frozenset({"argo:2746"}),
        vendor=Vendor,
        identity=_identity,
        expect=_expect,
    )
]
