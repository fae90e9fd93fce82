"""What an incident's life is, by what the engine said (revisions) and what people did (actions). Pure, and bounded.

The two come by different topics and have no common order. So an action stands right behind the revision that the person
had seen: of the actions of an incident in the order of their offsets, the running maximum of `seen`. Then whoever reads
both comes to the same answer, in whatever interleaving, and a record that is read twice changes nothing. Conflicts are
decided by offset: of two acknowledgements the first counts. There is no clock but `now`, which ends acks and snoozes;
between two actions it is the later one's `at`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from floodmark.actions import LONGEST_ACK, LONGEST_SNOOZE, Action, ActionOutcome
from floodmark.alerts import SEVERITIES, Incident, Severity

_K = TypeVar("_K")
_V = TypeVar("_V")
State = Literal["none", "open", "acked", "snoozed", "resolved", "merged"]
ACK: Final = timedelta(minutes=30)
"""How long an ack stands that says nothing itself."""
NO_EFFECT: Final = "no effect: "
"""How the effect begins of an action that changes nothing."""
_OVER: Final = ("none", "resolved", "merged")
_NEEDS_OPEN: Final = frozenset({"ack", "unack", "snooze", "unsnooze", "assign", "page"})
_NOTED: Final = frozenset({"comment", "link", "page", "good_catch", "wrong_cause", "propose", "approve", "ran"})
_HANDED: Final = "handed to the engine"


class Revision(NamedTuple):
    """What of a revision matters here."""

    revision: int
    event: Literal["opened", "updated", "resolved", "reopened", "merged"]
    severity: Severity
    entities: int

    @classmethod
    def of(cls, incident: Incident) -> Revision:
        return cls(incident.revision, incident.event, incident.severity, len(incident.entities))


class Life(Struct, frozen=True, kw_only=True):
    """Where an incident stands. `until`: when an ack or a snooze runs out. `woke`: why it needs somebody again, in
    words. `effects`: of each action, by its id, what has come of it; those that changed nothing begin with
    `NO_EFFECT`."""

    state: State = "none"
    owner: str = ""
    until: datetime | None = None
    severity: Severity = "info"
    priority: str = ""
    entities: int = 0
    unless_worse: bool = False
    woke: str = ""
    effects: tuple[tuple[str, str], ...] = ()


def life(
    revisions: Iterable[Revision],
    actions: Iterable[tuple[int, Action]],
    now: datetime,
    ack: timedelta = ACK,
    outcomes: Iterable[ActionOutcome] = (),
) -> Life:
    """The life of one incident at `now`, by its revisions and its actions (each with its offset), in any order and
    with repetitions. `ack`: how long an ack stands that says nothing itself. `outcomes`: what the engine has said of
    the actions, the first word on each first: an engine that reads the topic anew may refuse what it did long ago.

    Where the first revisions are not known any more (the topic was compacted), it was open before those that are.
    """
    known = {each.revision: each for each in sorted(revisions, reverse=True)}
    line: list[tuple[tuple[int, int, int], Revision | Action]] = [((n, 0, 0), each) for n, each in known.items()]
    seen, ids = 0, set[str]()
    for offset, action in sorted(actions, key=lambda pair: pair[0]):
        if action.id in ids:
            continue
        ids.add(action.id)
        seen = max(seen, action.seen)
        line.append(((seen, 1, offset), action))
    said: dict[str, ActionOutcome] = {}
    for outcome in outcomes:
        said.setdefault(outcome.action, outcome)
    effects: list[tuple[str, str]] = []
    so_far = _beginning(known)
    for _, item in sorted(line, key=lambda pair: pair[0]):
        if isinstance(item, Action):
            so_far, effect = _done(_lapsed(so_far, item.at), item, ack)
            effects.append((item.id, _outcome(said[item.id]) if item.id in said else effect))
        else:
            so_far = _told(so_far, item)
    return replace(_lapsed(so_far, now), effects=tuple(effects))


def _beginning(known: dict[int, Revision]) -> Life:
    first = known[min(known)] if known else None
    if first is None or first.revision <= 1:
        return Life()
    return Life(state="open", severity=first.severity, entities=first.entities)


def _lapsed(life: Life, now: datetime) -> Life:
    if life.state not in ("acked", "snoozed") or life.until is None or now < life.until:
        return life
    word = "acknowledgement" if life.state == "acked" else "snooze"
    return replace(life, state="open", until=None, unless_worse=False, woke=f"the {word} ran out")


def _told(life: Life, told: Revision) -> Life:
    rank = SEVERITIES.index
    worse = rank(told.severity) > rank(life.severity) or told.entities > life.entities
    before, life = life, replace(life, severity=told.severity, entities=max(life.entities, told.entities))
    if told.event in ("resolved", "merged"):
        return _open(life, "", "resolved" if told.event == "resolved" else "merged")
    if before.state in _OVER or told.event == "reopened":
        return _open(life, "it is open again" if before.state != "none" else "")
    if before.state == "snoozed" and before.unless_worse and worse:
        return _open(life, "it is worse than when it was snoozed")
    return life


def _open(life: Life, woke: str, state: State = "open") -> Life:
    """Open, or over, with nobody's word standing."""
    return replace(life, state=state, until=None, unless_worse=False, woke=woke)


def _done(life: Life, action: Action, ack: timedelta) -> tuple[Life, str]:
    """The life after an action, and what has come of that."""
    args = action.args
    if action.verb in _NEEDS_OPEN and life.state in _OVER:
        return life, f"{NO_EFFECT}it was {'not open yet' if life.state == 'none' else life.state}"
    match action.verb:
        case "ack":
            if life.state == "acked" and life.owner != action.by:
                return life, f"{NO_EFFECT}{life.owner} had it already"
            until = min(args.until or action.at + ack, action.at + LONGEST_ACK)
            return replace(_open(life, "", "acked"), owner=action.by, until=until), "acknowledged"
        case "snooze":
            owner, wake = life.owner or action.by, args.unless == "worse"
            until = min(args.until or action.at + (LONGEST_SNOOZE if wake else ack), action.at + LONGEST_SNOOZE)
            return replace(_open(life, "", "snoozed"), owner=owner, until=until, unless_worse=wake), "snoozed"
        case "unack":
            if life.state != "acked":
                return life, f"{NO_EFFECT}it was {life.state}, and nobody's"
            return replace(_open(life, f"{action.by} gave it back"), owner=""), "given back"
        case "unsnooze":
            if life.state != "snoozed":
                return life, f"{NO_EFFECT}it was {life.state}"
            return _open(life, f"{action.by} woke it"), "woken"
        case "assign":
            said = f"assigned to {args.to}" if args.to else "nobody's any more"
            return replace(_at_work(life, action, ack), owner=args.to), said
        case "priority":
            said = f"priority is {args.priority}" if args.priority else "it has no priority any more"
            return replace(_at_work(life, action, ack), priority=args.priority), said
        case "resolve" | "reopen" | "merge" | "split" | "dismiss":
            return _at_work(life, action, ack), _HANDED
        case verb if verb in _NOTED:
            return _at_work(life, action, ack), "noted"
        case _:
            return life, "kept, without effect: this release does not know it"


def _at_work(life: Life, action: Action, ack: timedelta) -> Life:
    """Whoever has acknowledged it and does something has it for longer."""
    if life.state != "acked" or life.owner != action.by or life.until is None:
        return life
    return replace(life, until=max(life.until, action.at + ack))


def _outcome(said: ActionOutcome) -> str:
    if said.result == "refused":
        return f"{NO_EFFECT}{said.reason or 'the engine has refused it'}"
    return f"done; {said.made} is new" if said.made else "done"


class Known(NamedTuple):
    """An incident as a `Book` has it: its newest revision (None: only what was done to it is known), what was done,
    each with its offset, in that order, and where it stands."""

    incident: Incident | None
    actions: list[tuple[int, Action]]
    life: Life


class Book:
    """All incidents of a reader. Give it revisions, actions and outcomes, in any interleaving and repeated or not.

    It holds `most` incidents: the one of which nothing was said for longest goes. Of each it holds the newest revision
    whole, and of older ones and of actions at most `HISTORY`; the oldest go. All that goes is counted in `forgotten`.
    """

    HISTORY: Final = 2_000

    def __init__(self, most: int = 5_000, ack: timedelta = ACK) -> None:
        self._most = most
        self._ack = ack
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, name: object) -> bool:
        return name in self._pages

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._pages))

    def take(self, item: Incident | Action | ActionOutcome, offset: int = 0) -> str:
        """Note it; the incident that it is about, empty for what is about none. `offset`: of an action, its own."""
        name = item.id if isinstance(item, Incident) else item.incident
        if not name:
            return ""
        page = self._pages.setdefault(name, _Page())
        self._pages.move_to_end(name)
        self.forgotten += page.take(item, offset)
        while len(self._pages) > self._most:
            self._pages.popitem(last=False)
            self.forgotten += 1
        return name

    def known(self, name: str, now: datetime) -> Known:
        """What is known of an incident, of one that nobody has spoken of too."""
        page = self._pages.get(name) or _Page()
        actions = sorted(page.actions.values(), key=lambda pair: pair[0])
        return Known(page.newest, actions, page.life(now, self._ack))

    def forget(self, before: datetime) -> int:
        """Forget what was over before a time, and of which nothing was done since; how many went."""
        gone = [name for name, page in self._pages.items() if page.over_before(before)]
        for name in gone:
            del self._pages[name]
        self.forgotten += len(gone)
        return len(gone)


class _Page:
    """What a book has of one incident."""

    def __init__(self) -> None:
        self.newest: Incident | None = None
        self.revisions: dict[int, Revision] = {}
        self.actions: dict[str, tuple[int, Action]] = {}
        self.outcomes: dict[str, ActionOutcome] = {}

    def take(self, item: Incident | Action | ActionOutcome, offset: int) -> int:
        """Note it; how much went for it."""
        if isinstance(item, Incident):
            self.revisions.setdefault(item.revision, Revision.of(item))
            if self.newest is None or item.revision > self.newest.revision:
                self.newest = item
            return _cut(self.revisions, lambda number: number)
        if isinstance(item, ActionOutcome):
            self.outcomes.setdefault(item.action, item)
            return _cut(self.outcomes, lambda id: self.actions.get(id, (-1,))[0])
        if item.id not in self.actions or offset < self.actions[item.id][0]:
            self.actions[item.id] = (offset, item)
        return _cut(self.actions, lambda id: self.actions[id][0])

    def life(self, now: datetime, ack: timedelta) -> Life:
        return life(self.revisions.values(), self.actions.values(), now, ack, self.outcomes.values())

    def over_before(self, before: datetime) -> bool:
        over = self.newest is not None and self.newest.event in ("resolved", "merged")
        quiet = all(action.at < before for _, action in self.actions.values())
        return over and quiet and self.newest is not None and self.newest.updated_at < before


def _cut(held: dict[_K, _V], age: Callable[[_K], int]) -> int:
    """Let the oldest go if there are too many."""
    if len(held) <= Book.HISTORY:
        return 0
    del held[min(held, key=age)]
    return 1
