"""First responses: whether one may be proposed or run for an incident. It proposes unless it is told to run.

It may be for services that it was allowed for, and no others; not again for one within its cool-down; not more often in
an hour than it was allowed, of which the runs of other processes are heard by the actions topic. What is proposed runs
when a person approves it in time, and while the incident is open. What has come of it is an action: `ran`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from floodmark.actions import Action, Arguments
from floodmark.alerts import Incident, content_id, utc
from floodmark.config.notify import Playbook
from floodmark.notify.cases import Case, Offer, Run
from floodmark.notify.post import Came, Post
from floodmark.notify.routes import at_least

_HOUR: Final = 3600.0
_RUNS: Final = 1_000
US: Final = "floodmark"


class Subject(NamedTuple):
    """What a playbook would be run for: a service, and the version that has been put there, if a change is to blame."""

    service: str
    version: str


def subject(playbook: Playbook, incident: Incident) -> Subject | None:
    """What it would be run for; None: it is not for this incident."""
    if not at_least(incident.severity, playbook.severity) or not incident.causes:
        return None
    first = incident.causes[0]
    change = next((each for each in incident.changes if each.id == first.change), None)
    if "any" not in playbook.cause and (change is None or change.kind not in playbook.cause):
        return None
    service = change.service if change is not None else first.entity
    if not any(fnmatchcase(service, each) for each in playbook.services):
        return None
    return Subject(service, change.version if change is not None else "")


def hindrance(name: str, playbook: Playbook, service: str, runs: dict[str, Run], now: float) -> str:
    """Why it may not run now; empty: it may."""
    of_it = [each for each in runs.values() if each.playbook == name]
    last = max((each.at for each in of_it if each.service == service), default=None)
    if last is not None and now - last < playbook.cooldown:
        return f"it ran for {service} {(now - last) / 60:.0f} min ago, and may once in {playbook.cooldown / 60:g} min"
    lately = sum(now - each.at < _HOUR for each in of_it)
    if lately >= playbook.per_hour:
        return f"it ran {lately} times within the hour, and may {playbook.per_hour} times"
    return ""


class Playbooks:
    """Those of a desk. `actions`: what it has done, to be written to the actions topic."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.actions: list[Action] = []

    def offer(self, case: Case, now: float) -> Iterator[str]:
        """Propose, or run, what is for an incident and was not offered before; what people are told of it."""
        for name in case.plan.playbooks if case.plan is not None else ():
            playbook = self._post.notify.playbooks.get(name)
            if playbook is None or name in case.offers:
                continue
            about = subject(playbook, case.newest())
            if about is None:
                continue
            until = now + playbook.expires
            case.offers[name] = Offer("proposed", until, about.service, about.version)
            if playbook.mode == "run":
                yield self._run(case, name, US, now)
                continue
            self._act(case, "propose", name, now, about.service, reason=f"it is for {about.service}", until=until)
            self._post.counts["playbooks:proposed"] += 1
            yield (
                f"playbook {name} is proposed for {about.service}: floodmark act approve {case.key} {name}"
                f" (until {utc(until):%H:%M} UTC)"
            )

    def approve(self, case: Case, action: Action, now: float) -> str:
        """A person says yes; what people are told of it."""
        name = action.args.playbook
        offer = case.offers.get(name)
        if offer is None or action.by == US:
            return f"{action.by} has approved playbook {name}, which is not proposed for this: nothing is run"
        if offer.state != "proposed":
            return f"{action.by} has approved playbook {name}, which was approved before: it is not run again"
        if now > offer.until or not case.alive():
            why = "it is over" if not case.alive() else f"the proposal stood until {utc(offer.until):%H:%M} UTC"
            offer.state = "done"
            return self._ran(case, name, now, f"not run: {why}", ok=False)
        return self._run(case, name, action.by, now)

    def _run(self, case: Case, name: str, by: str, now: float) -> str:
        offer, playbook = case.offers[name], self._post.notify.playbooks.get(name)
        ledger = self._post.ledger
        offer.state = "done"
        if playbook is None:
            return self._ran(case, name, now, "not run: there is no such playbook any more", ok=False)
        if why := hindrance(name, playbook, offer.service, ledger.runs, now):
            self._post.counts["playbooks:hindered"] += 1
            return self._ran(case, name, now, f"not run: {why}", ok=False)
        given = {key: self._filled(text, case, offer) for key, text in playbook.parameters.items()}
        if playbook.dry_run:
            words = ", ".join(f"{key}={text}" for key, text in given.items())
            return self._ran(case, name, now, f"dry run: {playbook.target} would be told ({words or offer.service})")
        offer.state = "running"
        self._note(self._id("ran", case, name), now, name, offer.service)
        run = Case(
            key=f"{case.key}/playbook/{name}",
            kind="playbook",
            revision=case.revision,
            began=now,
            bodies={case.revision: case.newest()},
            playbook=name,
            incident=case.key,
            parameters=given | {"service": offer.service},
            until=now + playbook.expires,
        )
        run.forget = now + 86400.0
        self._post.add(run)
        reason = f"playbook {name} for {offer.service}, by {by}"
        if not self._post.put(run, playbook.target, "playbook", now, reason=reason):
            return self._ran(case, name, now, f"not run: {playbook.target} does not take playbooks", ok=False)
        self._post.touch(run)
        self._post.counts["playbooks:run"] += 1
        return f"playbook {name} is run for {offer.service} ({'by itself' if by == US else f'approved by {by}'})"

    def came(self, came: Came, now: float) -> tuple[Case, str] | None:
        """What has come of a run: the incident, and what people are told."""
        case = self._post.cases.get(came.case.incident)
        if case is None:
            return None
        ok = came.result == "delivered"
        words = came.words or "done" if ok else f"{came.target}: {came.words}"
        return case, self._ran(case, came.case.playbook, now, words, ok=ok)

    def close(self, case: Case, now: float) -> None:
        """The incident is over: what has not been begun is not begun any more."""
        for name, offer in case.offers.items():
            run = self._post.cases.get(f"{case.key}/playbook/{name}")
            waits = [lane for lane in run.lanes.values() if lane.queue and not lane.queue[0].id] if run else []
            if offer.state == "running" and run is not None and waits:
                for lane in waits:
                    lane.queue.clear()
                self._post.touch(run)
                self._ran(case, name, now, "not run: it is over", ok=False)
            offer.state = "done" if offer.state == "proposed" else offer.state

    def heard(self, action: Action) -> None:
        """A run, perhaps of another process, counts for what may run in the hour."""
        args = action.args
        known = self._post.ledger.runs
        if action.verb == "ran" and args.playbook and args.ok and args.entity and action.id not in known:
            self._note(action.id, action.at.timestamp(), args.playbook, args.entity)

    def _note(self, id: str, at: float, playbook: str, service: str) -> None:
        runs = self._post.ledger.runs
        runs[id] = Run(at, playbook, service)
        while len(runs) > _RUNS:
            del runs[next(iter(runs))]
        self._post.touch_ledger()

    def _ran(self, case: Case, name: str, now: float, result: str, ok: bool = True) -> str:
        offer = case.offers[name]
        entity = offer.service if offer.state == "running" else ""
        offer.state = "done"
        self._act(case, "ran", name, now, entity, result=result, ok=ok)
        return f"playbook {name}: {result}"

    def _act(
        self,
        case: Case,
        verb: str,
        name: str,
        now: float,
        entity: str,
        *,
        reason: str = "",
        result: str = "",
        ok: bool = True,
        until: float | None = None,
    ) -> None:
        args = Arguments(
            playbook=name, result=result[:4000], ok=ok, entity=entity, until=utc(until) if until is not None else None
        )
        self.actions.append(
            Action(
                id=self._id(verb, case, name),
                verb=verb,
                by=US,
                at=utc(now),
                incident=case.key,
                scope=case.newest().scope,
                seen=case.revision,
                via="notify",
                reason=reason,
                args=args,
            )
        )

    @staticmethod
    def _id(verb: str, case: Case, name: str) -> str:
        """The same for the same, so that a crash makes no second one."""
        return content_id("act", verb, case.key, name)

    @staticmethod
    def _filled(text: str, case: Case, offer: Offer) -> str:
        given = {"service": offer.service, "incident": case.key, "version": offer.version}
        for name, value in given.items():
            text = text.replace(f"{{{name}}}", value)
        return text
