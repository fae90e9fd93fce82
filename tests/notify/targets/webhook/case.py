"""The webhook in the shared suite."""

from __future__ import annotations

from suite import Case

from floodmark.notify.sink import Request

_SECTION = {
    "url": "https://hooks.example.org/in/9f8e7d6c5b4a39281706?key=Zx81Qw92Er73",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "headers": {"X-Api-Token": "tok-5566778899aabb"},
}


def _identity(request: Request) -> str:
    return request.headers["webhook-id"]


CASES = [
    Case(
        kind="webhook",
        name=mode,
        section={**_SECTION, "mode": mode},
        hosts=frozenset({"hooks.example.org"}),
        identity=_identity,
        most=300 * 1024,
    )
    for mode in ("structured", "binary")
]
