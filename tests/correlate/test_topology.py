import pytest

from floodmark.alerts import Dependencies, utc
from floodmark.config.models import Service
from floodmark.correlate.stage import CorrelateStage
from floodmark.correlate.topology import KEPT, LEARNED, Topology

from .making import SHOP, T0, conf, mark, opened, run, wrongs


def test_near_goes_both_ways_and_stops_at_the_hops():
    shop = Topology(SHOP)
    assert dict(shop.near("checkout", 1)) == {"checkout": 0, "payment": 1, "cart": 1, "frontend": 1}
    assert shop.near("checkout", 2)["catalog"] == 2  # through frontend
    assert "redis" not in shop.near("checkout", 1)
    assert dict(shop.near("checkout", 0)) == {"checkout": 0}


def test_an_unknown_entity_is_only_near_itself():
    shop = Topology(SHOP)
    assert "elsewhere" not in shop
    assert dict(shop.near("elsewhere", 3)) == {"elsewhere": 0}
    assert dict(shop.closure("elsewhere")) == {}


def test_a_dependency_that_is_not_configured_is_known():
    shop = Topology(SHOP)
    assert "bank" in shop
    assert shop.dependents("bank") == ["payment"]


def test_closure_is_directed_and_survives_cycles():
    ring = Topology({"a": Service(depends_on=["b"]), "b": Service(depends_on=["c"]), "c": Service(depends_on=["a"])})
    assert dict(ring.closure("a")) == {"b": 1, "c": 2}
    assert dict(Topology(SHOP).closure("bank")) == {}


def test_connections_in_words():
    shop = Topology(SHOP)
    assert shop.connection("payment", "checkout", 1) == "checkout depends on payment"
    assert shop.connection("frontend", "payment", 2) == "frontend depends on payment through others"
    assert shop.connection("catalog", "checkout", 2) == "catalog and checkout are 2 dependencies apart"


def test_what_is_learned_joins_what_is_configured_and_ages_out():
    shop = Topology(SHOP)
    assert shop.depends_on("search") == []
    shop.learn([("search", "redis"), ("cart", "redis")], 100.0)
    shop.learn([("search", "catalog")], 5_000.0)
    assert shop.depends_on("search") == ["catalog", "redis"]
    assert shop.dependents("redis") == ["cart", "search"]
    assert dict(shop.near("search", 1)) == {"search": 0, "catalog": 1, "redis": 1}
    shop.expire(100.0 + KEPT + 1)
    assert shop.depends_on("search") == ["catalog"]
    assert shop.depends_on("cart") == ["redis"]


def test_learned_dependencies_are_bounded_and_the_oldest_go():
    graph = Topology({})
    graph.learn([("old", "x")], 1.0)
    graph.learn([(f"s{i}", "x") for i in range(LEARNED)], 2.0)
    assert (graph.learned, graph.evicted, graph.depends_on("old")) == (LEARNED, 1, [])


def test_within_goes_both_ways_from_all_and_keeps_the_unknown():
    shop = Topology(SHOP)
    assert shop.within(["bank"], 0) == {"bank"}
    assert shop.within(["bank", "elsewhere"], 1) == {"bank", "payment", "elsewhere"}
    assert shop.within(["redis"], 3) == {"redis", "cart", "checkout", "payment", "frontend"}
    ring = Topology({f"s{i}": Service(depends_on=[f"s{(i + 1) % 9}"]) for i in range(9)})
    assert ring.within(["s0"], 3) == {f"s{i}" for i in (0, 1, 2, 3, 6, 7, 8)}


@pytest.mark.parametrize("hops", [1, 5])
def test_ten_thousand_dependencies_in_circles_and_stars_relate_and_end(hops):
    """A circle through all, and a service that all of them call: what is odd there is put together, and resolves."""
    circle = [(f"s{i}", f"s{(i + 1) % 5_000}") for i in range(5_000)]
    star = [(f"s{i}", "hub") for i in range(5_000)]
    stage = CorrelateStage(conf(hops=hops), {"s0": Service(depends_on=["s0", "hub", "outer"])})
    items = [
        Dependencies(task="spans/0", time=utc(T0), calls=circle + star),
        opened(10, "hub"),
        opened(20, "s17"),
        opened(30, "s4711"),
        opened(40, "outer"),
        opened(50, "nobody-knows"),
        mark(10**5),
    ]
    got = run(stage, items)
    assert wrongs(got) == {}
    first = max((i for i in got if i.event == "resolved"), key=lambda incident: incident.member_count)
    assert set(first.entities) >= {"hub", "s17", "s4711"}
    assert "nobody-knows" not in first.entities
    assert len({i.id for i in got}) >= 2


def test_it_goes_on_from_its_state():
    graph, other = Topology(SHOP), Topology(SHOP)
    graph.learn([("search", "redis")], 1.0)
    other.restore(graph.state())
    assert other.depends_on("search") == ["redis"]
