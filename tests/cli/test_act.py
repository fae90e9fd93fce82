"""`floodmark act` and `floodmark actions`: what is written, what is refused, and what is said of it."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from typer.testing import CliRunner

from floodmark import client
from floodmark.actions import VERBS, Action, ActionOutcome, Arguments
from floodmark.alerts import Incident, Member, utc
from floodmark.cli import app
from floodmark.cli.speaking import err, out
from floodmark.client import Deed, Place, checked
from floodmark.signals import Verdict

START = 1_700_006_400.0
A, B, C, D = "inc-aaaa000000000001", "inc-aaaa000000000002", "inc-cccc000000000003", "inc-dddd000000000004"


def member(id, series="latency", direction="up", head="forecast"):
    return Member(
        id=id, entity="cart", signal="metric", series=series, head=head, direction=direction, started_at=utc(START),
        ended_at=None, p_value=1e-6, severity="error", summary="", why="",
    )  # fmt: skip


def incident(id=A, revision=1, event="opened", minutes=0.0, **changes):
    time = utc(START + 60 * minutes)
    found = Incident(
        id=id, event=event, revision=revision, scope="", severity="error", title="cart is slow\x1b[2J",
        why="", started_at=utc(START), updated_at=time, resolved_at=time if event == "resolved" else None,
        resolution="", entities=["cart"], member_count=2, members=[member("ano-1"), member("ano-2", "errors", "none")],
        causes=[], changes=[], watermark=time,
    )  # fmt: skip
    return msgspec.structs.replace(found, **changes)


class Fake:
    """What `floodmark.client` gives and takes, over lists."""

    def __init__(self):
        self.incidents = [
            incident(),
            incident(revision=2, event="updated", minutes=1),
            incident(B),
            incident(C, 1, "opened"),
            incident(C, 2, "resolved", minutes=2),
            incident(D, 3, "merged", merged_into=A),
            incident("inc-eeee000000000005", scope="prod"),
        ]
        self.deeds = []
        self.verdicts = []
        self.engine = utc(START + 600)

    async def history(self, kafka, begins, *, topic):
        found = {}
        for each in self.incidents:
            if any(client.means(each.id, some) for some in begins):
                found.setdefault(each.id, []).append(each)
        return found

    async def told(self, kafka, *, topic):
        for each in self.incidents:
            yield each

    async def actions(self, kafka, *, topic):
        for each in self.deeds:
            yield each

    async def reached(self, kafka, *, topic):
        return self.engine

    async def act(self, kafka, action, *, topic):
        return self.put(checked(action))

    async def say(self, kafka, topic, body):
        self.verdicts.append(msgspec.json.decode(body, type=Verdict))

    def put(self, said):
        place = Place("floodmark.actions", 0, len(self.deeds))
        self.deeds.append(Deed(said, place))
        return place


@pytest.fixture
def fake(monkeypatch):
    found = Fake()
    for name in ("history", "told", "actions", "reached", "act"):
        monkeypatch.setattr(client, name, getattr(found, name))
    monkeypatch.setattr("floodmark.cli.act.say_feedback", found.say)
    return found


@pytest.fixture
def run(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(out, "width", 300)
    monkeypatch.setattr(err, "width", 300)
    path = tmp_path / "floodmark.yaml"
    path.write_text("inputs: [{topic: m, signal: metric}]\nactions: {}\nfeedback: {}\ndetect: {tick: 15s}\n")

    def call(*arguments, by="ann", config=path):
        own = ["--by", by] if by and arguments[0] == "act" else []
        return CliRunner().invoke(app, [*map(str, arguments), *own, "-c", str(config)])

    return call


def written(run, *arguments, by="ann"):
    said = run("act", *arguments, "--json", by=by)
    assert said.exit_code == 0, said.output
    return msgspec.json.decode(said.stdout, type=Action)


def test_a_call_must_lead_to_somebody(run, tmp_path):
    path = tmp_path / "people.yaml"
    hook = "{webhook: {url: 'http://127.0.0.1:1'}}"
    path.write_text(
        "inputs: [{topic: m, signal: metric}]\nactions: {}\nnotify:\n"
        f"  targets: {{phone: {hook}}}\n  people: {{ann: {{targets: [phone], identities: ['slack:U1']}}}}\n"
        "  schedules: {duty: {rotation: [ann]}}\n"
    )
    said = run("act", "page", A, "annn", config=path)
    assert said.exit_code == 2
    assert "notify has no person and no schedule annn, so nobody would be called; it has ann, duty." in said.output
    for name in ("ann", "slack:U1", "duty", "phone"):
        assert f"{name} is called" in run("act", "page", A, name, config=path).output
    assert "annn is called" in run("act", "page", A, "annn").output, "who tells people elsewhere knows them"


def test_what_is_written_says_who_when_and_what_was_seen(run):
    action = written(run, "comment", A, "looking")
    assert (action.verb, action.by, action.incident, action.seen, action.via) == ("comment", "ann", A, 2, "cli")
    assert (action.args, action.effective) == (Arguments(text="looking"), None)
    assert abs(action.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert action.key() == A


def test_what_the_engine_hears_holds_two_ticks_after_where_it_is(run):
    action = written(run, "resolve", A, "--reason", "rolled back")
    assert (action.effective, action.reason) == (utc(START + 600 + 30), "rolled back")
    assert (action.scope, action.seen) == ("", 2)
    said = run("act", "resolve", A)
    assert "it holds from 2023-11-15 00:10:30 UTC on, in event time" in said.stdout
    assert "(the engine has reached 2023-11-15 00:10:00 UTC)" in said.stdout
    assert f"undo it with: floodmark act reopen {A} --by NAME" in said.stdout


def test_an_incident_further_than_the_engine_says_counts(run, fake):
    fake.incidents.append(incident("inc-ffff000000000006", minutes=60))
    assert written(run, "merge", A, "inc-ffff").effective == utc(START + 3600 + 30)
    fake.engine = None
    assert "the engine has said nothing lately" in run("act", "resolve", A).stdout
    assert written(run, "resolve", A).effective == utc(START + 60 + 30)


def test_how_an_id_begins_is_enough_if_it_is_the_only_one(run):
    assert written(run, "good-catch", "inc-cc").incident == C
    assert written(run, "good-catch", "cccc").incident == C
    two = run("act", "good-catch", "inc-aaaa")
    assert (two.exit_code, f"means 2 incidents; name one of them:\n  {A}\n  {B}" in two.stderr) == (1, True)


def test_an_id_that_a_terminal_would_obey_is_shown_without_it(run, fake):
    fake.incidents += [incident("inc-e\x1b[2J1"), incident("inc-e\x1b[2J2")]
    for arguments in (
        ("ack", "inc-e"),
        ("ack", "inc-e\x1b[2J1"),
        ("reopen", "inc-e\x1b[2J1"),
        ("merge", A, "inc-e\x1b[2J2"),
    ):
        assert "\x1b" not in run("act", *arguments).output


def test_names_of_others_are_written_whole(run):
    assert written(run, "merge", A, "inc-aaaa000000000002").args.from_ == [B]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ack", "inc-1234"), 1, "No incident in floodmark.alerts is inc-1234"),
        (("ack", "inc-\x1b[2J"), 1, "is inc- [2J;"),
        (("ack", C), 1, f"{C} is resolved since 2023-11-15 00:02:00 UTC; `floodmark act reopen {C}` opens it again"),
        (("resolve", C), 1, "is resolved since"),
        (("dismiss", C), 1, "floodmark feedback not-anomaly --anomaly"),
        (("reopen", A), 1, f"{A} is open."),
        (("resolve", D), 1, f"{D} was merged into {A}"),
        (("merge", A, A), 2, "merged into itself"),
        (("merge", A, C), 1, "reopen it first"),
        (("merge", A, D), 1, "already"),
        (("merge", A, "inc-eeee"), 1, "scopes are correlated apart"),
        (("split", A, "ano-9"), 1, f"ano-9 is not in {A}"),
        (("split", A, "ano-1", "ano-2"), 1, "name some of its anomalies"),
        (("dismiss", A, "ano-9"), 1, f"ano-9 is not in {A}"),
        (("unack", B), 1, "unack would change nothing: it was open, and nobody's."),
        (("unsnooze", B), 1, "would change nothing"),
        (("snooze", B), 2, "--for 2h"),
        (("snooze", B, "--for", "8d"), 2, "7 days at most"),
        (("snooze", B, "--for", "soon"), 2, "--for"),
        (("ack", B, "--for", "1h", "--until", "2030-01-01"), 2, "one of --until and --for"),
        (("ack", B, "--until", "2020-01-01"), 2, "over before it begins"),
        (("ack", B, "--until", "noon"), 2, "noon is no time"),
        (("ack", B, "--for", "9h"), 2, "8 hours at most"),
        (("link", B, "javascript:alert(1)"), 2, "http"),
        (("comment", B, ""), 2, "what is said"),
        (("comment", B, "x" * 5000), 2, "would not be read"),
        (("approve", B, "restart"), 1, f"Nobody has proposed restart for {B}."),
        (("silence", "--match", "service", "--for", "1h"), 2, "write it as label=value"),
        (("silence", "--match", "service=cart"), 2, "until when"),
        (("silence", "--match", "service=cart", "--for", "31d"), 2, "30 days at most"),
        (("maintain", "--match", "service=cart"), 2, "until when"),
        (("unsilence", "act-1"), 1, "No silence is act-1"),
        (("unmaintain", "act-1"), 1, "No maintenance is act-1"),
        (("priority", B, "p9"), 2, "p9"),
    ],
)
def test_what_cannot_be_is_a_sentence(run, arguments, code, words):
    said = run("act", *arguments)
    assert (said.exit_code, words in said.stderr) == (code, True), said.output


def test_somebody_must_do_it_and_somebody_must_listen(run, tmp_path, monkeypatch):
    monkeypatch.delenv("FLOODMARK_USER", raising=False)
    assert "--by: who does it?" in run("act", "ack", A, by="").stderr
    monkeypatch.setenv("FLOODMARK_USER", "bob")
    assert written(run, "good-catch", A, by="").by == "bob"
    path = tmp_path / "without.yaml"
    path.write_text("kafka: {brokers: ['127.0.0.1:1']}\n")
    for command in (("act", "ack", A), ("actions", "list"), ("actions", "export")):
        said = run(*command, config=path)
        assert (said.exit_code, "The config has no `actions`" in said.stderr) == (1, True)


def test_one_has_it_until_it_runs_out_or_is_given_back(run):
    assert "ann has it until" in run("act", "ack", B, "--for", "1h").stdout
    late = run("act", "ack", B, by="bob")
    assert (late.exit_code, "ann had it already" in late.stderr) == (1, True)
    assert "it needs somebody again" in run("act", "unack", B).stdout
    assert "bob has it until" in run("act", "ack", B, by="bob").stdout
    given = run("act", "assign", B, "--to", "night shift")
    assert "it is night shift's" in given.stdout
    assert f"undo it with: floodmark act assign {B} --to bob --by NAME" in given.stdout
    assert "or until it is worse" in run("act", "snooze", B, "--unless-worse").stdout
    assert "its priority is p2" in run("act", "priority", B, "p2").stdout
    assert f"priority {B} p2 --by" in run("act", "priority", B, "none").stdout


def test_what_is_dismissed_is_said_to_detection_too(run, fake):
    said = run("act", "dismiss", A)
    assert "the engine resolves it as no anomaly" in said.stdout
    assert fake.deeds[-1].said.args.anomalies == []
    assert "latency (up) becomes calmer" in said.stderr
    assert "errors (both) becomes calmer" in said.stderr
    found = {(each.series, each.direction, each.by, each.reason) for each in fake.verdicts}
    why = f"dismissed in {A}"
    assert found == {("latency", "up", "ann", why), ("errors", "both", "ann", why)}


def test_some_may_be_dismissed(run, fake):
    assert written(run, "dismiss", A, "ano-2", "ano-2").args.anomalies == ["ano-2"]
    assert [each.series for each in fake.verdicts] == ["errors"]


def test_a_silence_holds_until_it_is_ended(run):
    silence = written(run, "silence", "--match", "service=cart", "--match", "service=web-*", "--for", "2h")
    assert (silence.args.match, silence.incident, silence.seen) == ({"service": ["cart", "web-*"]}, "", 0)
    assert "silence service=cart|web-*" in run("act", "unsilence", silence.id).stdout
    again = run("act", "unsilence", silence.id, by="bob")
    assert (again.exit_code, "It was ended already, by ann" in again.stderr) == (1, True)


def test_a_maintenance_begins_when_everybody_has_heard_of_it(run):
    said = run("act", "maintain", "--match", "service=cart", "--for", "2h", "--reason", "upgrade")
    assert "what matches is not judged from" in said.stdout
    assert "undo it with: floodmark act unmaintain act-" in said.stdout
    fixed = written(run, "maintain", "--match", "a=b", "--from", "2030-01-01T00:00:00", "--for", "1h")
    assert fixed.args.since == datetime(2030, 1, 1, tzinfo=UTC)
    assert fixed.args.until == datetime(2030, 1, 1, 1, tzinfo=UTC)


def test_a_playbook_is_approved_once_it_is_proposed(run, fake):
    args = Arguments(playbook="restart")
    proposal = Action(id="act-p", verb="propose", by="floodmark", at=utc(START), incident=B, args=args, seen=1)
    fake.put(proposal)
    assert "proposed: restart" in run("act", "approve", B, "reboot").stderr
    assert written(run, "approve", B, "restart").args.playbook == "restart"


def test_every_verb_of_people_is_a_command():
    from floodmark.cli.act import act

    names = {each.name or each.callback.__name__ for each in act.registered_commands}
    assert names == {verb.replace("_", "-") for verb in VERBS} - {"propose", "ran"}


def test_the_first_outcome_counts_where_the_engine_has_read_the_topic_twice(fake, run):
    first = written(run, "resolve", A)
    at = utc(START + 660)
    outcome = ActionOutcome(action=first.id, verb="resolve", incident=A, result="applied", applied_at=at)
    fake.put(outcome)
    fake.put(msgspec.structs.replace(outcome, result="refused", applied_at=utc(START + 9e5), reason="It is over"))
    (own,) = [json.loads(each) for each in run("actions", "export").stdout.splitlines()]
    assert datetime.fromisoformat(own["effective"]) == at
    assert "no effect" not in run("actions", "list").stdout


def test_the_trail_says_what_came_of_each(fake, run):
    first = written(run, "resolve", A, "--reason", "bell\x07")
    at = utc(START + 660)
    outcome = ActionOutcome(action=first.id, verb="resolve", incident=A, result="refused", applied_at=at, reason="gone")
    fake.put(outcome)
    fake.put(msgspec.structs.replace(outcome, applied_at=utc(9e8), reason=""))
    written(run, "good-catch", B)
    listed = run("actions", "list", "--incident", A[:12])
    assert listed.exit_code == 0
    assert "no effect: gone" in listed.stdout
    assert "\x07" not in listed.stdout
    assert first.id in listed.stdout
    (line,) = [json.loads(each) for each in run("actions", "list", "--json").stdout.splitlines() if first.id in each]
    assert (line["effect"], line["by"]) == ("no effect: gone", "ann")
    exported = [json.loads(each) for each in run("actions", "export").stdout.splitlines()]
    (own,) = [each for each in exported if each["id"] == first.id]
    assert datetime.fromisoformat(own["effective"]) == at
    assert "effect" not in own
    nobody = run("actions", "list", "--by", "nobody")
    assert "Nobody has done anything like this yet." in nobody.stdout
    assert run("actions", "list", "--verb", "frobnicate").exit_code == 2
    assert run("actions", "list", "--since", "soon").exit_code == 2
    caught = run("actions", "list", "--verb", "good-catch", "--json").stdout.splitlines()
    assert {json.loads(each)["verb"] for each in caught} == {"good_catch"}
