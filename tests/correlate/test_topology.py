from floodmark.config.models import Service
from floodmark.correlate.topology import Topology

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
