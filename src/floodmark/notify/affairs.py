"""What people hear of an incident, and when: from its revisions, from what people do, and from the clock.

An incident is held while it may grow, told, told again when it is worse, open again or left alone for too long; and its
end is told wherever it was told at all. Where it stands is `floodmark.fold`'s to say; this compares what it said before
with what it says now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from floodmark.actions import Action
from floodmark.alerts import Incident, utc
from floodmark.config.calendars import Calendar
from floodmark.fold import Revision, life
from floodmark.notify import chains, routes, silences
from floodmark.notify.addressing import addressed, person_of
from floodmark.notify.cases import Case, slim
from floodmark.notify.digests import Digests, spell
from floodmark.notify.kinds import PEOPLE, RECORDS
from floodmark.notify.playbooks import Playbooks
from floodmark.notify.post import Came, Post
from floodmark.notify.sink import Event
from floodmark.notify.storms import Storms
from floodmark.notify.wording import changed

KEPT: Final = 86400.0
"""How long what is over is remembered, so that what begins again goes on where it was told."""
_LINE: Final = 500
_ACTS: Final = 200
_CHANGES: Final = 100
_PAST: Final = 900.0
"""Actions that are older than this when an incident is first heard of count, and are not told."""


class Affairs:
    """The incidents of a desk."""

    def __init__(
        self,
        post: Post,
        calendars: Mapping[str, Calendar],
        storms: Storms,
        digests: Digests,
        playbooks: Playbooks,
    ) -> None:
        self.post = post
        self.calendars = calendars
        self.storms = storms
        self.digests = digests
        self.playbooks = playbooks

    # -- from the engine

    def revise(self, incident: Incident, acts: list[tuple[int, Action]], now: float) -> None:
        case = self.post.cases.get(incident.id)
        counts = self.post.counts
        if case is None:
            if incident.event in ("resolved", "merged") and incident.revision > 1:
                counts["unknown"] += 1  # it is of the time before anybody listened
                return
            case = self.post.add(Case(key=incident.id, began=now))
            case.acts = acts[-_ACTS:]
            old = [offset for offset, each in case.acts if each.at.timestamp() < now - _PAST]
            case.heard = max(old, default=-1)
        elif incident.revision <= case.revision:
            counts["stale"] += 1
            return
        case.revision = incident.revision
        case.bodies[incident.revision] = slim(incident)
        self._remember(case, incident)
        self._look(case, now, incident)
        self._records(case, incident, now)
        for offset, action in case.acts:
            self._act(case, offset, action, now)
        self.touch(case)

    def _remember(self, case: Case, incident: Incident) -> None:
        """Of revisions that change nothing of an incident's life none is kept."""
        said = Revision.of(incident)
        last = case.line[-1] if case.line else None
        if last is None or said.event != "updated" or (said.severity, said.entities) != (last.severity, last.entities):
            case.line.append(said)
        if len(case.line) > _LINE:
            del case.line[1]
            self.post.counts["revisions_forgotten"] += 1

    def _records(self, case: Case, incident: Incident, now: float) -> None:
        """Targets that keep records hear of each revision, whoever else does."""
        plan = case.plan
        if plan is None:
            route = routes.route_of(incident, self.post.config)
            plan = chains.plan_of(route, self.post.notify) if route is not None else None
        for target in plan.targets if plan is not None else ():
            if self._keeps(target):
                ended = incident.event in ("resolved", "merged")
                lane = case.lane(target)
                anew = incident.event == "reopened" or (lane.told in ("no", "over") and lane.idle())
                event: Event = "resolve" if ended else "open" if anew else "update"
                self.post.put(case, target, event, now, reason=f"revision {incident.revision}: {incident.event}")

    def _keeps(self, target: str) -> bool:
        found = self.post.notify.targets.get(target)
        return found is not None and found.kind() in RECORDS

    def _groups(self, target: str) -> bool:
        """Whether a target is a machine that takes no digest: it makes of many what it likes."""
        found = self.post.notify.targets.get(target)
        if found is None or found.kind() in RECORDS | PEOPLE:
            return False
        return not self.post.digests(target)

    # -- what has changed of its life

    def _look(self, case: Case, now: float, incident: Incident | None = None) -> None:
        notify = self.post.notify
        before, severity_before = case.state, case.worst
        found = life(case.line, case.acts, utc(now), timedelta(seconds=notify.ack))
        case.live(found)
        if case.state in ("resolved", "merged", "none"):
            if before in ("open", "acked", "snoozed") or (before == "none" and case.state != "none"):
                self._finish(case, now)
            return
        if before in ("none", "resolved", "merged"):
            self._begin(case, before != "none", now)
            return
        worse = _rank(found.severity) > _rank(severity_before)
        if worse and case.state != "snoozed":
            self._again(case, f"told again: severity rose from {severity_before} to {found.severity}", now)
        elif case.state == "open" and before in ("acked", "snoozed"):
            first = case.owner if "ran out" in found.woke and before == "acked" else ""
            self._again(case, f"told again: {found.woke or 'it is open again'}", now, first)
        elif case.state in ("acked", "snoozed"):
            case.climb = case.climb if before == case.state else None
        if incident is not None and case.stage == "muted" and not self.muted(case, now):
            self.tell(case, now, "the silence is not for it any more")
        elif incident is not None:
            self._news(case, incident, now)

    def _begin(self, case: Case, again: bool, now: float) -> None:
        incident = case.newest()
        case.worst, case.cause, case.next_cause, case.forget = "info", "", "", 0.0
        case.stage, case.silence, case.storm = "held", "", ""
        if again:
            case.plan = None  # what the config says now is what it opens with
        urgent = again or incident.severity == "critical"
        case.held = now if urgent else now + self.post.notify.hold
        if urgent:
            last = incident.acts[-1] if incident.acts else None
            by_hand = last is not None and last.verb == "reopen" and last.applied_at >= incident.updated_at
            words = f"{last.by} has opened it again" if last is not None and by_hand else "it is open again"
            self.tell(case, now, f"told again: {words}" if again else "")

    def tell(self, case: Case, now: float, reason: str = "", digested: bool = False) -> None:
        """Tell those whom it concerns, for the first time since it opened. `digested`: a digest has told them."""
        incident, post = case.newest(), self.post
        if case.plan is None:
            route = routes.route_of(incident, post.config)
            if route is None:
                if case.stage != "unrouted":
                    post.counts["unrouted"] += 1
                case.stage = "unrouted"
                return
            case.plan = chains.plan_of(route, post.notify)
        if self.muted(case, now):
            return
        anew = not any(lane.told != "no" or lane.queue for t, lane in case.lanes.items() if not self._keeps(t))
        if anew and not digested and case.stage != "storm" and self.storms.take(case, now):
            case.stage, case.storm = "storm", self.storms.key(case.plan.route)
            case.worst = incident.severity
            for target in case.plan.targets:
                if self._groups(target):
                    post.put(case, target, "open", now)
            return
        case.stage, case.storm = "told", ""
        case.worst = incident.severity
        case.cause = incident.causes[0].entity if incident.causes else ""
        case.changes = [each.id for each in incident.changes][-_CHANGES:]
        loud = routes.at_least(incident.severity, case.plan.page) and case.state == "open"
        if case.began and not reason and incident.revision > 1 and now - incident.started_at.timestamp() > KEPT:
            reason = "it has been open for more than a day"
        for target in case.plan.targets:
            lane = case.lane(target)
            if digested and post.digests(target):
                lane.told = "maybe" if lane.told in ("no", "over") else lane.told
            elif not self._keeps(target):
                event: Event = "update" if lane.told in ("maybe", "open") and not lane.ending() else "open"
                post.put(case, target, event, now, loud=loud, reason=reason)
        if loud:
            case.climb = chains.begin(case.plan, now, told=digested)
            self._climb(case, now)
        self._respond(case, now)

    def muted(self, case: Case, now: float) -> bool:
        """Whether a silence mutes it now; the first time it is counted."""
        silence = silences.silence_of(case, self.post.ledger, self.post.config, now)
        if silence is None:
            return False
        if case.silence != silence.id:
            case.silence = silence.id
            silence.muted += 1
            self.post.counts["silenced"] += 1
            self.post.touch_ledger()
        case.stage, case.climb = "muted", None
        self.touch(case)
        return True

    def _again(self, case: Case, reason: str, now: float, first: str = "") -> None:
        """Page again: it is worse, or nobody looks at it any more."""
        incident = case.newest()
        critical = incident.severity == "critical"
        if case.stage in ("unrouted", "storm", "held"):
            passed = case.stage == "storm" and not self.storms.stands(case.storm)
            if case.stage == "unrouted" or critical or passed:
                self.tell(case, now, reason if case.stage == "storm" else "")
            return
        if case.stage != "told" or case.plan is None or self.muted(case, now):
            return
        case.worst = max(case.worst, incident.severity, key=_rank)
        loud = routes.at_least(incident.severity, case.plan.page)
        self._update(case, now, reason, loud=loud)
        if loud:
            case.climb = chains.begin(case.plan, now, person_of(first, self.post.notify) or "")
            self._climb(case, now)
        self._respond(case, now)

    def _respond(self, case: Case, now: float) -> None:
        """Propose what may help, or do it."""
        for words in list(self.playbooks.offer(case, now)):
            self._update(case, now, words)

    def ran(self, came: Came, now: float) -> None:
        """What has come of a playbook."""
        found = self.playbooks.came(came, now)
        if found is not None:
            case, words = found
            self._update(case, now, words)
            self.touch(case)

    def _update(self, case: Case, now: float, reason: str, loud: bool = False) -> None:
        """Into what is told already."""
        targets = list(case.plan.targets) if case.plan is not None else []
        targets += [t for t, lane in case.lanes.items() if t not in targets and lane.told in ("maybe", "open")]
        for target in targets:
            if not self._keeps(target):
                ringing = loud and case.plan is not None and target in case.plan.targets
                self.post.put(case, target, "update", now, loud=ringing, reason=reason)

    def _news(self, case: Case, incident: Incident, now: float) -> None:
        """A first cause that is another one, and changes that were not known; neither rings."""
        if case.stage == "unrouted":
            self.tell(case, now)
            return
        if case.stage != "told":
            if case.stage == "storm":
                self.storms.stir(case)
            return
        first = incident.causes[0].entity if incident.causes else ""
        if first in ("", case.cause):
            case.next_cause, case.cause_due = "", 0.0
        elif first != case.next_cause:
            case.next_cause, case.cause_due = first, now + self.post.notify.settle
        new = [each for each in incident.changes if each.id not in case.changes]
        if new:
            case.changes = [*case.changes, *(each.id for each in new)][-_CHANGES:]
            if case.state != "snoozed" and not self.muted(case, now):
                words = "; ".join(changed(each) for each in new[:3])
                self._update(case, now, f"a change was found: {words}")

    def _finish(self, case: Case, now: float) -> None:
        incident = case.newest()
        case.climb = None
        self.playbooks.close(case, now)
        case.held = case.cause_due = 0.0
        stage, case.stage = case.stage, "over"
        case.forget = now + KEPT
        other = self.post.cases.get(incident.merged_into or "")
        if incident.event == "merged":
            title = (
                f": {other.newest().title}" if other is not None and other.kind == "incident" and other.bodies else ""
            )
            reason = f"it goes on as {incident.merged_into}{title}"
        else:
            reason = incident.resolution or "it is over"
        for target, lane in case.lanes.items():
            if not self._keeps(target) and (lane.told in ("maybe", "open") or lane.queue):
                self.post.put(case, target, "resolve", now, reason=reason)
        if stage == "storm":
            self.storms.stir(case)
        self.digests.ended(case, now)
        if stage == "held" and incident.event != "merged":
            self._after(case, incident, reason, now)

    def _after(self, case: Case, incident: Incident, reason: str, now: float) -> None:
        """It was over before anybody was told: one quiet message, where that disturbs nobody."""
        if case.plan is None:
            route = routes.route_of(incident, self.post.config)
            if route is None:
                return
            case.plan = chains.plan_of(route, self.post.notify)
        if silences.silence_of(case, self.post.ledger, self.post.config, now) is not None:
            self.post.counts["silenced"] += 1
            return
        self.post.counts["after"] += 1
        for target in case.plan.targets:
            if not self._keeps(target):
                self.post.put(
                    case, target, "resolve", now, reason=f"it was over before it was told: {reason}", after=True
                )

    # -- from people

    def hear(self, case: Case, action: Action, offset: int, now: float) -> None:
        if all(action.id != each.id for _, each in case.acts):
            case.acts.append((offset, action))
            if len(case.acts) > _ACTS:
                del case.acts[0]
                self.post.counts["actions_forgotten"] += 1
        elif offset > case.heard:
            return
        self._look(case, now)
        self._act(case, offset, action, now)
        self.touch(case)

    def _act(self, case: Case, offset: int, action: Action, now: float) -> None:
        """Tell of what somebody did, once."""
        if offset <= case.heard:
            return
        case.heard = offset
        found = life(case.line, case.acts, utc(now), timedelta(seconds=self.post.notify.ack))
        effect = dict(found.effects).get(action.id, "")
        args = action.args
        if action.verb in ("ack", "snooze") and case.alive():
            case.climb = None
        approved = self.playbooks.approve(case, action, now) if action.verb == "approve" else ""
        if effect.startswith(("no effect", "kept")) or case.stage in ("unrouted", "muted", "held"):
            return
        if case.alive() and self.muted(case, now):
            return
        why = f": {action.reason}" if action.reason else ""
        until = f" until {case.ends:%Y-%m-%d %H:%M} UTC" if case.ends is not None else ""
        match action.verb:
            case "ack":
                self._update(case, now, f"{action.by} has taken it on{until}{why}")
            case "snooze":
                self._update(case, now, f"{action.by} has snoozed it{until}{why}")
            case "comment":
                self._update(case, now, f"{action.by}: {args.text or action.reason}")
            case "link":
                self._update(case, now, f"{action.by} has linked {args.url}{why}")
            case "priority":
                self._update(case, now, f"{action.by} has set its priority to {args.priority or 'none'}{why}")
            case "assign":
                self._update(case, now, f"{action.by} has given it to {args.to or 'nobody'}{why}")
                if args.to and case.alive():
                    self.page(case, (args.to,), f"{action.by} has given it to you{why}", now)
            case "page":
                if case.alive():
                    self.page(case, (args.to,) if args.to else (), f"{action.by} asks for you{why}", now, by_name=True)
            case "approve":
                self._update(case, now, approved)
            case "ran" if action.via != "notify":
                self._update(case, now, f"playbook {args.playbook}: {args.result}")
            case _:
                pass

    # -- from the clock

    def wake(self, case: Case, now: float) -> None:
        """Do what is due."""
        if case.alive() and self.next(case) <= now:
            if case.ends is not None and case.ends.timestamp() <= now:
                self._look(case, now)
            if case.stage == "held" and case.held <= now:
                self.tell(case, now)
            if case.cause_due and case.cause_due <= now:
                self._settled(case, now)
            self._climb(case, now)
            self.post.touch(case)
        for person in [each for each, until in case.waiting.items() if until <= now]:
            self._rested(person, now)
        for came in self.post.give_up(case, now):
            if case.kind == "playbook":
                self.ran(came, now)
        self.schedule(case)

    def _rested(self, person: str, now: float) -> None:
        """Somebody may be disturbed again: all that has waited is told in one message."""
        cases = [case for case in self.post.cases.values() if case.waiting.get(person, math.inf) <= now]
        who = self.post.notify.people.get(person)
        since = min(case.waiting.pop(person) for case in cases)
        still = [case for case in cases if case.alive()]
        head = f"While you were not to be disturbed: {spell(len(cases))}, {len(still)} of them still open"
        if len(cases) == 1:
            head = f"While you were not to be disturbed: 1 incident, {'still open' if still else 'over by now'}"
        loud = any(case.state == "open" for case in still)
        key = f"quiet-{person}-{int(since)}"
        self.digests.send(
            key,
            dict.fromkeys(who.targets if who is not None else (), (person,)),
            [head, *self.digests.lines(cases)],
            "your quiet hours are over",
            now,
            loud=loud,
            pagers=bool(still),
            follow=still,
        )
        for case in cases:
            for target in who.targets if who is not None and case.state == "open" and case.stage == "told" else ():
                if not self.post.digests(target):
                    event: Event = "update" if case.lane(target).told in ("maybe", "open") else "open"
                    self.post.put(case, target, event, now, loud=True, reason=head, people=(person,))
            self.touch(case)

    def _settled(self, case: Case, now: float) -> None:
        """Another first cause has stood for long enough."""
        incident = case.newest()
        first = next((each for each in incident.causes[:1] if each.entity == case.next_cause), None)
        before, case.cause_due, case.next_cause = case.cause, 0.0, ""
        if first is None:
            return
        case.cause = first.entity
        if case.stage == "told" and case.state != "snoozed" and not self.muted(case, now):
            was = f" (it was {before})" if before else ""
            self._update(case, now, f"the first cause is {first.entity} now{was}: {first.reason}")
            self._respond(case, now)

    def _climb(self, case: Case, now: float) -> None:
        """Page whoever is due, by the chain."""
        while case.climb is not None and case.plan is not None and case.climb.due <= now:
            if case.stage != "told" or self.muted(case, now):
                case.climb = None
                return
            waits = self.post.opens(case, now)
            if waits > now:
                case.climb.due = waits
                self.post.touch(case)
                return
            fired, case.climb = chains.fire(case.plan, case.climb, now)
            self.post.touch(case)
            if fired is None:
                return
            self.post.counts["escalations"] += fired.number > 0
            reason = fired.reason or f"{case.newest().severity}: you are asked first (route {case.plan.route})"
            reached = self.page(case, fired.names, reason, now)
            if not reached and case.climb is not None:
                case.climb.due = now  # nobody is there to wait for

    def page(self, case: Case, names: Iterable[str], reason: str, now: float, *, by_name: bool = False) -> bool:
        """Have somebody rung up. Whether there is anybody, now or later. `by_name`: somebody has asked for just these,
        and knows what hour it is: quiet hours do not hold."""
        severity = "critical" if by_name else case.newest().severity
        notify = self.post.notify
        found = addressed(names, severity, now, notify, self.post.ledger.standins.values(), self.calendars)
        for person, until in found.resting.items():
            case.waiting[person] = until
        self.post.counts["resting"] += len(found.resting)
        self.post.counts["nobody"] += len(found.missing)
        for target, people in found.targets.items():
            event: Event = (
                "update" if case.lane(target).told in ("maybe", "open") or case.lane(target).queue else "open"
            )
            self.post.put(case, target, event, now, loud=True, reason=reason, people=people)
        return bool(found.targets) or bool(found.resting)

    def touch(self, case: Case) -> None:
        self.post.touch(case, self.next(case))

    def schedule(self, case: Case) -> None:
        self.post.schedule(case, self.next(case))

    def next(self, case: Case) -> float:
        """When the case is to be looked at, but for its post."""
        due = min(case.waiting.values(), default=math.inf)
        if not case.alive():
            return due
        due = min(due, case.held if case.stage == "held" else math.inf)
        due = min(due, case.ends.timestamp() if case.ends is not None else math.inf)
        due = min(due, case.cause_due or math.inf)
        return min(due, case.climb.due if case.climb is not None else math.inf)


def _rank(severity: str) -> int:
    return ("info", "warning", "error", "critical").index(severity)
