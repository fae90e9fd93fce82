"""Weights & Biases in the shared suite: an alias given twice is an alias."""

from __future__ import annotations

import json

from suite import Case

from floodmark.notify.sink import Answer, Request


class Vendor:
    def __call__(self, request: Request) -> Answer:
        if "mutation" in json.loads(request.body)["query"]:
            return Answer(200, {}, b'{"data": {"addAliases": {"success": true}}}')
        return Answer(200, {}, b'{"data": {"project": {"artifact": {"id": "QXJ0"}}}}')

    def standing(self) -> None:
        return None


CASES = [
    Case(
        kind="wandb",
        section={
            "url": "https://wandb.example.org",
            "api_key": "wb-0f9e8d7c6b5a4938",
            "entity": "team",
            "project": "registry",
        },
        hosts=frozenset({"wandb.example.org"}),
        vendor=Vendor,
    )
]
