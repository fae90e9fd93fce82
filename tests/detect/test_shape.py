"""An unusual form: what no point, level or spread shows."""

import math
import random
from collections.abc import Callable

import pytest

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.detect.core import SeriesCore
from floodmark.detect.heads import Context
from floodmark.detect.series import Sample, Series
from floodmark.detect.shape import SPAN, Shape

START = 1_700_006_400.0
ODD = 2400
"""Where the odd cycle begins."""


def opened(values: list[float], budget: str = "1/week", missing: float = 0.0) -> list[tuple[int, Anomaly]]:
    """Alarms of a point a minute, with the number of the point at which they opened."""
    draw, core = random.Random(7), SeriesCore(Config(detectors=[Detector.model_validate({"false_alarms": budget})]))
    series = Series("load", "h0", {}, "load", "default", "metric")
    found = []
    for i, value in enumerate(values):
        if draw.random() >= missing:
            told = core.observe(Sample(series, START + 60 * i, value))
            found += [(i, each) for each in told if each.event == "opened"]
    return found


def cycle(period: int, odd: Callable[[float], float]) -> list[float]:
    """A sine with noise, one cycle of which is another function of the phase."""
    draw, first = random.Random(period), -(-ODD // period) * period
    forms = [odd if first <= i < first + period else math.sin for i in range(ODD + 200)]
    return [100 + 10 * form(2 * math.pi * i / period) + draw.gauss(0, 1) for i, form in enumerate(forms)]


def jobs(period: int, lasts: int, missing: int) -> list[float]:
    draw = random.Random(period)
    runs = [i % period < lasts and i // period != missing for i in range((missing + 4) * period)]
    return [100 + 10 * running + draw.gauss(0, 1) for running in runs]


@pytest.mark.parametrize("missing", [0.0, 0.03])
@pytest.mark.parametrize("period", [20, 37])
@pytest.mark.parametrize(
    "odd",
    [lambda x: -math.sin(x), lambda x: 0.0, lambda x: math.sin(2 * x)],
    ids=["turned over", "flattened", "twice as fast"],
)
def test_a_cycle_of_another_form_is_found(odd: Callable[[float], float], period: int, missing: float) -> None:
    found = opened(cycle(period, odd), missing=missing)
    assert [each.head for _, each in found] in (["shape"], ["variance"] if period == 20 else [])
    assert ODD < found[0][0] <= ODD + period + 20


def test_the_same_without_an_odd_cycle_is_calm() -> None:
    assert not opened(cycle(20, math.sin)) + opened(cycle(37, math.sin), missing=0.03)


@pytest.mark.parametrize(("period", "lasts"), [(30, 8), (60, 10), (60, 30)])
def test_a_job_that_did_not_run_is_found(period: int, lasts: int) -> None:
    missing = ODD // period
    at, told = next((i, each) for i, each in opened(jobs(period, lasts, missing)) if i >= 600)
    assert told.head == "shape"
    assert told.direction == "none"
    assert missing * period < at < (missing + 1) * period


def test_it_says_so_in_words() -> None:
    ((_, told),) = opened(cycle(37, lambda x: -math.sin(x)))
    assert told.observed is not None
    assert told.expected
    times = f"{told.observed / told.expected:.3g} times as far from any earlier shape as usual"
    assert f"load has an unusual shape: its last {SPAN} points are {times}" in told.summary.replace("h0 ", "")


def noise(draw: random.Random, before: float) -> float:
    return draw.gauss(0, 1)


def autoregressive(draw: random.Random, before: float) -> float:
    return 0.8 * before + draw.gauss(0, 1)


def walk(draw: random.Random, before: float) -> float:
    return before + draw.gauss(0, 1)


@pytest.mark.parametrize("kind", [noise, autoregressive, walk])
def test_the_budget_is_kept(kind: Callable[[random.Random, float], float]) -> None:
    draw, values = random.Random(3), [0.0]
    for _ in range(10_000):
        values.append(kind(draw, values[-1]))
    found = opened([1000 + value for value in values], budget="1/day")
    assert len(found) <= 12  # seven days
    assert sum(each.head == "shape" for _, each in found) <= 1


# -- the head alone


def taught(head: Shape, points: int, form: Callable[[int], float], *, first: int = 0, normal: bool = True) -> float:
    """Show it points; its largest z."""
    draw, largest = random.Random(first), 0.0
    for i in range(first, first + points):
        x = Context(60.0 * i, 100 + form(i) + draw.gauss(0, 1), 100.0, 100.0, 0.5, 60.0)
        largest = max(largest, head.score_one(x))
        (head.learn_one if normal else head.follow)(x)
    return largest


def sine(i: int, size: float = 10.0) -> float:
    return size * math.sin(2 * math.pi * i / 20)


def odd(i: int) -> float:
    return sine(i, -10.0) if i % 40 < 20 else 0.0


def test_a_series_that_swings_wider_is_no_new_shape() -> None:
    head = Shape()
    assert taught(head, 3000, sine) < 4
    taught(head, SPAN + 4, lambda i: sine(i, 25.0), first=3000, normal=False)  # the change itself is one
    assert taught(head, 400, lambda i: sine(i, 25.0), first=3000 + SPAN + 4, normal=False) < 4


def test_what_belongs_to_an_alarm_does_not_become_a_part_of_the_past() -> None:
    followed, learned = Shape(), Shape()
    for head, normal in ((followed, False), (learned, True)):
        taught(head, 3000, sine)
        assert taught(head, 600, odd, first=3000, normal=normal) > 6
    assert taught(followed, 100, odd, first=3600, normal=False) > 6
    assert taught(learned, 100, odd, first=3600) < 4
    followed.adopt()
    followed.restart()
    assert taught(followed, 1000, odd, first=3700) < 4


def test_after_an_alarm_the_window_is_filled_anew() -> None:
    head = Shape()
    taught(head, 3000, sine)
    assert taught(head, 40, odd, first=3000, normal=False) > 6
    head.restart()
    assert taught(head, 1000, sine, first=3040) < 4


def test_no_shape_reaches_over_a_hole() -> None:
    head = Shape()
    taught(head, 3000, sine)
    taught(head, 1, odd, first=3007)
    assert taught(head, SPAN - 8, odd, first=3008) == 0.0
    assert taught(head, 60, odd, first=3000 + SPAN) > 6


def test_after_a_hole_it_goes_on_at_the_same_phase() -> None:
    head = Shape()
    taught(head, 3000, sine)
    assert taught(head, 600, sine, first=3007) < 4
