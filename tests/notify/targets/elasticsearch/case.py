"""Elasticsearch in the shared suite: external versions, ids that are made once, and a status for each item."""

from __future__ import annotations

import json
from typing import Any

from suite import Case

from floodmark.notify.sink import Answer, Request


class Vendor:
    def __init__(self) -> None:
        self.index: dict[str, tuple[int, dict[str, Any]]] = {}
        self.stream: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        lines = [json.loads(line) for line in request.body.splitlines()]
        items = [self._item(action, body) for action, body in zip(lines[::2], lines[1::2], strict=True)]
        errors = any(status >= 300 for _, status in items)
        body = {"took": 1, "errors": errors, "items": [{name: {"status": status}} for name, status in items]}
        return Answer(200, {}, json.dumps(body).encode())

    def _item(self, action: dict[str, Any], body: dict[str, Any]) -> tuple[str, int]:
        [(name, about)] = action.items()
        if name == "create":
            if about["_id"] in self.stream:
                return name, 409
            self.stream[about["_id"]] = body
            return name, 201
        if self.index.get(about["_id"], (0, {}))[0] > about["version"]:
            return name, 409
        self.index[about["_id"]] = (about["version"], body)
        return name, 200

    def standing(self) -> list[tuple[str, bool]]:
        return [(name, body["incident"]["state"] != "resolved") for name, (_, body) in self.index.items()]


def _check(request: Request) -> None:
    assert request.body.endswith(b"\n")
    lines = [json.loads(line) for line in request.body.splitlines()]
    assert all(line for line in lines)
    for action, body in zip(lines[::2], lines[1::2], strict=True):
        [(name, about)] = action.items()
        assert name in ("index", "create")
        assert 0 < len(about["_id"].encode()) <= 512
        assert (about.get("version_type") == "external_gte") == (name == "index")
        assert body["@timestamp"]
        for each in body["incident"]["entities"]:
            assert len(each.encode()) < 32_766, "Lucene takes no longer term"


CASES = [
    Case(
        kind="elasticsearch",
        name=name,
        section={"url": "https://elastic:9200/below", **account},
        hosts=frozenset({"elastic:9200"}),
        vendor=Vendor,
        identity=lambda request: str(json.loads(request.body.splitlines()[0])["index"]["_id"]),
        most=1 << 20,
        check=_check,
    )
    for name, account in (
        ("basic", {"username": "floodmark", "password": "pw-8877665544"}),
        ("key", {"api_key": "bXlpZDpteWtleTEyMzQ="}),
    )
]
