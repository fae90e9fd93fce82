"""Chance, scope by scope: how surprising a group is, from which surprise on one opens an incident, and what is learned.

It holds what each scope has taught (`nulls`), and weighs groups by it (`evidence`). It decides nothing about incidents.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from floodmark.alerts import Anomaly, ChangeNotice, Severity
from floodmark.config.models import Correlate
from floodmark.correlate import evidence
from floodmark.correlate.bursts import TOGETHER
from floodmark.correlate.changes import EFFECT, SLACK, RecentChanges
from floodmark.correlate.group import Group
from floodmark.correlate.nulls import MEMORY, Null
from floodmark.correlate.relations import Relations
from floodmark.correlate.symptoms import Symptom

_SCOPES: Final = 1_000
"""Scopes whose chance is known; the least recently used is learned anew."""
_ENTITIES: Final = 10_000
"""Entities of which it is known when they last came back."""
_ALERTS: Final = 10_000
"""Alerts of other tools of which it is known how often they fire; the least recently fired is learned anew."""
_TIMES: Final[Mapping[Severity, float]] = {"warning": 86_400.0, "info": 3_600.0}
"""Seconds in which an alert fires once, before anything is known of it; graver ones as often as an incident may be
chance."""
_SELDOM: Final = 2.0
"""Times as often as that, at most, so that a critical one is worth an incident by itself."""
_SAVED: Final = 2
"""Incidents that nothing but alerts may open in a scope in so many times the time for which the budget allows one: a
second one may come soon, but over time there are no more than that."""
_PLAIN: Final = 1.5
"""Times the bar: so many alerts at once are no chance."""
_BACK: Final = "back"
"""The kind of change that it is to come back after silence: whatever is restarted is silent for a while."""


class Fired(Struct):
    """How often an alert has fired, since `first` and lately more than long ago."""

    first: float
    last: float
    times: float

    def times_by(self, time: float) -> float:
        return self.times * math.exp(min(0.0, self.last - time) / MEMORY)


class Chance:
    """What chance does in each scope of a partition."""

    def __init__(self, correlate: Correlate, relations: Relations, changes: RecentChanges) -> None:
        self._conf = correlate
        self._relations = relations
        self._changes = changes
        self._nulls: dict[str, Null] = {}
        self._spoke: dict[tuple[str, str], float] = {}
        self._floods: dict[str, float] = {}
        self._fired: dict[tuple[str, str], Fired] = {}
        self._alone: dict[str, list[float]] = {}

    def state(self) -> object:
        return self._nulls, self._spoke, self._floods, self._fired, self._alone

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._nulls, self._spoke, self._floods, self._fired, self._alone = state

    def bar(self, scope: str, now: float) -> float:
        """The surprise that chance reaches as often as the budget allows, in nats."""
        tail = self._null(scope).tail
        tail.advance(now)
        return tail.bar(self._conf.false_incidents)

    def bars(self) -> list[tuple[str, float, float]]:
        """Of each scope the bar as of its last group, and from how many groups of late it has been learned; to look
        at."""
        budget = self._conf.false_incidents
        return [(scope, null.tail.bar(budget), null.tail.groups) for scope, null in sorted(self._nulls.items())]

    def weigh(self, group: Group) -> None:
        """Say how surprising a group is by now."""
        group.surprise = self.surprise(group, group.symptoms.values())
        group.most = max(group.most, group.surprise)

    def surprise(self, group: Group, symptoms: Iterable[Symptom]) -> float:
        """How surprising these of its symptoms are by themselves, in nats."""
        null = self._null(group.scope)
        anyway = 1 - math.exp(-null.talk(self._relations.near(group)) * self._conf.gap)
        return evidence.surprise(evidence.rows(symptoms, null), null, anyway)

    def apart(self, group: Group) -> float:
        """Seconds between two groups as surprising, by chance."""
        return self._null(group.scope).tail.apart(group.surprise, self._conf.false_incidents)

    def opened(self, group: Group) -> None:
        """The group is an incident."""
        self._null(group.scope).tail.opened += 1

    def told(self, alert: Anomaly) -> Anomaly:
        """Another tool's alert that fires now, with how probable it is that it does within a burst by chance: its own
        rate so far says so. What flaps is no evidence."""
        now, key = alert.started_at.timestamp(), (alert.scope, alert.series)
        fired = self._fired.pop(key, None) or Fired(now, now, 0.0)
        before = fired.times_by(now)
        watched = MEMORY * -math.expm1(-max(0.0, now - fired.first) / MEMORY)
        usual = _TIMES.get(alert.severity, 1 / self._conf.false_incidents)
        rate = (before + 1) / (watched + usual)
        self._fired[key] = Fired(min(fired.first, now), max(fired.last, now), before + 1)
        if len(self._fired) > _ALERTS:
            del self._fired[next(iter(self._fired))]
        probable = min(1.0, max(1e-6, -math.expm1(-rate * self._conf.gap)))
        return replace(alert, p_value=probable, surprise=-math.log10(probable), level=1.0)

    def is_seldom(self, alert: Symptom) -> bool:
        """Whether an alert fires hardly more often than an incident may be chance."""
        often = -math.expm1(-_SELDOM * self._conf.false_incidents * self._conf.gap)
        return alert.p_value <= often * (1 + 1e-9)

    def affords(self, group: Group, bar: float) -> bool:
        """Whether a group of nothing but alerts may open an incident now; if so, it is noted that it does.

        Each may be seldom, and all of a scope together often: the budget is that of the scope. What begins together
        with one that has opened is of the same trouble. Where event time had gone wrong, what is noted is far off, and
        counts no more.
        """
        if group.surprise >= _PLAIN * bar:
            return True
        began = self._alone.get(group.scope, [])
        if any(abs(group.started - other) <= TOGETHER * self._conf.gap for other in began):
            return True
        window = _SAVED / self._conf.false_incidents
        if sum(abs(group.started - other) < window for other in began) >= _SAVED:
            return False
        self._alone.pop(group.scope, None)
        self._alone[group.scope] = [*began, group.started][-_SAVED:]
        while len(self._alone) > _SCOPES:
            del self._alone[next(iter(self._alone))]
        return True

    def explain(self, scope: str, symptom: Symptom) -> None:
        """Note the change of its entity that a symptom may come from."""
        notice = self._changes.before(scope, symptom.entity, symptom.started)
        spoke = self._spoke.get((scope, symptom.entity), -math.inf)
        if notice is not None:
            symptom.change = notice.kind
        elif -SLACK <= symptom.started - spoke <= EFFECT:
            symptom.change = _BACK

    def changed(self, notice: ChangeNotice) -> None:
        """There was a change."""
        for scope, null in self._nulls.items():
            if notice.scope in ("", scope):
                null.changed(notice.kind)

    def speaks(self, scope: str, entity: str, time: float) -> None:
        """An entity that was silent is back."""
        before = self._spoke.pop((scope, entity), -math.inf)
        self._spoke[scope, entity] = max(before, time)
        if time > before + EFFECT:
            self._null(scope).changed(_BACK)
        while len(self._spoke) > _ENTITIES:
            del self._spoke[next(iter(self._spoke))]

    def flooded(self, scope: str, since: float) -> None:
        """So much began at once that nothing of that time is to be learned."""
        self._floods.pop(scope, None)
        self._floods[scope] = since
        while len(self._floods) > _SCOPES:
            del self._floods[next(iter(self._floods))]

    def learn(self, group: Group, now: float) -> None:
        """A group is over: what is to be learned from it.

        Incidents are learned, too, as some of them are chance; the bar is kept from rising by what was real
        (`Tail.bar`). Not learned are the aftermath of others, floods, and the return of what was learned before.
        """
        null = self._null(group.scope)
        found: dict[str, set[str]] = {}
        for symptom in group.symptoms.values():
            found.setdefault(symptom.entity, set()).add(symptom.family)
        families = {entity: sorted(own) for entity, own in sorted(found.items())}
        flood = self._floods.get(group.scope, -math.inf)
        if abs(group.started - flood) <= 2 * self._conf.gap:
            return  # what is odd everywhere at once says nothing of what goes together
        null.met(families)
        if group.parent or group.again:
            return
        if group.opened_at is not None and group.aftermath + sum(map(len, families.values())) > 1:
            null.tail.advance(now)
            null.tail.learn(group.most)
            return
        effects: dict[tuple[str, str], float] = {}
        for symptom in group.symptoms.values():
            if symptom.change:
                key = symptom.change, symptom.family
                effects[key] = max(effects.get(key, 0.0), evidence.nats(symptom))
        null.learn(now, group.most, families, dict(sorted(effects.items())))

    def _null(self, scope: str) -> Null:
        null = self._nulls.pop(scope, None) or Null()
        self._nulls[scope] = null
        if len(self._nulls) > _SCOPES:
            del self._nulls[next(iter(self._nulls))]
        return null
