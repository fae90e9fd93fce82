"""A desk that tells every target of every revision at once: as much of one as the runner needs to be tried."""

from datetime import UTC, datetime

import msgspec

from floodmark.actions import Action, new_id
from floodmark.alerts import Incident
from floodmark.events import encode
from floodmark.notify.desk import Desk, Entry, Job
from floodmark.notify.sink import Delivered, Later, Message

AGAIN = 0.2


class Case(msgspec.Struct):
    """What of a key a target has been told, and what it is still to be told."""

    target: str
    key: str
    told: int = 0
    attempts: int = 0
    due: float = 0.0
    memory: dict[str, str] = msgspec.field(default_factory=dict)
    waiting: list[Message] = msgspec.field(default_factory=list)
    dead: bool = False


class SimpleDesk(Desk):
    def __init__(self, config, takes, calendars):
        self.takes = takes
        self.targets = list(config.notify.targets)
        self.cases = {}
        self.known = {}
        self.going = set()
        self.dirty = set()
        self.heard = []
        self.acts = []
        self.news = []

    def faults(self):
        return []

    def restore(self, entries, now):
        for entry in entries:
            case = msgspec.json.decode(entry.value, type=Case)
            self.cases[case.target, case.key] = case
            self.known[case.key] = max([self.known.get(case.key, 0), case.told, *(m.revision for m in case.waiting)])

    def revise(self, incident, now):
        if incident.revision <= self.known.get(incident.id, 0):
            return
        self.known[incident.id] = incident.revision
        event = {"opened": "open", "resolved": "resolve"}.get(incident.event, "update")
        self._tell(incident.id, event, incident.revision, incident=incident)

    def _tell(self, key, event, revision, **more):
        for target in self.targets:
            if event in self.takes[target]:
                message = Message(
                    id=f"{key}/{revision}/{target}",
                    key=key,
                    event=event,
                    at=datetime.now(UTC),
                    revision=revision,
                    **more,
                )
                case = self.cases.setdefault((target, key), Case(target, key))
                case.waiting.append(message)
                self.dirty.add((target, key))

    def hear(self, action: Action, offset, now):
        self.heard.append((action.verb, offset))
        if action.verb == "approve":
            said = Action(
                id=new_id(), verb="ran", by="floodmark", at=datetime.now(UTC), incident=action.incident, via="notify"
            )
            self.acts.append(said)

    def change(self, notice, now):
        self.news.append(notice.id)
        self._tell(notice.id, "change", 1, change=notice)

    def request(self, request, now):
        self.news.append(request.id)
        self._tell(request.id, "request", 1, request=request)

    def ready(self, now):
        jobs = []
        for place, case in self.cases.items():
            if case.waiting and place not in self.going and case.due <= now:
                self.going.add(place)
                jobs.append(Job(case.target, case.waiting[0], case.memory))
        return jobs

    def settle(self, job, outcome, now):
        place = job.target, job.message.key
        case = self.cases[place]
        self.going.discard(place)
        self.dirty.add(place)
        if isinstance(outcome, Later):
            case.attempts += 1
            case.due = now + AGAIN
            return
        case.dead |= not isinstance(outcome, Delivered)
        if isinstance(outcome, Delivered):
            case.memory = dict(outcome.memory)
        case.told, case.attempts, case.due = job.message.revision, 0, 0.0
        case.waiting.pop(0)

    def due(self):
        return min((c.due for p, c in self.cases.items() if c.waiting and p not in self.going), default=float("inf"))

    def changed(self):
        entries = []
        for target, key in sorted(self.dirty):
            value = msgspec.json.encode(self.cases[target, key])
            entries.append(Entry(f"{target}|{key}".encode(), value, (("ce_type", b"dev.floodmark.simple.v1"),)))
        self.dirty.clear()
        return entries

    def actions(self):
        acts, self.acts = self.acts, []
        return acts

    def counts(self):
        return {"heard": len(self.heard), "unreachable": sum(case.dead for case in self.cases.values())}

    def sizes(self):
        return {"pending": sum(len(case.waiting) for case in self.cases.values()), "oldest": 0.0}


def incident(key, revision, event, severity="error", entity="cart") -> Incident:
    now = datetime.now(UTC)
    return Incident(
        id=key, event=event, revision=revision, scope="", severity=severity, title=f"{entity} is slow", why="a test",
        started_at=now, updated_at=now, resolved_at=now if event == "resolved" else None,
        resolution="it is normal again" if event == "resolved" else "", entities=[entity], member_count=1, members=[],
        causes=[], changes=[], watermark=now,
    )  # fmt: skip


def record(incident, partition=None):
    """An incident as a record of the alerts topic."""
    output = encode(incident, source="correlate/anomalies/0", key=incident.id)
    return output._replace(partition=partition)
