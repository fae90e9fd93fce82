"""Nothing waits for ever (law 10): whatever words come, are lost, or come again, what waits is told in the end."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.correlate.stage import CorrelateStage
from floodmark.records import Awaited
from floodmark.runtime.vigil import WORDS, Vigil

from .making import SHOP, T0, absence, conf, mark, opened

PATIENCE = 30.0
STEPS = st.sampled_from(["anomaly", "watermark", "idle", "loss", "rejoin", "amnesia", "restart", "growth", "pause"])


class World:
    """Detect tasks that live and die, a correlator that starts anew, and the runtime's clock over both."""

    def __init__(self, tasks):
        self.partitions = tasks
        self.now = 0.0
        self.told = 0
        self.log = []
        self.alive = {f"metrics/{i}": 0 for i in range(tasks)}  # event time that each has said
        self.stage, self.vigil = CorrelateStage(conf(), SHOP), Vigil(PATIENCE, {})

    @property
    def topics(self):
        return {"metrics": self.partitions}

    def write(self, item, task=""):
        self.log.append((item, task))
        self.stage.process(item, task, self.now)

    def step(self, what, task, by):
        if what == "growth":
            self.partitions = min(6, self.partitions + 1)
            self.alive.setdefault(f"metrics/{self.partitions - 1}", 0)
        elif what == "loss":
            self.alive.pop(task, None)
        elif what == "rejoin":
            said = [
                item.time.timestamp() - T0 for item, by_whom in self.log if by_whom == task and hasattr(item, "tasks")
            ]
            self.alive[task] = max((int(at) for at in said if at > 0), default=0)
        elif what == "amnesia":
            self.alive[task] = 0
        elif what == "restart":  # from nothing, but for the last few words
            self.stage, self.vigil = CorrelateStage(conf(), SHOP), Vigil(PATIENCE, {})
            for item, by_whom in self.log[-by:] if by > 5 else ():
                self.stage.process(item, by_whom, self.now)
        elif what == "pause":
            self.now += 20 * by
        elif task in self.alive:
            if what == "anomaly":
                self.told += 1
                self.write(opened(self.alive[task] + by + self.told / 1000, f"web-{self.told}", "latency"), task)
            else:
                self.alive[task] += by if what == "watermark" else 0
                self.write(mark(self.alive[task], task, idle=what == "idle", topics=self.topics), task)

    def second(self, number):
        """What the runtime does each second: words that are due, and whom it gives up."""
        self.now += 1
        if number % (PATIENCE / WORDS) == 0:
            for task, at in self.alive.items():
                self.write(mark(at, task, idle=number >= 10, topics=self.topics), task)
        order = self.stage.order
        awaited = Awaited(order.heard(), order.since, "", 0.0)
        names = self.vigil.look(self.now, self.now, awaited, listening=True)
        if names:
            self.write(absence(*[name for name in names if name]))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.tuples(STEPS, st.integers(0, 5), st.integers(1, 60)), max_size=60),
    st.integers(0, 5),
)
def test_whatever_is_lost_all_that_waits_is_told_after_finitely_many_words(tasks, steps, survivor):
    world = World(tasks)
    for what, number, by in steps:
        world.step(what, f"metrics/{number % world.partitions}", by)
    if not world.alive:
        world.step("rejoin", f"metrics/{survivor % world.partitions}", 1)
    for number in range(int(4 * PATIENCE)):
        world.second(number)
    assert len(world.stage.order) == 0
    assert math.isnan(world.stage.order.since)
    absent = world.stage.order.heard().keys() - world.alive.keys()  # as far as anybody has said that they are there
    assert absent <= set(world.vigil.missing)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 4), st.lists(st.tuples(STEPS, st.integers(0, 5), st.integers(1, 60)), max_size=60))
def test_decisions_are_read_and_not_made_so_a_replay_and_a_snapshot_decide_the_same(tasks, steps):
    world = World(tasks)
    for what, number, by in steps:
        world.step(what, f"metrics/{number % world.partitions}", by)
    for number in range(40):
        world.second(number)
    whole, halves = CorrelateStage(conf(), SHOP), CorrelateStage(conf(), SHOP)
    expected, got = [], []
    for number, (item, task) in enumerate(world.log):
        expected += whole.process(item, task)
        got += halves.process(item, task)
        if number == len(world.log) // 2:
            state, halves = halves.snapshot(), CorrelateStage(conf(), SHOP)
            halves.restore(state)
    assert got == expected
    assert halves.snapshot() == whole.snapshot()
