"""What one partition of the alerts owes to whom, and when: routes, holds, chains, quiet hours, retries. Sans-IO.

The runner hands it revisions, actions and the time, commits what it says has changed, sends what is ready, and tells it
what came of that. Time is epoch seconds of the clock on the wall, always an argument. All that it knows is in the
records that `changed` gives, so that whoever gets the partition next goes on from `restore`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from floodmark.actions import Action
from floodmark.alerts import ChangeNotice, Incident
from floodmark.config.models import Config
from floodmark.notify.sink import Event, Message, Outcome
from floodmark.requests import ModelRequest


class Job(NamedTuple):
    """A message that may be sent now to a target (by its name in the config), with what that called it before."""

    target: str
    message: Message
    memory: Mapping[str, str]


class Entry(NamedTuple):
    """A record of the deliveries topic: a key, and what holds for it from now on (None: nothing any more)."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Desk:
    """The incidents of one partition. One that has not been told of an incident's end keeps it."""

    def __init__(self, config: Config, takes: Mapping[str, frozenset[Event]]) -> None:
        """`takes`: which events each target can be told, by its name."""
        raise NotImplementedError

    def restore(self, entries: Iterable[Entry], now: float) -> None:
        """Go on from what was committed, in the order in which it was. Called once, before all else."""
        raise NotImplementedError

    def revise(self, incident: Incident, now: float) -> None:
        """A revision has come. One that is older than what is known changes nothing."""
        raise NotImplementedError

    def hear(self, action: Action, offset: int, now: float) -> None:
        """Somebody has done something; all desks hear all actions, also those from before they began."""
        raise NotImplementedError

    def change(self, notice: ChangeNotice, now: float) -> None:
        """Something was changed; for targets of `notify.changes`."""
        raise NotImplementedError

    def request(self, request: ModelRequest, now: float) -> None:
        """Something is asked to be done with a model; for targets of `notify.requests`."""
        raise NotImplementedError

    def ready(self, now: float) -> list[Job]:
        """What may be sent now: at most one message of each target and key at a time, the older ones first. A job is
        not given again until it is settled."""
        raise NotImplementedError

    def settle(self, job: Job, outcome: Outcome, now: float) -> None:
        """What came of a job."""
        raise NotImplementedError

    def due(self) -> float:
        """When `ready` may next have something without anything being heard; infinity: not by itself."""
        raise NotImplementedError

    def changed(self) -> list[Entry]:
        """What is to be committed before what is ready is sent, and after it is settled."""
        raise NotImplementedError

    def actions(self) -> list[Action]:
        """Actions of the notifier itself (a playbook is proposed, has run), to be written to the actions topic."""
        raise NotImplementedError

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by `name` or `name:label`."""
        raise NotImplementedError

    def sizes(self) -> Mapping[str, float]:
        """How much waits, and since when (`oldest`: seconds)."""
        raise NotImplementedError
