"""Grafana in the shared suite: annotations that are found by their tags."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Request


class Vendor:
    def __init__(self) -> None:
        self.annotations: dict[int, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        parts = urlsplit(request.url)
        if request.method == "GET":
            wanted = set(parse_qs(parts.query)["tags"])
            found = [{"id": name, **each} for name, each in self.annotations.items() if wanted <= set(each["tags"])]
            return Answer(200, {}, json.dumps(found[:1]).encode())
        body = json.loads(request.body)
        if request.method == "POST":
            self.annotations[len(self.annotations) + 1] = body
            return Answer(200, {}, json.dumps({"message": "Annotation added", "id": len(self.annotations)}).encode())
        number = int(parts.path.rpartition("/")[2])
        if number not in self.annotations:
            return Answer(404, {}, b'{"message":"Annotation not found"}')
        self.annotations[number].update(body)
        return Answer(200, {}, b'{"message":"Annotation patched"}')

    def standing(self) -> list[tuple[str, bool]]:
        return [(each["tags"][0], not each["text"].startswith("Resolved: ")) for each in self.annotations.values()]


def _expect(status: int, request: Request) -> Kinds:
    return (Delivered,) if status == 404 and request.method == "PATCH" else said(status, request)


def _check(request: Request) -> None:
    if request.method != "GET":
        body = json.loads(request.body)
        assert len(json.dumps(body["tags"], ensure_ascii=False, separators=(",", ":")).encode()) <= 500
        assert "<script>" not in body["text"]
        assert "<at>" not in body["text"]
        assert body["timeEnd"] >= body["time"]


CASES = [
    Case(
        kind="grafana",
        name=name,
        section={"url": "https://grafana.example.org/sub", "token": "glsa_0123456789abcdef", "tags": ["prod"], **more},
        hosts=frozenset({"grafana.example.org"}),
        vendor=Vendor,
        identity=lambda request: None if request.method == "GET" else str(json.loads(request.body)["tags"][0]),
        most=64_000,
        expect=_expect,
        check=_check,
    )
    for name, more in (("organisation", {}), ("dashboard", {"dashboard": "abcDEF123"}))
]
