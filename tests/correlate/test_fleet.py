"""Weeks of a fleet in which nothing is wrong: incidents open about as often as the budget says."""

import random

import pytest

from floodmark.config.models import Service
from floodmark.correlate.stage import CorrelateStage

from .making import DAILY, LEVEL, closed, conf, mark, opened, wrongs

DAY = 86_400.0


def fleet(rng, *, entities, series, days, heavier=1.0, shocks=0.3):
    """Messages of false alarms, one a day and series, in order of time.

    The nats beyond the level are exponential with mean `heavier` (1: each series is calibrated). A share of them brings
    some other series of the entity within a minute, and a fifth of these one of a neighbour: it is not independent.
    """
    names = [f"e{i}" for i in range(entities)]
    calls = {name: sorted({rng.choice(names) for _ in range(2)} - {name}) for name in names}
    messages = []

    def alarm(at, entity, number):
        p = LEVEL * 2.718281828 ** -rng.expovariate(1 / heavier)
        first = opened(round(at, 3), entity, f"series_{chr(97 + number)}", p=p)
        end = round(at + rng.expovariate(1 / 120), 3)
        messages.extend([(at, first), (end + 300, closed(first, end, told=end + 300))])

    each = series // entities
    at, pace = 0.0, series / DAY / (1 + shocks * 2.7)
    while at < days * DAY:
        at += rng.expovariate(pace)
        entity, which = rng.choice(names), rng.sample(range(each), min(each, 5))
        alarm(at, entity, which[0])
        if rng.random() < shocks:
            for number in which[1 : 1 + rng.randint(1, 4)]:
                alarm(at + rng.random() * 60, entity, number)
            if rng.random() < 0.2:
                alarm(at + rng.random() * 60, rng.choice(calls[entity]), rng.randrange(each))
    messages.sort(key=lambda message: message[0])
    return {name: Service(depends_on=called) for name, called in calls.items()}, messages


def openings(services, messages, **more):
    stage = CorrelateStage(conf(gap=180, **more), services)
    got = []
    for number, (at, item) in enumerate(messages):
        got += stage.process(item)
        if number % 20 == 0:
            got += stage.process(mark(at))
    got += stage.finish()
    assert wrongs(got) == {}
    assert max(stage.sizes()[what] for what in ("candidates", "open_incidents", "anomalies")) == 0
    return [incident for incident in got if incident.event == "opened"]


@pytest.mark.parametrize(("series", "heavier"), [(120, 1.0), (400, 1.0), (120, 1.4)])
def test_a_fleet_in_which_nothing_is_wrong_keeps_its_budget(series, heavier):
    days = 28 if series < 400 else 14
    services, messages = fleet(random.Random(series), entities=series // 10, series=series, days=days, heavier=heavier)
    each_day = len(openings(services, messages, false_incidents=DAILY)) / days
    assert 0.2 <= each_day <= 2.5


def test_a_budget_of_one_a_week_is_kept_over_a_quarter():
    weeks = 13
    services, messages = fleet(random.Random(7), entities=12, series=100, days=7 * weeks)
    each_week = len(openings(services, messages, false_incidents=DAILY / 7)) / weeks
    assert 0.2 <= each_week <= 2.5
