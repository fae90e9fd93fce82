"""An incident from the inside: its symptoms, what relates them, and where it stands in its life.

A `Group` is only state; `lifecycle` moves it, `relations` finds it, `narrate` tells it. Before it is opened it is a
candidate ("held"): an anomaly that is still the only one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from msgspec import Struct, field

from floodmark.alerts import Cause, ChangeNotice, Severity
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
    by_chance: float = 0.0
    """Seconds between two groups as improbable as this one, where nothing is wrong; 0 if that is not known."""
    alone: str = ""
    """Why a single anomaly was worth an incident, as a clause."""
    revision: int = 0
    joined: bool = False
    """A member has joined since the last revision."""
    reopened: bool = False
    """It has been reopened since the last revision."""
    resolved_at: float | None = None
    resolution: str = ""
    scheduled: float | None = None
    """The time for which the earliest timer of it is set."""

    def settled(self) -> float:
        """When it went quiet: the last onset or end that is known."""
        return max(self.last_start, self.last_end)
