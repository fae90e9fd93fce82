"""Alertmanager in the shared suite: it knows alerts by their labels."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from suite import Case

from floodmark.notify.sink import Answer, Request


class _Vendor:
    def __init__(self) -> None:
        self._alerts: dict[str, tuple[str, str]] = {}

    def __call__(self, request: Request) -> Answer:
        for alert in json.loads(request.body):
            if datetime.fromisoformat(alert["endsAt"]) < datetime.fromisoformat(alert["startsAt"]):
                return Answer(400, {}, b"start time must be before end time")
            self._alerts[_labels(alert)] = (alert["startsAt"], alert["endsAt"])
        return Answer(200)

    def standing(self) -> list[tuple[str, bool]]:
        now = max((datetime.fromisoformat(end) for _, end in self._alerts.values()), default=None)
        return [
            (name, now is not None and datetime.fromisoformat(end).timestamp() > datetime.now(UTC).timestamp() + 60)
            for name, (_, end) in self._alerts.items()
        ]


def _labels(alert: dict[str, dict[str, str]]) -> str:
    return json.dumps(alert["labels"], sort_keys=True)


def _identity(request: Request) -> str:
    return _labels(json.loads(request.body)[0])


CASES = [
    Case(
        kind="alertmanager",
        name=name,
        section={"url": "http://alertmanager:9093/prefix", "labels": {"source": "floodmark"}, **account},
        hosts=frozenset({"alertmanager:9093"}),
        vendor=_Vendor,
        identity=_identity,
        most=64 * 1024,
        contract="alertmanager.json",
        path=lambda path: path.removeprefix("/prefix"),
    )
    for name, account in (
        ("basic", {"username": "ann", "password": "pw-8877665544"}),
        ("token", {"token": "tk-123456789"}),
    )
]
