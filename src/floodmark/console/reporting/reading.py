"""What a report is made of, and what became of each incident of a week: told, taken, dismissed, over."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct, field

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import ChangeNotice, Incident, Severity
from floodmark.config.models import Config, Detector
from floodmark.console.reporting.weeks import Week
from floodmark.deliveries import Delivery
from floodmark.reports import ModelReport
from floodmark.requests import ModelRequest

WEEK: Final = 604_800.0
_TAKEN: Final = frozenset({"ack", "assign", "snooze"})
"""Verbs by which somebody takes an incident."""
_PLAUSIBLE: Final = timedelta(days=30)
"""Who takes an incident later than this after its opening took it in a replay: the clocks have nothing in common."""


class Odd(NamedTuple):
    """Anomalies of a series that began in a week, as far as they are counted: from `at` on."""

    entity: str
    series: str
    name: str
    signal: str
    at: datetime
    times: int = 1


class Setting(Struct, frozen=True, kw_only=True):
    """What the config says that matters here. `false_incidents`: how many of a scope may be by chance in a week;
    `false_alarms`: how many alarms of a series. `targets`: of each target, the people who have it. `timezones` of
    people. `series`: how many are watched, None if nobody knows."""

    false_incidents: float = 1.0
    false_alarms: float = 7.0
    tiers: dict[str, int] = field(default_factory=dict)
    targets: dict[str, list[str]] = field(default_factory=dict)
    timezones: dict[str, str] = field(default_factory=dict)
    series: float | None = None


def setting_of(config: Config, series: float | None = None) -> Setting:
    """What a config says for reports."""
    people = config.notify.people if config.notify is not None else {}
    targets: dict[str, list[str]] = {}
    for name, person in people.items():
        for target in person.targets:
            targets.setdefault(target, []).append(name)
    return Setting(
        false_incidents=config.correlate.false_incidents * WEEK,
        false_alarms=_alarms(config) * WEEK,
        tiers={name: each.tier for name, each in config.services.items() if each.tier is not None},
        targets=targets,
        timezones={name: str(person.timezone) for name, person in people.items()},
        series=series,
    )


def _alarms(config: Config) -> float:
    """The budget of what no detector before takes: of the last one if it is for everything, else of the default."""
    last = config.detectors[-1] if config.detectors else Detector()
    return last.false_alarms if not last.match else Detector().false_alarms


class Known(Struct, frozen=True, kw_only=True):
    """All that was read. `revisions` are those of each incident, oldest first; `actions` those about it, in the order
    of their offsets; `of_all` what was done that is about no one incident. `odd`: None where only incidents are known,
    then their members stand for what was odd. `opened`: of incidents of which only the newest revision is here, when
    they were told first."""

    revisions: dict[str, list[Incident]]
    opened: dict[str, datetime] = field(default_factory=dict)
    actions: dict[str, list[tuple[int, Action]]] = field(default_factory=dict)
    outcomes: dict[str, list[ActionOutcome]] = field(default_factory=dict)
    of_all: list[Action] = field(default_factory=list)
    odd: list[Odd] | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    reports: list[ModelReport] = field(default_factory=list)
    requests: list[ModelRequest] = field(default_factory=list)
    changes: list[ChangeNotice] = field(default_factory=list)
    setting: Setting = Setting()


class Fate(NamedTuple):
    """What became of an incident. `opened`: when it was told first (of one whose first revisions are
    gone, when it began); `taken`, `resolved`: seconds from then on, None if
    that did not happen, or is not known. `after`: it was over when it was told. `dismissed`: somebody said that it is
    none. `verdict`: good_catch, wrong_cause, or nothing."""

    incident: Incident
    opened: datetime
    severity: Severity
    taken: float | None
    by: str
    resolved: float | None
    after: bool
    dismissed: bool
    verdict: str


class Told(NamedTuple):
    """A week: the fates of the incidents that began in it (merged ones are within others), and what was odd. `known`:
    something is known of then, or of before."""

    week: Week
    fates: list[Fate]
    odd: list[Odd]
    known: bool

    def odd_count(self) -> int:
        return sum(each.times for each in self.odd)


def told(known: Known, week: Week) -> Told:
    """What a week brought."""
    fates = [
        fate(revisions, known.actions.get(name, ()), known.outcomes.get(name, ()), known.opened.get(name))
        for name, revisions in known.revisions.items()
        if revisions and week.holds(revisions[-1].started_at) and revisions[-1].merged_into is None
    ]
    fates.sort(key=lambda each: (each.opened, each.incident.id))
    odd = odd_of(known)
    times = [revisions[-1].started_at for revisions in known.revisions.values() if revisions]
    began = min([*times, *(each.at for each in odd), *(each.time for each in known.reports)], default=week.end)
    return Told(week, fates, [each for each in odd if week.holds(each.at)], began < week.end)


def fate(
    revisions: Sequence[Incident],
    actions: Iterable[tuple[int, Action]],
    outcomes: Iterable[ActionOutcome] = (),
    opened: datetime | None = None,
) -> Fate:
    """What became of an incident, by its revisions (at least one, oldest first) and what people did. `opened`: when it
    was told first, if somebody knows better than the revisions."""
    first, newest = revisions[0], revisions[-1]
    refused = {each.action for each in outcomes if each.result == "refused"}
    done = [action for _, action in sorted(actions, key=lambda pair: pair[0]) if action.id not in refused]
    if opened is None:
        opened = max(first.updated_at, first.started_at) if first.revision <= 1 else first.started_at
    took = next((each for each in done if each.verb in _TAKEN), None)
    waited = moment(took) - opened if took is not None else None
    verdicts = [each.verb for each in done if each.verb in ("good_catch", "wrong_cause")]
    lasted = (newest.resolved_at - opened).total_seconds() if newest.resolved_at is not None else None
    return Fate(
        newest,
        opened,
        newest.severity,
        max(0.0, waited.total_seconds()) if waited is not None and abs(waited) < _PLAUSIBLE else None,
        took.by if took is not None else "",
        max(0.0, lasted) if lasted is not None else None,
        any(each.told == "after" for each in revisions),
        _dismissed(newest, done),
        verdicts[-1] if verdicts else "",
    )


def _dismissed(newest: Incident, done: Iterable[Action]) -> bool:
    """Whether somebody said that all of it is none, and that stands: by what was done, or by what the engine says."""
    last = ""
    for each in done:
        if each.verb == "reopen" or (each.verb == "dismiss" and not each.args.anomalies):
            last = each.verb
    ended = newest.resolved_at
    by_engine = any(each.verb == "dismiss" and each.applied_at == ended for each in newest.acts)
    return last == "dismiss" or (by_engine and last != "reopen")


def moment(action: Action) -> datetime:
    """When something was done: by event time, where that is known, for that is what incidents live by."""
    return action.effective or action.at


def odd_of(known: Known) -> list[Odd]:
    """What was odd: all anomalies, or, where only incidents are known, the members of these."""
    if known.odd is not None:
        return known.odd
    members = {
        member.id: Odd(
            member.entity, member.series, member.name or member.series.partition("{")[0], member.signal,
            member.started_at,
        )
        for revisions in known.revisions.values() for each in revisions for member in each.members
    }  # fmt: skip
    return list(members.values())


def newest_week(known: Known) -> datetime:
    """A time in the week of which something is known last; now, if nothing is."""
    times = [revisions[-1].updated_at for revisions in known.revisions.values() if revisions]
    times += [each.time for each in known.reports]
    return max(times, default=datetime.now(UTC))


def middle(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def ninth(values: Sequence[float]) -> float | None:
    """The 90th percentile: nine of ten are at most this."""
    ordered = sorted(values)
    return ordered[max(0, -(-9 * len(ordered) // 10) - 1)] if ordered else None


def ranked(counts: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    """The largest first, equals by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
