"""One message for many: while a route has too many new incidents, they become the lines of a digest that is kept up to
date. Critical ones are told all the same."""

from __future__ import annotations

import math
from typing import Final

from floodmark.notify.cases import Case, Storm
from floodmark.notify.digests import Digests, spell
from floodmark.notify.post import Post

_MEMBERS: Final = 1_000
"""Incidents of a storm that are listed by name; the rest is counted."""


class Storms:
    """Those of a desk, by route; what it knows is in the ledger."""

    def __init__(self, post: Post, digests: Digests) -> None:
        self._post = post
        self._digests = digests

    def take(self, case: Case, now: float) -> bool:
        """Count a new incident; whether a digest stands for it."""
        if case.plan is None:
            return False
        limits, storm = self._post.notify.storm, self._storm(case.plan.route)
        storm.times = [each for each in storm.times if each > now - limits.within][-_MEMBERS:]
        storm.times.append(now)
        self._post.touch_ledger()
        if case.newest().severity == "critical" or not (storm.key or len(storm.times) > limits.incidents):
            return False
        if not storm.key:
            storm.key, storm.since, storm.edited = f"storm-{case.plan.route}-{int(now)}", now, 0.0
            storm.members = []
            self._post.counts["storms"] += 1
        storm.members = [*storm.members, case.key][-_MEMBERS:]
        storm.fresh = True
        self._post.counts["stormed"] += 1
        return True

    def key(self, route: str) -> str:
        return self._storm(route).key

    def stands(self, key: str) -> bool:
        """Whether it is going on."""
        return any(storm.key == key for storm in self._post.ledger.storms.values())

    def stir(self, case: Case) -> None:
        """An incident that a digest stands for is another one now."""
        for storm in self._post.ledger.storms.values():
            if storm.key and storm.key == case.storm:
                storm.fresh = True
                self._post.touch_ledger()

    def wake(self, now: float) -> None:
        """Begin the digests that are due, bring them up to date, and end those of which it is calm again."""
        limits = self._post.notify.storm
        for route, storm in self._post.ledger.storms.items():
            if not storm.key:
                continue
            recent = [each for each in storm.times if each > now - limits.within]
            calm = len(recent) * 2 <= limits.incidents
            if not calm and not (storm.fresh and now >= storm.edited + limits.every):
                continue
            self._tell(route, storm, calm, now)
            storm.edited, storm.fresh = now, False
            if calm:
                storm.key = ""
            self._post.touch_ledger()

    def due(self) -> float:
        """When a digest is next to be touched."""
        limits = self._post.notify.storm
        times = [math.inf]
        for storm in self._post.ledger.storms.values():
            if storm.key:
                left = storm.times[-(limits.incidents // 2 + 1) :]
                times.append(left[0] + limits.within if len(left) * 2 > limits.incidents else 0.0)
                times += [storm.edited + limits.every] if storm.fresh else []
        return min(times)

    def _tell(self, route: str, storm: Storm, calm: bool, now: float) -> None:
        members = [self._post.cases[key] for key in storm.members if key in self._post.cases]
        plan = next((each.plan for each in members if each.plan is not None), None)
        if plan is None:
            return
        alive = [each for each in members if each.alive()]
        open_ones = len(alive)
        first = storm.key not in self._post.cases
        since = self._digests.clock(storm.since)
        if calm:
            head = f"The storm of {route} is over: {spell(len(members))} since {since}, {open_ones} of them still open"
        else:
            head = f"{spell(len(members), 'new incident')} of {route} since {since}, {open_ones} of them open"
        reason = "too many incidents at once for a message each" if first else "brought up to date"
        self._digests.tell(
            storm.key,
            plan,
            members,
            head,
            reason,
            now,
            loud=first,
            paged=first,
            over=calm,
            pagers=not (calm and alive),
            follow=alive if calm else (),
        )

    def _storm(self, route: str) -> Storm:
        return self._post.ledger.storms.setdefault(route, Storm())
