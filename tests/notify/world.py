"""A desk with a clock, and targets that answer as they are told to."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from floodmark.actions import Action, Arguments
from floodmark.alerts import Cause, ChangeNotice, Incident, Member, utc
from floodmark.config.models import Config
from floodmark.notify.desk import Desk, Entry, Job
from floodmark.notify.sink import Delivered, Message, Outcome

START = 1_800_000_000.0
"""2027-01-15 08:00:00 UTC, a Friday."""


def config(services=None, **notify):
    """A configuration whose targets are webhooks, but for those whose name is that of another kind."""
    kinds = {
        "pd": {"pagerduty": {"routing_key": "k" * 32}},
        "am": {"alertmanager": {"url": "http://am"}},
        "es": {"elasticsearch": {"url": "http://es"}},
        "argo": {"argocd": {"url": "https://argo", "token": "t0k3n-t0k3n"}},
        "slack": {"slack": {"webhook": "https://hooks"}},
    }
    targets = {
        name: kinds.get(name.split("-")[0], {"webhook": {"url": "https://hook"}}) | dict(settings)
        for name, settings in notify.pop("targets", {"hook": {}}).items()
    }
    notify.setdefault("routes", [{"targets": list(targets)}])
    return Config.model_validate({"services": services or {}, "notify": {"targets": targets, **notify}})


def incident(revision=1, event="opened", id="inc-1", severity="error", at=START, causes=(), changes=(), **more):
    """A revision."""
    entities = more.pop("entities", ["checkout"])
    ended = event == "resolved"
    known = {
        "scope": "default",
        "title": f"{entities[0]}: latency up",
        "why": "They began together.",
        "started_at": utc(at),
        "updated_at": utc(at),
        "resolved_at": utc(at) if ended else None,
        "resolution": "It is normal again." if ended else "",
        "member_count": 1,
        "members": [member(entities[0], at)],
    }
    return Incident(
        id=id,
        event=event,
        revision=revision,
        severity=severity,
        entities=list(entities),
        causes=[Cause(entity=each, share=0.6, reason="It moved first.", anomalies=[]) for each in causes],
        changes=list(changes),
        **(known | more),
    )


def member(entity, at):
    return Member(
        id=f"anm-{entity}",
        entity=entity,
        signal="metric",
        series=f'latency{{service="{entity}"}}',
        head="forecast",
        direction="up",
        started_at=utc(at),
        ended_at=None,
        p_value=1e-6,
        severity="error",
        summary="Latency is high.",
        why="It is near.",
    )


def change(id="chg-1", service="checkout", kind="deploy", status="", **more):
    return ChangeNotice(
        id=id, scope="", time=utc(START), service=service, kind=kind, summary="v2", status=status, **more
    )


def action(verb, by="ann", at=START, id=None, incident="inc-1", seen=1, reason="", **args):
    return Action(
        id=id or f"act-{verb}-{at:.0f}",
        verb=verb,
        by=by,
        at=utc(at),
        incident=incident,
        seen=seen,
        reason=reason,
        args=Arguments(**{name: utc(each) if isinstance(each, float) else each for name, each in args.items()}),
    )


class World:
    """Runs a desk as the runner does: ready, commit, send, settle, commit. `answer` says what a target does."""

    def __init__(self, config, takes=None, calendars=None, answer=None, now=START):
        self.config, self.takes, self.calendars = config, takes, calendars
        self.answer: Callable[[str, Message, float], Outcome] = answer or (lambda target, message, now: Delivered())
        self.now = now
        self.log: dict[bytes, Entry] = {}
        self.sent: list[tuple[float, str, Message]] = []
        self.actions: list[Action] = []
        self.offset = 0
        self.desk = Desk(config, takes, calendars)

    def commit(self):
        for entry in self.desk.changed():
            self.log[entry.key] = entry
        self.actions += self.desk.actions()

    def restart(self):
        """Somebody else goes on from what was committed."""
        self.desk = Desk(self.config, self.takes, self.calendars)
        self.desk.restore(list(self.log.values()), self.now)

    def revise(self, *args, **more):
        self.desk.revise(incident(*args, **{"at": self.now} | more), self.now)
        self.step()

    def act(self, verb, **more):
        self.desk.hear(action(verb, **{"at": self.now, "id": f"act-{self.offset}"} | more), self.offset, self.now)
        self.offset += 1
        self.step()

    def step(self):
        """All that may be sent now."""
        while True:
            jobs = self.desk.ready(self.now)
            self.commit()
            if not jobs:
                return
            for job in jobs:
                self.deliver(job)
            self.commit()

    def deliver(self, job: Job):
        outcome = self.answer(job.target, job.message, self.now)
        if isinstance(outcome, Delivered):
            self.sent.append((self.now, job.target, job.message))
        self.desk.settle(job, outcome, self.now)

    def run(self, seconds):
        """Let time pass."""
        until = self.now + seconds
        while (due := self.desk.due()) <= until:
            self.now = max(self.now, due)
            self.step()
            assert self.desk.due() > self.now, "the desk has something now that it does not give"
        self.now = until

    def told(self, *names):
        """(seconds since the start, target, event, loud) of what was sent since it was last asked."""
        found = [
            (round(at - START), target, message.event, message.loud)
            for at, target, message in self.sent
            if not names or target in names
        ]
        self.sent.clear()
        return found

    def reasons(self):
        found = [(target, message.reason) for _, target, message in self.sent]
        self.sent.clear()
        return found


def day(text):
    return datetime.fromisoformat(text).timestamp()


__all__ = ["START", "World", "action", "change", "config", "day", "incident", "math", "member", "replace"]
