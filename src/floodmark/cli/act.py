"""`floodmark act`: do something to an incident, as a record of the actions topic. Undo is another action."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer

from floodmark import client
from floodmark.actions import Action, Arguments
from floodmark.alerts import content_id
from floodmark.cli.acting import (
    AsJson,
    By,
    For,
    From,
    Match,
    Meant,
    Until,
    Who,
    Why,
    Written,
    do,
    end,
    instant,
    look,
    quoted,
    say,
    selectors,
    settings_of,
    to_incident,
    to_none,
)
from floodmark.cli.speaking import ConfigPath, err, fail
from floodmark.config.models import Config
from floodmark.notify.addressing import person_of
from floodmark.runtime.feedback import say as say_feedback
from floodmark.signals import Verdict
from floodmark.terminal.deeds import brief
from floodmark.terminal.words import clock, many, safe

_REASON: Final = 2_000
"""Characters of a reason that the feedback topic takes."""
_CONFIG: Final = Path("floodmark.yaml")
Priority = Literal["p1", "p2", "p3", "p4", "p5", "none"]

act = typer.Typer(
    help="Do something to an incident: acknowledge, assign, snooze, resolve, merge, split, dismiss, silence, …\n\n"
    "Each is a record that stays; undo is another one.",
    no_args_is_help=True,
    add_completion=False,
)


@act.command()
def ack(
    incident: Meant, by: By = "", lasting: For = "", until: Until = "", reason: Why = "", as_json: AsJson = False,
    config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Say that you have it: nobody else is called while it stands (30 min unless told, 8 h at most)."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "ack", incident, Arguments(until=end(until, lasting)))
    _say(who, done, f"{safe(by, 200)} has it until {_until(done)}; nobody else is called before", "unack")


@act.command()
def unack(
    incident: Meant, by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG
) -> None:
    """Give it back: it needs somebody, and whoever is called for it is called again."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "unack", incident, Arguments()), "it needs somebody again", "ack")


@act.command()
def assign(
    incident: Meant,
    to: Annotated[str, typer.Option(help="A person or a schedule; left out: nobody.")] = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Make it somebody's."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "assign", incident, Arguments(to=to))
    before = f"--to {quoted(done.before.owner)}" if done.before.owner else ""
    _say(who, done, f"it is {safe(to, 200)}'s" if to else "it is nobody's any more", "assign", before)


@act.command()
def snooze(
    incident: Meant, lasting: For = "", until: Until = "",
    unless_worse: Annotated[
        bool, typer.Option("--unless-worse", help="Wake early if it is worse, or something new is affected.")
    ] = False,
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Leave it alone for a while (7 days at most); nobody is called meanwhile."""
    who = Who(config, by, reason, as_json)
    if not (lasting or until or unless_worse):
        fail("Say for how long: --for 2h, --until TIME, or --unless-worse.", 2)
    args = Arguments(until=end(until, lasting), unless="worse" if unless_worse else "")
    done = to_incident(who, "snooze", incident, args)
    sooner = ", or until it is worse" if unless_worse else ""
    _say(who, done, f"nobody is called until {_until(done)}{sooner}", "unsnooze")


@act.command()
def unsnooze(
    incident: Meant, by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG
) -> None:
    """Wake it: whoever is called for it is called again."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "unsnooze", incident, Arguments()), "it needs somebody again", "snooze", "--for 1h")


@act.command()
def resolve(
    incident: Meant, by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG
) -> None:
    """Close it. What is still odd in it never opens it again; a new anomaly of the same series does."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "resolve", incident, Arguments()), "the engine resolves it", "reopen")


@act.command()
def reopen(
    incident: Meant, by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG
) -> None:
    """Open it again; `correlate.grace` after its end at most."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "reopen", incident, Arguments()), "the engine opens it again", "resolve")


@act.command()
def merge(
    incident: Meant,
    others: Annotated[list[str], typer.Argument(help="Those that go into it.", metavar="INCIDENT…")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Merge the others into the first: their anomalies move there, and what is related to them later goes there too."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "merge", incident, Arguments(from_=others))
    gone = list(done.seen.others.values()) if done.seen is not None else []
    moved = " ".join(quoted(member.id) for each in gone for member in each.members)
    words = f"{', '.join(each.id for each in gone)} {'go' if len(gone) > 1 else 'goes'} into it"
    _say(who, done, words, "split", moved)


@act.command()
def split(
    incident: Meant,
    anomalies: Annotated[list[str], typer.Argument(help="The anomalies that leave it, by their ids.")],
    title: Annotated[str, typer.Option(help="What the new incident is called.")] = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Make some of its anomalies an incident of their own; the two are held apart from then on."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "split", incident, Arguments(anomalies=list(dict.fromkeys(anomalies)), title=title))
    moved = many(len(done.action.args.anomalies), "anomaly")
    _say(who, done, f"{moved} become an incident of their own" if moved[:2] != "1 " else f"{moved} becomes one", "")
    if not as_json:
        words = f"undo it by merging what it becomes: floodmark act merge {safe(done.action.incident, 200)} NEW"
        err.print(words, markup=False, soft_wrap=True)


@act.command()
def dismiss(
    incident: Meant,
    anomalies: Annotated[list[str] | None, typer.Argument(help="Those that are none (else all that it has).")] = None,
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Say that anomalies are none: they are struck out, and with `feedback` their series become calmer."""
    who = Who(config, by, reason, as_json)
    args = Arguments(anomalies=list(dict.fromkeys(anomalies or [])))
    done = to_incident(who, "dismiss", incident, args)
    struck = many(len(args.anomalies), "anomaly")
    _say(who, done, f"{struck} struck out" if args.anomalies else "the engine resolves it as no anomaly", "")
    _feed_back(done, quiet=as_json)


@act.command("good-catch")
def good_catch(
    incident: Meant, by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG
) -> None:
    """Note that it was right to tell of it."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "good_catch", incident, Arguments()), "noted as a good catch", "")


@act.command("wrong-cause")
def wrong_cause(
    incident: Meant,
    entity: Annotated[str, typer.Argument(help="What it was in truth, if that is known.")] = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Note that the first cause is not the cause."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "wrong_cause", incident, Arguments(entity=entity))
    _say(who, done, f"noted: in truth it was {safe(entity, 200)}" if entity else "noted: it was something else", "")


@act.command()
def comment(
    incident: Meant, text: Annotated[str, typer.Argument(help="What is to be said.")],
    by: By = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Say something about it."""
    who = Who(config, by, "", as_json)
    _say(who, to_incident(who, "comment", incident, Arguments(text=text)), "said", "")


@act.command()
def link(
    incident: Meant, url: Annotated[str, typer.Argument(help="http or https.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Link something that is about it: a ticket, a page, a change."""
    who = Who(config, by, reason, as_json)
    _say(who, to_incident(who, "link", incident, Arguments(url=url)), "linked", "")


@act.command()
def priority(
    incident: Meant, level: Annotated[Priority, typer.Argument(help="p1 is the most urgent.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Say how urgent it is to people; how severe it is stays the engine's word."""
    who = Who(config, by, reason, as_json)
    done = to_incident(who, "priority", incident, Arguments(priority="" if level == "none" else level))
    _say(who, done, f"its priority is {level}", "priority", done.before.priority or "none")


@act.command()
def page(
    incident: Meant, to: Annotated[str, typer.Argument(help="A person or a schedule.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Call somebody for it now."""
    who = Who(config, by, reason, as_json)
    settings = settings_of(who)
    _callable(settings, to)
    done = to_incident(who, "page", incident, Arguments(to=to), settings)
    _say(who, done, f"{safe(to, 200)} is called", "")


@act.command()
def silence(
    match: Match, lasting: For = "", until: Until = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Tell nobody of incidents that match (30 days at most). They are found and written all the same."""
    who = Who(config, by, reason, as_json)
    done = to_none(who, "silence", Arguments(match=selectors(match), until=end(until, lasting)))
    _say(who, done, f"nobody is told of what matches until {_until(done)}", f"unsilence {done.action.id}")


@act.command()
def unsilence(
    silence: Annotated[str, typer.Argument(help="Its id, as `floodmark actions list --verb silence` shows it.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """End a silence."""
    _end(Who(config, by, reason, as_json), "silence", silence)


@act.command()
def maintain(
    match: Match, since: From = "", lasting: For = "", until: Until = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Judge and learn nothing of series that match, for a while: work is done there."""
    who = Who(config, by, reason, as_json)
    start = instant(since)
    args = Arguments(match=selectors(match), since=start, until=end(until, lasting, start))
    done = to_none(who, "maintain", args)
    soonest = done.action.at + timedelta(seconds=done.config.actions.delay if done.config.actions else 0)
    begins = max(start or done.action.at, soonest)
    words = f"what matches is not judged from {clock(begins)} UTC until {_until(done)}, in event time"
    _say(who, done, words, f"unmaintain {done.action.id}")


@act.command()
def unmaintain(
    maintenance: Annotated[str, typer.Argument(help="Its id, as `floodmark actions list --verb maintain` shows it.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """End a maintenance."""
    _end(Who(config, by, reason, as_json), "maintain", maintenance)


@act.command()
def override(
    schedule: Annotated[str, typer.Argument(help="A schedule of `notify`.")],
    to: Annotated[str, typer.Argument(help="Who is on call instead.", metavar="PERSON")],
    since: From = "", lasting: For = "", until: Until = "",
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Put somebody else on call for a while."""
    who = Who(config, by, reason, as_json)
    start = instant(since)
    args = Arguments(schedule=schedule, to=to, since=start, until=end(until, lasting, start))
    settings = settings_of(who)
    _known_to_notify(settings, schedule, to)
    done = to_none(who, "override", args, settings)
    begins = clock(start or done.action.at)
    _say(who, done, f"{safe(to, 200)} is on call for {safe(schedule, 200)} from {begins} UTC until {_until(done)}", "")


@act.command()
def handover(
    schedule: Annotated[str, typer.Argument(help="A schedule of `notify`.")],
    to: Annotated[str, typer.Argument(help="Who has it from now on.", metavar="PERSON")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Hand what is yours of a schedule to somebody now."""
    who = Who(config, by, reason, as_json)
    settings = settings_of(who)
    _known_to_notify(settings, schedule, to)
    done = to_none(who, "handover", Arguments(schedule=schedule, to=to), settings)
    _say(who, done, f"{safe(to, 200)} has {safe(schedule, 200)} from now on", "")


@act.command()
def approve(
    incident: Meant, playbook: Annotated[str, typer.Argument(help="The playbook that was proposed.")],
    by: By = "", reason: Why = "", as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Say yes to a playbook that was proposed for it: it runs."""
    who = Who(config, by, reason, as_json)
    settings = settings_of(who)
    seen = do(look(settings, incident, [], ask=False))
    deeds = [each for _, each in seen.book.known(seen.incident.id, datetime.now(UTC)).actions]
    proposed = sorted({each.args.playbook for each in deeds if each.verb == "propose"})
    if playbook not in proposed:
        named = f"; proposed: {', '.join(safe(each, 200) for each in proposed)}" if proposed else ""
        fail(f"Nobody has proposed {safe(playbook, 200)} for {safe(seen.incident.id, 200)}{named}.")
    done = to_incident(who, "approve", seen.incident.id, Arguments(playbook=playbook), settings=settings)
    _say(who, done, f"playbook {safe(playbook, 200)} may run", "")


def _say(who: Who, done: Written, what: str, undo: str, more: str = "") -> None:
    subject = done.action.incident
    words = " ".join(each for each in (undo, subject if undo else "", more) if each) if undo else ""
    say(who, done, what, words)


def _until(done: Written) -> str:
    """When it ends: as the fold has it, which knows how long what says nothing lasts."""
    life = done.seen.life(done.action.at) if done.seen is not None else None
    until = life.until if life is not None else done.action.args.until
    return f"{clock(until)} UTC" if until is not None else "further notice"


def _end(who: Who, verb: Literal["silence", "maintain"], id: str) -> None:
    """End what holds until a time: a silence, a maintenance."""
    settings = settings_of(who)
    word = "maintenance" if verb == "maintain" else verb
    deeds = do(_all(settings))
    found = next((each for each in deeds if each.id == id and each.verb == verb), None)
    if found is None:
        fail(f"No {word} is {safe(id, 80)}; `floodmark actions list --verb {verb}` shows all.")
    ended = next((each for each in deeds if each.verb == f"un{verb}" and each.args.undoes == id), None)
    if ended is not None:
        fail(f"It was ended already, by {safe(ended.by, 200)} at {clock(ended.at)} UTC.")
    if found.args.until is not None and found.args.until <= datetime.now(UTC):
        fail(f"It is over since {clock(found.args.until)} UTC.")
    done = to_none(who, "unsilence" if verb == "silence" else "unmaintain", Arguments(undoes=id), settings)
    _say(who, done, f"{brief(found)} holds no more", "")


async def _all(config: Config) -> list[Action]:
    said = [each.said async for each in client.actions(config.kafka, topic=config.topics.actions)]
    return [each for each in said if isinstance(each, Action)]


def _known_to_notify(config: Config, schedule: str, person: str) -> None:
    """Of a config with `notify`, what is named must be in it."""
    if config.notify is None:
        return
    for what, name, known in (
        ("schedule", schedule, config.notify.schedules),
        ("person", person, config.notify.people),
    ):
        if name not in known:
            fail(f"notify has no {what} {safe(name, 200)}; it has {', '.join(known) or 'none'}.", 2)


def _callable(config: Config, name: str) -> None:
    """Of a config with `notify`, a call must lead to somebody."""
    notify = config.notify
    if notify is None or name in notify.schedules or name in notify.targets or person_of(name, notify) is not None:
        return
    known = ", ".join((*notify.people, *notify.schedules)) or "none"
    fail(f"notify has no person and no schedule {safe(name, 200)}, so nobody would be called; it has {known}.", 2)


def _feed_back(done: Written, *, quiet: bool) -> None:
    """What is dismissed is said to detection, too, if it listens: once for each series and direction."""
    action, settings = done.action, done.config.feedback
    if done.seen is None:
        return
    wanted, members = action.args.anomalies, done.seen.incident.members
    meant = [each for each in members if not wanted or each.id in wanted]
    if settings is None:
        if not quiet:
            err.print("The config has no `feedback`: their series stay as they are.", style="dim", markup=False)
        return
    said: dict[tuple[str, str], Verdict] = {}
    for each in meant:
        if each.head == "stale" or each.signal == "alert":
            continue  # silence, and what others say, are not ours to make calmer
        direction = "both" if each.direction == "none" else each.direction
        said[each.series, direction] = Verdict(
            id=content_id("say", action.id, each.series, direction),
            verdict="not_anomaly",
            series=each.series,
            direction=direction,
            by=action.by,
            reason=action.reason[:_REASON] or f"dismissed in {action.incident}",
            at=action.at,
        )
    for verdict in said.values():
        do(say_feedback(done.config.kafka, settings.topic, msgspec.json.encode(verdict)))
        if not quiet:
            words = f"{safe(verdict.series, 300)} ({verdict.direction}) becomes calmer; undo it with: "
            err.print(f"{words}floodmark feedback undo {verdict.id} --by NAME", markup=False, soft_wrap=True)
