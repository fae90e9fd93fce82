"""The chaos benchmark's plan, traffic and verdict: what it counts has to be what it says."""

import sys
from collections import Counter
from itertools import groupby, pairwise, product
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from aiokafka.partitioner import DefaultPartitioner

import chaos_plan
import chaos_traffic
import chaos_verdict
from chaos_plan import BROKER, REGIONS, SERVICES, Fault
from chaos_traffic import PARTITIONS
from chaos_verdict import BEARABLE, RECOVER, TELL, Happened, Look, Member, Opened, Reading, Revision
from floodmark.alerts import Anomaly, Evidence, Incident, Watermark, utc
from floodmark.alerts import Member as MemberOfIncident
from floodmark.events import encode
from kafka_side import Written

START = 1_800_000_000
FAULT = Fault(100.0, 40.0, "web", "eu", "slow")


def revision(at, *members, incident="inc-1", number=1, scope="eu"):
    return Revision(at, incident, number, scope, tuple(Member(*member) for member in members))


def opened(at, identity, entity, started, *, severe=False):
    return Opened(at, identity, "eu", entity, started, severe)


def judged(revisions, anomalies=()):
    return chaos_verdict.judge(FAULT, (), Reading(tuple(anomalies), tuple(revisions)))


def record(topic, kind="", identity="", key=None, value=None, source="", **more):
    headers = {"ce_type": kind, "ce_id": identity, "ce_source": source, **more}
    encoded = tuple((name, text.encode()) for name, text in headers.items() if text)
    return Written(topic, 0, 0, key, value if value is None else orjson.dumps(value), encoded)


# --- the plan


@given(seed=st.integers(0, 10_000), minutes=st.sampled_from([3.0, 12.0, 30.0]))
def test_a_plan_follows_from_its_seed_and_ends_calmly(seed, minutes):
    phases = chaos_plan.plan(seed, minutes)
    assert phases == chaos_plan.plan(seed, minutes)
    assert [phase.shared for phase in phases] == [True, False]
    assert sum(phase.seconds for phase in phases) == pytest.approx(minutes * 60)
    for phase in phases:
        last = phase.seconds - phase.calm
        assert phase.faults
        assert all(trouble.end <= last for trouble in phase.troubles)
        assert all(oddity.at <= last for oddity in phase.oddities)
        assert phase.faults[-1].end <= phase.seconds
        outages = [trouble for trouble in phase.troubles if trouble.kind in BROKER]
        assert outages[0].at < 5  # right after the start
        assert all(before.end < after.at for before, after in pairwise(outages))
        assert all(1 <= outage.seconds <= 120 for outage in outages)


@given(seed=st.integers(0, 10_000), minutes=st.sampled_from([3.0, 30.0]))
def test_what_happens_to_workers_can_happen(seed, minutes):
    for phase in chaos_plan.plan(seed, minutes):
        running = set(range(chaos_plan.FIRST))
        until = 0.0
        for trouble in phase.troubles:
            if trouble.kind in BROKER:
                continue
            assert trouble.at >= until  # one after the other
            until = trouble.end
            assert (trouble.worker in running) == (trouble.kind != "join")
            running ^= {trouble.worker} if trouble.kind in ("join", "leave") else set()
            assert running
        joins = [trouble for trouble in phase.troubles if trouble.kind == "join"]
        if not phase.shared:
            assert 44 <= joins[0].at <= 46  # beyond what a newcomer without a store reads
            assert phase.faults[-1].at > joins[0].at + 10


@given(seed=st.integers(0, 10_000))
def test_a_fault_hits_all_regions_and_no_service_twice_in_a_row(seed):
    for phase in chaos_plan.plan(seed, 30):
        hits = [list(group) for _, group in groupby(phase.faults, key=lambda fault: fault.at)]
        assert len(hits) == 7
        assert all([fault.region for fault in hit] == list(REGIONS) for hit in hits)
        services = [{fault.service for fault in hit} for hit in hits]
        assert all(len(service) == 1 for service in services)
        assert all(one != other for one, other in pairwise(services))
        assert set().union(*services[:5]) == set(SERVICES)


def test_each_region_is_the_key_of_another_partition():
    partition = DefaultPartitioner()
    places = {partition(region.encode(), range(PARTITIONS), range(PARTITIONS)) for region in REGIONS}
    assert len(places) == PARTITIONS


def test_leaving_kinds_out_moves_nothing_else():
    whole = chaos_plan.plan(5, 30)
    some = chaos_plan.plan(5, 30, ("join", "freeze", "poison"))
    for all_of_it, left in zip(whole, some, strict=True):
        assert left.faults == all_of_it.faults
        assert left.troubles == tuple(t for t in all_of_it.troubles if t.kind in ("join", "freeze"))
        assert left.oddities == tuple(o for o in all_of_it.oddities if o.kind.startswith("poison"))
        assert left.clocks == {}
        assert all_of_it.clocks


def test_a_run_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="at least 3 minutes"):
        chaos_plan.plan(1, 1)


# --- the traffic


def traffic(phase, start=START):
    found = chaos_traffic.Traffic(7, phase, "m", "l", START - 10)
    found.start = start
    return found


def said(messages, service, region=None):
    """The events of a service."""
    events = [orjson.loads(message.value) for message in messages if message.key.startswith(service.encode())]
    return [event for event in events if region in (None, event["labels"]["region"])]


def test_a_second_of_traffic_is_always_the_same_and_in_order():
    phase = chaos_plan.plan(7, 3, ())[0]
    one, other = (traffic(phase).second(START + 5) for _ in range(2))
    assert one == other
    times = [message.timestamp for message in one]
    assert times == sorted(times)
    assert times[0] >= (START + 5) * 1000
    assert times[-1] <= (START + 6) * 1000
    assert {message.partition for message in one if message.topic == "m"} == {0, 1, 4}
    assert {message.partition for message in one if message.topic == "l"} == {1, 3, 5}


def test_a_fault_is_strong_while_it_lasts_and_hits_one_service():
    phase = chaos_plan.plan(7, 3, ())[0]._replace(faults=(Fault(10, 5, "web", "eu", "both"),))
    for at, hit in ((9, False), (10, True), (14, True), (15, False)):
        messages = traffic(phase).second(START + at)
        for service, region in product(SERVICES, REGIONS):
            events = said(messages, service, region)
            latency = next(event["value"] for event in events if event.get("name") == "latency_ms")
            lines = Counter(event["severity"] for event in events if "severity" in event)
            struck = hit and (service, region) == ("web", "eu")
            assert (latency > 300) == struck
            assert lines == ({"ERROR": 20} if struck else {"INFO": 2})
    assert not any(e.get("severity") == "ERROR" for e in said(traffic(phase, None).second(START + 10), "web"))


def test_clocks_that_are_off_are_off_in_the_event_and_not_in_kafka():
    phase = chaos_plan.plan(7, 3, ("clocks",))[0]
    messages = traffic(phase).second(START + 40)
    for source, off in (("fast-clock", 3540), ("slow-clock", -3600)):
        events = said(messages, source)
        assert len(events) == 2
        assert all(START + 40 + off <= event["timestamp"] <= START + 41 + off for event in events)
    assert all((START + 40) * 1000 <= message.timestamp <= (START + 41) * 1000 for message in messages)
    assert not said(traffic(phase).second(START), "fast-clock")


def test_every_odd_record_is_sent_once():
    phase = chaos_plan.plan(7, 3, ("poison", "times"))[1]
    messages = [message for at in range(-5, 100) for message in traffic(phase).second(START + at)]
    poison = [message.key for message in messages if message.key.startswith(b"poison-")]
    assert sorted(poison) == sorted(traffic(phase).poison())
    wild = [message for message in messages if b"gateway-" in message.key]
    assert len(poison) + len(wild) == len(phase.oddities)
    now = START * 1000
    assert all(abs(message.timestamp - now) > 86_400_000 for message in wild)
    assert all(abs(orjson.loads(message.value)["timestamp"] - START) < 100 for message in wild)
    assert max(len(message.value) for message in messages) > 100_000


# --- the verdict


def test_a_fault_is_told_by_a_member_of_its_service_that_began_while_it_was_on():
    members = ("a", "web", 101.0), ("b", "cart", 101.0)
    verdict = judged([revision(108.0, *members), revision(130.0, *members, number=2)])
    assert (verdict.outcome, verdict.told, verdict.incidents) == ("told", 108.0, ("inc-1",))


@pytest.mark.parametrize(
    ("member", "scope"),
    [
        (("a", "cart", 101.0), "eu"),
        (("a", "web", 101.0), "us"),
        (("a", "web", 90.0), "eu"),
        (("a", "web", 141.0), "eu"),
    ],
    ids=["service", "region", "before", "after"],
)
def test_what_is_not_the_faults_does_not_tell_it(member, scope):
    verdict = judged([revision(142.0, member, scope=scope)])
    assert (verdict.outcome, verdict.told, verdict.incidents) == ("missed", None, ())


def test_told_after_it_was_due_is_late():
    assert judged([revision(100.0 + TELL + 1, ("a", "web", 100.0))]).outcome == "late"


def test_trouble_moves_when_a_fault_is_due():
    outage = Happened("kill", 110.0, 160.0)
    after = Happened("pause", 205.0, 215.0, 1)  # before what is due because of the outage
    much_later = Happened("kill -9", 300.0, 301.0, 1)
    before = Happened("stop", 10.0, 60.0)
    assert chaos_verdict.due(FAULT, [before, much_later]) == 100 + TELL
    assert chaos_verdict.due(FAULT, [outage]) == 160 + RECOVER + TELL
    assert chaos_verdict.due(FAULT, [after, outage]) == 215 + RECOVER + TELL
    assert chaos_verdict.due(FAULT, [Happened("stop", 50.0, 90.0)]) == 90 + RECOVER + TELL


def test_away_begins_when_it_had_to_be_noticed():
    happened = [
        Happened("kill", 10, 40),
        Happened("freeze", 50, 75),
        Happened("stop", 80, 84),
        Happened("pause", 90, 120, 1),
    ]
    assert chaos_verdict.away(happened) == [(15, 40), (60, 75)]


@pytest.mark.parametrize(
    ("pause", "wrong"),
    [
        ((-9, -6), [(5, 40)]),  # it was over long before
        ((-9, 1), [(6, 40)]),
        ((2, 20), [(25, 40)]),
        ((10, 20), [(5, 10), (25, 40)]),
        ((10, 38), [(5, 10)]),
        ((50, 60), [(5, 40)]),
    ],
)
def test_a_worker_that_continues_has_to_notice_first(pause, wrong):
    assert chaos_verdict.away([Happened("kill", 0, 40), Happened("pause", *pause, 1)]) == wrong


def test_green_counts_between_two_looks_that_saw_it():
    looks = [Look(at / 2, at not in (4, 5)) for at in range(11)]  # every half second until 5; red at 2 and 2.5
    assert chaos_verdict.green_seconds(looks, [(0, 10)]) == 3.5
    assert chaos_verdict.green_seconds(looks, [(0.25, 1.0), (0.5, 1.25)]) == 1.0  # what overlaps counts once
    assert chaos_verdict.green_seconds(looks, []) == 0
    assert chaos_verdict.green_seconds([Look(0, True), Look(60, True)], [(0, 60)]) == 0  # nobody looked


def test_it_is_calm_a_minute_after_the_last_trouble():
    happened = [Happened("pause", 100, 110, 1), Happened("kill", 130, 140), Happened("leave", 300, 300, 0)]
    assert chaos_verdict.calm(happened, 500) == [(60, 100), (200, 300), (360, 500)]
    assert chaos_verdict.calm([], 50) == []


def test_a_faults_first_anomaly_waits_until_it_is_told_or_for_ever():
    own, other = opened(103.0, "a", "web", 101.0), opened(102.0, "x", "cart", 101.0)

    def waiting(anomalies, *revisions):
        reading = Reading(anomalies, revisions)
        return chaos_verdict.waiting([judged(revisions, anomalies)], reading, 500)

    assert waiting((other, own), revision(200.0, ("b", "web", 104.0))) == [(103 + BEARABLE, 200)]
    assert waiting((other, own)) == [(103 + BEARABLE, 500)]
    assert waiting((other, own), revision(120.0, ("a", "web", 101.0))) == []
    assert waiting((other,)) == []  # nothing was found: nothing waits


def test_a_severe_anomaly_waits_for_the_incident_that_lists_it():
    severe, mild = opened(10.0, "a", "x", 9.0, severe=True), opened(10.0, "b", "x", 9.0)
    listing = revision(100.0, ("a", "x", 9.0), ("b", "x", 9.0))
    assert chaos_verdict.waiting([], Reading((severe, mild), (listing,)), 500) == [(10 + BEARABLE, 100)]
    assert chaos_verdict.waiting([], Reading((severe, mild), ()), 500) == []


def test_doubled_are_revisions_and_events_that_are_there_again():
    incident, anomaly, mark = (f"dev.floodmark.{kind}.v1" for kind in ("incident", "anomaly", "watermark"))
    records = [
        record("alerts", incident, "inc-1/1", source="/floodmark/anomalies/0"),
        record("alerts", incident, "inc-1/2", source="/floodmark/anomalies/0"),
        record("alerts", incident, "inc-1/2", source="/floodmark/anomalies/1"),
        record("anomalies", anomaly, "a/opened/1", source="/floodmark/m/0"),
        record("anomalies", anomaly, "a/opened/1", source="/floodmark/m/1"),  # unique per source
        *[record("anomalies", anomaly, "b/closed/9", source="/floodmark/m/0")] * 3,
        *[record("anomalies", mark, "m/0@5", source="/floodmark/m/0")] * 4,  # goes to every partition
    ]
    assert chaos_verdict.doubled(records) == {"inc-1/2": 1, "/floodmark/m/0 b/closed/9": 2}


def test_poison_is_in_the_dead_letters_once():
    poison = {b"poison-0", b"poison-1", b"poison-2"}
    letters = [
        record("dead", key=b"poison-0", **{"floodmark.error": "not_json"}),
        *[record("dead", key=b"poison-1", **{"floodmark.error": "too_large"})] * 3,
        record("dead", key=b"web", **{"floodmark.error": "from_the_future"}),
    ]
    found = chaos_verdict.dead_letters(letters, poison)
    assert (found.lost, found.doubled, dict(found.others)) == (1, 2, {"from_the_future": 1})


def test_noise_is_an_incident_in_which_no_fault_is_ever_found():
    revisions = [
        revision(1, ("a", "cart", 101.0), incident="noise"),
        revision(2, ("b", "cart", 101.0), incident="ours"),
        revision(3, ("b", "cart", 101.0), ("c", "web", 102.0), incident="ours", number=2),
    ]
    assert chaos_verdict.noise(revisions, [FAULT]) == 1


def anomaly(event):
    at = utc(START + 101)
    return Anomaly(
        id="a",
        event=event,
        scope="eu",
        entity="web",
        signal="metric",
        series="latency_ms{service=web}",
        name="latency_ms",
        labels={"service": "web"},
        unit="",
        started_at=at,
        updated_at=at,
        ended_at=None,
        head="forecast",
        direction="up",
        observed=500.0,
        expected=50.0,
        low=45.0,
        high=55.0,
        p_value=1e-9,
        severity="error",
        summary="web: latency_ms is 500",
        detector="chaos",
        evidence=Evidence(),
    )


def incident():
    at = utc(START + 101)
    member = MemberOfIncident(
        id="a",
        entity="web",
        signal="metric",
        series="latency_ms{service=web}",
        head="forecast",
        direction="up",
        started_at=at,
        ended_at=None,
        p_value=1e-9,
        severity="error",
        summary="web: latency_ms is 500",
        why="the first",
    )
    return Incident(
        id="inc-1",
        event="opened",
        revision=1,
        scope="eu",
        severity="error",
        title="web: latency_ms up",
        why="",
        started_at=at,
        updated_at=at,
        resolved_at=None,
        resolution="",
        entities=["web"],
        member_count=1,
        members=[member],
        causes=[],
        changes=[],
    )


def test_what_the_engine_writes_becomes_a_reading():
    def read(at, body):
        output = encode(body, source="metrics/0", key="eu")
        return at, Written(output.stream, 0, 0, output.key, output.value, tuple(output.headers))

    mark = Watermark(task="metrics/0", tasks=1, time=utc(START + 102), idle=False)
    records = [
        read(109.0, incident()),
        read(103.0, anomaly("opened")),
        read(104.0, anomaly("closed")),
        read(105.0, mark),
        (106.0, record("dead-letters", key=b"poison-1")),
    ]
    reading = Reading.of(records, START)
    assert reading.opened == (opened(103.0, "a", "web", 101.0, severe=True),)
    assert reading.revisions == (revision(109.0, ("a", "web", 101.0)),)
    assert chaos_verdict.doubled([record for _, record in [*records, *records]]) == {
        "inc-1/1": 1,
        "/floodmark/metrics/0 a/opened/1800000101.000": 1,
        "/floodmark/metrics/0 a/closed/1800000101.000": 1,
    }
