"""What an incident costs, by KPIs that are odd beside it and are no members."""

from floodmark.alerts import Evidence, Point
from floodmark.correlate import CorrelateStage
from floodmark.correlate.kpis import Kpis
from floodmark.correlate.topology import Topology

from .making import SHOP, T0, closed, conf, mark, opened, run, updated

FAR = 100_000


def orders(at, loss, *, entity="shop", event=opened, first=None, observed=68.0):
    more = {
        "kpi": True,
        "worse": "down",
        "direction": "down",
        "unit": "1/min",
        "observed": observed,
        "expected": 100.0,
        "loss": loss,
    }
    if first is None:
        return opened(at, entity, "orders", **more)
    points = Evidence(points=[Point(T0 + at, observed, 100.0, 90.0, 110.0)])
    return event(first, at, evidence=points, **more)


def outcome(*items):
    correlate = CorrelateStage(conf(hops=0), SHOP)
    return correlate, run(correlate, [*items, mark(FAR)])


def test_a_kpi_beside_an_incident_says_what_it_costs_and_again_as_the_loss_grows():
    fault, kpi = opened(0, "payment", p=1e-9), orders(30, 16.0)
    going_on = [updated(fault, at) for at in range(120, 1_200, 120)]
    losing = [orders(at, float(at) / 2, event=updated, first=kpi) for at in range(150, 1_200, 120)]
    end = [closed(fault, 1_200, told=1_500), orders(1_200, 600.0, event=closed, first=kpi)]
    _, got = outcome(fault, kpi, *going_on, *losing, *end)
    of_payment = [incident for incident in got if "payment" in incident.entities]
    assert of_payment[0].impact == []  # it opens before the KPI is odd
    losses = [incident.impact[0].loss for incident in of_payment if incident.impact]
    assert losses == sorted(losses)
    assert len(set(losses)) >= 3
    told = next(incident for incident in of_payment if incident.impact)
    assert told.impact[0].name == "orders"
    assert "orders" in told.impact[0].summary


def test_kpis_of_those_who_do_not_depend_on_what_is_affected_are_none_of_its_cost():
    fault, other = opened(0, "payment", p=1e-9), orders(30, 16.0, entity="search")
    caller = orders(40, 5.0, entity="checkout")
    _, got = outcome(fault, other, caller, *[updated(fault, at) for at in range(120, 900, 120)])
    costs = {impact.entity for incident in got if "payment" in incident.entities for impact in incident.impact}
    assert "search" not in costs


def test_bounded_and_forgotten_as_they_end():
    kpis = Kpis(conf(), Topology(SHOP))
    first = orders(0, 1.0)
    kpis.hear(first)
    kpis.hear(orders(60, 2.0, event=closed, first=first))
    assert kpis.state() == {}
    for i in range(1_500):
        kpis.hear(opened(i, f"shop-{i}", "orders", kpi=True))
    assert len(kpis.state()) == 1_000
