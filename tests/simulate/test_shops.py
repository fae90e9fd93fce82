from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from floodmark.config.models import Config
from floodmark.decode import decoder
from floodmark.records import Record
from floodmark.simulate.faults import DAY, HOUR, MINUTE
from floodmark.simulate.landscape import landscape
from floodmark.simulate.programmes import bursts, steady
from floodmark.simulate.shop import PREFIX, START
from floodmark.simulate.shops import calm_shop, often_shop, released_shop, wide_shop
from floodmark.simulate.topology import SERVICES, depends_on, downstream, neighbours


@pytest.fixture(scope="module")
def wide():
    return wide_shop(1, days=0.3, services=24, faults=12)


@pytest.fixture(scope="module")
def released():
    return released_shop(2, days=2, harmless=24, bad=4)


def depth(graph, name):
    return 1 + max((depth(graph, called) for called in graph[name]), default=0)


def series(event):
    return event["name"], tuple(sorted(event["labels"].items()))


@pytest.mark.parametrize("seed", range(8))
def test_a_landscape_is_a_deep_graph_without_cycles_that_load_reaches_everywhere(seed):
    system = landscape(seed)
    graph = depends_on(system)
    assert len(system) == 60
    order = list(system)
    assert all(order.index(caller) < order.index(name) for caller, called in graph.items() for name in called)
    assert downstream(graph, "gateway") == set(order) - {"gateway"}
    assert 5 <= depth(graph, "gateway") <= 8
    kinds = Counter(spec.kind for spec in system.values())
    assert min(kinds[kind] for kind in ("database", "cache", "queue", "external")) >= 3
    assert all(not spec.calls for spec in system.values() if spec.kind != "service")
    assert landscape(seed) == system != landscape(seed + 100)


def test_a_landscape_too_small_is_refused():
    with pytest.raises(ValueError, match="12 services or more"):
        landscape(1, 8)


@pytest.mark.parametrize("seed", range(6))
def test_bursts_are_minutes_apart_often_in_leaves_and_often_near_each_other(seed):
    system = landscape(seed)
    graph = depends_on(system)
    faults = bursts(np.random.default_rng(seed), system, START + 15 * HOUR, START + 47 * HOUR)
    assert len(faults) == 45
    assert len({fault.id for fault in faults}) == 45
    near = neighbours(graph)
    close = 0
    for fault, following in pairwise(faults):
        assert 3 * MINUTE <= fault.end - fault.start <= 12 * MINUTE
        assert fault.end < following.start
        assert 4 * MINUTE <= following.start - fault.start <= 61 * MINUTE
        around = near[fault.service] | {name for other in near[fault.service] for name in near[other]}
        close += following.service in around | {fault.service}
    assert close > 15
    assert sum(not graph[fault.service] for fault in faults) > 10
    for fault in faults:
        assert (fault.kind == "network_delay") == bool(fault.peer)
        assert not fault.peer or fault.peer in graph[fault.service]
        assert "{" not in fault.summary


def test_bursts_that_do_not_fit_are_fewer_and_stay_within_the_time():
    faults = bursts(np.random.default_rng(1), SERVICES, START, START + 2 * HOUR, 45)
    assert 3 < len(faults) < 45
    assert faults[-1].end <= START + 2 * HOUR


def test_steady_faults_come_every_two_hours_and_some_are_faint():
    faults = steady(np.random.default_rng(3), SERVICES, START, START + 7 * DAY)
    assert len(faults) == 83
    assert all(b.start - a.end > HOUR for a, b in pairwise(faults))
    slow = [fault.strength for fault in faults if fault.kind == "latency"]
    assert min(slow) < 2.5 < max(slow)
    assert all(strength > 1.45 for strength in slow)


def test_a_wide_shop_is_the_same_for_a_seed_and_the_decoder_refuses_nothing(wide):
    again = wide_shop(1, days=0.3, services=24, faults=12)
    assert again.faults == wide.faults
    limits = Config().limits
    for topic in ("metrics", "logs", "changes"):
        native = decoder(topic.removesuffix("s"), "native", limits)
        before = 0.0
        for offset, (message, other) in enumerate(zip(wide.messages(topic), again.messages(topic), strict=True)):
            assert message == other
            assert message.time >= before
            before = message.time
            record = Record(message.topic, 0, offset, round(message.time * 1000), message.key, message.value)
            decoded = native.decode(record)
            assert not decoded.refused
            assert len(decoded.signals) == message.events


def test_a_wide_shop_has_series_of_services_calls_and_instances(wide):
    found = {series(event) for event in wide.events("metrics")}
    assert len(found) > 25 * 24
    labels = Counter(tuple(sorted(dict(labels))) for _, labels in found)
    assert labels.keys() == {("service",), ("peer", "service"), ("pod", "service")}
    told = {dict(labels)["service"] for _, labels in found}
    assert told == set(wide.services)
    assert list(wide.messages("predictions")) == []  # it has no model
    assert "cpu_usage_ratio" not in {name for name, labels in found if dict(labels)["service"] == "card-network"}


def ratio(state):
    return state.failures / np.maximum(state.requests, 1)


def test_faults_of_a_wide_shop_are_seen_where_they_are_and_up_the_graph():
    shop = wide_shop(1)

    def moved(fault, values):
        begin, end = (int((at - shop.start) / shop.step) for at in (fault.start, fault.end))
        before = values[begin - 60 : begin]
        return abs(values[begin + 2 : end].mean() - before.mean()) / before.std()

    callers = defaultdict(set)
    for name, called in shop.depends_on.items():
        for other in called:
            callers[other].add(name)
    felt = []
    for fault in shop.faults:
        state = shop.states[fault.service]
        own = [moved(fault, values) for values in (state.latency, ratio(state), state.cpu + 1e-9, state.rate)]
        if fault.kind in ("latency", "network_delay", "exhaustion"):
            assert own[0] > 5
        if fault.kind in ("latency", "exhaustion", "error_burst"):
            upper = [shop.states[name] for name in callers[fault.service]]
            felt.append(max((max(moved(fault, s.latency), moved(fault, ratio(s))) for s in upper), default=9.0) > 3)
        if fault.kind == "exhaustion":
            begin, end = (int((at - shop.start) / shop.step) for at in (fault.start, fault.end))
            assert shop.footprint.full[fault.service][begin:end].max() == 1
    assert sum(felt) > 0.7 * len(felt)


def test_an_often_shop_has_twelve_faults_a_day():
    shop = often_shop(1)
    assert 70 <= len(shop.faults) <= 80
    assert {fault.service for fault in shop.faults} <= SERVICES.keys()


def test_nothing_happens_in_a_calm_shop():
    assert calm_shop(5, 7).faults == []


def test_releases_replace_the_instances_and_the_service_goes_on(released):
    shop, harmless = released
    assert len(harmless) == 24
    assert len(shop.faults) == 4
    first = [pod for pod in shop.pods if pod.begin == shop.start]
    assert len(first) == sum(spec.pods for spec in shop.services.values())
    assert len({pod.name for pod in shop.pods}) == len(shop.pods) > len(first)
    for at in np.arange(shop.start + 30, shop.end, 600.0):
        live = Counter(pod.service for pod in shop.pods if pod.begin <= at < pod.end)
        assert all(2 <= live[name] <= 7 for name in shop.services)
    one = next(each for each in harmless if each.sort == "rolling")
    ended = [pod for pod in shop.pods if pod.service == one.service and one.time < pod.end < one.time + 15 * MINUTE]
    begun = [pod for pod in shop.pods if pod.service == one.service and one.time < pod.begin < one.time + 15 * MINUTE]
    assert len(ended) == len(begun) >= 2


def test_series_of_instances_live_as_long_as_they_do(released):
    shop, _ = released
    times = defaultdict(list)
    totals = {}
    for event in shop.events("metrics"):
        labels = event["labels"]
        if "pod" in labels and event["name"] == "pod_requests_total":
            times[labels["pod"]].append(event["timestamp"] / 1000)
            assert event["value"] >= totals.get(labels["pod"], 0.0)  # a counter starts anew only under a new name
            totals[labels["pod"]] = event["value"]
    for pod in shop.pods:
        if pod.end - pod.begin > 5 * MINUTE:
            assert 0 <= times[pod.name][0] - pod.begin < 4 * MINUTE
            assert times[pod.name][-1] < pod.end + 2 * MINUTE


def test_lines_come_from_instances_that_live(released):
    shop, _ = released
    life = {pod.name: (pod.begin, pod.end) for pod in shop.pods}
    strange = total = 0
    for message, event in zip(shop.messages("logs"), shop.events("logs"), strict=True):
        begin, end = life[event["labels"]["pod"]]
        strange += not begin - 15 <= message.time <= end + MINUTE
        total += 1
    assert strange < 0.001 * total


def test_bad_releases_are_announced_and_harmless_changes_stay_clear_of_them(released):
    shop, harmless = released
    told = [(change.time, change.service) for change in shop.changes if change.kind == "deploy"]
    for fault in shop.faults:
        assert any(service == fault.service and 0 <= fault.start - at <= MINUTE for at, service in told)
        assert any(c.summary.startswith("roll back") and c.service == fault.service for c in shop.changes)
        assert not [each for each in harmless if fault.start - MINUTE <= each.time <= fault.end]
    assert {message.topic for message in shop.stream(("changes",))} == {PREFIX + "changes"}
    announced = sum(each.announced for each in harmless)
    assert len(shop.changes) == announced + 2 * len(shop.faults)
