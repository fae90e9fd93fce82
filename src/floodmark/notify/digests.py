"""Many incidents in one message: a headline, and a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from floodmark.alerts import SEVERITIES
from floodmark.config.calendars import Calendar
from floodmark.notify.addressing import addressed
from floodmark.notify.cases import Case, Plan
from floodmark.notify.kinds import PAGERS
from floodmark.notify.post import Post
from floodmark.notify.routes import at_least

_LINES: Final = 20
_KEPT: Final = 86400.0
_FOLLOWED: Final = 30 * 86400.0
"""So long the end of its incidents is waited for."""


def spell(count: int, what: str = "incident") -> str:
    """1 incident, 2 incidents."""
    return f"{count:,} {what}{'s' * (count != 1)}"


class Digests:
    """Writes digests, and has them sent."""

    def __init__(self, post: Post, calendars: Mapping[str, Calendar]) -> None:
        self._post = post
        self.calendars = calendars
        self._within: dict[str, dict[str, None]] = {}  # digests, by the incidents that they follow

    def clock(self, time: float) -> str:
        return f"{datetime.fromtimestamp(time, UTC):%H:%M} UTC"

    def tell(
        self,
        key: str,
        plan: Plan,
        members: Sequence[Case],
        head: str,
        reason: str,
        now: float,
        *,
        loud: bool = False,
        paged: bool = False,
        over: bool = False,
        pagers: bool = True,
        follow: Sequence[Case] = (),
    ) -> None:
        """Tell the targets of a plan, as a new revision of the digest `key`. It rings if one of its open incidents
        would. `paged`: the people of the first step of its chain are told as well. `over`: it is the last of it.
        `pagers`, `follow`: as of `send`."""
        worst = self._worst(members)
        loud = loud and at_least(worst, plan.page) and any(each.alive() for each in members)
        targets: dict[str, list[str]] = {each: [] for each in plan.targets}
        if paged and loud and plan.steps:
            found = addressed(
                plan.steps[0].notify, worst, now, self._post.notify, self._post.ledger.standins.values(), self.calendars
            )
            for target, people in found.targets.items():
                targets.setdefault(target, []).extend(people)
        bare = Plan(route=plan.route, targets=plan.targets, page=plan.page, fallback=plan.fallback)
        self.send(
            key,
            targets,
            [head, *self.lines(members)],
            reason,
            now,
            loud=loud,
            plan=bare,
            over=over,
            pagers=pagers,
            follow=follow,
        )

    def send(
        self,
        key: str,
        targets: Mapping[str, Sequence[str]],
        lines: list[str],
        reason: str,
        now: float,
        *,
        loud: bool,
        plan: Plan | None = None,
        over: bool = False,
        pagers: bool = True,
        follow: Sequence[Case] = (),
    ) -> None:
        """Send lines to targets that take digests, each with the people who are meant. `pagers`: also to those that
        make an alert or a task of it; `follow`: which ends there with the last of these incidents."""
        post = self._post
        case = post.cases.get(key) or post.add(Case(key=key, kind="digest", began=now, plan=plan))
        case.revision += 1
        case.texts[case.revision] = lines
        case.said = [each.key for each in follow]
        case.forget = now + (_FOLLOWED if follow else _KEPT)
        case.state = "resolved" if over else "open"
        self._follow(case)
        for target in {*targets, *case.lanes}:
            if post.digests(target) and (pagers or not self._pages(target)):
                people = targets.get(target, ())
                post.put(case, target, "digest", now, loud=loud, reason=reason, people=people)
        post.touch(case)

    def _pages(self, target: str) -> bool:
        settings = self._post.notify.targets.get(target)
        return settings is not None and settings.kind() in PAGERS

    def restored(self) -> None:
        for case in self._post.cases.values():
            self._follow(case)

    def _follow(self, digest: Case) -> None:
        if digest.kind == "digest":
            for name in digest.said:
                self._within.setdefault(name, {})[digest.key] = None

    def ended(self, member: Case, now: float) -> None:
        """An incident is over: a digest whose incidents all are is over at pagers, where it would stay an alert."""
        cases = self._post.cases
        for key in list(self._within.get(member.key, ())):
            digest = cases.get(key)
            if digest is not None and any(name in cases and cases[name].alive() for name in digest.said):
                continue
            del self._within[member.key][key]
            if digest is None or not digest.said:
                continue
            digest.revision, digest.state, digest.forget = digest.revision + 1, "resolved", now + _KEPT
            digest.texts[digest.revision] = [f"All {len(digest.said)} incidents are over"]
            digest.said = []
            for target in [each for each, lane in digest.lanes.items() if lane.told != "no" or lane.queue]:
                if self._pages(target):
                    self._post.put(digest, target, "digest", now, reason="the last of them is over")
            self._post.touch(digest)
        if not self._within.get(member.key, True):
            del self._within[member.key]

    def lines(self, members: Sequence[Case]) -> list[str]:
        """A line for each incident: those that are open and severe first."""
        ranked = sorted(
            members, key=lambda case: (not case.alive(), -SEVERITIES.index(case.newest().severity), case.began)
        )
        lines = [self.line(case) for case in ranked[:_LINES]]
        return [*lines, f"and {len(ranked) - _LINES} more"] if len(ranked) > _LINES else lines

    def line(self, case: Case) -> str:
        incident = case.newest()
        link = self._post.notify.link
        where = link.replace("{incident}", incident.id) if link else incident.id
        state = "" if case.state == "open" else f" ({case.state}{f' by {case.owner}' if case.owner else ''})"
        return f"{incident.severity}: {incident.title}{state}, {where}"

    def _worst(self, members: Sequence[Case]) -> str:
        ranks = [SEVERITIES.index(each.newest().severity) for each in members if each.alive()]
        return SEVERITIES[max(ranks, default=0)]
