"""Kubernetes in the shared suite: what was done is known by its annotation."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Later, Refused, Request

REVISION = "deployment.kubernetes.io/revision"


def _set(revision: int) -> dict[str, Any]:
    metadata = {"annotations": {REVISION: str(revision)}, "ownerReferences": [{"uid": "u1"}]}
    return {"metadata": metadata, "spec": {"template": {"metadata": {"labels": {"app": "payment"}}}}}


class Vendor:
    def __init__(self) -> None:
        self.annotations = {REVISION: "5"}

    def __call__(self, request: Request) -> Answer:
        if urlsplit(request.url).path.endswith("/replicasets"):
            return Answer(200, {}, json.dumps({"items": [_set(4), _set(5)]}).encode())
        if request.method == "GET":
            metadata = {"uid": "u1", "resourceVersion": "9", "annotations": self.annotations}
            spec = {"selector": {"matchLabels": {"app": "payment"}}, "template": {}}
            return Answer(200, {}, json.dumps({"metadata": metadata, "spec": spec}).encode())
        self.annotations["floodmark.dev/playbook"] = str(_identity(request))
        return Answer(200, {}, b"{}")

    def standing(self) -> None:
        return None


def _identity(request: Request) -> str | None:
    return str(json.loads(request.body)[2]["value"]) if request.method == "PATCH" else None


def _expect(status: int, request: Request) -> Kinds:
    return (Later, Refused) if status == 422 else said(status, request)


CASES = [
    Case(
        kind="kubernetes",
        section={
            "url": "https://kube.example.org",
            "token": "kube-0f9e8d7c6b5a",
            "namespace": "shop",
            "deployment": "web",
        },
        hosts=frozenset({"kube.example.org"}),
        vendor=Vendor,
        identity=_identity,
        expect=_expect,
    )
]
