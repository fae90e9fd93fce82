"""Gauges as they are, counters as rates."""

from floodmark.config.models import Detect, Limits
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.series import Sample
from floodmark.signals import Metric

LABELS = {"service": "cart", "env": "prod"}


def maker(**limits: int) -> MetricSeries:
    return MetricSeries(Limits(**limits), Detect(scope=["env"]))


def values(of: MetricSeries, samples: list[tuple[float, float | None]], kind: str = "counter") -> list[float]:
    out = []
    for time, value in samples:
        for made in of.observe(Metric(time, "requests_total", value, LABELS, kind)):  # type: ignore[arg-type]
            assert isinstance(made, Sample)
            out.append(made.value)
    return out


def test_a_gauge_is_itself_and_knows_who_it_is() -> None:
    (sample,) = maker().observe(Metric(10.0, "cpu", 0.5, LABELS, "gauge", "1"))
    series = sample.series
    assert series.key == 'cpu{env="prod",service="cart"}'
    assert (series.entity, series.scope, series.kind, series.unit) == ("cart", "prod", "gauge", "1")


def test_a_counter_is_a_rate_and_a_reset_is_no_drop() -> None:
    of = maker()
    assert values(of, [(0, 100.0), (10, 150.0), (20, 250.0), (30, 120.0), (40, 150.0)]) == [5.0, 10.0, 12.0, 3.0]
    assert of.counts()["counter_resets"] == 1


def test_less_than_usual_since_a_reset_says_nothing() -> None:
    of = maker()
    assert values(of, [(0, 100.0), (10, 150.0), (20, 250.0), (30, 30.0), (40, 60.0)]) == [5.0, 10.0, 3.0]
    assert of.counts()["counter_resets"] == 1


def test_a_delta_is_the_increase_itself_and_may_be_negative() -> None:
    assert values(maker(), [(0, 100.0), (10, 50.0), (20, 50.0), (40, -20.0)], "delta") == [5.0, 5.0, -1.0]


def test_a_gap_in_a_counter_is_spread_over_it() -> None:
    assert values(maker(), [(0, 0.0), (100, 50.0)]) == [0.5]


def test_duplicates_old_points_and_missing_values_are_counted_not_used() -> None:
    of = maker()
    assert values(of, [(10, 1.0), (10, 2.0), (5, 3.0), (20, None), (30, 4.0)], "gauge") == [1.0, 4.0]
    assert of.counts() == {"skipped:duplicate": 1, "skipped:out_of_order": 1, "skipped:no_value": 1}


def test_the_order_of_labels_is_no_difference() -> None:
    of = maker()
    of.observe(Metric(1.0, "cpu", 1.0, {"a": "1", "b": "2"}))
    of.observe(Metric(2.0, "cpu", 1.0, {"b": "2", "a": "1"}))
    assert of.sizes() == {"metric_series": 1}


def test_the_least_recently_used_goes() -> None:
    of = maker(series=2)
    for time, host in enumerate(["a", "b", "a", "c", "a"]):
        of.observe(Metric(float(time), "cpu", 1.0, {"host": host}))
    assert of.sizes() == {"metric_series": 2}
    assert of.counts()["evicted:series"] == 1
