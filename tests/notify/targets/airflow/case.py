"""Airflow in the shared suite: a run has the name of its request."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Request


class Vendor:
    def __init__(self) -> None:
        self.runs: dict[str, bool] = {}

    def __call__(self, request: Request) -> Answer:
        path = urlsplit(request.url).path
        if path == "/auth/token":
            return Answer(201, {}, b'{"access_token": "jwt"}')
        if request.method == "GET":
            return Answer(200, {}, b'{"is_paused": false}')
        run = _run(request)
        if run in self.runs:
            return Answer(409, {}, b'{"detail": "it exists"}')
        self.runs[run] = True
        return Answer(200, {}, b"{}")

    def standing(self) -> list[tuple[str, bool]]:
        return list(self.runs.items())


def _run(request: Request) -> str:
    return str(json.loads(request.body)["dag_run_id"])


def _identity(request: Request) -> str | None:
    return _run(request) if request.url.endswith("/dagRuns") else None


def _expect(status: int, request: Request) -> Kinds:
    asks_only = request.method == "GET"  # whether the DAG is paused: not worth another try
    return (Delivered,) if asks_only or (status == 409 and _identity(request)) else said(status, request)


CASES = [
    Case(
        kind="airflow",
        name=name,
        section={"url": "http://airflow:8080", "dag": "retrain", **proof},
        hosts=frozenset({"airflow:8080"}),
        vendor=Vendor,
        identity=_identity,
        expect=_expect,
        contract=contract,
    )
    for name, proof, contract in (
        ("password", {"username": "floodmark", "password": "pw-0f9e8d7c"}, ""),
        ("token", {"token": "af-0f9e8d7c6b5a"}, "airflow.json"),  # which does not have /auth/token
    )
]
