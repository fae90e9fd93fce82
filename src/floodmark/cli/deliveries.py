"""What the deliveries topic holds now: of each target and thing the newest that came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from floodmark.config.models import Config
from floodmark.deliveries import Delivery
from floodmark.diagnose.finding import Finding, spell
from floodmark.events import event_type
from floodmark.runtime.tailing import held

FAILED: Final = ("refused", "dead")
"""What is not tried any more."""
_TYPE: Final = "dev.floodmark.delivery.v1"
_DAY: Final = timedelta(days=1)


async def newest(config: Config, remark: Callable[[str], None] = lambda _: None) -> list[Delivery]:
    """Of each the newest, in the order of time. `remark` is told of what is no delivery. Raises RunError."""
    records: dict[bytes, Any] = {}
    async for record in held(config.kafka, config.topics.deliveries, 0):
        records.pop(record.key or b"", None)
        if record.value is not None and event_type(record.headers) == _TYPE:
            records[record.key or b""] = record
    found = []
    for record in records.values():
        try:
            found.append(msgspec.json.decode(record.value, type=Delivery))
        except msgspec.MsgspecError as error:
            remark(f"{record.topic}/{record.partition}@{record.offset} is no delivery: {error}")
    return sorted(found, key=lambda each: each.at)


def given_up(found: list[Delivery], now: datetime | None = None) -> Finding:
    """What the last day says of how well people can be told."""
    since = (now or datetime.now(UTC)) - _DAY
    failed = Counter(each.target for each in found if each.result in FAILED and each.at >= since)
    waiting = Counter(each.target for each in found if each.result == "waiting" and each.attempts)
    if failed:
        words = f"{spell(failed.total(), 'message')} given up in the last day: {_of(failed)}"
        return Finding("engine", "warning", "deliveries", words, "floodmark notify deliveries --failed")
    if waiting:
        words = f"{spell(waiting.total(), 'message')} tried in vain so far: {_of(waiting)}"
        return Finding("engine", "warning", "deliveries", words, "floodmark notify deliveries")
    return Finding("engine", "ok", "deliveries", "all that was to be told in the last day is delivered, or on its way")


def _of(counts: Counter[str]) -> str:
    return ", ".join(f"{target} ({count})" for target, count in counts.most_common(5))
