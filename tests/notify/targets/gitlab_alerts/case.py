"""GitLab's alerts in the shared suite: one open alert a fingerprint, and 400 for the end of none."""

from __future__ import annotations

import json

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Request


class _Vendor:
    def __init__(self) -> None:
        self._alerts: list[tuple[str, bool]] = []

    def __call__(self, request: Request) -> Answer:
        alert = json.loads(request.body)
        name = alert["fingerprint"]
        if "end_time" in alert:
            if (name, True) not in self._alerts:
                return Answer(400, {}, b"")
            self._alerts[self._alerts.index((name, True))] = (name, False)
            return Answer(200, {}, b"[]")
        if (name, True) not in self._alerts:
            self._alerts.append((name, True))
        return Answer(200, {}, b'[{"iid":1,"title":"x"}]')

    def standing(self) -> list[tuple[str, bool]]:
        return self._alerts


def _expect(status: int, request: Request) -> Kinds:
    return (Delivered,) if status == 400 and b'"end_time"' in request.body else said(status, request)


CASES = [
    Case(
        kind="gitlab_alerts",
        section={
            "url": "https://gitlab.example.org/shop/payment/alerts/notify/floodmark/ab12cd34ef567890.json",
            "token": "glt-0123456789abcdef",
            "environment": "production",
        },
        hosts=frozenset({"gitlab.example.org"}),
        vendor=_Vendor,
        identity=lambda request: str(json.loads(request.body)["fingerprint"]),
        most=16_000,
        expect=_expect,
    )
]
