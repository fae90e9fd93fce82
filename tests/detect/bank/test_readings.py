"""The kernel's rules of the metric maker against `MetricSeries.observe`, reading by reading."""

import math
from collections import Counter

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits
from floodmark.detect.bank import layout
from floodmark.detect.bank.kernel import run
from floodmark.detect.bank.table import Bank
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.series import Sample
from floodmark.signals import Metric, Origin

T0 = 1_700_006_400.0
Found = list[tuple[str, str, float, float]]


def by_python(metrics: list[Metric]) -> tuple[Found, Counter[str]]:
    maker, found = MetricSeries(Limits(), Detect()), []
    for metric in metrics:
        for made in maker.observe(metric):
            assert isinstance(made, Sample)
            found.append((made.series.key, made.series.kind, made.time, made.value))
    return found, Counter(maker.counts())


def by_kernel(metrics: list[Metric]) -> tuple[Found, Counter[str]]:
    """All series are out of the bank, so that the kernel stops at each sample and shows it."""
    maker, bank, found = MetricSeries(Limits(), Detect()), Bank(5), []
    slot = bank.take(0, 0, counting=False, time=T0)
    bank.rows["out"][slot] = 1
    token = int(bank.rows["token"][slot])
    origins = [Origin(m.name, m.labels, m.kind, m.unit) for m in metrics]
    refs = np.zeros(len(metrics), np.int64)
    times = np.array([m.time for m in metrics])
    values = np.array([math.nan if m.value is None else m.value for m in metrics])
    starts = np.array([m.start for m in metrics])
    tally, at = np.zeros(len(layout.TALLY), np.int64), 0
    rules = np.array([(0.0, 20)], layout.RULE)
    while True:
        at, why = run(
            at, refs, times, values, starts if starts.any() else layout.NO_STARTS, maker.rows, bank.rows,
            bank.day_mean, bank.day_count, bank.weeks, bank.cells, rules, bank.free_weeks, bank.clock, tally,
            np.array([math.inf, 0.0, 1.0, -math.inf]),
        )  # fmt: skip
        if why == layout.DONE:
            break
        if why == layout.METRIC_UNKNOWN:
            refs[at] = maker.ref(origins[at], int(bank.clock[0]))
            values[at] *= origins[at].factor
        elif why == layout.SERIES_UNKNOWN:
            maker.link(int(refs[at]), token)
        elif why == layout.TURN:
            maker.turn(int(refs[at]))
        else:
            assert why == layout.PYTHON
            series = maker.series(int(refs[at]))
            found.append((series.key, series.kind, float(times[at]), float(values[at])))
            at += 1
    counts = {name: int(n) for name, n in zip(layout.TALLY, tally, strict=True) if n and name != "signals:metric"}
    return found, Counter(counts) + Counter(maker.counts())


def agree(metrics: list[Metric]) -> None:
    python, kernel = by_python(metrics), by_kernel(metrics)
    assert python[0] == kernel[0]
    assert +python[1] == +kernel[1]


step = st.tuples(
    st.sampled_from([0.0, 10.0, 60.0, 60.0, 60.0, 7200.0, -30.0]),
    st.one_of(
        st.sampled_from(["grow", "grow", "grow", "grow", "dip", "half", "zero", "none", "minus", "odd"]),
        st.floats(0, 1e9),
    ),
    st.sampled_from(["same", "same", "same", "now", "none", "early"]),
)


def readings(steps: list[tuple[float, object, str]], kind: str) -> list[Metric]:
    time, value, start, metrics = T0, 1e6, T0 - 100, []
    for wait, what, since in steps:
        time += wait
        seen: float | None = value
        if what == "grow":
            seen = value = value + 600
        elif what == "dip":
            seen = value - 900
        elif what == "half":
            seen = value = value // 2
        elif what == "zero":
            seen = value = 3.0
        elif what == "none":
            seen = None
        elif what == "minus":
            seen = -5.0
        elif what == "odd":
            seen = value + 0.5
        elif isinstance(what, float):
            seen = value = what
        start = time - 5 if since == "now" else start
        said = {"none": 0.0, "early": T0 - 5000}.get(since, start)
        metrics.append(Metric(time, "m", seen, {}, kind, start=said))  # type: ignore[arg-type]
    return metrics


@given(st.lists(step, min_size=1, max_size=60), st.sampled_from(["counter", "delta", "untyped", "gauge"]))
@example([(60.0, "grow", "none")] * 5 + [(60.0, "dip", "none")] + [(60.0, "grow", "none")] * 3, "counter")
@settings(max_examples=300, deadline=None)
def test_the_kernel_reads_as_python_does(steps: list[tuple[float, object, str]], kind: str) -> None:
    agree(readings(steps, kind))


@given(st.lists(step, min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_and_so_after_a_counter_has_been_found_out(steps: list[tuple[float, object, str]]) -> None:
    grown = [(1500.0, "grow", "none")] * 80
    metrics = readings(grown + [(wait, what, "none") for wait, what, _ in steps], "untyped")
    agree(metrics)
    assert by_python(metrics)[1]["learned:counter"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "s", "ms", "us", "By", "KiBy", "widgets"]), st.floats(0, 1e6)), max_size=30
    ),
    st.sampled_from(["gauge", "counter"]),
)
@settings(max_examples=100, deadline=None)
def test_units(values: list[tuple[str, float]], kind: str) -> None:
    agree([
        Metric(T0 + 60 * i, "m", value, {}, kind, unit)  # type: ignore[arg-type]
        for i, (unit, value) in enumerate(values)
    ])  # fmt: skip
