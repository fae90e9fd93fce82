"""The kernel against its Python twin, point by point: every field of the model, bit for bit."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from floodmark.config.models import Config, Detector
from floodmark.detect import starts
from floodmark.detect.bank import layout
from floodmark.detect.bank.carry import bits, freeze, thaw
from floodmark.detect.bank.kernel import run
from floodmark.detect.bank.parts import two_states
from floodmark.detect.bank.table import Bank
from floodmark.detect.core import SeriesCore
from floodmark.detect.model import SeriesModel
from floodmark.detect.series import Sample, Series, SeriesKind

START = 1_700_006_400.0
NONE = np.zeros(0, layout.METRIC)


def seen_in(value: object) -> Any:
    """All that an object holds, as plain data in which NaN is equal to itself."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, str | int | type(None)):
        return value
    if hasattr(value, "get") and hasattr(value, "fading_factor"):
        return (value.fading_factor, float(value.get()).hex())
    if isinstance(value, Sequence) or hasattr(value, "popleft"):
        return [seen_in(item) for item in value]
    slots = [name for class_ in type(value).__mro__ for name in getattr(class_, "__slots__", ())]
    return {name: seen_in(getattr(value, name)) for name in slots}


class Pair:
    """The same series in a bank and as a model; `alpha` beyond which a point is not plain."""

    def __init__(self, kind: SeriesKind = "gauge", *, evidence: int = 5, detector: Detector | None = None) -> None:
        self.detector = detector or Detector()
        self.kind, self.evidence = kind, evidence
        self.model = self.fresh()
        self.bank = Bank(evidence)
        self.slot = self.bank.take(0, bits(self.model) | layout.STALE, counting=kind == "rate", time=START)
        self.bank.rows["scheduled"][self.slot] = 1
        self.token = int(self.bank.rows["token"][self.slot])
        self.rules = np.array([(self.detector.false_alarms, self.detector.warmup)], layout.RULE)

    def fresh(self) -> SeriesModel:
        return SeriesModel(self.kind, self.detector, self.evidence, None)

    def point(self, time: float, value: float) -> int:
        judgement = self.model.judge(time, value)
        model = self.model
        alpha = min(0.05, self.detector.false_alarms * (max(model.interval, 1.0) if model.seen else 60.0))
        odd = model.seen >= self.detector.warmup and judgement.p_value < alpha
        bank = self.bank
        bank.make_room()
        row = bank.rows[self.slot]
        oddest = float(row["p"]), int(row["way"])
        if model.seen >= self.detector.warmup and not odd and not judgement.quick_p_value >= oddest[0]:
            oddest = judgement.quick_p_value, {"up": 1, "down": -1, "none": 0}[model.quick_direction(judgement)]
        _, why = run(
            0,
            np.array([self.token]),
            np.array([time]),
            np.array([value]),
            layout.NO_STARTS,
            NONE,
            bank.rows,
            bank.day_mean,
            bank.day_count,
            bank.weeks,
            bank.cells,
            self.rules,
            bank.free_weeks,
            bank.clock,
            np.zeros(len(layout.TALLY), np.int64),
            np.array([0.0, 0.0, 1.0, -math.inf]),
        )
        assert (why == layout.PYTHON) == odd
        assert seen_in((float(row["p"]), int(row["way"]))) == seen_in(oddest)
        if model.seen % 5 == 0 and not math.isnan(row["p"]):  # as when the entities have been judged
            row["p"] = layout.UNJUDGED
        if odd:  # as the core does: its deviations are learned, the point is not
            thawed = self.thawed()
            again = thawed.judge(time, value)
            assert again == judgement
            for each in (model, thawed):
                each.exceeded(judgement)
                each.follow(judgement)
            freeze(thawed, bank, self.slot)
        else:
            model.learn(judgement)
        return why

    def thawed(self) -> SeriesModel:
        model = self.fresh()
        thaw(self.bank, self.slot, model)
        return model

    def check(self) -> None:
        assert seen_in(self.thawed()) == seen_in(self.model)


def streams() -> Iterator[tuple[str, SeriesKind, list[tuple[float, float]]]]:
    draw = random.Random(1)
    gauss = [(START + 60 * i, draw.gauss(100, 3)) for i in range(2500)]
    yield "noise", "gauge", gauss
    spiked = [(t, v * 9 if i % 97 == 0 else v) for i, (t, v) in enumerate(gauss)]
    yield "spikes", "gauge", spiked
    yield "steps", "gauge", [(t, v + 20 * (i // 300)) for i, (t, v) in enumerate(gauss)]
    yield "flat", "gauge", [(t, 7.0 if i % 400 > 200 else v) for i, (t, v) in enumerate(gauss)]
    yield "constant", "gauge", [(t, 0.0) for t, _ in gauss]
    yield "whole", "rate", [(START + 30 * i, draw.randrange(9) / 30) for i in range(1500)]
    yield "halves", "rate", [(START + 30 * i, draw.randrange(9) / 30 + (i > 700) / 7) for i in range(1500)]
    yield "ratio", "ratio", [(START + 10 * i, min(1.0, draw.random() * 1.3)) for i in range(800)]
    yield "huge", "gauge", [(START + i, draw.choice([1e150, -1e150, 1e-300, 0.0, -0.0, 3.0])) for i in range(600)]
    cycles = [
        (START + 60 * i, 9 * math.sin(i / 3) * (-1 if i % 700 > 680 else 1) + draw.gauss(0, 1)) for i in range(2500)
    ]
    yield "cycles", "gauge", [point for point in cycles if draw.random() > 0.03]
    jumps, time = [], START
    for _ in range(900):
        time += draw.choice([0.25, 1.0, 60.0, 60.0, 60.0, 7200.0])
        jumps.append((time, draw.expovariate(1)))
    yield "gaps", "gauge", jumps
    days = [START + 300 * i for i in range(16 * 288)]
    seasonal = [
        (t, 100 + 60 * math.sin(t / 86400 * 2 * math.pi) * (t // 86400 % 7 < 5) + draw.gauss(0, 3)) for t in days
    ]
    yield "season", "gauge", seasonal
    late = [(t, (t + 400 * draw.random()) % 86400 / 3600) for t in days[: 7 * 288]]
    jobs = [(t, 20 + 60 * (9 <= hour < 18) + draw.random()) for t, hour in late]
    yield "jobs", "gauge", jobs
    hours = [START + 3600 * i for i in range(30 * 24)]
    yield "hours", "gauge", [(t, 9 * (t // 86400 % 7 < 5) * (t // 3600 % 24 == 12) + draw.random()) for t in hours]


@pytest.mark.parametrize(
    ("name", "kind", "points"), list(streams()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_bank_is_the_model(name: str, kind: SeriesKind, points: list[tuple[float, float]]) -> None:
    pair = Pair(kind)
    for i, (time, value) in enumerate(points):
        pair.point(time, value)
        if i % 101 == 0 or i < 30:
            pair.check()
    pair.check()


@pytest.mark.parametrize(
    "heads", [["range"], ["flatline", "level"], ["level"], ["forecast", "level"], ["shape"], ["shape", "variance"]]
)
def test_any_choice_of_heads(heads: list[str]) -> None:
    draw = random.Random(2)
    pair = Pair(detector=Detector(heads=heads, false_alarms="20/day"))
    for i in range(700):
        pair.point(START + 20 * i, draw.choice([draw.gauss(5, 1), 5.0, 5.0]) + (i > 400))
    pair.check()


def test_tails_fade_after_their_memory() -> None:
    draw = random.Random(3)
    pair = Pair()
    for i in range(21_500):
        pair.point(START + i, draw.gauss(0, 1))
    pair.check()
    for tail in pair.model._tails:  # as after some millions of points
        by = 1e100 / tail._weight
        tail._n, tail._weight = tail._n * by, tail._weight * by
        tail._above, tail._excess = [each * by for each in tail._above], [each * by for each in tail._excess]
    freeze(pair.model, pair.bank, pair.slot)
    for i in range(21_500, 21_600):
        pair.point(START + i, draw.gauss(0, 1))
    pair.check()
    assert pair.model._tails[0]._weight < 3_000


number = st.one_of(
    st.floats(-1e150, 1e150),
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 1e16, 1.0, 1.0, 5e-324]),
)


@example([(0.001, 5e-324), (0.001, 64.5), (0.001, 7.0), (0.001, 49.0)], "gauge")  # a tie that 5e-324 decides
@given(
    st.lists(st.tuples(st.sampled_from([0.001, 1.0, 60.0, 3600.0, 90_000.0]), number), min_size=1, max_size=120),
    st.sampled_from(["gauge", "rate", "ratio"]),
)
@settings(max_examples=150)
def test_hostile_points(steps: list[tuple[float, float]], kind: SeriesKind) -> None:
    pair = Pair(kind, detector=Detector(warmup=5))
    time = START
    for step, value in steps:
        time += step
        pair.point(time, value)
    pair.check()


@given(
    st.lists(st.tuples(st.sampled_from([0.01, 1.0, 2.0, 3.0, 4.5, 7.0, 1e9]), number), min_size=1, max_size=80),
    st.sampled_from([["shape"], ["forecast", "shape"]]),
)
@settings(max_examples=25)
def test_hostile_points_in_a_series_that_has_a_shape(steps: list[tuple[float, float]], heads: list[str]) -> None:
    pair = Pair(detector=Detector.model_validate({"heads": heads, "false_alarms": "20/day"}))
    time, draw = START, random.Random(5)
    for i in range(450):
        time += 1.0
        pair.point(time, 5 * math.sin(i / 4) + draw.gauss(0, 1))
    for step, value in steps:
        time += step
        pair.point(time, value)
    pair.check()


@pytest.mark.parametrize("last", [20, 23, 40, 45])
def test_both_learn_a_start_in_two_states_again_from_the_normal_one(last: int) -> None:
    draw = random.Random(7)
    values = [draw.gauss(20, 2) + 80 * (5 <= i < 15 or i >= 50) for i in range(last)]
    series = Series("cpu", "cpu", {}, "cpu", "default", "metric")
    banked, held = SeriesCore(Config()), SeriesCore(Config())
    held.watch(lambda _: True, lambda *_: None)
    for i, value in enumerate(values):
        for core in (banked, held):
            assert core.observe(Sample(series, START + 60 * i, value)) == []
    kernels, twins = (core._watchlist.series["cpu"] for core in (banked, held))
    banked._watchlist.take_out(kernels)
    assert kernels.model.seen == last - 10
    assert seen_in(kernels.model) == seen_in(twins.model)


@given(st.lists(st.one_of(st.sampled_from([0.0, -0.0, 1.0, 20.0, 21.0, 100.0]), number), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_both_see_two_states_alike(values: list[float]) -> None:
    cells = np.zeros((60, 4))
    cells[: len(values), 1] = values
    kept = starts.normal(values, counts=False, upwards=False)
    assert two_states(cells, len(values), len(values)) == (kept is not None)
