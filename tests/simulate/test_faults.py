from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

from floodmark.simulate.faults import APART, HOUR, MINUTE, Kind, envelope
from floodmark.simulate.shop import QUIET, WARMUP, Shop
from floodmark.simulate.topology import MODEL, SERVICES, depends_on, downstream, neighbours


def sigmas(shop, fault, service, values, *, last=None):
    """How far the mean of `values` while the fault is on lies from the hour before, in deviations of that hour."""
    begin, end = (int((at - shop.start) / shop.step) for at in (fault.start, fault.end))
    before = values[begin - 60 : begin]
    during = values[end - last : end - 2] if last else values[begin + 3 : end - 2]
    return (during.mean() - before.mean()) / before.std()


def ratio(state):
    return state.failures / np.maximum(state.requests, 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_programme_has_every_kind_after_the_warm_up_and_apart(seed):
    shop = Shop(seed)
    faults = shop.faults
    assert len(faults) == 12
    elsewhere = {"network_delay", "exhaustion"}  # in other systems than the demo's
    assert set(get_args(Kind)) - elsewhere == {fault.kind for fault in faults}
    assert len({fault.id for fault in faults}) == 12
    assert faults[0].start >= shop.start + WARMUP
    assert faults[-1].end <= shop.end - QUIET
    for fault, following in pairwise(faults):
        assert following.start - fault.end >= APART - MINUTE
    for fault in faults:
        assert fault.service in SERVICES
        assert fault.service in fault.summary or fault.kind == "feature_drift"
        long = fault.kind in ("memory_leak", "feature_drift")
        assert 10 * MINUTE <= fault.end - fault.start <= (200 if long else 40) * MINUTE
    twice = Counter((fault.kind, fault.service) for fault in faults)
    assert max(twice.values()) == 1


def test_labels_of_a_drift_have_time_to_come():
    for seed in range(12):
        (drift,) = (fault for fault in Shop(seed).faults if fault.kind == "feature_drift")
        assert drift.end < Shop(seed).end - 6 * HOUR


def test_the_envelope_is_zero_outside_and_one_within():
    times = np.arange(0, 3600, 60.0)
    on = envelope(times, 600, 1800)
    assert not on[times < 600].any()
    assert not on[times >= 1800].any()
    assert (on[(times >= 660) & (times <= 1680)] == 1).all()


@pytest.mark.parametrize("seed", [7, 11])
def test_every_fault_leaves_its_footprint(seed):
    shop = Shop(seed)
    for fault in shop.faults:
        state = shop.states[fault.service]
        begin, end = (int((at - shop.start) / shop.step) for at in (fault.start, fault.end))
        match fault.kind:
            case "latency":
                assert sigmas(shop, fault, fault.service, state.latency) > 6
            case "error_burst":
                assert sigmas(shop, fault, fault.service, ratio(state)) > 6
            case "cpu":
                assert sigmas(shop, fault, fault.service, state.cpu) > 6
                assert sigmas(shop, fault, fault.service, state.latency) > 3
            case "memory_leak":
                assert sigmas(shop, fault, fault.service, state.memory, last=10) > 15
                assert state.memory[end + 2] < 1.1 * state.memory[begin]
                assert end in shop.footprint.restarts[fault.service]
            case "traffic_drop":
                for name in downstream(depends_on(), "edge"):
                    assert shop.states[name].requests[begin + 3 : end - 2].mean() < 0.6 * (
                        shop.states[name].requests[begin - 30 : begin].mean()
                    )
            case "bad_deploy":
                assert sigmas(shop, fault, fault.service, ratio(state)) > 6
                assert sigmas(shop, fault, fault.service, state.latency) > 3
            case "silent_service":
                assert not state.up[begin:end].any()
                assert state.up[end]
                callers = [name for name, called in depends_on().items() if fault.service in called]
                assert any(sigmas(shop, fault, name, ratio(shop.states[name])) > 3 for name in callers)


def test_a_silent_service_says_nothing_and_predictions_go_on():
    shop = Shop(7)
    fault = next(fault for fault in shop.faults if fault.kind == "silent_service")
    key = fault.service.encode()
    for topic in ("metrics", "logs"):
        times = [message.time for message in shop.messages(topic) if message.key == key]
        assert not [time for time in times if fault.start <= time < fault.end]
        assert [time for time in times if fault.end <= time < fault.end + 5 * MINUTE]
    assert [m for m in shop.messages("predictions") if fault.start <= m.time < fault.end]


def test_trouble_is_in_the_logs():
    shop = Shop(7)
    lines = list(shop.events("logs"))
    times = [message.time for message in shop.messages("logs")]

    def bodies(service, severity, begin, end):
        return [
            line["body"]
            for time, line in zip(times, lines, strict=True)
            if begin <= time < end and line["labels"]["service"] == service and line["severity"] == severity
        ]

    for fault in shop.faults:
        length = fault.end - fault.start
        if fault.kind in ("error_burst", "bad_deploy"):
            usual = bodies(fault.service, "ERROR", fault.start - length, fault.start)
            during = bodies(fault.service, "ERROR", fault.start, fault.end)
            assert len(during) > 5 * max(1, len(usual))
        if fault.kind == "bad_deploy":
            words = {body.split()[0] for body in bodies(fault.service, "ERROR", fault.start, fault.end)}
            known = {body.split()[0] for body in bodies(fault.service, "ERROR", shop.start, fault.start)}
            assert words - known
        if fault.kind == "memory_leak":
            assert bodies(fault.service, "FATAL", fault.end - MINUTE, fault.end)


def test_feature_drift_moves_the_feature_and_costs_accuracy():
    shop = Shop(7)
    (drift,) = (fault for fault in shop.faults if fault.kind == "feature_drift")
    said = {event["prediction_id"]: event for event in shop.events("predictions")}
    inside = [e for e in said.values() if drift.start + 10 * MINUTE <= e["timestamp"] < drift.end - 10 * MINUTE]
    outside = [e for e in said.values() if e["timestamp"] < drift.start]

    def middle(events, feature):
        return np.median([event["features"][feature] for event in events])

    assert middle(inside, "distance_km") > 2 * middle(outside, "distance_km")
    assert middle(inside, "amount") == pytest.approx(middle(outside, "amount"), rel=0.15)

    labels = {event["prediction_id"]: event["label"] for event in shop.events("outcomes")}

    def accuracy(events):
        hits = [labels[e["prediction_id"]] == e["prediction"] for e in events if e["prediction_id"] in labels]
        return sum(hits) / len(hits)

    assert accuracy(outside) > 0.93
    assert accuracy(inside) < 0.87
    (service,) = {fault.service for fault in shop.faults if fault.kind == "feature_drift"}
    assert service == MODEL


def test_the_call_graph_is_closed_and_ordered():
    graph = depends_on()
    order = list(graph)
    for caller, called in graph.items():
        assert all(order.index(caller) < order.index(name) for name in called)
    assert downstream(graph, "edge") == set(order) - {"edge"}
    near = neighbours(graph)
    assert near["payment"] == {"checkout", "fraud-scorer"}
