"""Whatever comes, in whatever order, with whatever answers and crashes: no end and no opening is lost, nothing is told
out of order, and what is told twice has the same id."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.notify.sink import Delivered, Later, Refused

from .world import World, action, change, config, incident

KEYS = ("inc-1", "inc-2")
SEVERITIES = ("info", "warning", "error", "critical")
EVENTS = ("updated", "updated", "updated", "resolved", "reopened", "merged")
VERBS = ("ack", "unack", "snooze", "comment", "assign", "page", "silence", "unsilence")

revisions = st.tuples(
    st.just("revise"),
    st.sampled_from(KEYS),
    st.sampled_from(EVENTS),
    st.sampled_from((*SEVERITIES, "critical")),
    st.integers(0, 2),
)
acts = st.tuples(st.just("act"), st.sampled_from(KEYS), st.sampled_from(VERBS), st.sampled_from(("ann", "bob")))
waits = st.tuples(st.just("wait"), st.sampled_from((1, 31, 200, 1000, 4000)))
crashes = st.tuples(st.just("crash"), st.sampled_from(("before", "amid", "after")))
answers = st.one_of(
    st.lists(st.sampled_from(("there", "there", "later", "lost", "refused")), min_size=1, max_size=30),
    st.lists(st.sampled_from(("there", "lost", "lost", "lost")), min_size=1, max_size=10),
)


def setting(**more):
    chain = {"steps": [{"notify": ["ann"], "wait": "5m"}, {"notify": ["bob"], "wait": "5m"}], "repeat": 2}
    return config(
        targets={"hook": {}, "pd": {"burst": 3, "every": "20s"}, "bob-hook": {}, "es": {}},
        people={"ann": {"targets": ["pd"]}, "bob": {"targets": ["bob-hook"]}},
        chains={"main": chain},
        routes=[{"name": "all", "targets": ["hook", "es"], "chain": "main", "page": "error", "fallback": ["bob-hook"]}],
        **more,
    )


class Rough(World):
    """A world in which anything goes wrong. `arrived`: all that targets have got, in the order in which they have."""

    def __init__(self, config, answers):
        super().__init__(config)
        self.answers, self.number = answers, 0
        self.arrived = []
        self.calm = False
        self.uncommitted = []
        self.refused = False

    def feed(self, what):
        self.uncommitted.append(what)
        self._feed(what)

    def _feed(self, what):
        if what[0] == "revise":
            self.desk.revise(what[1], self.now)
        else:
            self.desk.hear(what[1], what[2], self.now)

    def commit(self):
        super().commit()
        self.uncommitted.clear()

    def deliver(self, job):
        word = "there" if self.calm else self.answers[self.number % len(self.answers)]
        self.number += 1
        if word in ("there", "lost"):
            self.arrived.append((job.target, job.message))
        outcome = {
            "there": Delivered({"n": str(self.number)}),
            "lost": Later("no answer"),
            "later": Later("status 503"),
            "refused": Refused("status 400"),
        }[word]
        self.refused |= word == "refused"
        self.desk.settle(job, outcome, self.now)

    def crash(self, when):
        if when != "before":
            jobs = self.desk.ready(self.now)
            self.commit()
            for job in jobs:
                self.arrived.append((job.target, job.message))
                if when == "after":
                    self.desk.settle(job, Delivered(), self.now)
        self.restart()
        for offset, each in self.heard:
            self.desk.hear(each, offset, self.now)
        again, self.uncommitted = self.uncommitted, []
        for what in again:
            self.feed(what)


def live(world, history):
    """Play a history; what each incident's newest revision is."""
    newest, numbers, over = {}, dict.fromkeys(KEYS, 0), {}
    world.heard = []
    for step in history:
        if step[0] == "wait":
            world.run(step[1])
        elif step[0] == "crash":
            world.crash(step[1])
        elif step[0] == "act":
            args = {"id": f"act-{len(world.heard)}", "at": world.now, "by": step[3], "incident": step[1]}
            args |= {"until": world.now + 600.0} if step[2] in ("ack", "snooze", "silence") else {}
            args |= {"to": "bob"} if step[2] in ("assign", "page") else {}
            args |= {"incident": "", "match": {"entity": "checkout"}} if step[2] == "silence" else {}
            args |= {"incident": "", "undoes": world.heard[-1][1].id} if step[2] == "unsilence" and world.heard else {}
            made = action(step[2], seen=numbers[step[1]], text="x" if step[2] == "comment" else "", **args)
            world.heard.append((len(world.heard), made))
            world.feed(("act", made, len(world.heard) - 1))
            world.step()
        else:
            _, key, event, severity, extra = step
            if not numbers[key]:
                event = "opened"
            elif over[key] != (event == "reopened"):
                event = "reopened" if over[key] else "updated"
            numbers[key] += 1
            over[key] = event in ("resolved", "merged")
            more = {"changes": [change(f"c{extra}")], "causes": [f"e{extra}"]}
            newest[key] = incident(numbers[key], event, key, severity, world.now, **more)
            world.feed(("revise", newest[key]))
            world.step()
    return newest


def proved(world, newest):
    bodies = {}
    per = {}
    for target, message in world.arrived:
        body = msgspec.json.encode(message)
        assert bodies.setdefault(message.id, body) == body, "the same id says the same"
        if message.event in ("open", "update", "resolve"):
            per.setdefault((target, message.key), []).append(message)
    for (target, key), messages in per.items():
        revisions = [message.revision for message in messages]
        assert revisions == sorted(revisions), f"{target}: out of order"
        over = 0
        for message in messages:
            if message.event == "resolve":
                over = message.revision
            assert not (message.event == "open" and message.revision <= over), "an open after its resolve"
        last = [message.event for message in messages if message.event in ("open", "resolve")]
        if not world.refused and newest[key].event in ("resolved", "merged") and "open" in last:
            assert last[-1] == "resolve", f"{target}: the end was lost"
    for key, body in newest.items():
        if body.event not in ("resolved", "merged") and not world.refused:
            events = [m.event for m in per.get(("hook", key), []) if m.event in ("open", "resolve")]
            digests = [m for target, m in world.arrived if target == "hook" and m.event == "digest"]
            assert events[-1:] == ["open"] or digests, "the opening was lost"
    assert world.desk.sizes()["pending"] == 0


@given(st.lists(st.one_of(revisions, revisions, acts, waits, crashes), max_size=30), answers)
@settings(max_examples=150)
def test_nothing_is_lost_or_out_of_order(history, answers):
    world = Rough(setting(), answers)
    newest = live(world, history)
    world.calm = True
    world.run(3 * 3600)
    proved(world, newest)


@given(st.lists(st.one_of(revisions, acts, waits), max_size=25), st.data())
@settings(max_examples=60)
def test_a_restart_changes_nothing_that_is_told(history, data):
    """The same history with a restart after each step tells the same, message for message."""
    one, two = (Rough(setting(), ["there", "later"]) for _ in range(2))
    live(one, history)
    live(two, [each for step in history for each in (step, ("crash", "before"))])
    for world in (one, two):
        world.calm = True
        world.run(7200)
    assert [(t, m.id, m.event, m.reason) for t, m in one.arrived] == [
        (t, m.id, m.event, m.reason) for t, m in two.arrived
    ]
