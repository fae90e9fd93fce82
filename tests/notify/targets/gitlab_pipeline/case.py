"""GitLab pipelines in the shared suite: one is found again by its name."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from suite import Case

from floodmark.notify.sink import Answer, Request


class Vendor:
    def __init__(self) -> None:
        self.pipelines: dict[str, int] = {}
        self.started: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            name = parse_qs(urlsplit(request.url).query)["name"][0]
            return Answer(200, {}, json.dumps([{"id": 7}] if name in self.started else []).encode())
        self.started.append(f"floodmark-{_identity(request)}")
        return Answer(201, {}, b'{"id": 7}')

    def standing(self) -> list[tuple[str, bool]]:
        return [(name, True) for name in self.started]


def _identity(request: Request) -> str | None:
    if request.method == "GET":
        return None
    return parse_qs(request.body.decode())["variables[FLOODMARK_REQUEST]"][0]


CASES = [
    Case(
        kind="gitlab_pipeline",
        section={
            "url": "https://gitlab.example.org",
            "project": "ml/fraud",
            "token": "glptt-0f9e8d7c6b5a",
            "read_token": "glpat-a1b2c3d4e5f6",
        },
        hosts=frozenset({"gitlab.example.org"}),
        vendor=Vendor,
        identity=_identity,
    )
]
