"""What only Alertmanager does: an alert is its labels, ends by itself, and can be silenced."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings
from suite import Taker

from floodmark.config.targets import Alertmanager
from floodmark.notify.sink import Answer, Delivered, Request
from floodmark.notify.targets.alertmanager import silenced, sink

NOW = tellings.BEGAN.timestamp() + 600


async def _alerts(
    message: Any, memory: Any = None, now: float = NOW, **section: Any
) -> tuple[list[dict[str, Any]], Any]:
    seen: list[Request] = []

    async def exchange(request: Request) -> Answer:
        seen.append(request)
        return Answer(200)

    settings = Alertmanager(url="http://am:9093", **section)
    outcome = await sink(settings, exchange, lambda: now).deliver(message, memory or {})
    assert isinstance(outcome, Delivered)
    return json.loads(seen[0].body), outcome.memory


def _seconds(alert: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(alert[name]).timestamp() - NOW


async def test_what_changes_is_an_annotation() -> None:
    (first,), _ = await _alerts(tellings.telling("open"))
    (second,), _ = await _alerts(tellings.telling("update", 2, state="acked", owner="bob", reason="another cause"))
    assert first["labels"] == second["labels"]
    assert first["annotations"] != second["annotations"]
    assert second["annotations"]["owner"] == "bob"


async def test_another_severity_ends_the_alert_of_the_old_one() -> None:
    worse = tellings.telling("update", 2, incident=tellings.incident(2, severity="critical"))
    (new, old), memory = await _alerts(worse, {"severity": "error"})
    assert (new["labels"]["severity"], old["labels"]["severity"]) == ("critical", "error")
    assert _seconds(new, "endsAt") > 0
    assert _seconds(old, "endsAt") == 0
    assert memory == {"severity": "critical"}


@pytest.mark.parametrize(("again", "lasts"), [(5, 300), (60, 300), (120, 600)])
async def test_an_open_one_ends_after_some_repetitions(again: int, lasts: int) -> None:
    (alert,), _ = await _alerts(tellings.telling("open"), again=again)
    assert _seconds(alert, "endsAt") == lasts


async def test_it_never_ends_before_it_began() -> None:
    """As in a replay of what is in the future of this clock."""
    (alert,), _ = await _alerts(tellings.telling("resolve"), now=NOW - 3_600)
    assert alert["startsAt"] == alert["endsAt"]


async def test_labels_of_the_config_do_not_replace_ours() -> None:
    (alert,), _ = await _alerts(tellings.telling("open"), labels={"source": "fm", "incident": "x", "empty": ""})
    assert alert["labels"]["incident"] == tellings.KEY
    assert alert["labels"]["source"] == "fm"
    assert "empty" not in alert["labels"]


async def test_silenced_ones_are_asked_for() -> None:
    found = [
        {"labels": {"incident": "inc-1"}, "status": {"state": "suppressed", "silencedBy": ["s1"]}},
        {"labels": {"incident": "inc-2"}, "status": {"state": "active", "silencedBy": []}},
        {"labels": {}, "status": {"silencedBy": ["s2"]}},
        None,
    ]
    settings = Alertmanager(url="http://am:9093/prefix/")
    seen: list[Request] = []

    async def exchange(request: Request) -> Answer:
        seen.append(request)
        return Answer(200, {}, json.dumps(found).encode())

    assert await silenced(settings, exchange) == {"inc-1"}
    assert seen[0].url.startswith("http://am:9093/prefix/api/v2/alerts?")
    for answer in (Taker(503), Taker(200, b"{}"), Taker(200, b"<html>")):

        async def failing(request: Request, answer: Taker = answer) -> Answer:
            return answer(request)

        assert await silenced(settings, failing) is None
