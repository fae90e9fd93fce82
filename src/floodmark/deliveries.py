"""What has come of telling people: the topic `topics.deliveries`, compacted. `schemas/` is generated from this module.

`floodmark notify` writes it, goes on from it after a restart, and consoles read it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

DeliveryResult = Literal["waiting", "delivered", "refused", "dead", "dropped"]


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest telling of something (`key`: an incident, a change, a request) to a target.

    waiting: it is tried again at `due`. refused: the target says that it never will take it. dead: it was tried for
    `notify.dead`. dropped: a newer one has taken its place, or something mutes it. `id` is that of the message, the
    same at every attempt. `memory`: what the target called it.
    """

    target: str
    key: str
    id: str
    event: str
    result: DeliveryResult
    at: datetime
    revision: int = 0
    attempts: int = 0
    due: datetime | None = None
    reason: str = ""
    memory: dict[str, str] = field(default_factory=dict)
