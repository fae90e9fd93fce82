"""What other systems say, through the whole flow: one deployment in three words, alerts of another tool as members of
incidents, what flaps, and what people do elsewhere."""

import itertools
import json
import random
from datetime import UTC, datetime

import msgspec
import pytest

from floodmark.actions import Action, Arguments
from floodmark.alerts import Anomaly, Incident
from floodmark.config.models import Config
from floodmark.detect.upkeep import Upkeep
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Output, Record
from floodmark.terminal.anomaly import verdict

START = 1_769_860_800
FAULT = range(240, 255)
INCIDENT = "inc-4c1e5a0b9d7f2e63"
CONFIG = Config.model_validate(
    {
        "inputs": [
            {"topic": "metrics", "signal": "metric"},
            {"topic": "alerts", "signal": "alert", "format": "alertmanager"},
            {"topic": "gitlab", "signal": "change", "format": "gitlab"},
            {"topic": "pager", "signal": "action", "format": "pagerduty"},
        ],
        "actions": {},
        "notify": {
            "targets": {"mail": {"email": {"host": "localhost", "sender": "a@example.org", "to": ["b@example.org"]}}},
            "people": {"ann": {"targets": ["mail"], "identities": ["pagerduty:PABC"]}},
        },
        "services": {"web": {"depends_on": ["cart"]}, "cart": {"depends_on": ["db"]}},
    }
)


def bodies(outputs: list[Output], kind: type) -> list:
    return [
        msgspec.json.decode(o.value or b"", type=kind)
        for o in outputs
        if TYPES.get(event_type(o.headers) or "") is kind
    ]


def at(topic: str, second: float, body: object) -> tuple[float, str, bytes]:
    return second, topic, json.dumps(body).encode()


def metrics(minutes: int, seed: int = 4, fault: range = FAULT) -> list[tuple[float, str, bytes]]:
    draw = random.Random(seed)
    found = []
    for minute in range(minutes):
        now = START + 60 * minute
        for service in ("web", "cart", "db"):
            hit = minute in fault and service == "cart"
            for name, usual in (("latency_ms", 50), ("error_rate", 20)):
                value = draw.gauss(usual, 2) * (4 if hit else 1)
                labels = {"service": service}
                found.append(at("metrics", now, {"timestamp": now, "name": name, "value": value, "labels": labels}))
    return found


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def alert(
    said: float, began: float, *, over: float = 0.0, name: str = "HighLatency", severity: str = "error", **labels: str
) -> tuple[float, str, bytes]:
    one = {
        "status": "resolved" if over else "firing",
        "labels": {"alertname": name, "severity": severity, **(labels or {"service": "cart"})},
        "annotations": {"summary": "too slow"},
        "startsAt": stamp(began),
        "endsAt": stamp(over) if over else "0001-01-01T00:00:00Z",
        "fingerprint": f"{name}{sorted(labels.items())}",
    }
    return at("alerts", said, {"version": "4", "status": one["status"], "alerts": [one]})


def deployment(second: float, status: str) -> tuple[float, str, bytes]:
    when = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
    body = {
        "object_kind": "deployment",
        "status": status,
        "status_changed_at": when,
        "deployment_id": 15,
        "deployable_id": 796,
        "environment": "production",
        "project": {"path_with_namespace": "shop/cart"},
        "short_sha": "279484c0",
        "commit_title": "New card vault client",
    }
    return at("gitlab", second, body)


def run(events: list[tuple[float, str, bytes]], config: Config = CONFIG, upkeep: Upkeep | None = None) -> list[Output]:
    flow = LocalFlow(config, upkeep=upkeep)
    offsets: dict[str, int] = {}
    out: list[Output] = []
    for second, topic, value in sorted(events, key=lambda each: each[0]):
        offsets[topic] = offsets.get(topic, -1) + 1
        out += flow.process([Record(topic, 0, offsets[topic], round(second * 1000), None, value)])
    return out + flow.finish()


def incidents(outputs: list[Output]) -> dict[str, Incident]:
    """The last word on each."""
    return {incident.id: incident for incident in bodies(outputs, Incident)}


BEGAN = START + 60 * FAULT.start
WORLD = metrics(300)


def test_a_deployment_that_is_told_three_times_is_one_change_of_the_incident():
    words = [deployment(BEGAN - 120, "running"), deployment(BEGAN - 60, "running"), deployment(BEGAN - 30, "failed")]
    (incident,) = incidents(run([*WORLD, *words])).values()
    (change,) = incident.changes
    assert change.status == "failed"
    assert change.time.timestamp() == BEGAN - 120
    assert change.said() == "deploy 279484c0 of cart (failed)"
    assert incident.causes[0].change == change.id
    assert "a failed deploy of 279484c0 (New card vault client) came" in incident.causes[0].reason


def test_it_does_not_matter_in_which_order_the_words_come():
    words = [("running", BEGAN - 120), ("running", BEGAN - 60), ("success", BEGAN + 30)]
    told = []
    for order in itertools.permutations(words):
        late = [(BEGAN + 200 + i, *deployment(when, status)[1:]) for i, (status, when) in enumerate(order)]
        (incident,) = incidents(run([*WORLD, *late])).values()
        told.append((incident.changes, [cause.change for cause in incident.causes]))
    assert all(each == told[0] for each in told)
    assert told[0][0][0].status == "succeeded"


def test_an_alert_of_another_tool_joins_the_incident_of_its_service():
    said = [alert(BEGAN + 330, BEGAN + 300), alert(BEGAN + 630, BEGAN + 300)]
    said.append(alert(BEGAN + 1230, BEGAN + 300, over=BEGAN + 1200))
    out = run([*WORLD, *said])
    (incident,) = incidents(out).values()
    (member,) = [member for member in incident.members if member.signal == "alert"]
    assert member.entity == "cart"
    assert member.summary.startswith("Alertmanager: HighLatency on cart: too slow")
    assert member.ended_at is not None
    assert member.ended_at.timestamp() == BEGAN + 1200
    assert incident.member_count == 3
    assert (
        "HighLatency (Alertmanager)"
        in next(i for i in bodies(run([*WORLD, *said]), Incident) if "Alert" in i.title).title
    )


def test_an_incident_goes_on_for_as_long_as_another_tool_says_so():
    without = next(iter(incidents(run(metrics(420))).values()))
    said = [alert(BEGAN + 90, BEGAN + 60), alert(BEGAN + 4230, BEGAN + 60, over=BEGAN + 4200)]
    (incident,) = incidents(run([*metrics(420), *said])).values()
    assert without.resolved_at is not None
    assert incident.resolved_at is not None
    assert without.resolved_at.timestamp() < BEGAN + 3600
    assert incident.resolved_at.timestamp() > BEGAN + 4200


def test_repeats_change_nothing():
    said = [alert(BEGAN + 60, BEGAN + 30), deployment(BEGAN - 60, "success")]
    once = run([*WORLD, *said])
    again = run([*WORLD, *said, (BEGAN + 62, *said[0][1:]), (BEGAN + 400, *said[0][1:]), (BEGAN + 70, *said[1][1:])])
    assert [(i.title, i.member_count, i.changes) for i in incidents(again).values()] == [
        (i.title, i.member_count, i.changes) for i in incidents(once).values()
    ]
    assert again != once


def test_the_same_records_give_the_same_bytes():
    said = [alert(BEGAN + 60, BEGAN + 30), deployment(BEGAN - 60, "success")]
    assert run([*WORLD, *said]) == run([*WORLD, *said])


def test_a_warning_of_another_tool_opens_no_incident_by_itself():
    quiet = metrics(300, fault=range(0))
    assert not incidents(run([*quiet, alert(BEGAN, BEGAN - 30, severity="warning")]))
    assert not incidents(run([*quiet, alert(BEGAN, BEGAN - 30, severity="error")]))


def test_what_is_critical_and_lasts_opens_one():
    quiet = metrics(300, fault=range(0))
    said = [alert(BEGAN, BEGAN - 30, severity="critical"), alert(BEGAN + 1230, BEGAN - 30, over=BEGAN + 1200)]
    (incident,) = incidents(run([*quiet, *said])).values()
    assert incident.title.startswith("cart: HighLatency (Alertmanager)")
    assert incident.why.startswith("One alert of Alertmanager by itself")
    assert incident.severity == "critical"
    assert incident.by_chance == 0
    assert incident.resolved_at is not None


@pytest.mark.parametrize("severity", ["critical", "error", "warning", ""])
def test_what_flaps_stays_within_the_budget(severity):
    draw = random.Random(7)
    days = 14
    beat = [
        at("metrics", now, {"timestamp": now, "name": "x", "value": draw.gauss(5, 1), "labels": {"service": "web"}})
        for now in range(START, START + days * 86_400, 600)
    ]
    said = []
    for number in range(4):
        now = float(START + 3600)
        while now < START + days * 86_400:
            began, over = now, now + draw.expovariate(1 / 240)
            labels = {"service": ("web", "cart", "db", "pay")[number]}
            said.append(alert(began + 30, began, severity=severity, name=f"Flaps{'ABCD'[number]}", **labels))
            said.append(
                alert(over + 60, began, over=over + 30, severity=severity, name=f"Flaps{'ABCD'[number]}", **labels)
            )
            now = over + draw.expovariate(1 / 5400)
    opened = [i for i in bodies(run([*beat, *said]), Incident) if i.event == "opened"]
    assert len(said) > 1_000
    assert len(opened) <= 2 * days / 7  # at most about the budget, of one a week


def test_alerts_that_we_have_raised_ourselves_are_not_taken_back():
    own = [alert(BEGAN, BEGAN - 30, name="FloodmarkIncident", severity="critical")]
    own.append(alert(BEGAN, BEGAN - 30, severity="critical", incident=INCIDENT, service="cart"))
    assert not [a for a in bodies(run([*WORLD, *own]), Anomaly) if a.signal == "alert"]


def acknowledged() -> bytes:
    event = {
        "id": "01E1",
        "event_type": "incident.acknowledged",
        "occurred_at": stamp(BEGAN),
        "agent": {"id": "PABC", "type": "user_reference"},
        "data": {"id": "P1", "incident_key": INCIDENT},
    }
    return json.dumps({"event": event}).encode()


def test_what_a_person_does_in_a_pager_comes_back_as_an_action():
    (first, again) = bodies(run([(BEGAN + 1, "pager", acknowledged()), (BEGAN + 9, "pager", acknowledged())]), Action)
    assert first == again
    assert (first.verb, first.by, first.incident, first.via) == ("ack", "ann", INCIDENT, "pagerduty")
    assert first.effective is None


def test_an_action_that_nobody_listens_to_is_a_dead_letter():
    out = run([(BEGAN + 1, "pager", acknowledged())], CONFIG.model_copy(update={"actions": None}))
    assert not bodies(out, Action)
    (letter,) = [each for each in out if each.stream == "dead_letters"]
    assert ("floodmark.error", b"not_heard") in letter.headers


def test_an_alert_in_maintenance_is_kept_out_and_counted():
    window = {"match": {"service": "cart"}, "from": stamp(BEGAN - 600), "to": stamp(BEGAN + 600)}
    config = Config.model_validate({**CONFIG.model_dump(exclude_unset=True), "maintenance": [window]})
    said = [alert(BEGAN, BEGAN - 30), alert(BEGAN, BEGAN - 30, service="web"), alert(BEGAN + 700, BEGAN - 30)]
    found = [each for each in bodies(run(said, config), Anomaly) if each.signal == "alert"]
    assert [(each.entity, each.updated_at.timestamp()) for each in found] == [("web", BEGAN), ("cart", BEGAN + 700)]


def test_maintenance_that_people_announce_holds_for_alerts():
    upkeep = Upkeep(delay=60.0)
    begin, end = (datetime.fromtimestamp(BEGAN + seconds, UTC) for seconds in (-600, 600))
    match = Arguments(until=end, match={"service": "cart"})
    assert upkeep.learn(Action(id="m", verb="maintain", by="ann", at=begin, args=match)) == ""
    early, late = alert(BEGAN - 570, BEGAN - 590), alert(BEGAN + 700, BEGAN - 30)
    said = [early, alert(BEGAN, BEGAN - 30), alert(BEGAN, BEGAN - 30, service="web"), late]
    out = run(said, upkeep=upkeep)
    found = [each for each in bodies(out, Anomaly) if each.signal == "alert"]
    assert [(each.entity, each.updated_at.timestamp() - BEGAN) for each in found] == [
        ("cart", -570), ("web", 0), ("cart", 700),
    ]  # fmt: skip
    undone = Action(id="u", verb="unmaintain", by="ann", at=begin, args=Arguments(undoes="m"))
    assert upkeep.learn(undone) == ""
    again = bodies(run(said, upkeep=upkeep), Anomaly)
    assert len([each for each in again if each.signal == "alert"]) == 4


def test_what_our_own_account_does_is_not_taken_back():
    jira = {"url": "https://j.example.org", "project": "OPS", "email": "Bot@example.org", "token": "x"}
    inputs = [{"topic": "jira", "signal": "action", "format": "jira"}]
    config = Config.model_validate({"inputs": inputs, "actions": {}, "notify": {"targets": {"j": {"jira": jira}}}})
    done = {"webhookEvent": "jira:issue_updated", "timestamp": BEGAN * 1000}
    done["issue"] = {"key": "OPS-1", "fields": {"labels": [f"floodmark-{INCIDENT}"]}}
    done["changelog"] = {"id": "1", "items": [{"field": "resolution", "toString": "Done"}]}
    people = ("bot@example.org", "ann@example.org")
    both = [at("jira", BEGAN, {**done, "user": {"emailAddress": who}}) for who in people]
    out = [each for each in run(both, config) if each.stream == "actions"]
    assert [action.by for action in bodies(out, Action)] == ["ann@example.org"]


def test_the_page_of_an_alert_says_whose_word_it_is():
    (told,) = [a for a in bodies(run([alert(BEGAN, BEGAN - 30)]), Anomaly) if a.signal == "alert"]
    said = verdict([told], None)
    assert said[0] == "Alertmanager says so; it counts by how seldom this alert fires."
