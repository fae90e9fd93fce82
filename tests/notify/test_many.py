"""When there is too much, or it is known: silences, storms, throttles."""

from floodmark.notify.sink import Delivered, Later
from floodmark.notify.throttle import Bucket, next_token, take

from .world import START, World, config, member


def setting(**more):
    chain = {"steps": [{"notify": ["ann"], "wait": "5m"}, {"notify": ["ann"], "wait": "5m"}]}
    return config(
        targets={"room": {}, "ann-hook": {}, "pd": {}},
        people={"ann": {"targets": ["ann-hook"]}},
        chains={"main": chain},
        routes=[{"name": "all", "targets": ["room", "pd"], "chain": "main"}],
        **more,
    )


NOT_PD = {"pd": frozenset(("open", "update", "resolve"))}


def test_a_silence_mutes_says_that_it_ends_and_what_is_open_then():
    world = World(setting(), NOT_PD)
    world.act("silence", incident="", match={"entity": "check*"}, until=START + 3600, reason="load test")
    for number in range(3):
        world.revise(1, id=f"inc-{number}", severity="critical")
    world.revise(1, id="other", entities=["cart"], severity="critical")
    world.act("ack", incident="other", seen=1, until=START + 20000)
    assert {message.key for _, _, message in world.sent} == {"other"}
    world.told()
    world.revise(2, "resolved", id="inc-0", severity="critical")
    world.run(2699)
    assert world.told() == []
    world.restart()
    world.run(1)
    ((_, target, message),) = world.sent
    assert (target, message.event, message.loud) == ("room", "digest", False)
    assert message.lines == (
        "The silence of ann (load test) ends in 15 min: 2 incidents are open under it",
        "critical: checkout: latency up, inc-1",
        "critical: checkout: latency up, inc-2",
    )
    assert message.reason == "it has muted 3 incidents in all"
    world.told()
    world.run(900)
    told = world.told()
    assert sorted(each for each in told if each[1] != "pd") == [
        (3600, "ann-hook", "digest", True),
        (3600, "room", "digest", True),
    ]
    assert [each[1:3] for each in told if each[1] == "pd"] == [("pd", "open")] * 2, "what takes no digest hears of each"
    world.run(301)
    assert [(at, target) for at, target, _, loud in world.told() if loud] == [(3900, "ann-hook")] * 2, (
        "the chain goes on"
    )
    world.revise(2, "resolved", id="inc-1", severity="critical")
    assert {target for _, target, event, _ in world.told() if event == "resolve"} == {"room", "pd", "ann-hook"}


def test_what_outgrows_its_silence_is_told():
    world = World(setting())
    world.act("silence", incident="", match={"severity": "warning"}, until=START + 36000)
    world.revise(1, severity="warning")
    world.run(60)
    assert world.told() == []
    world.revise(2, "updated", severity="critical")
    assert [each for each in world.told() if each[1] != "ann-hook"] == [
        (60, "pd", "open", True),
        (60, "room", "open", True),
    ]
    world.revise(3, "updated", severity="warning")
    world.act("comment", text="x", seen=3)
    world.run(3600)
    assert world.told() == [], "it is muted again"
    world.revise(4, "resolved", severity="warning")
    assert {target for _, target, event, _ in world.told() if event == "resolve"} == {"room", "pd", "ann-hook"}


def test_what_rings_nobody_is_no_alert_of_a_pager():
    world = World(setting())
    world.act("silence", incident="", match={"entity": "check*"}, until=START + 3600)
    world.revise(1, severity="critical")
    world.run(2800)
    assert world.told() == [(2700, "room", "digest", False)]


def test_a_pager_hears_that_all_of_a_digest_is_over():
    world = World(setting())
    world.act("silence", incident="", match={"entity": "check*"}, until=START + 3600)
    for number in range(2):
        world.revise(1, id=f"inc-{number}", severity="critical")
    world.run(3601)
    (key,) = {message.key for _, target, message in world.sent if target == "pd" and message.event == "digest"}
    world.told()
    world.revise(2, "resolved", id="inc-0", severity="critical")
    assert [message for _, _, message in world.sent if message.key == key] == []
    world.restart()
    world.revise(2, "resolved", id="inc-1", severity="critical")
    (last,) = [message for _, target, message in world.sent if message.key == key]
    assert (last.event, last.state, last.loud) == ("digest", "resolved", False)
    assert last.lines[0] == "All 2 incidents are over"
    world.revise(3, "reopened", id="inc-1", severity="critical")
    world.revise(4, "resolved", id="inc-1", severity="critical")
    assert len([message for _, _, message in world.sent if message.key == key]) == 1


def test_what_was_told_before_a_silence_is_resolved_under_it():
    world = World(setting())
    world.revise(1, severity="critical")
    world.act("silence", incident="", match={"entity": "checkout"}, until=START + 3600)
    world.told()
    world.run(600)
    world.act("comment", text="x", seen=1)
    assert world.told() == []
    world.revise(2, "resolved", severity="critical")
    assert {event for _, _, event, _ in world.told()} == {"resolve"}


def test_a_pager_that_rang_before_a_silence_is_not_told_that_it_is_new():
    world = World(setting(), NOT_PD)
    world.revise(1, severity="critical")
    world.act("silence", incident="", match={"entity": "checkout"}, until=START + 3600)
    world.told()
    world.run(3601)
    assert {(target, event) for _, target, event, _ in world.told("pd")} == {("pd", "update")}


def test_an_unsilence_ends_it_and_a_silence_of_nothing_mutes_nothing():
    world = World(setting(), NOT_PD)
    world.act("silence", incident="", id="s1", match={"entity": "checkout"}, until=START + 3600)
    world.act("silence", incident="", id="s2", until=START + 3600)
    world.revise(1, severity="critical")
    world.revise(1, severity="critical", id="inc-2", entities=["cart"])
    assert {message.key for _, _, message in world.sent} == {"inc-2"}
    world.told()
    world.run(10)
    world.act("unsilence", incident="", undoes="s1")
    world.run(1)
    assert ("room", "digest") in [(target, event) for _, target, event, _ in world.told()]
    world.restart()
    world.act("silence", incident="", id="s1", match={"entity": "checkout"}, until=START + 3600)
    world.revise(1, severity="critical", id="inc-3")
    assert world.told(), "what was undone does not come back"


def test_a_storm_is_one_message_that_is_kept_up_to_date():
    world = World(setting(), NOT_PD)
    for number in range(30):
        world.revise(1, id=f"inc-{number:02}")
        world.run(2)
    world.revise(1, id="worst", severity="critical")
    world.run(40)
    told = [(at, message) for at, target, message in world.sent if target == "room"]
    assert len([message for _, message in told if message.event == "open"]) == 11, "ten, and the critical one"
    digests = [(round(at - START), message) for at, message in told if message.event == "digest"]
    assert [at for at, _ in digests] == [50, 110] or len(digests) == 1
    first = digests[0][1]
    assert first.loud
    assert first.lines[0].startswith("1 new incident of all since 08:00 UTC")
    world.run(60)
    last = [message for _, target, message in world.sent if target == "room" and message.event == "digest"][-1]
    assert not last.loud
    assert last.lines[0] == "20 new incidents of all since 08:00 UTC, 20 of them open"
    assert last.lines[-1] != ""
    assert len(last.lines) == 21
    world.told()
    world.restart()
    for number in range(10, 20):
        world.revise(2, "resolved", id=f"inc-{number:02}")
    world.run(3600)
    ends = [message for _, target, message in world.sent if target == "room"]
    assert {message.event for message in ends} == {"digest"}
    assert ends[-1].lines[0] == "The storm of all is over: 20 incidents since 08:00 UTC, 10 of them still open"
    assert len(ends) <= 3
    assert [message.state for message in ends] == ["open"] * (len(ends) - 1) + ["resolved"]


def test_a_storm_is_over_at_pagers_when_none_of_it_is_open():
    world = World(setting())
    for number in range(20):
        world.revise(1, id=f"inc-{number:02}")
        world.run(2)
    world.run(60)
    for number in range(15):
        world.revise(2, "resolved", id=f"inc-{number:02}")
    world.run(3600)
    told = {target: [m for _, t, m in world.sent if t == target and m.event == "digest"] for target in ("room", "pd")}
    assert [told[target][-1].state for target in ("room", "pd")] == ["resolved", "open"]
    world.restart()
    world.sent.clear()
    for number in range(15, 20):
        world.revise(2, "resolved", id=f"inc-{number:02}")
    (last,) = [message for _, target, message in world.sent if message.event == "digest"]
    assert (last.key, last.state) == (told["pd"][0].key, "resolved")
    calm = World(setting())
    for number in range(20):
        calm.revise(1, id=f"inc-{number:02}")
        calm.run(2)
    calm.run(60)
    for number in range(20):
        calm.revise(2, "resolved", id=f"inc-{number:02}")
    calm.run(3600)
    assert [m.state for _, target, m in calm.sent if target == "pd" and m.event == "digest"][-1] == "resolved"


def test_what_gets_worse_after_its_storm_is_told():
    world = World(setting())
    for number in range(20):
        world.revise(1, id=f"inc-{number:02}", severity="warning")
        world.run(2)
    world.run(60)
    world.told()
    world.revise(2, "updated", id="inc-18", severity="error")
    world.revise(2, "updated", id="inc-17", severity="warning")
    assert world.told() == [], "the digest stands for it"
    world.run(1000)
    world.told()
    world.revise(3, "updated", id="inc-17", severity="warning")
    assert world.told() == []
    world.revise(4, "updated", id="inc-17", severity="error")
    assert [(target, message.reason) for _, target, message in world.sent if target != "ann-hook"] == [
        (target, "told again: severity rose from warning to error") for target in ("pd", "room")
    ]


def test_alertmanager_hears_of_each_in_a_storm():
    world = World(config(targets={"am": {}, "room": {}}))
    for number in range(20):
        world.revise(1, id=f"inc-{number:02}")
        world.run(2)
    world.run(60)
    assert {message.event for _, target, message in world.sent if target == "am"} <= {"open", "update"}
    assert len({message.key for _, target, message in world.sent if target == "am"}) == 20


def test_a_machine_that_takes_no_digest_hears_of_each_in_a_storm():
    incidents = frozenset(("open", "update", "resolve"))
    world = World(config(targets={"am": {}, "pd": {}}), {"am": incidents, "pd": incidents})
    for number in range(30):
        world.revise(1, id=f"inc-{number:02}")
    world.run(40)
    told = world.told()
    assert len([each for each in told if each[1] == "am"]) == 30
    assert len([each for each in told if each[1] == "pd"]) == 10
    world.revise(2, "resolved", id="inc-29")
    assert [each[1:3] for each in world.told()] == [("am", "resolve")]


def test_a_target_gets_ten_and_then_one_in_half_a_minute_but_every_end():
    world = World(config(targets={"slack": {}}, storm={"incidents": 1000}))
    for number in range(20):
        world.revise(1, id=f"inc-{number:02}")
    world.run(30)
    assert len(world.told()) == 10
    world.run(60)
    assert [at for at, *_ in world.told()] == [60, 90]
    for number in range(10):
        world.revise(2, "resolved", id=f"inc-{number:02}")
    assert len(world.told()) == 10
    world.run(3600)
    assert len(world.told()) == 8
    assert world.desk.counts()["throttled"] > 0


def test_a_webhook_is_not_throttled_unless_it_is_written():
    for settings, count in (({}, 20), ({"burst": 3}, 3)):
        world = World(config(targets={"hook": settings}, storm={"incidents": 1000}))
        for number in range(20):
            world.revise(1, id=f"inc-{number:02}")
        world.run(30)
        assert len(world.told()) == count


def test_a_bucket_fills_again():
    bucket = Bucket(2.0, 0.0)
    assert [take(bucket, 2, 10.0, 0.0) for _ in range(3)] == [True, True, False]
    assert next_token(bucket, 2, 10.0, 5.0) == 10.0
    assert not take(bucket, 2, 10.0, 9.0)
    assert take(bucket, 2, 10.0, 10.0)
    assert [take(bucket, 2, 10.0, 1000.0) for _ in range(3)] == [True, True, False]


def test_state_is_bounded():
    world = World(config(storm={"incidents": 100000}), answer=lambda *_: Delivered())
    for number in range(300):
        world.act("comment", incident=f"stranger-{number % 3}", text="x", seen=1)
    assert all(len(each) <= 100 for each in world.desk._strangers.values())
    world.revise(1)
    for number in range(400):
        world.act("comment", text=f"{number}", seen=1)
    assert len(world.desk._post.cases["inc-1"].acts) <= 200


def test_a_target_that_was_away_is_asked_with_one_message_at_a_time():
    tries = []

    def answer(target, message, now):
        tries.append(now)
        return Later("no answer") if now < START + 40000 else Delivered()

    world = World(config(targets={"room": {}}, storm={"incidents": 100}), answer=answer)
    for number in range(500):
        world.revise(1, id=f"inc-{number:03}", severity="critical")
        world.run(1)
        if number >= 20:
            world.revise(2, "resolved", id=f"inc-{number - 20:03}", severity="critical")
    world.run(30000)
    assert len(tries) < 1000
    world.run(20000)
    told = world.told()
    opens = [each for each in told if each[2] == "open"]
    assert len(opens) == 20, "those that are open"
    assert len([each for each in told if each[2] == "digest"]) == 1
    assert len(told) < 20 + 1 + 60, "one for all that came and went, and an end for each that may have been heard of"


def test_what_waits_for_a_target_that_is_away_is_stood_in_for_though_it_was_never_tried():
    world = World(
        config(targets={"room": {}, "other": {}}, routes=[{"targets": ["room"], "fallback": ["other"]}]),
        answer=lambda target, message, now: Later("no answer") if target == "room" else Delivered(),
    )
    for number in range(30):
        world.revise(1, id=f"inc-{number:02}", severity="critical")
    world.run(1200)
    assert len([each for each in world.told() if each[1] == "other"]) == 30
    world.run(2 * 86400)
    assert world.desk.sizes()["pending"] == 0
    assert world.desk.counts()["dead:room"] == 30


def test_cases_are_bounded(monkeypatch):
    monkeypatch.setattr("floodmark.notify.desk._CASES", 50)
    world = World(config(storm={"incidents": 1000}))
    for number in range(200):
        world.revise(1, id=f"inc-{number}", severity="critical")
        world.revise(2, "resolved", id=f"inc-{number}", severity="critical")
    assert world.desk.sizes()["cases"] <= 50
    assert world.desk.counts()["cases_forgotten"] >= 150


def test_a_record_fits_into_a_message_of_kafka():
    world = World(setting(), answer=lambda *_: Later("no answer"))
    members = [member(f"service-{number}", START) for number in range(4000)]
    for revision in range(1, 5):
        world.revise(revision, "opened" if revision == 1 else "updated", severity="critical", members=members)
    world.run(100)
    assert max(len(entry.value) for entry in world.log.values()) < 600_000
    world.answer = lambda *_: Delivered()
    world.restart()
    world.run(600)
    assert {message.event for _, _, message in world.sent} >= {"open"}
