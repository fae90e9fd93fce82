import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Service
from floodmark.correlate.blame import Affected, Blame, Finding
from floodmark.correlate.topology import Topology


def graph(**calls):
    return Topology({name: Service(depends_on=list(called)) for name, called in calls.items()})


def ill(kind="latency", nats=10.0, onset=0.0, **named):
    return Affected([Finding(nats, kind, named)], onset)


def shares(affected, topology, quiet=None):
    found = Blame(affected, quiet or {}, topology).shares()
    assert math.isclose(math.fsum(found.values()), 1.0, rel_tol=1e-9)
    return found


CHAIN = graph(a=["b"], b=["c"], c=["d"], d=[])


def test_the_end_of_a_chain_collects_what_its_callers_pass_down():
    found = shares(dict.fromkeys("abcd", ill()), CHAIN)
    assert found["d"] > 0.5
    assert found["d"] == max(found.values())


def test_who_moved_long_before_his_dependency_is_not_explained_by_it():
    early = shares({"c": ill(), "d": ill()}, CHAIN)
    late = shares({"c": ill(), "d": ill(onset=600)}, CHAIN)
    assert late["d"] < early["d"]


def test_what_is_used_up_stays_where_it_is():
    found = shares({"c": ill("resource", 14.0), "d": ill("latency", 3.0)}, CHAIN)
    assert found["c"] > found["d"]


def test_a_loss_of_load_goes_up_to_where_it_began():
    affected = dict.fromkeys("abcd", ill("load"))
    found = shares(affected, CHAIN)
    assert max(found, key=found.get) == "a"
    blame = Blame(affected, {}, CHAIN)
    assert blame.source("a") == 1.0
    assert blame.source("b") == 0.0


def test_who_is_slow_gets_less_load_and_is_no_source():
    slow = Affected([Finding(10.0, "load", {}), Finding(14.0, "latency", {})], 0.0)
    assert Blame({"a": slow}, {}, CHAIN).source("a") < 0.2


def test_load_that_a_dead_caller_no_longer_sends_is_its_fault():
    found = shares({"c": ill("silence", 14.0), "d": ill("load")}, CHAIN)
    assert found["c"] > 0.8


def test_blame_goes_to_whom_a_series_names():
    topology = graph(a=["b", "c"], b=[], c=[])
    affected = {"a": ill("failure", 10.0, c=10.0), "b": ill(), "c": ill()}
    found = shares(affected, topology)
    assert found["c"] > found["b"]


def test_dependencies_that_several_share_attract_blame_without_a_symptom():
    topology = graph(a=["x", "m"], b=["x"], c=["x", "n"])
    found = shares(dict.fromkeys("abc", ill()), topology, {"x": 1.0, "m": 1.0, "n": 1.0})
    assert found["x"] > found["m"] == pytest.approx(found["n"])
    unmeasured = shares(dict.fromkeys("abc", ill()), topology, {"x": 3.0, "m": 1.0, "n": 1.0})
    assert unmeasured["x"] > found["x"]


def test_circles_end():
    topology = graph(a=["b"], b=["c"], c=["a"])
    found = shares(dict.fromkeys("abc", ill()), topology)
    assert found["a"] == pytest.approx(found["b"]) == pytest.approx(found["c"])


def test_no_evidence_at_all_is_shared_evenly():
    assert shares({"a": ill(nats=0.0), "b": Affected([], 0.0)}, CHAIN) == {"a": 0.5, "b": 0.5}


names = st.sampled_from("abcdefgh")
findings = st.builds(
    Finding,
    st.floats(0, 14),
    st.sampled_from(["resource", "silence", "own", "failure", "latency", "outward", "load", "other"]),
    st.just({}),
)


@given(
    st.dictionaries(names, st.lists(names, unique=True, max_size=4)),
    st.dictionaries(names, st.builds(Affected, st.lists(findings, max_size=4), st.floats(0, 900)), min_size=1),
)
def test_no_blame_is_lost_in_any_graph(calls, affected):
    topology = graph(**calls)
    quiet = {called: 1.0 for one in affected for called in topology.depends_on(one) if called not in affected}
    found = shares(affected, topology, quiet)
    assert all(share >= -1e-12 for share in found.values())
    assert all(0 <= Blame(affected, quiet, topology).source(entity) <= 1 for entity in affected)
