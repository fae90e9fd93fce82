"""Many incidents in one message: a headline, and a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from floodmark.alerts import SEVERITIES
from floodmark.config.calendars import Calendar
from floodmark.notify.addressing import addressed
from floodmark.notify.cases import Case, Plan
from floodmark.notify.kinds import RECORDS
from floodmark.notify.post import ALL, Post
from floodmark.notify.routes import at_least

_LINES: Final = 20


def spell(count: int, what: str = "incident") -> str:
    """1 incident, 2 incidents."""
    return f"{count:,} {what}{'s' * (count != 1)}"


class Digests:
    """Writes digests, and has them sent."""

    def __init__(self, post: Post, calendars: Mapping[str, Calendar]) -> None:
        self._post = post
        self.calendars = calendars

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
    ) -> None:
        """Tell the targets of a plan, as a new revision of the digest `key`. It rings if one of its open incidents
        would. `paged`: the people of the first step of its chain are told as well."""
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
        self.send(key, targets, [head, *self.lines(members)], reason, now, loud=loud, plan=bare)

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
    ) -> None:
        """Send lines to targets that take digests, each with the people who are meant."""
        post = self._post
        case = post.cases.get(key) or post.add(Case(key=key, kind="digest", began=now, plan=plan))
        case.revision += 1
        case.texts[case.revision] = lines
        case.forget = now + 86400.0
        for target in {*targets, *case.lanes}:
            settings = post.notify.targets.get(target)
            if settings is not None and settings.kind() not in RECORDS and "digest" in post.takes.get(target, ALL):
                people = targets.get(target, ())
                post.put(case, target, "digest", now, loud=loud, reason=reason, people=people)
        post.touch(case)

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
