"""The compiled bank against its twin of River, point by point and bit for bit, whatever comes and goes between them."""

import copy
import math
import pickle
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detector, Guard, Head, Limit
from floodmark.detect.bank import layout
from floodmark.detect.bank.rows import BankedSeries
from floodmark.detect.model import SeriesModel
from floodmark.detect.series import LARGEST, Series, SeriesKind
from floodmark.detect.twin import SeriesDetector
from floodmark.detect.watched import Watched

START = 1_700_006_400.0
EVIDENCE = 5
HEADS: list[Head] = ["forecast", "range", "flatline", "level", "drift", "variance"]


def taken(detector: Detector, kind: SeriesKind = "gauge") -> tuple[BankedSeries, int]:
    """A bank with one fresh series, and its row, which is not the first one."""
    bank = BankedSeries([Detector(), detector], EVIDENCE)
    for each in range(2):
        watched = Watched(Series(f"s{each}", "s", {}, "s", "default", "metric", kind), detector, START)
        watched.out = SeriesModel(kind, detector, EVIDENCE, None)
        watched.slot = bank.take(watched)
        bank.put_back(watched)
    return bank, watched.slot


def seen(detector: SeriesDetector) -> list[bytes]:
    """All that a detector has learned, as the row that it makes of an empty bank."""
    judged = detector.detector
    empty, slot = taken(judged, detector.kind)
    empty.from_river(slot, detector)
    bank = empty._bank
    own = (bank.rows, bank.day_mean, bank.day_count, bank.cells)
    return [array[slot].tobytes() for array in own] + [bank.weeks.tobytes()]


class Pair:
    """A series in a bank, and its twin, which was never in one."""

    def __init__(self, kind: SeriesKind = "gauge", detector: Detector | None = None) -> None:
        detector = detector or Detector()
        self.bank, self.slot = taken(detector, kind)
        self.twin = SeriesDetector(detector, kind, EVIDENCE)
        self.twin.watched.last = START  # as the core has it before the first point

    def point(self, time: float, value: float) -> bool:
        """One more point for both. Whether an alarm would open."""
        x = {"time": time, "value": value}
        twin, bank = self.twin, self.bank
        model, row = twin.watched.model, bank.rows[self.slot]
        score, threshold = twin.score_one(x), twin.threshold
        assert bank.to_river(self.slot).score_one(x).hex() == score.hex()
        admitted = abs(value) <= LARGEST and not (model.seen and time <= twin.watched.last)
        expected, odd = layout.UNJUDGED, False
        if admitted and model.seen >= twin.detector.warmup:
            judgement = model.judge(time, value)
            odd = judgement.p_value < twin.watched.alpha
            expected = expected if odd else judgement.quick_p_value
            assert odd == (score > threshold)
        row["p"] = layout.UNJUDGED
        why = bank.step(self.slot, time, value, -math.inf)
        assert (why == layout.PYTHON) == odd
        if model.seen < twin.detector.warmup:
            expected = float(row["p"])
        assert float(bank.rows["p"][self.slot]).hex() == float(expected).hex()
        twin.learn_one(x)
        if odd:  # what the kernel does not judge is learned on the way through River
            moved = bank.to_river(self.slot)
            moved.learn_one(x)
            bank.from_river(self.slot, moved)
        return odd

    def there_and_back(self) -> None:
        """The series leaves the bank and comes again; the twin becomes bytes and comes again."""
        away = self.bank.to_river(self.slot)
        self.bank.from_river(self.slot, away)
        away.learn_one({"time": 1e12, "value": 7e7})  # goes its own way
        self.twin = pickle.loads(pickle.dumps(self.twin))

    def check(self) -> None:
        assert seen(self.bank.to_river(self.slot)) == seen(self.twin)


def streams() -> Iterator[tuple[str, SeriesKind, list[tuple[float, float]]]]:
    draw = random.Random(1)
    gauss = [(START + 60 * i, draw.gauss(100, 3)) for i in range(700)]
    yield "jumps", "gauge", [(t, v + 40 * (i // 150) + 90 * (i % 97 == 0)) for i, (t, v) in enumerate(gauss)]
    yield "wider", "gauge", [(t, 100 + (v - 100) * (1 + i // 200)) for i, (t, v) in enumerate(gauss)]
    yield "leak", "gauge", [(t, v + i / 50) for i, (t, v) in enumerate(gauss)]
    yield "constant", "gauge", [(t, 0.1) for t, _ in gauss]
    yield "stuck", "gauge", [(t, v if i < 300 or i > 500 else 7.0) for i, (t, v) in enumerate(gauss)]
    yield "events", "rate", [(START + 30 * i, draw.randrange(9) / 30) for i in range(500)]
    yield "halves", "rate", [(START + 30 * i, draw.randrange(9) / 30 + (i > 200) / 7) for i in range(500)]
    yield "ratio", "ratio", [(START + 10 * i, min(1.0, draw.random() * 1.3)) for i in range(400)]
    sizes = [1e150, -1e150, 1e-300, 5e-324, 1e300, -1e300, 0.0, -0.0, math.nan, math.inf, 3.0]
    yield "huge", "gauge", [(START + i, draw.choice(sizes)) for i in range(400)]
    jumps, time = [], START
    for _ in range(500):
        time += draw.choice([0.25, 1.0, 60.0, 60.0, 60.0, 7200.0, 0.0, -30.0])
        jumps.append((time, draw.expovariate(1)))
    yield "times", "gauge", jumps
    days = [START + 900 * i for i in range(9 * 96)]
    yield "season", "gauge", [(t, 100 + 60 * math.sin(t / 86400 * 2 * math.pi) + draw.gauss(0, 3)) for t in days]


STREAMS = {name: (kind, points) for name, kind, points in streams()}


@pytest.mark.parametrize("name", STREAMS)
def test_the_bank_is_its_twin(name: str) -> None:
    kind, points = STREAMS[name]
    pair = Pair(kind, Detector(false_alarms="1/day"))
    odd = 0
    for i, (time, value) in enumerate(points):
        odd += pair.point(time, value)
        if i % 61 == 0:
            pair.there_and_back()
            pair.check()
    pair.check()
    assert odd or name not in ("jumps", "stuck")


@pytest.mark.parametrize("head", HEADS)
def test_head_by_head(head: Head) -> None:
    pair = Pair(detector=Detector(heads=[head], false_alarms="20/day"))
    points = STREAMS["jumps"][1] + [(time + 1e6, value) for time, value in STREAMS["stuck"][1]]
    odd = sum(pair.point(time, value) for time, value in points)
    pair.check()
    assert odd


number = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1.0, 1.0, 1.0, 0.1, 1e16, 1e150, 1e300, -1e-300, 5e-324]),
)
step = st.sampled_from([0.001, 1.0, 60.0, 60.0, 3600.0, 90_000.0, 0.0, -1.0, -90_000.0])


@given(
    st.lists(st.tuples(step, number, st.booleans()), min_size=1, max_size=80),
    st.sampled_from(["gauge", "rate", "ratio"]),
)
@settings(max_examples=80)
def test_hostile_points(points: list[tuple[float, float, bool]], kind: SeriesKind) -> None:
    pair, time = Pair(kind, Detector(warmup=5, false_alarms="20/day", min_deviation=Guard(absolute=1))), START
    for by, value, moves in points:
        time += by
        pair.point(time, value)
        if moves:
            pair.there_and_back()
    pair.check()


def test_they_go_separate_ways() -> None:
    pair = Pair()
    for time, value in STREAMS["jumps"][1][:300]:
        pair.point(time, value)
    away = pair.bank.to_river(pair.slot)
    before, state = seen(away), copy.deepcopy(pair.bank.state())
    pair.point(START + 1e6, 100.0)
    assert seen(away) == before
    pair.bank.from_river(pair.slot, away)
    kept = seen(pair.bank.to_river(pair.slot))
    for time, value in STREAMS["stuck"][1]:
        away.learn_one({"time": time + 2e6, "value": value})
    assert seen(pair.bank.to_river(pair.slot)) == kept == before
    other, _ = taken(pair.twin.detector)
    other._bank.restore(state)
    assert seen(other.to_river(pair.slot)) == before


def test_a_twin_that_was_elsewhere_has_its_week_and_as_many_points_as_the_bank_keeps() -> None:
    twin = SeriesDetector(evidence=9)
    for time, value in STREAMS["season"][1]:
        twin.learn_one({"time": time, "value": value})
    bank, slot = taken(Detector())
    before = pickle.dumps(twin)
    bank.from_river(slot, twin)
    assert pickle.dumps(twin) == before
    assert bank.rows["week"][slot] >= 0
    assert bank.rows["cells"][slot] == EVIDENCE
    x = {"time": START + 9 * 86400, "value": 130.0}
    assert bank.to_river(slot).score_one(x) == twin.score_one(x) > 0
    bank.from_river(slot, SeriesDetector())
    assert bank.rows["week"][slot] == -1
    assert bank.to_river(slot).watched.model.seen == 0


@pytest.mark.parametrize(
    ("detector", "kind"),
    [
        (Detector(heads=["range", "level"]), "gauge"),
        (Detector(limit=Limit(above=5)), "gauge"),
        (Detector(model="river.anomaly.HalfSpaceTrees"), "gauge"),
        (Detector(), "count"),
        (Detector(), "ratio"),
    ],
)
def test_another_detector_is_refused(detector: Detector, kind: SeriesKind) -> None:
    bank, slot = taken(Detector())
    with pytest.raises(
        ValueError, match=rf"row {slot} is judged by forecast, range, flatline, level, drift, variance, shape;"
    ):
        bank.from_river(slot, SeriesDetector(detector, kind))


def test_a_row_without_a_series_is_refused() -> None:
    bank, slot = taken(Detector())
    for nobody in (-1, slot + 1, 10_000):
        with pytest.raises(ValueError, match="nobody's"):
            bank.to_river(nobody)
    bank.rows["out"][slot] = 1
    with pytest.raises(ValueError, match="is out"):
        bank.from_river(slot, SeriesDetector())
