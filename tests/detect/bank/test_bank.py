"""The stage with its bank against the same stage of Python objects only: the same bytes, in any batches."""

import json
import math
import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Config, Detect, Detector, Guard, Limits
from floodmark.detect import DetectStage, watchlist
from floodmark.detect.bank import layout
from floodmark.detect.bank.table import Bank, Recency, Table
from floodmark.signals import Metric
from floodmark.state import StateError

START = 1_700_006_400.0
CONFIGS = {
    "plain": Config(),
    "few": Config(limits=Limits(series=10), detectors=[Detector(false_alarms="50/day")]),
    "loose": Config(
        detect=Detect(lateness=5, tick=1.1, evidence=7),
        detectors=[
            Detector(match={"name": "load"}, false_alarms="50/day", direction="down", warmup=5),
            Detector(match={"name": "served"}, heads=["range", "level"], false_alarms="20/day",
                     min_deviation=Guard(absolute=1)),
            Detector(match={"name": "flat"}, refractory=20, heads=["flatline", "stale", "forecast"]),
            Detector(match={"name": "off"}, enabled=False),
        ],
    ),
}  # fmt: skip


def hostile(seed: int, count: int = 6000) -> list[Metric]:
    """Gauges, counters with resets and series that hardly change; out of order, missing, huge, silent for long."""
    draw = random.Random(seed)
    time, total = START, dict.fromkeys(range(9), 0.0)
    found = []
    for i in range(count):
        time += draw.choice([0.25, 1, 1, 2]) if draw.random() > 0.002 else draw.choice([30, 700, 90_000])
        host = draw.randrange(9)
        at = time - draw.choice([0, 0, 0, 0.25, 20, 500]) * (draw.random() < 0.03)
        name = ("load", "flat", "served")[host % 3]
        value: float | None = draw.gauss(50, 2) + 30 * (i // 800 % 9 == host)
        kind = "gauge"
        if name == "flat":
            value = draw.choice([1.0, 1.0, 2.0]) if i % 2500 < 1500 else 1.0
        elif name == "served":
            total[host] = 0.0 if draw.random() < 0.005 else total[host] + draw.randrange(5) + 300 * (i % 2000 > 1950)
            value, kind = total[host], draw.choice(["gauge", "delta"]) if draw.random() < 0.02 else "counter"
        if draw.random() < 0.01:
            value = draw.choice([None, 1e150, -1e150, 1e308, 0.0, -0.0, math.inf])
        if draw.random() < 0.01:
            name = draw.choice(["off", f"new{i}"])
        found.append(Metric(at, name, value, {"service": f"h{host}"}, kind))
    return found


def answer(config: Config, metrics: list[Metric], size: int) -> tuple[list[bytes], dict[str, int]]:
    stage = DetectStage(config, "metrics/0", 1)
    out = [item for at in range(0, len(metrics), size) for item in stage.process(metrics[at : at + size])]
    out += stage.finish()
    return [msgspec.json.encode(item) for item in out], {**stage.counts(), **stage.sizes()}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_bank_gives_the_answers_of_python(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = hostile(len(name))
    banked = answer(CONFIGS[name], metrics, 97)
    monkeypatch.setattr(watchlist, "bits", lambda model: 0)  # nothing fits into a row
    python = answer(CONFIGS[name], metrics, 97)
    assert banked == python
    assert any(b'"opened"' in told for told in banked[0])
    assert name != "few" or banked[1]["evicted:series"] > 50


@given(st.integers(1, 400))
@settings(max_examples=5)
def test_batches_change_nothing(size: int) -> None:
    metrics = hostile(9, 1200)
    assert answer(CONFIGS["few"], metrics, size) == answer(CONFIGS["few"], metrics, 1200)


def test_series_go_least_recently_used_first() -> None:
    draw, used, order = random.Random(1), {}, Recency()
    for i in range(5000):
        if len(used) >= 20:
            gone = order.oldest(used.get, lambda: ((use, key) for key, use in used.items()))
            assert used.pop(gone) < min(used.values())
        used[i] = 10 * i
        for key in draw.sample(sorted(used), k=min(len(used), draw.randrange(4))):
            used[key] = 10 * i + 1 + draw.random()  # type: ignore[assignment]


def test_a_token_of_a_row_that_was_given_back_finds_nothing() -> None:
    table = Table(layout.METRIC)
    tokens = [table.take()[1] for _ in range(40)]
    assert all(map(table.has, tokens))
    table.give_back(table.slot(tokens[7]))
    slot, token = table.take()
    assert slot == table.slot(tokens[7])
    assert table.has(token)
    assert not table.has(tokens[7])


def spoil(change: Callable[[Bank], None]) -> tuple[object, ...]:
    bank = Bank(5)
    bank.take(0, layout.FORECAST, counting=False, time=START)
    change(bank)
    state = bank.state()
    assert isinstance(state, tuple)
    return state


@pytest.mark.parametrize(
    "change",
    [
        lambda bank: bank.rows["week"].__setitem__(0, 7),
        lambda bank: bank.rows["next_cell"].__setitem__(0, 5),
        lambda bank: bank.rows["cells"].__setitem__(0, 6),
        lambda bank: bank.rows["recent_at"].__setitem__(0, 16),
        lambda bank: bank.rows["shape_window_n"].__setitem__(0, 17),
        lambda bank: bank.rows["shape_past_n"].__setitem__(0, 113),
        lambda bank: bank.clock.__setitem__(1, 2),
        lambda bank: bank.free_weeks.__setitem__(0, -3),
        lambda bank: setattr(bank, "day_mean", np.zeros((16, 3))),
    ],
)
def test_a_state_that_would_lead_the_kernel_astray_is_refused(change: Callable[[Bank], None]) -> None:
    Bank(5).restore(spoil(lambda bank: None))
    with pytest.raises(StateError):
        Bank(5).restore(spoil(change))


def test_evidence_windows_of_another_length() -> None:
    draw = random.Random(3)
    metrics = [Metric(START + i, "load", draw.gauss(5, 1), {"service": "h0"}) for i in range(90)]
    long, short = Config(detect=Detect(evidence=20)), Config(detect=Detect(evidence=6))
    stage = DetectStage(long, "metrics/0", 1)
    stage.process(metrics)
    other = DetectStage(short, "metrics/0", 1)
    assert not other.restore(stage.snapshot())
    odd = [Metric(metrics[-1].time + i, "load", 9e4, {"service": "h0"}) for i in range(1, 3)]
    found = [json.loads(msgspec.json.encode(item)) for item in other.process(odd)]
    found = [item for item in found if item.get("event") == "opened"]
    again = [json.loads(msgspec.json.encode(item)) for item in stage.process(odd)]
    again = [item for item in again if item.get("event") == "opened"]
    assert len(found[0]["evidence"]["points"]) == 6
    assert found[0]["evidence"]["points"] == again[0]["evidence"]["points"][-6:]


def test_more_series_than_rows_to_begin_with_go_on_after_a_restart() -> None:
    draw = random.Random(4)
    metrics = [Metric(START + i, "load", draw.gauss(5, 1), {"service": f"h{i % 150}"}) for i in range(6000)]
    stage = DetectStage(CONFIGS["plain"], "metrics/0", 1)
    stage.process(metrics[:4000])
    other = DetectStage(CONFIGS["plain"], "metrics/0", 1)
    assert not other.restore(stage.snapshot())
    assert other.process(metrics[4000:]) == stage.process(metrics[4000:])
    assert other.snapshot() == stage.snapshot()
