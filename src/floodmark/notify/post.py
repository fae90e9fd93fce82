"""The outgoing post of a desk: what waits for which target, what may go now, and what has come of what went.

It decides nothing of what people should hear. It keeps the order of each target and thing, tries again, gives up, tells
those who stand in for a target that cannot be reached, and knows which records have changed.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from floodmark.alerts import utc
from floodmark.config.hours import begins
from floodmark.config.models import Config
from floodmark.config.notify import Notify, Target
from floodmark.deliveries import Delivery, DeliveryResult
from floodmark.events import encode
from floodmark.notify.cases import DESK_KEY, Case, Ledger, case_key, headers, write
from floodmark.notify.health import Health
from floodmark.notify.kinds import GROUPERS, PAGERS, PEOPLE, RECORDS
from floodmark.notify.lanes import Lane, Pending, backoff, overtaken, put, settle_over
from floodmark.notify.routes import service_of
from floodmark.notify.sink import Delivered, Event, Later, Message, Outcome
from floodmark.notify.throttle import Bucket, next_token, take
from floodmark.notify.wording import cut

ALL: Final[frozenset[Event]] = frozenset(("open", "update", "resolve", "digest", "change", "request", "playbook"))
_AGAIN: Final = 60.0
_REASON: Final = 1_000
"""Characters of a reason; a message may have several, and each target its own."""


class Job(NamedTuple):
    """A message that may be sent now to a target (by its name in the config), with what that called it before."""

    target: str
    message: Message
    memory: Mapping[str, str]


class Entry(NamedTuple):
    """A record of the deliveries topic: a key, and what holds for it from now on (None: nothing any more)."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Came(NamedTuple):
    """What a message has come to in the end."""

    case: Case
    target: str
    pending: Pending
    result: Literal["delivered", "refused", "dead"]
    words: str


class Post:
    """Cases by key, and their lanes."""

    def __init__(self, config: Config, takes: Mapping[str, frozenset[Event]]) -> None:
        self.takes = takes
        self.config = config
        self.notify = config.notify or Notify()
        self.cases: dict[str, Case] = {}
        self.ledger = Ledger()
        self.counts: Counter[str] = Counter()
        self._changed: dict[str, None] = {}
        self._ledger_changed = False
        self._told: dict[bytes, Delivery | None] = {}
        self._flying: set[tuple[str, str]] = set()
        self._flights: dict[tuple[str, str], str] = {}  # by target and id of the message
        self._timers: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._health = Health()
        self._again: dict[tuple[str, str], tuple[float, int]] = {}
        self._repeats: dict[tuple[str, str], str] = {}

    # -- what changes

    def add(self, case: Case) -> Case:
        self.cases[case.key] = case
        return case

    def touch(self, case: Case, due: float = math.inf) -> None:
        """The case has changed. It is looked at again when its post is due, or at `due`."""
        self._changed[case.key] = None
        self.schedule(case, due)

    def touch_ledger(self) -> None:
        self._ledger_changed = True

    def schedule(self, case: Case, due: float) -> None:
        for target, lane in case.lanes.items():
            if lane.queue and (case.key, target) not in self._flying:
                head = lane.queue[0]
                due = min(due, max(head.due, self._health.opens(target)))
                if head.first:
                    due = min(due, head.first + self.notify.fallback if not head.fell else math.inf)
                    due = min(due, self._deadline(case, head) if not head.attempts else math.inf)
            elif (case.key, target) in self._again:
                due = min(due, self._again[case.key, target][0])
        if case.forget and case.idle():
            due = min(due, case.forget)
        self._due[case.key] = due
        if due < math.inf:
            heapq.heappush(self._timers, (due, case.key))

    def postpone(self, case: Case, due: float) -> None:
        """Look at a case at `due`, whatever it says itself."""
        self._due[case.key] = due
        heapq.heappush(self._timers, (due, case.key))

    def put(
        self,
        case: Case,
        target: str,
        event: Event,
        now: float,
        *,
        loud: bool = False,
        reason: str = "",
        people: Iterable[str] = (),
        due: float | None = None,
        after: bool = False,
    ) -> bool:
        """Have a target told. Whether it will be. `after`: it is told of what is over though it never was before."""
        found = self.notify.targets.get(target)
        if found is None:
            self.counts["unknown_target"] += 1
            return False
        lane, flying = case.lane(target), (case.key, target) in self._flying
        if event == "update" and not case.alive() and lane.told == "no" and not lane.queue:
            return False  # it never heard of it, and it is over
        if event == "update" and case.alive() and (lane.ending() or (lane.told == "no" and not lane.queue)):
            if lane.ending() and not loud:  # it has heard the last of it, unless it is told anew
                return False
            event = "open"
        if event not in self.takes.get(target, ALL):
            self.counts["not_taken"] += 1
            return False
        kind = found.kind()
        quiet = kind in RECORDS or (lane.told == "no" and kind not in PAGERS and (after or bool(lane.queue)))
        if due is None:
            ending = event == "resolve" and any(each.told != "no" for each in case.lanes.values())
            due = now if ending or kind in RECORDS else self.opens(case, now)
        pending = Pending(
            event=event,
            at=now,
            loud=loud,
            reasons=[cut(reason, _REASON)] if reason else [],
            people=list(people),
            due=due,
            revision=case.revision,
        )
        became = put(lane, pending, flying, quiet)
        if became == "moot":
            self.counts["moot"] += 1
            if lane.idle():
                self._deliver(case, target, lane, pending, "dropped", now, "over before it was told")
        return became != "moot"

    def digests(self, target: str) -> bool:
        """Whether a target is told many things in one message; else it hears of each."""
        found = self.notify.targets.get(target)
        return found is not None and found.kind() not in RECORDS | GROUPERS and "digest" in self.takes.get(target, ALL)

    def opens(self, case: Case, now: float) -> float:
        """When the hours of its route let a case through: now, if it is critical."""
        if case.plan is None or (case.kind == "incident" and case.newest().severity == "critical"):
            return now
        route = next((each for each in self.notify.routes if each.name == case.plan.route), None)
        return begins(route.active, now) if route is not None else now

    # -- what goes

    def due_cases(self, now: float) -> list[Case]:
        """Cases whose time has come, each once."""
        found: dict[str, None] = {}
        while self._timers and self._timers[0][0] <= now:
            due, key = heapq.heappop(self._timers)
            if self._due.get(key) == due and key in self.cases:
                found[key] = None
        for key in found:
            self._due.pop(key, None)
        return [self.cases[key] for key in found]

    def due(self) -> float:
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    def collect(self, cases: Iterable[Case], now: float) -> list[tuple[Case, str]]:
        """Of these cases the lanes whose first message may go, the older first."""
        heads = [
            (case, target, lane.queue[0])
            for case in cases
            for target, lane in case.lanes.items()
            if lane.queue and (case.key, target) not in self._flying
        ]
        heads.sort(key=lambda head: (*self._health.turn(head[1], head[2].attempts), head[2].at, head[0].key, head[1]))
        going = []
        for case, target, head in heads:
            if target not in self.notify.targets:
                case.lanes[target].queue.clear()
                self._deliver(
                    case, target, case.lanes[target], head, "dropped", now, "there is no such target any more"
                )
                self.touch(case)
            elif head.due > now:
                continue
            elif self._health.opens(target) > now:
                if not head.first:  # from now on it is the target that is waited for
                    head.first = now
                    self.touch(case)
            elif self._room(case, target, head, now):
                going.append((case, target))
                if self._health.ill(target):
                    self._health.probed(target, now)
        return going

    def _room(self, case: Case, target: str, head: Pending, now: float) -> bool:
        """Whether the target's bucket lets a message through. One that was tried has paid already."""
        settings = self.notify.targets[target]
        if not throttled(settings) or head.attempts or head.event not in ("open", "update"):
            return True
        bucket = self.ledger.buckets.setdefault(target, Bucket(float(settings.burst), now))
        if take(bucket, settings.burst, settings.every, now):
            self.touch_ledger()
            return True
        if case.kind == "incident" and case.newest().severity == "critical":
            return True
        head.due = max(next_token(bucket, settings.burst, settings.every, now), now + 0.01)
        self.counts["throttled"] += 1
        return False

    def after(self, case: Case, target: str) -> bool:
        """Whether a lane has nothing but the end of what its target never heard of; and may be put in a digest."""
        lane = case.lanes[target]
        return (
            self.digests(target)
            and lane.told == "no"
            and len(lane.queue) == 1
            and lane.queue[0].event == "resolve"
            and not lane.queue[0].id
        )

    def drop(self, case: Case, target: str, now: float, why: str) -> None:
        """Tell a target nothing more of what it has not heard of."""
        lane = case.lanes[target]
        self._deliver(case, target, lane, lane.queue.pop(), "dropped", now, why)
        self.touch(case)

    def job(self, case: Case, target: str, now: float) -> Job:
        """The first message of a lane, on its way from now on."""
        lane = case.lanes[target]
        head = lane.queue[0]
        if not head.id:
            # An end is of the revision that ended it, if the incident is open again; so is what more waits behind.
            if len(lane.queue) == 1 and not (head.event == "resolve" and case.alive()):
                head.revision = case.revision
            head.id = lane.name(case.key, head.revision, target)
            head.owner, head.first = case.owner, head.first or now
            head.state, head.playbook = case.state_at(head.revision), case.proposed(now)
        head.attempts += 1
        self._flying.add((case.key, target))
        self._flights[target, head.id] = case.key
        return Job(target, self.message(case, head), dict(lane.memory))

    def ground(self, case: Case, target: str, due: float) -> None:
        """Take back what was to go: it goes at `due`."""
        self._flying.discard((case.key, target))
        case.lanes[target].queue[0].due = due

    def message(self, case: Case, head: Pending) -> Message:
        body = case.bodies.get(head.revision)
        key = case.incident or case.key
        service = service_of(body, self.config.services) if body is not None else None
        link = self.notify.link.replace("{incident}", key) if self.notify.link and body is not None else ""
        return Message(
            id=head.id,
            key=key,
            event=head.event,
            at=utc(head.at),
            revision=head.revision,
            loud=head.loud,
            reason="; ".join(head.reasons),
            people=tuple(head.people),
            state=head.state,
            owner=head.owner,
            team=service.owner if service is not None else "",
            link=link,
            runbook=service.runbook if service is not None else "",
            incident=body,
            change=case.notices.get(head.revision),
            request=case.request,
            playbook=case.playbook or head.playbook,
            parameters=case.parameters,
            test=case.dry_run,
            lines=tuple(case.texts.get(head.revision, ())),
        )

    # -- what has come of it

    def settle(self, job: Job, outcome: Outcome, now: float) -> tuple[Case | None, Came | None]:
        """Of which case it was, and what it has come to in the end; None: it is tried again, or of no more interest."""
        target = job.target
        case = self.cases.get(self._flights.pop((target, job.message.id), ""))
        if case is None:
            return None, None
        self._flying.discard((case.key, target))
        lane = case.lane(target)
        if lane.idle() or lane.queue[0].id != job.message.id:  # it was forgotten meanwhile, and is another one now
            return case, None
        head = lane.queue[0]
        if isinstance(outcome, Later) and not outcome.sent:
            self._unsent(case, lane, now)
            return case, None
        if isinstance(outcome, Later):
            self._health.failed(target, outcome.after, now)
            return case, self._later(case, target, lane, outcome, now)
        if self._health.well(target):
            self._wake(target, now)
        if isinstance(outcome, Delivered):
            return case, self._there(case, target, lane, outcome, now)
        lane.queue.pop(0)
        self.counts[f"refused:{target}"] += 1
        self.counts["unreachable"] += 1
        self._deliver(case, target, lane, head, "refused", now, outcome.reason)
        self._stand_in(case, target, head, now, f"{target} does not take it ({outcome.reason})")
        self.touch(case, now)
        return case, Came(case, target, head, "refused", outcome.reason)

    def _wake(self, target: str, now: float) -> None:
        """All that waits for a target may go."""
        for case in self.cases.values():
            if target in case.lanes and case.lanes[target].queue:
                self._due[case.key] = min(now, self._due.get(case.key, math.inf))
                heapq.heappush(self._timers, (self._due[case.key], case.key))

    def _there(self, case: Case, target: str, lane: Lane, outcome: Delivered, now: float) -> Came:
        head = lane.queue.pop(0)
        goes_on = head.event == "open" or (head.event == "update" and lane.told != "over")
        lane.told = "open" if goes_on else "over"
        lane.revision = max(lane.revision, head.revision)
        lane.memory = dict(outcome.memory)
        self.counts[f"delivered:{target}"] += 1
        self._deliver(case, target, lane, head, "delivered", now, outcome.note)
        self._plan_again(case, target, lane, now)
        self.touch(case, now)
        return Came(case, target, head, "delivered", outcome.note)

    def _later(self, case: Case, target: str, lane: Lane, outcome: Later, now: float) -> Came | None:
        head = lane.queue[0]
        head.failed += 1
        head.why = outcome.reason
        self.counts[f"later:{target}"] += 1
        if overtaken(lane):
            settle_over(lane, flying=False)
            lane.queue[0].due = now + backoff(head.id, head.failed, outcome.after)
            self._deliver(case, target, lane, head, "dropped", now, f"it is over; {outcome.reason}")
        elif now >= self._deadline(case, head):
            return self._dead(case, target, now, outcome.reason)
        else:
            head.due = now + backoff(head.id, head.failed, outcome.after)
            self._deliver(case, target, lane, head, "waiting", now, outcome.reason)
            self.give_up(case, now)
        self.touch(case)
        return None

    def _unsent(self, case: Case, lane: Lane, now: float) -> None:
        """It was not its turn in time. Nobody has heard of it: if it is the first attempt, it is as it was before."""
        head = lane.queue[0]
        head.attempts -= 1
        head.due = now + backoff(head.id, 1, None)
        if not head.attempts:
            head.id = ""
            lane.count -= 1
        self.counts["crowded"] += 1
        self.touch(case)

    def give_up(self, case: Case, now: float) -> list[Came]:
        """Tell those who stand in for targets that could not be reached for too long; what was never even tried in
        `notify.dead` is dead."""
        dead = []
        for target, lane in list(case.lanes.items()):
            head = lane.queue[0] if lane.queue else None
            if head is None or not head.first or (case.key, target) in self._flying:
                continue
            if not head.fell and now - head.first >= self.notify.fallback:
                minutes = max(1, round((now - head.first) / 60))
                why = f" ({head.why})" if head.why else ""
                self._stand_in(case, target, head, now, f"{target} could not be reached for {minutes} min{why}")
                self.touch(case)
            if not head.attempts and now >= self._deadline(case, head):
                dead.append(self._dead(case, target, now, "the target takes nothing"))
        return dead

    def _deadline(self, case: Case, head: Pending) -> float:
        return case.until or head.first + self.notify.dead

    def _dead(self, case: Case, target: str, now: float, why: str) -> Came:
        lane = case.lanes[target]
        head = lane.queue.pop(0)
        if head.event == "open" and head.attempts and lane.told != "open":
            lane.told = "maybe"
        self.counts[f"dead:{target}"] += 1
        self.counts["unreachable"] += 1
        self._deliver(case, target, lane, head, "dead", now, why)
        self.touch(case, now)
        return Came(case, target, head, "dead", why)

    def _stand_in(self, case: Case, target: str, head: Pending, now: float, why: str) -> None:
        head.fell = True
        settings = self.notify.targets.get(target)
        if case.plan is None or target in case.plan.fallback or settings is None or settings.kind() in RECORDS:
            return
        if head.event == "resolve":  # who has heard of it hears of its end anyway
            return
        reason = "; ".join((*head.reasons, why))
        for other in case.plan.fallback:
            self.put(case, other, head.event, now, loud=head.loud, reason=reason, people=head.people)
            self.counts["fallback"] += 1

    # -- targets that have to hear it again

    def _plan_again(self, case: Case, target: str, lane: Lane, now: float) -> None:
        section = self.notify.targets[target].alertmanager if target in self.notify.targets else None
        if section is not None and lane.told == "open":
            self._again[case.key, target] = (now + section.again, 0)
        else:
            self._again.pop((case.key, target), None)

    def repeats(self, case: Case, now: float) -> Iterator[Job]:
        """Jobs of targets that forget what they do not hear again. They are in no record: after a restart all are told
        once more."""
        for target, lane in case.lanes.items():
            due, tries = self._again.get((case.key, target), (math.inf, 0))
            if due > now or lane.queue or (case.key, target) in self._flying or not case.alive():
                continue
            self._again[case.key, target] = (now + backoff(f"{case.key}/{target}", tries + 1, None) + _AGAIN, tries + 1)
            head = Pending("update", now, reasons=["it goes on"], revision=case.revision)
            head.id = f"{case.key}/{case.revision}/{target}/again-{int(now)}"
            head.state, head.owner = case.state_at(case.revision), case.owner
            self._flying.add((case.key, target))  # an end that comes meanwhile must not overtake it
            self._repeats[target, head.id] = case.key
            yield Job(target, self.message(case, head), dict(lane.memory))

    def repeated(self, job: Job, outcome: Outcome, now: float) -> Case | None:
        """What came of a repeat: whose it was; None: the job is none, or its case is forgotten."""
        case = self.cases.get(self._repeats.pop((job.target, job.message.id), ""))
        if case is None:
            return None
        self._flying.discard((case.key, job.target))
        if job.target in case.lanes and (case.key, job.target) in self._again:
            tries = self._again[case.key, job.target][1]
            if isinstance(outcome, Delivered):
                self._plan_again(case, job.target, case.lanes[job.target], now)
            else:
                self._again[case.key, job.target] = (now + backoff(job.message.id, max(1, tries), None), tries)
        return case

    # -- records

    def restored(self, now: float) -> None:
        for case in self.cases.values():
            for target, lane in case.lanes.items():
                self._plan_again(case, target, lane, now - math.inf if lane.told == "open" else now)
            self.schedule(case, now)

    def forget(self, case: Case) -> None:
        del self.cases[case.key]
        self._flying -= {(case.key, target) for target in case.lanes}
        self._due.pop(case.key, None)
        self._changed[case.key] = None
        for target in case.lanes:
            self._told[f"{target}|{case.key}".encode()] = None
            self._again.pop((case.key, target), None)

    def changed(self) -> list[Entry]:
        entries = [Entry(key, *_delivery(key, each)) for key, each in self._told.items()]
        for name in self._changed:
            case = self.cases.get(name)
            if case is not None:
                case.prune()
            entries.append(Entry(case_key(name), write(case) if case is not None else None, headers(f"case/{name}")))
        if self._ledger_changed:
            entries.append(Entry(DESK_KEY, write(self.ledger), headers("desk")))
        self._told, self._changed, self._ledger_changed = {}, {}, False
        return entries

    def _deliver(
        self, case: Case, target: str, lane: Lane, head: Pending, result: DeliveryResult, now: float, reason: str
    ) -> None:
        due = utc(head.due) if result == "waiting" else None
        self._told[f"{target}|{case.key}".encode()] = Delivery(
            target=target,
            key=case.key,
            id=head.id or f"{case.key}/{head.revision}/{target}",
            event=head.event,
            result=result,
            at=utc(now),
            revision=head.revision,
            attempts=head.attempts,
            due=due,
            reason=reason,
            memory=lane.memory,
        )


def throttled(target: Target) -> bool:
    """Whether a target gets only so many messages at once: those that people read, and where the config says so."""
    return target.every > 0 and (target.kind() in PEOPLE or bool(target.model_fields_set & {"burst", "every"}))


def _delivery(key: bytes, delivery: Delivery | None) -> tuple[bytes | None, tuple[tuple[str, bytes], ...]]:
    if delivery is None:
        return None, headers(f"gone/{key.decode()}")
    output = encode(delivery, source="notify", key=key.decode())
    return output.value, tuple(output.headers)
