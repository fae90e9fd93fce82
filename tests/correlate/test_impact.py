"""What an incident costs."""

import pytest

from floodmark.alerts import Evidence, Point, utc
from floodmark.correlate.impact import brief, impacts, told
from floodmark.correlate.narrate import incident, why

from .making import T0, updated
from .test_titles import ERRORS, group_of, one

MINUS = "\N{MINUS SIGN}"


def orders(before=10.0, now=6.8, **more):
    fields = {"entity": "shop", "unit": "1/s", "worse": "down", "kpi": True, "loss": 412.0}
    return one("orders_total", before, now, **(fields | more))


def test_a_kpi_that_is_hurt_is_said_by_share_and_loss():
    found = impacts([one("http_errors_total", 0.1, 38, **ERRORS), orders()])
    assert [(i.entity, i.name, i.share, i.loss, i.since) for i in found] == [
        ("shop", "orders_total", -0.32, 412.0, utc(T0))
    ]
    assert told(found) == f"orders {MINUS}32 %, about 410 below expected since 22:13 UTC"
    assert brief([orders()]) == ("orders", f"{MINUS}32 %")


def test_kpis_beside_the_incident_count_once():
    assert len(impacts([orders()], [orders(), orders(entity="app", series="other")])) == 2
    assert impacts([one("http_errors_total", 0.1, 38, **ERRORS)]) == []


def test_what_goes_well_is_no_impact():
    assert impacts([orders(now=14.0)]) == []
    assert impacts([orders(direction="none")]) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"unit": "1/min", "loss": 600.0}, f"orders {MINUS}32 %, about 600 below expected since 22:13 UTC"),
        ({"unit": "EUR/s", "loss": 1234.0}, f"orders {MINUS}32 %, about 1,200 EUR below expected since 22:13 UTC"),
        ({"loss": 0.0}, f"orders {MINUS}32 % since 22:13 UTC"),
        ({"before": 0.0, "now": 5.0, "direction": "up", "worse": "up"},
         "orders 0 → 5 a second, about 410 above expected since 22:13 UTC"),
        ({"ended": 600.0}, "orders about 410 below expected from 22:13 UTC to 22:23 UTC"),
        ({"labels": {"route": "/pay"}}, f"orders /pay {MINUS}32 %, about 410 below expected since 22:13 UTC"),
    ],
)  # fmt: skip
def test_summaries(fields, said):
    assert impacts([orders(**fields)])[0].summary == said


def test_a_pace_that_only_the_name_says():
    symptom = one("orders_per_minute", 100, 68, kpi=True, worse="down", loss=600.0)
    assert impacts([symptom])[0].summary == f"orders {MINUS}32 %, about 10 below expected since 22:13 UTC"


def test_a_gauge_loses_nothing_that_could_be_counted():
    basket = one("basket_value", 50, 25, unit="EUR", kpi=True, worse="down", loss=90_000.0)
    assert impacts([basket])[0].summary == f"basket value {MINUS}50 % since 22:13 UTC"


def test_the_share_is_of_now_and_not_of_the_oddest_moment():
    from .making import opened

    first = opened(0, "shop", "orders_total", observed=1.0, expected=10.0, direction="down", kpi=True, worse="down")
    symptom = one("orders_total", 10, 1, entity="shop", unit="1/s", worse="down", kpi=True)
    now = Evidence(points=[Point(T0, 1.0, 10.0, 8.0, 12.0), Point(T0 + 60, 7.5, 10.0, 8.0, 12.0)])
    symptom.take(updated(first, 60, evidence=now, loss=30.0))
    assert impacts([symptom])[0].share == -0.25
    assert symptom.observed == 1.0


def test_the_message_has_it_and_its_why_ends_with_it():
    group = group_of(one("http_errors_total", 0.1, 38, **ERRORS))
    beside = [orders()]
    assert why(group, beside).endswith(f" Impact: orders {MINUS}32 %, about 410 below expected since 22:13 UTC.")
    assert incident(group, "updated", T0 + 60, 50, beside=beside).impact == impacts([], beside)
