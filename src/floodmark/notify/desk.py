"""What one partition of the alerts owes to whom, and when: routes, holds, chains, quiet hours, retries. Sans-IO.

The runner hands it revisions, actions and the time, asks what is `ready`, commits what it says has `changed`, and only
then sends; it tells it what came of that. Time is epoch seconds of the clock on the wall, always an argument. All that
it knows is in the records that `changed` gives, so that whoever gets the partition next goes on from `restore`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from floodmark.actions import OF_ALL, Action
from floodmark.alerts import ChangeNotice, Incident
from floodmark.config.calendars import Calendar
from floodmark.config.models import Config
from floodmark.notify import silences
from floodmark.notify.affairs import KEPT, Affairs
from floodmark.notify.cases import DESK_KEY, Case, is_case, read_case, read_ledger
from floodmark.notify.digests import Digests, spell
from floodmark.notify.playbooks import Playbooks
from floodmark.notify.post import Entry, Job, Post
from floodmark.notify.routes import fits
from floodmark.notify.sink import Event, Outcome
from floodmark.notify.storms import Storms
from floodmark.requests import ModelRequest

__all__ = ["Desk", "Entry", "Job"]

_STRANGERS: Final = 10_000
"""Incidents of which actions are kept though no revision has been heard; those last heard of are kept."""
_ACTS: Final = 100
"""Actions that are kept of each."""
_CASES: Final = 20_000
"""Cases that are remembered; of more, those that are over are forgotten, the oldest first."""
_AGAIN: Final = 60.0
"""Seconds after which what a bug has kept from being told is tried again."""


class Fault(NamedTuple):
    """A bug that one case has met: its key, and the exception."""

    key: str
    error: Exception


class Desk:
    """The incidents of one partition. One that has not been told of an incident's end keeps it.

    `takes`: which events a target can be told, by its name; of a target that is not named, all. `calendars`: of
    schedules that are kept in a file, by their name.
    """

    def __init__(
        self,
        config: Config,
        takes: Mapping[str, frozenset[Event]] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        self._post = Post(config, takes or {})
        self._digests = Digests(self._post, calendars or {})
        self._storms = Storms(self._post, self._digests)
        self._playbooks = Playbooks(self._post)
        self._affairs = Affairs(self._post, calendars or {}, self._storms, self._digests, self._playbooks)
        self._strangers: OrderedDict[str, list[tuple[int, Action]]] = OrderedDict()
        self._now = 0.0
        self._faults: list[Fault] = []

    def restore(self, entries: Iterable[Entry], now: float) -> None:
        """Go on from what was committed, in the order in which it was. Called once, before all else."""
        newest = {entry.key: entry.value for entry in entries}
        for key, value in newest.items():
            if value is None:
                continue
            try:
                if is_case(key):
                    self._post.add(read_case(value))
                elif key == DESK_KEY:
                    self._post.ledger = read_ledger(value)
            except msgspec.MsgspecError:
                self._post.counts["unreadable"] += 1
        self._post.restored(now)
        self._digests.restored()

    def revise(self, incident: Incident, now: float) -> None:
        """A revision has come. One that is older than what is known changes nothing."""
        known = self._post.cases.get(incident.id)
        if known is not None and known.kind != "incident":  # a change took its name; the incident is worth more
            self._post.forget(known)
            known = None
        acts = self._strangers.pop(incident.id, []) if known is None else []
        self._affairs.revise(incident, acts, now)
        self._bound()

    def hear(self, action: Action, offset: int, now: float) -> None:
        """Somebody has done something; all desks hear all actions, also those from before they began."""
        if action.verb in OF_ALL and silences.heard(action, self._post.ledger, self._post.config, now):
            self._post.touch_ledger()
        self._playbooks.heard(action)
        case = self._post.cases.get(action.incident)
        if case is not None and case.kind == "incident":
            self._affairs.hear(case, action, offset, now)
        elif case is None and action.incident:
            known = self._strangers.setdefault(action.incident, [])
            known.append((offset, action))
            del known[:-_ACTS]
            self._strangers.move_to_end(action.incident)
            if len(self._strangers) > _STRANGERS:
                self._strangers.popitem(last=False)

    def change(self, notice: ChangeNotice, now: float) -> None:
        """Something was changed; for targets of `notify.changes`."""
        facts = {
            "service": (notice.service,),
            "kind": (notice.kind,),
            "environment": (notice.environment,),
            "status": (notice.status,),
        }
        targets = [t for each in self._post.notify.changes if fits(each.match, facts) for t in each.targets]
        case = self._own("change", notice.id)
        if not targets or (case is not None and notice.status in case.said):
            return
        if case is None:
            case = self._post.add(Case(key=self._free("change", notice.id), kind="change", began=now))
        case.said, case.revision = [*case.said, notice.status], case.revision + 1
        case.notices[case.revision] = notice
        case.forget = now + KEPT
        for target in dict.fromkeys(targets):
            self._post.put(case, target, "change", now)
        self._post.touch(case)
        self._bound()

    def request(self, request: ModelRequest, now: float) -> None:
        """Something is asked to be done with a model; for targets of `notify.requests`."""
        facts = {"model": (request.model,)}
        targets = [
            target
            for each in self._post.notify.requests
            if request.kind in each.kinds and fits({"model": each.match}, facts)
            for target in each.targets
        ]
        if not targets or self._own("request", request.id) is not None:
            return
        key = self._free("request", request.id)
        case = self._post.add(Case(key=key, kind="request", began=now, request=request, revision=1))
        case.forget = now + KEPT
        for target in dict.fromkeys(targets):
            self._post.put(case, target, "request", now, reason=request.why)
        self._post.touch(case)
        self._bound()

    def ready(self, now: float) -> list[Job]:
        """What may be sent once `changed` is committed: at most one message of each target and key at a time, the
        older ones first. A job is not given again until it is settled."""
        self._now = now
        cases, broken = self._post.due_cases(now), list[Case]()
        for case in cases:
            try:
                self._affairs.wake(case, now)
            except Exception as error:  # noqa: BLE001 - given on by `faults`
                broken.append(self._fault(case, error))
        self._wake(now)
        cases = list(dict.fromkeys((*cases, *self._post.due_cases(now))))
        going = self._afters(cases, self._post.collect(cases, now), now)
        jobs: list[Job] = []
        for case, target in going:
            try:
                jobs.append(self._post.job(case, target, now))
            except Exception as error:  # noqa: BLE001 - given on by `faults`
                self._post.ground(case, target, now + _AGAIN)
                broken.append(self._fault(case, error))
        for case in cases:
            jobs += self._post.repeats(case, now)
            if case.forget and case.forget <= now and case.idle() and not case.alive():
                self._post.forget(case)
            else:
                self._affairs.schedule(case)
        for case, _ in going:
            self._affairs.touch(case)
        for case in broken:
            self._post.postpone(case, now + _AGAIN)
        return jobs

    def settle(self, job: Job, outcome: Outcome, now: float) -> None:
        """What came of a job."""
        if (again := self._post.repeated(job, outcome, now)) is not None:
            self._affairs.schedule(again)
            return
        case, came = self._post.settle(job, outcome, now)
        if case is not None:
            self._affairs.schedule(case)
        if came is not None and came.case.kind == "playbook":
            self._affairs.ran(came, now)

    def due(self) -> float:
        """When `ready` may next have something without anything being heard; infinity: not by itself."""
        return min(self._post.due(), silences.due(self._post.ledger), self._storms.due())

    def changed(self) -> list[Entry]:
        """What is to be committed before what is ready is sent, and after it is settled."""
        return self._post.changed()

    def actions(self) -> list[Action]:
        """Actions of the notifier itself (a playbook is proposed, has run), to be written to the actions topic."""
        found, self._playbooks.actions = self._playbooks.actions, []
        return found

    def faults(self) -> list[Fault]:
        """Bugs of ours, one each: what they are about is looked at again in a minute, and all else goes on."""
        found, self._faults = self._faults, []
        return found

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by `name` or `name:label`."""
        return self._post.counts

    def sizes(self) -> Mapping[str, float]:
        """How much waits, and for how long (`oldest`: seconds)."""
        waiting = [each for case in self._post.cases.values() for lane in case.lanes.values() for each in lane.queue]
        return {
            "cases": len(self._post.cases),
            "open": sum(case.alive() for case in self._post.cases.values()),
            "pending": len(waiting),
            "oldest": max((self._now - each.at for each in waiting), default=0.0),
            "silences": len(self._post.ledger.silences),
        }

    def _afters(self, cases: list[Case], going: list[tuple[Case, str]], now: float) -> list[tuple[Case, str]]:
        """What is over before a target could be told of it is one message, where it would be too many."""
        after: dict[str, list[Case]] = {}
        for case, target in going:
            if self._post.after(case, target):
                after.setdefault(target, []).append(case)
        many = {target: cases for target, cases in after.items() if len(cases) > self._post.notify.storm.incidents}
        for target, over in many.items():
            for case in over:
                self._post.drop(case, target, now, "one message stands for many that are over")
            head = f"{spell(len(over))} began and ended before this could be told"
            key = f"after-{target}-{int(now)}"
            self._digests.send(key, {target: ()}, [head, *self._digests.lines(over)], "", now, loud=False)
        if many:
            digests = [case for case in self._post.due_cases(now) if case not in cases]
            cases += digests
            going = [each for each in going if each[0] not in many.get(each[1], ())]
            going += self._post.collect(digests, now)
        return going

    def _wake(self, now: float) -> None:
        """Do what is due, but for single incidents."""
        if silences.due(self._post.ledger) <= now:
            for ending in list(silences.endings(self._post.ledger, now)):
                self._ending(ending, now)
            self._post.touch_ledger()
        if self._storms.due() <= now:
            self._storms.wake(now)

    def _ending(self, ending: silences.Ending, now: float) -> None:
        """Say what is open under a silence, to those whom it has kept from hearing of it."""
        silence = ending.silence
        held = [case for case in self._post.cases.values() if case.silence == silence.id and case.alive()]
        held = [case for case in held if case.plan is not None and case.stage == "muted"]
        if ending.what == "over":
            held = [case for case in held if not self._still(case, now)]
        plans = {case.plan.route: case.plan for case in held if case.plan is not None}
        for route, plan in plans.items():
            members = [case for case in held if case.plan is not None and case.plan.route == route]
            why = f" ({silence.reason})" if silence.reason else ""
            when = "ends in 15 min" if ending.what == "soon" else "is over"
            be = "is" if len(members) == 1 else "are"
            head = f"The silence of {silence.by}{why} {when}: {spell(len(members))} {be} open under it"
            reason = f"it has muted {spell(silence.muted)} in all"
            over = ending.what == "over"
            key = f"{silence.id}/{route}"
            self._digests.tell(
                key,
                plan,
                members,
                head,
                reason,
                now,
                loud=over,
                paged=over,
                pagers=over,
                follow=members if over else (),
            )
            for case in members if over else ():
                self._affairs.tell(case, now, head, digested=True)
                self._affairs.touch(case)

    def _still(self, case: Case, now: float) -> bool:
        """Whether another silence mutes it."""
        return self._affairs.muted(case, now)

    def _fault(self, case: Case, error: Exception) -> Case:
        self._faults.append(Fault(case.key, error))
        self._post.counts["faults"] += 1
        return case

    def _own(self, kind: str, id: str) -> Case | None:
        """The case of a change or a request. Others give these ids, so that an incident may have the same."""
        found = (self._post.cases.get(key) for key in (id, f"{kind}/{id}"))
        return next((case for case in found if case is not None and case.kind == kind), None)

    def _free(self, kind: str, id: str) -> str:
        return f"{kind}/{id}" if id in self._post.cases else id

    def _bound(self) -> None:
        cases = self._post.cases
        if len(cases) <= _CASES:
            return
        over = sorted(
            (case for case in cases.values() if not case.alive()), key=lambda case: (not case.idle(), case.began)
        )
        for case in (over or sorted(cases.values(), key=lambda case: case.began))[: max(1, _CASES // 100)]:
            self._post.counts["cases_forgotten"] += 1
            self._post.forget(case)
