"""Members leave a group: to be a group of their own, or because they are none. It decides nothing: people do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from floodmark.correlate import bursts
from floodmark.correlate.chance import Chance
from floodmark.correlate.group import Group
from floodmark.correlate.membership import Membership
from floodmark.correlate.relations import Relations
from floodmark.correlate.symptoms import Symptom


def offshoot(group: Group, leaving: Sequence[Symptom], made: str, name: str, now: float) -> Group:
    """The group that those make who leave another one, the earliest first, before any has moved."""
    return Group(
        id=made,
        scope=group.scope,
        first=leaving[0],
        started=leaving[0].started,
        last_start=max(symptom.started for symptom in leaving),
        last_end=max((each.ended for each in leaving if each.ended is not None), default=-math.inf),
        last_odd=max(symptom.seen + bursts.lasts(symptom) for symptom in leaving),
        changes=dict(group.changes),
        bar=group.bar,
        opened_at=now,  # by people, which says nothing of chance
        again=True,
        named=name,
    )


class Parting:
    """Takes members out of the groups of a partition."""

    def __init__(self, members: Membership, relations: Relations, chance: Chance) -> None:
        self._members = members
        self._relations = relations
        self._chance = chance

    def move(self, leaving: Sequence[Symptom], group: Group, new: Group) -> None:
        """From one group to another."""
        for symptom in leaving:
            self._members.remove(group, symptom)
            self._members.add(new, symptom)
        self._renew(group)
        self._renew(new)

    def strike(self, group: Group, symptoms: Sequence[Symptom]) -> None:
        """From a group to nowhere."""
        for symptom in symptoms:
            self._members.remove(group, symptom)
        self._renew(group)

    def _renew(self, group: Group) -> None:
        """Who is first, how it is found, and how bad it is, follows from the members that are there."""
        group.first = min(group.symptoms.values(), key=lambda symptom: (symptom.started, symptom.id))
        group.first.why, group.first.member, group.started = "first", None, group.first.started
        group.severity = "info"
        self._relations.renew(group)
        self._chance.weigh(group)
