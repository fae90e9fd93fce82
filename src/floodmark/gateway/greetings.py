"""Requests that only ask whether somebody is there: answered, and not handed on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from floodmark.config.gateway import SourceKind

_LONGEST: Final = 10_000


def answer(kind: SourceKind, body: bytes) -> bytes | None:
    """The JSON to answer with; None if it is no such request. Slack asks so when its address is set up."""
    if kind != "slack" or len(body) > _LONGEST or b"url_verification" not in body:
        return None
    try:
        asked: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(asked, dict) or asked.get("type") != "url_verification":
        return None
    challenge = asked.get("challenge")
    return msgspec.json.encode({"challenge": challenge}) if isinstance(challenge, str) else None
