"""Spans in, lists out: windows, series, bounds, and who calls whom."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly, Dependencies
from floodmark.config.models import Config, Detect, Limits, Spans
from floodmark.detect import DetectStage
from floodmark.detect.calls import AGAIN, KEPT, Calls
from floodmark.detect.latencies import Latencies
from floodmark.detect.spans import SpanSeries, folded
from floodmark.signals import Span

T0 = 1_700_006_400.0
CONFIG = Config(detect=Detect(lateness=5, tick=10, evidence=5), spans=Spans(window=10))


def span(at, service="web", operation="GET /", *, duration=0.1, own="", parent="", trace="t", **more):
    return Span(T0 + at, duration, service, operation, span_id=own, parent_id=parent, trace_id=trace, **more)


def series(window=10, scope=(), **limits):
    return SpanSeries(Spans(window=window), Limits(**limits), Detect(scope=list(scope)))


def values(samples):
    return {(each.series.name, each.series.labels["operation"], each.time - T0): each.value for each in samples}


def test_a_window_becomes_counts_and_quantiles():
    maker = series()
    for i in range(20):
        maker.observe(span(i / 4, duration=(i + 1) / 100, error=i >= 18, trace=f"t{i}"))
    samples = maker.advance(T0 + 10)
    assert values(samples) == {
        ("span_requests", "GET /", 10): 20,
        ("span_errors", "GET /", 10): 2,
        ("span_error_ratio", "GET /", 10): 0.1,
        ("span_latency_p50", "GET /", 10): 0.1,
        ("span_latency_p99", "GET /", 10): 0.2,
    }
    assert {each.series.entity for each in samples} == {"web"}
    facts = samples[0].evidence().facts
    assert [facts[f"slowest_trace_{i}"] for i in (1, 2, 3)] == ["t19", "t18", "t17"]
    assert [facts.get(f"failed_trace_{i}") for i in (1, 2, 3)] == ["t18", "t19", None]


def test_a_silent_operation_counts_zero_and_says_nothing_of_latency():
    maker = series()
    maker.observe(span(0))
    maker.advance(T0 + 10)
    assert values(maker.advance(T0 + 20)) == {("span_requests", "GET /", 20): 0, ("span_errors", "GET /", 20): 0}
    assert not maker.advance(T0 + 2000)


def test_only_what_a_service_is_asked_for_is_its_request():
    maker = series()
    for kind in ("server", "consumer", "client", "producer", "internal"):
        maker.observe(span(1, operation=kind, parent="p", kind=kind))
    maker.observe(span(1, operation="batch", kind="internal"))
    assert {each.series.labels["operation"] for each in maker.advance(T0 + 10)} == {"server", "consumer", "batch"}


def test_a_late_span_is_counted_and_left():
    maker = series()
    maker.advance(T0 + 10)
    maker.observe(span(5))
    assert maker.counts()["late:span"] == 1
    assert not maker.advance(T0 + 20)


def test_scopes_are_apart():
    maker = series(scope=["env"])
    for env in ("prod", "test"):
        maker.observe(span(1, labels={"env": env, "pod": "p"}))
    assert {each.series.scope for each in maker.advance(T0 + 10)} == {"prod", "test"}


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("GET /users/123", "GET /users/<*>"),
        ("GET /users/7/orders/A-10442?page=2", "GET /users/<*>/orders/<*>"),
        ("GET /v1/s3/objects", "GET /v1/s3/objects"),
        ("GET /4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "GET /<*>"),
        ("grpc.Cart/Add", "grpc.Cart/Add"),
        ("x" * 900, "x" * 200),
    ],
)
def test_ids_are_folded_out_of_operations(operation, text):
    assert folded(operation) == text


@given(st.lists(st.floats(1e-5, 1e5), min_size=1, max_size=700), st.sampled_from([0.5, 0.99]))
@settings(max_examples=50)
def test_a_quantile_is_exact_or_errs_by_one_percent(durations, q):
    latencies = Latencies()
    for each in durations:
        latencies.add(each)
    truth = sorted(durations)[math.ceil(q * len(durations)) - 1]
    assert latencies.quantile(q) == pytest.approx(truth, rel=0.0101 if len(durations) > 256 else 0)


# -- calls


def test_a_child_calls_from_its_parents_service_whichever_comes_first():
    calls = Calls(10)
    calls.observe(span(1, "cart", own="b", parent="a"))
    calls.observe(span(2, "web", own="a", kind="client"))
    calls.observe(span(3, "db", own="c", parent="b"))
    assert calls.advance(T0) == [("cart", "db"), ("web", "cart")]


def test_a_peer_is_called_and_a_service_does_not_call_itself():
    calls = Calls(10)
    calls.observe(span(1, "web", own="a", kind="client", peer="bank"))
    calls.observe(span(1, "web", own="b", parent="a"))
    calls.observe(span(1, "cart", own="b", parent="a", trace="another"))
    assert calls.advance(T0) == [("web", "bank")]


def test_a_call_is_told_again_each_hour_and_only_if_it_is_made():
    calls = Calls(10)
    client = span(1, "web", kind="client", peer="bank")
    told = []
    for time in (0, 10, AGAIN - 1, AGAIN, AGAIN + 10, AGAIN + KEPT):
        calls.observe(client)
        told.append(len(calls.advance(T0 + time)))
    assert told == [1, 0, 0, 1, 0, 1]
    assert calls.advance(T0 + 3 * KEPT) == []


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 4), max_size=200))
@settings(max_examples=30)
def test_everything_is_bounded(spans):
    maker = series(operations=3, spans=5)
    for i, (service, operation, own, parent) in enumerate(spans):
        maker.observe(span(i, f"s{service}", f"op {chr(65 + operation)}", own=str(own), parent=str(parent)))
        maker.advance(T0 + i - 5)
    sizes = maker.sizes()
    assert sizes["operations"] <= 3
    assert sizes["span_services"] <= 5
    assert sizes["spans_waiting"] <= 5


# -- the stage


def traffic(n=90, bad=range(60, 66)):
    draw = random.Random(5)
    spans = []
    for i in range(n):
        for k in range(6):
            at, trace = 10 * i + k + draw.random() * 4, f"{i}-{k}"
            slow = 20 if i in bad else 1
            web, cart = draw.gauss(0.2, 0.01) * slow, draw.gauss(0.1, 0.01) * slow
            spans.append(span(at, "cart", "Add", duration=cart, own="c", parent="w", trace=trace, error=i in bad))
            spans.append(span(at, "web", "GET /cart/17", duration=web, own="w", trace=trace))
    return spans


TRAFFIC = traffic()


def whole():
    stage = DetectStage(CONFIG, "spans/0", 1)
    return stage.process(TRAFFIC)


WHOLE = whole()


def test_a_slow_operation_is_an_anomaly_with_traces_to_look_at():
    opened = [each for each in WHOLE if isinstance(each, Anomaly) and each.event == "opened"]
    assert {each.entity for each in opened} == {"web", "cart"}
    assert {"span_errors", "span_latency_p50"} <= {each.name for each in opened}
    assert all(each.signal == "span" for each in opened)
    slow = next(each for each in opened if each.name == "span_latency_p50" and each.entity == "cart")
    assert slow.evidence.facts["slowest_trace_1"].startswith("60-")
    assert [each.calls for each in WHOLE if isinstance(each, Dependencies)] == [[("web", "cart")]]


@given(st.lists(st.integers(0, len(TRAFFIC)), max_size=6), st.booleans())
@settings(max_examples=8)
def test_neither_batches_nor_restarts_change_anything(cuts, restart):
    stage, out, at = DetectStage(CONFIG, "spans/0", 1), [], 0
    for cut in [*sorted(cuts), len(TRAFFIC)]:
        out += stage.process(TRAFFIC[at:cut])
        at = cut
        if restart:
            state, stage = stage.snapshot(), DetectStage(CONFIG, "spans/0", 1)
            assert not stage.restore(state)
    assert out == WHOLE


def test_another_window_starts_the_operations_afresh_and_takes_over_what_was_learned_since():
    wider = CONFIG.model_copy(update={"spans": Spans(window=20)})
    stage, other, warmed = (DetectStage(config, "spans/0", 1) for config in (CONFIG, wider, wider))
    stage.process(TRAFFIC)
    left_out = other.restore(stage.snapshot())
    assert left_out["operations"] == 2
    assert left_out["series"] >= 4
    assert other.sizes()["operations"] == 0
    warmed.process(TRAFFIC)
    other.graft(warmed)
    assert other.sizes()["operations"] == 2
    assert other.sizes()["series"] == warmed.sizes()["series"]
