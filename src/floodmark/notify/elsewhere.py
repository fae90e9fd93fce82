"""Silences that people have made in Alertmanager hold here too: such an incident is snoozed for as long as it is so.

It is asked every minute, by the process that has the first partition of the alerts, and what it says goes the way of
all actions: through their topic, so that every desk hears it and everybody can read who did it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from floodmark.actions import LONGEST_SNOOZE, Action, Arguments, new_id
from floodmark.notify.sink import UnansweredError

log = structlog.get_logger(__name__)

Ask = Callable[[], Awaitable[frozenset[str] | None]]
"""Which incidents are silenced there now; None if it does not say. Raises UnansweredError."""
EVERY_SECONDS: Final = 60.0
_VIA: Final = "alertmanager"
_MOST: Final = 500
"""Actions of one round."""


class Elsewhere:
    """`asking`: by the name of the target. `heard`: what was done, the oldest first."""

    def __init__(
        self,
        asking: Mapping[str, Ask],
        heard: Callable[[], Iterable[Action]],
        clock: Callable[[], float] = time.time,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._asking = asking
        self._heard = heard
        self._clock = clock
        self._every = every
        self._away: set[str] = set()

    async def news(self) -> list[Action]:
        """What is to be done, once there is something."""
        while True:
            await asyncio.sleep(self._every)
            found = [action for name, ask in self._asking.items() for action in await self._looked(name, ask)]
            if found:
                return found[:_MOST]

    async def _looked(self, name: str, ask: Ask) -> list[Action]:
        try:
            keys = await ask()
        except UnansweredError as error:
            keys = None
            if name not in self._away:
                log.warning(
                    "its silences cannot be asked for; those that are known stay", target=name, reason=str(error)
                )
            self._away.add(name)
        except Exception:
            log.exception("asking for silences has failed (a bug in Floodmark, please report it)", target=name)
            keys = None
        else:
            self._away.discard(name)
        return [] if keys is None else changes(name, keys, self._heard(), datetime.fromtimestamp(self._clock(), UTC))


def changes(target: str, silenced: Iterable[str], heard: Iterable[Action], now: datetime) -> list[Action]:
    """What has to be done so that just the silenced ones are snoozed in the name of the target."""
    by = f"{_VIA}:{target}"
    held: dict[str, Action] = {}
    for action in heard:
        if action.by != by:
            continue
        held.pop(action.incident, None)
        if action.verb == "snooze" and action.args.until is not None and action.args.until > now:
            held[action.incident] = action
    wanted = dict.fromkeys(silenced)
    # A day is left, so that one that lasts for longer than a snooze may is renewed before.
    due = [key for key in wanted if key not in held or (held[key].args.until or now) < now + timedelta(days=1)]
    over = [key for key in held if key not in wanted]
    until = Arguments(until=now + LONGEST_SNOOZE)
    return [_action("snooze", key, by, now, "it is silenced in Alertmanager", until) for key in due] + [
        _action("unsnooze", key, by, now, "it is not silenced in Alertmanager any more", Arguments()) for key in over
    ]


def _action(verb: str, key: str, by: str, now: datetime, reason: str, args: Arguments) -> Action:
    return Action(id=new_id(), verb=verb, by=by, at=now, incident=key, via=_VIA, reason=reason, args=args)
