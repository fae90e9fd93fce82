"""What is learned of chance: bounded, fading, and the same after a snapshot."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from floodmark.correlate.nulls import DAY, MEMORY, Null, Tail
from floodmark.state import Codec, classes_in

from .making import T0

WEEKLY = 1 / (7 * DAY)
budgets = st.floats(1e-9, 0.5)
groups = st.lists(st.tuples(st.floats(1, 20_000), st.floats(0, 40)), max_size=200)


def told(passed):
    """A tail that has seen groups: the seconds since the one before, and how surprising it was."""
    tail = Tail()
    tail.advance(T0)
    for after, surprise in passed:
        tail.advance((tail.now or T0) + after)
        tail.learn(surprise)
    return tail


@given(groups, budgets, budgets)
def test_a_smaller_budget_never_asks_for_less(passed, one, other):
    tail = told(passed)
    small, large = sorted((one, other))
    assert tail.bar(small) >= tail.bar(large) >= 0.0


@given(groups, st.floats(0, 60), st.floats(0, 60))
def test_the_more_surprising_the_rarer(passed, one, other):
    tail = told(passed)
    less, more = sorted((one, other))
    assert 0 < tail.apart(less, WEEKLY) <= tail.apart(more, WEEKLY) < math.inf


@given(st.integers(0, 60))
def test_a_few_that_were_real_do_not_raise_the_bar_until_the_next_are_missed(real):
    """It is bounded by what the many faint groups bear out."""
    tail = told([(6 * 3600.0, 60.0)] * real)
    assert tail.bar(WEEKLY) <= told([]).bar(WEEKLY) + 8.0


def test_a_loose_budget_asks_for_nothing():
    assert told([]).bar(1 / 60) == 0.0
    assert told([]).bar(WEEKLY) > 5.0


def test_many_groups_raise_the_bar_and_quiet_weeks_lower_it():
    new = told([]).bar(WEEKLY)
    busy = told([(600.0, 2.0 + i % 9) for i in range(2_000)])
    high = busy.bar(WEEKLY)
    assert high > new + 1
    for weeks in (1, 3, 9):
        busy.advance((busy.now or T0) + weeks * 7 * DAY)
        assert busy.bar(WEEKLY) < high
        high = busy.bar(WEEKLY)
    busy.advance((busy.now or T0) + 20 * MEMORY)
    assert busy.bar(WEEKLY) < new


def test_event_time_that_goes_back_changes_nothing_of_a_tail():
    tail = told([(600.0, 5.0)] * 20)
    before = tail.bar(WEEKLY)
    tail.advance(T0)
    assert tail.bar(WEEKLY) == before


@pytest.mark.parametrize("rate", [0.2, 2.0, 20.0])
def test_the_bar_is_where_chance_reaches_the_budget(rate):
    """Exponential surprises at so many an hour: the bar of a budget is near where that budget is kept."""
    mean, passed = 1.5, []
    count = int(24 * 28 * rate)
    for i in range(count):
        share = (i * 0.618034) % 1.0  # evenly spread, without chance
        passed.append((3600.0 / rate, 2.0 - mean * math.log(1 - share)))
    kept = 2.0 + mean * math.log(rate / 3600.0 / WEEKLY)
    assert told(passed).bar(WEEKLY) == pytest.approx(kept, abs=3.0)


# -- what goes together


def learn(null, at, *families, effects=(), surprise=1.0):
    """A group of chance, of entities e0, e1, … with these families."""
    group = {f"e{i}": dict.fromkeys(own, 1.0) for i, own in enumerate(families)}
    null.met(group)
    null.learn(T0 + at, surprise, group, dict(effects))


def test_an_echo_is_learned_by_name_and_says_nothing_of_strangers():
    null = Null()
    before = null.echo("cpu", "load")
    for i in range(40):
        learn(null, 3600 * i, ["cpu", "load"] if i % 10 else ["cpu"])
    assert null.echo("cpu", "load") > 0.7 > before
    assert null.echo("cpu", "disk") < 0.2
    assert null.echo("disk", "cpu") < 0.9


def test_neighbours_are_learned_apart():
    null = Null()
    before = null.spread("requests", "cpu")
    for i in range(40):
        learn(null, 3600 * i, ["requests"], ["cpu"])
    assert null.spread("requests", "cpu") > 0.5 > before
    assert null.echo("requests", "cpu") <= 0.2


def test_company_is_learned():
    alone, together = Null(), Null()
    for i in range(100):
        learn(alone, 3600 * i, ["cpu"])
        learn(together, 3600 * i, ["cpu"], ["cpu"])
    assert alone.company(1) < Null().company(1) < together.company(1)
    assert all(0 < null.company(n) <= 0.9 for null in (alone, together) for n in (1, 5, 50))


def test_talkative_neighbourhoods_are_known_and_go_quiet_again():
    null = Null()
    for i in range(300):
        null.learn(T0 + 600 * i, 1.0, {"loud": {"cpu": 1.0}}, {})
    null.learn(T0 + 180_000, 1.0, {"quiet": {"cpu": 1.0}}, {})
    assert null.talk(["loud"]) > 3 * null.talk(["quiet"]) > 0
    assert null.talk(["loud", "quiet"]) == pytest.approx(null.talk(["loud"]) + null.talk(["quiet"]))
    before = null.talk(["loud"])
    null.learn(T0 + 180_000 + 6 * MEMORY, 1.0, {"quiet": {"cpu": 1.0}}, {})
    assert null.talk(["loud"]) < before / 10


def test_what_changes_do_is_counted():
    null = Null()
    assert null.effects("deploy", "memory") == (0.0, 0.0, 0.0)
    for _ in range(4):
        null.changed("deploy")
    learn(null, 0, ["memory"], effects={("deploy", "memory"): 3.0}.items())
    learn(null, 9_000, ["memory"], effects={("deploy", "memory"): 5.0}.items())
    assert null.effects("deploy", "memory") == (4.0, 2.0, 4.0)
    assert null.effects("config", "memory")[1] == 0.0


# -- bounds and snapshots


def test_all_tables_are_bounded():
    null = Null()
    for i in range(40):
        families = {f"e{i}-{j}": {f"name-{i * 28 + k}": 1.0 for k in range(40)} for j in range(2)}
        null.met(families)
        effects = {(f"kind-{i % 3}", f"name-{i * 28 + k}"): 1.0 for k in range(40)}
        null.learn(T0 + i, 1.0, families, effects)
    for i in range(100):
        null.changed(f"kind-{i}")
        null.learn(T0 + 4_000 + i, 1.0, {f"x{i}-{j}": {"cpu": 1.0} for j in range(250)}, {})
    sizes = {name: len(value) for name, value in structs.asdict(null).items() if isinstance(value, dict)}
    assert max(sizes.values()) <= 20_000
    assert max(size for name, size in sizes.items() if "noise" not in name) <= 1_000
    rows = [row for table in structs.asdict(null).values() if isinstance(table, dict) for row in table.values()]
    assert max(len(row) for row in rows if isinstance(row, dict)) <= 32


names = st.sampled_from(["cpu", "load", "errors", "latency", "disk"])
learned = st.tuples(
    st.integers(0, 90_000),
    st.floats(0, 30),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.dictionaries(names, st.floats(0, 14), min_size=1), min_size=1),
    st.dictionaries(st.tuples(st.sampled_from(["deploy", "back"]), names), st.floats(0, 14), max_size=3),
)


def answers(null):
    known = ["cpu", "load", "errors", "latency", "disk", "unknown"]
    return (
        [null.echo(a, b) for a in known for b in known],
        [null.spread(a, b) for a in known for b in known],
        [null.company(n) for n in range(1, 9)],
        [null.talk([entity]) for entity in "abcd"],
        [null.effects(kind, name) for kind in ("deploy", "back", "config") for name in known],
        [null.tail.bar(budget) for budget in (WEEKLY, 1e-3)],
        [null.tail.apart(surprise, WEEKLY) for surprise in (0.0, 9.0, 30.0)],
    )


def teach(null, lessons, start):
    now = T0 + start
    for after, surprise, families, effects in lessons:
        now += after
        null.met(families)
        for kind, _ in effects:
            null.changed(kind)
        null.learn(now, surprise, families, effects)


@given(st.lists(learned, max_size=12), st.lists(learned, max_size=4))
def test_it_goes_on_from_a_snapshot_as_if_nothing_had_happened(before, after):
    codec = Codec(classes_in(sys.modules, "floodmark.correlate", "floodmark.alerts"))
    null = Null()
    teach(null, before, 0)
    other = codec.loads(codec.dumps(null))
    assert isinstance(other, Null)
    assert answers(other) == answers(null)
    for each in (null, other):
        teach(each, after, 2_000_000)
    assert answers(other) == answers(null)
    assert codec.dumps(other) == codec.dumps(null)


@given(st.lists(learned, max_size=30))
def test_all_that_it_says_are_probabilities_rates_and_nats(lessons):
    null = Null()
    teach(null, lessons, 0)
    echo, spread, company, talk, effects, bars, apart = answers(null)
    assert all(0 < share <= 1 for share in (*echo, *spread, *company))
    assert all(rate >= 0 for rate in talk)
    assert all(changes >= 0 and moved >= 0 and 0 <= mean <= 14 for changes, moved, mean in effects)
    assert all(bar >= 0 and math.isfinite(bar) for bar in bars)
    assert all(0 < seconds < math.inf for seconds in apart)


@given(st.permutations([f"service-{i}" for i in range(12)]))
def test_how_talkative_a_neighbourhood_is_does_not_depend_on_the_order_of_its_entities(entities):
    null = Null()
    for i in range(40):
        null.learn(T0 + 977.0 * i, 3.0, {f"service-{i % 7}": ["cpu", "errors"][: 1 + i % 2]}, {})
    assert null.talk(entities) == null.talk(sorted(entities))  # to the last digit: sets have no order
