"""What people do, on its way through the whole flow: to incidents, to what came of it, and to what is judged."""

import json
from datetime import timedelta

import msgspec
import pytest
from typer.testing import CliRunner

from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Anomaly, Incident, utc
from floodmark.cli import app
from floodmark.cli.acted import read_actions
from floodmark.cli.topics import _wanted
from floodmark.config.diff import diff, effective
from floodmark.config.models import Actions, Config, Input, Service
from floodmark.events import TYPES, encode, event_type
from floodmark.flow import groups, written
from floodmark.flow.actions import ActionsListener, ActionTask
from floodmark.flow.local import LocalFlow
from floodmark.records import Record

from .test_local import FAULT, START, bodies, records
from .test_local import world as whole_world

CONFIG = Config(
    inputs=[Input(topic="metrics", signal="metric"), Input(topic="changes", signal="change")],
    services={"web": Service(depends_on=["cart"]), "cart": Service(depends_on=["db"])},
)
HEEDING = CONFIG.model_copy(update={"actions": Actions()})
TOPIC = HEEDING.topics.actions
AT = utc(START + 60 * FAULT.start)


def action(verb, incident="", *, id="act-1", effective=None, scope="", at=AT, **args):
    return Action(
        id=id, verb=verb, by="ann", at=at, incident=incident, scope=scope, effective=effective, reason="known",
        args=Arguments(**args),
    )  # fmt: skip


def world():
    return [each for each in whole_world() if each[0] != "logs"]


def record(body, offset=0):
    told = encode(body, source="test", key="k")
    return Record(TOPIC, 0, offset, -1, told.key, told.value, told.headers)


def task(config=HEEDING):
    return ActionTask(config, TOPIC, 0)


@pytest.fixture(scope="module")
def first():
    """The first incident of the world, as nobody acts."""
    flow = LocalFlow(CONFIG)
    return bodies(flow.process(records(world())) + flow.finish(), Incident)[0]


def test_without_actions_in_the_config_nobody_listens():
    assert TOPIC not in groups(CONFIG)["route"]
    assert TOPIC not in written(CONFIG)
    assert TOPIC in groups(HEEDING)["route"]
    assert TOPIC in written(HEEDING)
    made = _wanted(HEEDING, 3, -1, False)[TOPIC]
    assert (made.partitions, made.config["retention.ms"]) == (3, "-1")
    assert [str(change) for change in diff(CONFIG, HEEDING)] == ["actions: null → {} (at the next restart)"]
    assert effective(CONFIG, HEEDING).actions is None


@pytest.mark.parametrize("scope", ["", "eu"])
def test_what_changes_incidents_goes_where_the_anomalies_are(scope):
    told = action("resolve", "inc-1", scope=scope)
    (copy,) = task().process([record(told)])
    assert (copy.stream, copy.everywhere) == ("anomalies", not scope)
    assert copy.key == (scope or "inc-1").encode()
    assert msgspec.json.decode(copy.value, type=Action) == told


def test_what_names_no_incident_is_refused_once():
    (copy,) = task().process([record(action("resolve"))])
    assert (copy.stream, copy.everywhere) == ("anomalies", False)


def test_what_others_hear_and_what_came_of_actions_is_passed_over():
    outcome = ActionOutcome(action="a", verb="resolve", incident="i", result="applied", applied_at=AT)
    items = [action(verb, "inc-1") for verb in ("ack", "silence", "maintain", "shelve")] + [outcome]
    assert task().process([record(item) for item in items]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        Record(TOPIC, 0, 3, -1, None, b"{}"),
        Record(TOPIC, 0, 3, -1, None, b'{"id": ""}', (("ce_type", b"dev.floodmark.action.v1"),)),
        Record(TOPIC, 0, 3, -1, None, b'{"x":' + b"[" * 100_000, (("ce_type", b"dev.floodmark.action.v1"),)),
        Record(TOPIC, 0, 3, -1, None, b"\xff", (("ce_type", b"dev.floodmark.action.v1"),)),
        Record(TOPIC, 0, 3, -1, None, None, (("ce_type", b"dev.floodmark.action.v1"),)),
        Record(
            TOPIC, 0, 3, -1, None, b'{"task": "m/0", "tasks": 1, "time": "2026-01-01T00:00:00Z", "idle": true}',
            (("ce_type", b"dev.floodmark.watermark.v1"),),
        ),
    ],
)  # fmt: skip
def test_what_is_no_action_is_a_dead_letter(wrong):
    working = task()
    (letter,) = working.process([wrong])
    assert letter.stream == "dead_letters"
    assert dict(letter.headers)["floodmark.error"] == b"not_ours"
    assert working.counts()["refused:not_ours"] == 1
    listener = ActionsListener(TOPIC, Actions())
    remark = listener.hear(wrong)
    assert remark is None or remark.wrong


def test_who_resolves_an_incident_is_told_and_hears_what_came_of_it(first):
    done = first.updated_at + timedelta(seconds=30)
    flow = LocalFlow(HEEDING)
    out = flow.process([record(action("resolve", first.id, effective=done))])
    out += flow.process(records(world())) + flow.finish()
    told = [incident for incident in bodies(out, Incident) if incident.id == first.id]
    assert (told[-1].event, told[-1].updated_at) == ("resolved", done)
    assert told[-1].resolution == "Resolved by ann: known."
    (outcome,) = bodies(out, ActionOutcome)
    assert (outcome.result, outcome.applied_at) == ("applied", done)
    (sent,) = [output for output in out if TYPES.get(event_type(output.headers) or "") is ActionOutcome]
    assert (sent.stream, sent.key) == ("actions", first.id.encode())


def test_an_engine_that_is_not_told_to_listen_changes_nothing(first):
    copies = task().process([record(action("resolve", first.id, effective=first.updated_at))])
    flow = LocalFlow(CONFIG)
    place = CONFIG.topics.anomalies
    out = flow.process([Record(place, 0, 0, -1, copy.key, copy.value, copy.headers) for copy in copies])
    out += flow.process(records(world())) + flow.finish()
    assert bodies(out, ActionOutcome) == []
    assert flow.counts()["actions:unheeded"] == 1


def test_a_replay_with_what_people_did_is_the_run(first, tmp_path):
    """An action without a time comes while the flow runs; the replay has it from a file, with when it was applied."""
    all_records = records(world())
    cut = next(i for i, each in enumerate(all_records) if each.timestamp / 1000 > first.updated_at.timestamp() + 400)
    flow = LocalFlow(HEEDING)
    out = flow.process(all_records[:cut])
    elsewhere = action("resolve", "inc-x", id="act-2", scope="x")
    out += flow.process([record(action("resolve", first.id)), record(elsewhere)])
    out += flow.process(all_records[cut:]) + flow.finish()
    outcomes = bodies(out, ActionOutcome)
    assert [each.result for each in outcomes] == ["applied", "refused"]
    assert flow.counts()["late:actions"] == 2

    exported = [
        action("resolve", first.id, effective=outcomes[0].applied_at),
        action("resolve", "inc-x", id="act-2", scope="x", effective=outcomes[1].applied_at),
    ]
    lines = [msgspec.json.encode(each) for each in exported]
    (tmp_path / "actions.jsonl").write_bytes(b"\n".join([*lines, lines[0], b"nonsense", b""]))
    (tmp_path / "floodmark.yaml").write_text(
        json.dumps(
            {
                "inputs": [{"topic": each.topic, "signal": each.signal} for each in CONFIG.inputs],
                "services": {"web": {"depends_on": ["cart"]}, "cart": {"depends_on": ["db"]}},
            }
        )
    )
    dump = [{"topic": r.topic, "partition": 0, "offset": r.offset, "ts": r.timestamp, "key": None,
             "payload": r.value.decode()} for r in all_records]  # fmt: skip
    (tmp_path / "dump.jsonl").write_text("\n".join(map(json.dumps, dump)))
    options = ["-c", "floodmark.yaml", "--actions", "actions.jsonl", "--incidents", "-"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        said = CliRunner().invoke(app, ["replay", "dump.jsonl", "--framing", "kcat", *options])
    assert said.exit_code == 0, said.output
    assert said.stdout.encode() == b"".join(
        output.value + b"\n" for output in out if TYPES.get(event_type(output.headers) or "") is Incident
    )
    assert "actions.jsonl:4: this is no action" in said.stderr
    assert "2 actions of people, 1 applied" in said.stderr
    assert "resolve (act-2) is refused: There is no incident inc-x in scope x" in said.stderr


def test_only_what_changes_incidents_is_missed_without_a_time(tmp_path, capsys):
    verbs = ("ack", "comment", "maintain", "resolve")
    done = [action(verb, "inc-1", id=verb, until=AT + timedelta(hours=2)) for verb in verbs]
    lines = [msgspec.json.encode(each) for each in done]
    path = tmp_path / "actions.jsonl"
    path.write_bytes(b"\n".join(lines[:3]))
    read_actions(path, HEEDING)
    assert capsys.readouterr().err == ""
    path.write_bytes(b"\n".join(lines))
    found, _ = read_actions(path, HEEDING)
    assert "1 action does not say from when on it holds" in capsys.readouterr().err
    assert [msgspec.json.decode(each.value, type=Action).effective for each in found] == [None, None, None, AT]


def test_maintenance_that_people_announce_opens_no_alarm(first):
    listener = ActionsListener(TOPIC, Actions())
    begin, end = (utc(START + 60 * (minute)) for minute in (FAULT.start - 5, FAULT.stop + 60))
    announced = action("maintain", at=begin, until=end, match={"service": ["cart", "web"]})
    assert not listener.hear(record(announced)).wrong
    assert listener.standing() == 1
    flow = LocalFlow(HEEDING, upkeep=listener.upkeep)
    out = flow.process(records(world())) + flow.finish()
    held = [each for each in bodies(out, Anomaly) if begin < each.started_at < end and each.signal == "metric"]
    assert held == []
    assert flow.counts()["held:maintenance"] > 0
