from floodmark.config.models import Service
from floodmark.correlate.topology import KEPT, LEARNED, Topology

from .making import SHOP


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


def test_it_goes_on_from_its_state():
    graph, other = Topology(SHOP), Topology(SHOP)
    graph.learn([("search", "redis")], 1.0)
    other.restore(graph.state())
    assert other.depends_on("search") == ["redis"]
