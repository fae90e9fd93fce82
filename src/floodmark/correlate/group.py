"""An incident from the inside: its symptoms, what relates them, and where it stands in its life.

A `Group` is only state; `lifecycle` moves it, `relations` finds it, `narrate` tells it. Before it is opened it is a
candidate ("held"): not yet more than chance would bring.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from msgspec import Struct, field

from floodmark.alerts import Acted, Cause, ChangeNotice, Severity
from floodmark.correlate.symptoms import Symptom


class Group(Struct, eq=False):
    """A candidate or an incident. Times are epoch seconds. Dicts keep the order in which things joined."""

    id: str
    scope: str
    first: Symptom
    started: float
    """Earliest onset of a member."""
    last_start: float
    """Latest onset of a member: the activity that `gap` is counted from."""
    last_end: float
    """Latest end of a member."""
    last_odd: float = float("-inf")
    """Until when a member is known, or taken, to be odd."""
    state: Literal["held", "open", "resolved"] = "held"
    symptoms: dict[str, Symptom] = field(default_factory=dict)
    """By series; bounded, see `member_count`."""
    entities: dict[str, str] = field(default_factory=dict)
    """Affected entities, each with the name of its first series."""
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    """Values of the labels that relate, each with the entity that brought it."""
    links: dict[str, None] = field(default_factory=dict)
    """How members are connected, as clauses."""
    keys: list[Hashable] = field(default_factory=list)
    """Where `relations` has it in its index."""
    open: int = 0
    """Symptoms whose anomaly has not ended."""
    member_count: int = 0
    """All series that joined, also those beyond the bound."""
    severity: Severity = "info"
    causes: list[Cause] = field(default_factory=list)
    changes: dict[str, ChangeNotice] = field(default_factory=dict)
    surprise: float = 0.0
    """How improbable it is by chance, in nats, and the most it has been."""
    most: float = 0.0
    bar: float = 0.0
    """The surprise that was asked for when it opened."""
    by_chance: float = 0.0
    """Seconds between two as surprising as it was when it opened; 0 if that is not known."""
    opened_at: float | None = None
    """When it was opened, or opened again."""
    again: bool = False
    """It began with the return of what had been odd before."""
    parent: str = ""
    """Of a candidate: the open incident on which it came."""
    life: float = 0.0
    """The share of that incident's evidence that was odd then."""
    aftermath: float = 0.0
    """Of an incident: families that came on it later and were no incident of their own."""
    flood: bool = False
    """So much that has nothing to do with each other began at once that it has one cause."""
    revision: int = 0
    joined: bool = False
    """A member has joined since the last revision."""
    reopened: bool = False
    """It has been reopened since the last revision."""
    resolved_at: float | None = None
    resolution: str = ""
    told: float = float("-inf")
    """When it was last told."""
    pending: bool = False
    """There is news that waits for more."""
    acts: list[Acted] = field(default_factory=list)
    """What people did to it, the newest last; bounded."""
    said: list[str] = field(default_factory=list)
    """The same as clauses, the newest last; bounded."""
    acted: bool = False
    """Somebody has done something to it since the last revision."""
    named: str = ""
    """What people call it, if they have said so."""
    dismissed: bool = False
    """People have said that it is none: nothing that comes later is the same again."""
    scheduled: float | None = None
    """The time for which the earliest timer of it is set."""

    def settled(self) -> float:
        """When it went quiet: the last onset or end that is known."""
        return max(self.last_start, self.last_end)
