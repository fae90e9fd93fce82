"""Who would have been told when, and why."""

from floodmark.alerts import utc
from floodmark.notify.dry_run import dry_run

from .world import START, action, config, incident


def test_saved_incidents_say_who_would_have_been_told():
    setting = config(
        targets={"room": {}, "hook": {}},
        people={"ann": {"targets": ["hook"]}},
        chains={"main": {"steps": [{"notify": ["ann"], "wait": "5m"}], "repeat": 3}},
        routes=[{"targets": ["room"], "chain": "main"}],
    )
    saved = [
        incident(1, at=START),
        incident(1, id="inc-2", at=START + 5, severity="warning"),
        incident(2, "updated", at=START + 10, severity="critical"),
        incident(2, "resolved", id="inc-2", at=START + 20),
        incident(3, "resolved", at=START + 2000, severity="critical", watermark=utc(START + 2060)),
    ]
    done = [action("ack", seen=2, at=START + 400, until=START + 5000)]
    told = dry_run(setting, saved, done)
    assert [(each.at.timestamp() - START, each.target, each.who, each.message.event) for each in told] == [
        (10, "hook", "ann", "open"),
        (10, "room", "", "open"),
        (20, "room", "", "resolve"),
        (310, "hook", "ann", "update"),
        (400, "hook", "", "update"),
        (400, "room", "", "update"),
        (2060, "hook", "", "resolve"),
        (2060, "room", "", "resolve"),
    ]
    assert told[3].message.reason == "nobody has taken it on for 5 min: step 1, for the second time"
    assert dry_run(setting, saved, done) == told


def test_nothing_is_nobody():
    assert dry_run(config(), []) == []
