"""The time rules, on groups made by hand: gaps of 120 seconds, so a burst is at most 200 long."""

import math

import pytest

from floodmark.correlate import bursts
from floodmark.correlate.group import Group

from .making import T0, conf, symptom

CONF = conf(gap=120, grace=300, lifetime=10_000)


def group(started=0.0, last_start=None, *, members=(), **more):
    """An incident, or a candidate, of members that began at its beginning: (entity, name), and what else they are."""
    symptoms = [symptom(started, entity, name, **how) for entity, name, how in members or [("payment", "cpu", {})]]
    for each in symptoms:
        each.family = each.name
    return Group(
        id=f"inc-{started}",
        scope="default",
        first=symptoms[0],
        started=T0 + started,
        last_start=T0 + (started if last_start is None else last_start),
        last_end=-math.inf,
        symptoms={s.series: s for s in symptoms},
        entities={s.entity: s.name for s in symptoms},
        last_odd=max(s.seen + bursts.lasts(s) for s in symptoms),
        open=len(symptoms),
        **more,
    )


def many(entity, number, **how):
    return [(entity, f"series_{chr(97 + i)}", how) for i in range(number)]


@pytest.mark.parametrize(
    ("last_start", "onset", "joins"),
    [
        (0, 0, True),
        (0, 120, True),  # a gap after the last onset, and no more
        (0, 121, False),
        (100, 200, True),
        (100, 201, False),  # within the gap of the last one, but the burst would be too long
        (0, -120, True),  # told late: it was the first
        (0, -121, False),
    ],
)
def test_an_onset_joins_a_burst_within_the_gap_and_while_it_is_short(last_start, onset, joins):
    for state in ("held", "open"):
        assert bursts.joins(group(0, last_start, state=state), T0 + onset, CONF) is joins
    assert not bursts.joins(group(0, last_start, state="resolved", resolved_at=T0 + 500), T0 + onset, CONF)


def test_what_is_alive_is_what_was_odd_a_moment_ago_by_its_evidence():
    one = group(0, members=[("payment", "cpu", {"p": 1e-10}), ("payment", "disk", {"p": 5e-4})])
    assert bursts.alive(one, T0 + 60, CONF) == pytest.approx(1.0)
    assert bursts.alive(one, T0 + 500, CONF) == 0.0
    strong, faint = one.symptoms.values()
    strong.seen = T0 + 450
    assert 0.9 < bursts.alive(one, T0 + 500, CONF) < 1.0
    strong.seen, faint.seen = T0, T0 + 450
    assert 0.0 < bursts.alive(one, T0 + 500, CONF) < 0.1


DRIFT = {"signal": "prediction", "head": "feature_drift", "p": 1e-10}


@pytest.mark.parametrize("how", [{"head": "stale", "p": 1e-10}, DRIFT])
def test_silence_and_what_a_test_has_found_go_on_without_being_told(how):
    one = group(0, members=[("payment", "cpu", how)])
    assert bursts.alive(one, T0 + 3_000, CONF) == 1.0


@pytest.mark.parametrize("head", ["limit", "HalfSpaceTrees", "drift"])
def test_heads_that_judge_each_point_say_when_it_is_over(head):
    one = group(0, members=[("payment", "cpu", {"head": head})], state="open")
    assert bursts.alive(one, T0 + 3_000, CONF) == 0.0
    one.open, one.last_end = 0, T0 + 400
    assert bursts.deadline(one, T0 + 410, CONF) == T0 + 520


def test_only_an_open_incident_that_is_alive_goes_on():
    assert not bursts.goes_on(group(0, state="held"), T0 + 60, CONF)
    assert bursts.goes_on(group(0, state="open"), T0 + 60, CONF)
    assert not bursts.goes_on(group(0, state="open"), T0 + 600, CONF)
    assert not bursts.goes_on(group(60, state="open"), T0 + 60, CONF)  # it began at the same moment


def burst_on(parent, at, number, *, surprise, life=1.0):
    return group(at, members=many("payment", number), surprise=surprise, life=life, parent=parent.id)


BAR = 10.0


def test_a_few_more_are_the_aftermath_and_many_at_once_are_another_fault():
    parent = group(0, members=many("payment", 4), state="open")
    for each in parent.symptoms.values():
        each.seen = T0 + 2_000
    now = T0 + 1_200
    verdicts = [
        bursts.is_another(burst_on(parent, 900, n, surprise=1.5 * BAR), parent, now, BAR, CONF) for n in range(1, 12)
    ]
    assert verdicts[0] is False
    assert verdicts[-1] is True
    assert verdicts == sorted(verdicts)
    parent.aftermath = 30.0  # it has brought so much that more of it is nothing new
    assert not bursts.is_another(burst_on(parent, 900, 5, surprise=1.5 * BAR), parent, now, BAR, CONF)


def test_it_takes_a_while_to_know_unless_it_is_plain():
    parent = group(0, members=many("payment", 4), state="open")
    faint, plain = (burst_on(parent, 900, 8, surprise=s) for s in (1.5 * BAR, 5 * BAR))
    assert bursts.is_another(faint, parent, T0 + 900, BAR, CONF) is None
    assert bursts.is_another(plain, parent, T0 + 900, BAR, CONF) is True
    assert bursts.deadline(faint, T0 + 900, CONF) == bursts.settles(faint, CONF)
    assert bursts.deadline(faint, bursts.settles(faint, CONF), CONF) > bursts.settles(faint, CONF)


def test_what_begins_as_the_other_ends_is_its_end():
    parent = group(0, members=many("payment", 4), state="open")
    child = burst_on(parent, 900, 10, surprise=1.5 * BAR)
    later = bursts.settles(child, CONF)
    for each in parent.symptoms.values():
        each.seen = later
    assert bursts.is_another(child, parent, later, BAR, CONF) is True
    for each in parent.symptoms.values():
        each.seen = T0 + 880
    assert bursts.is_another(child, parent, T0 + 1_200, BAR, CONF) is False
    assert bursts.is_another(child, None, T0 + 1_200, BAR, CONF) is False  # the other is forgotten by now
    child.surprise = 5 * BAR
    assert bursts.is_another(child, None, T0 + 1_200, BAR, CONF) is True


def felt(at, *entities, life=1.0):
    return group(at, members=[each for entity in entities for each in many(entity, 3)], life=life)


def test_a_leak_that_is_felt_at_its_end_is_one_incident():
    leak = group(0, members=[("payment", "memory", {"p": 1e-10})], state="open")
    assert bursts.is_worse(felt(3_000, "payment", "checkout"), leak)
    assert not bursts.is_worse(felt(300, "payment", "checkout"), leak)  # too soon to be a leak
    assert not bursts.is_worse(felt(3_000, "payment", "checkout", life=0.3), leak)  # it had nearly ended
    assert not bursts.is_worse(felt(3_000, "checkout"), leak)


def test_what_comes_on_the_same_entities_while_all_is_still_odd_is_the_same():
    parent = group(0, members=[*many("payment", 4), *many("checkout", 2)], state="open")
    assert bursts.is_worse(felt(300, "payment", "checkout"), parent)
    assert not bursts.is_worse(felt(300, "payment", life=0.5), parent)
    assert not bursts.is_worse(felt(300, "payment", "cart"), parent)


@pytest.mark.parametrize(("other", "together"), [(0, True), (60, True), (61, False), (-60, True)])
def test_two_begin_together_within_half_a_gap(other, together):
    assert bursts.began_together(group(0), group(other), CONF) is together
    assert bursts.began_together(group(other), group(0), CONF) is together


def test_the_beginning_is_where_it_is_most_surprising_from():
    one = group(0, members=[("payment", "disk", {}), ("payment", "cpu", {}), ("payment", "errors", {})])
    disk, cpu, errors = one.symptoms.values()
    cpu.started, errors.started = T0 + 50, T0 + 100
    worth = {"disk": 1.0, "cpu": 8.0, "errors": 9.0}

    def surprise(symptoms):
        return sum(worth[s.name] for s in symptoms)

    assert bursts.beginning(one, surprise) == T0 + 50
    worth["disk"] = 5.0
    assert bursts.beginning(one, surprise) == T0
    worth.update(disk=0.0, cpu=0.0)
    assert bursts.beginning(one, surprise) == T0 + 100
    assert disk.started == T0


def test_deadlines_by_state():
    held = group(0, 50)
    assert bursts.deadline(held, T0 + 60, CONF) == T0 + 250
    going_on = group(0, 50, state="open")
    assert bursts.deadline(going_on, T0 + 60, CONF) == T0 + bursts.QUIET  # an alarm is open, and nothing is odd
    going_on.last_odd = T0 + 9_000
    assert bursts.deadline(going_on, T0 + 60, CONF) == T0 + 10_000
    quiet = group(0, 50, state="open")
    quiet.open, quiet.last_end = 0, T0 + 400
    assert bursts.deadline(quiet, T0 + 410, CONF) == T0 + 520
    quiet.opened_at = T0 + 450  # judged late: it does not resolve as it opens
    assert bursts.deadline(quiet, T0 + 450, CONF) == T0 + 570
    quiet.resolved_at = T0 + 570
    assert bursts.deadline(quiet, T0 + 570, CONF) == T0 + 870


def test_what_a_test_has_found_keeps_its_incident_open_for_hours():
    one = group(0, members=[("model", "feature", DRIFT)], state="open")
    one.open, one.last_end = 0, T0 + 400
    assert bursts.deadline(one, T0 + 410, CONF) > T0 + 3_600
