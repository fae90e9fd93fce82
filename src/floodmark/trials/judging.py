"""What came of a test, held against what was expected: each thing that is not so, in words, and what came instead.

Failures come in the order in which a person asks: was the input read, did an incident come, was it the right one, was
it quiet elsewhere, what was odd, who was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from floodmark.alerts import SEVERITIES, Anomaly, Incident, Severity
from floodmark.config.problems import Path
from floodmark.config.trials import AnomalyExpected, Calm, Counted, Expected, IncidentExpected, TellingExpected
from floodmark.trials.described import placed
from floodmark.trials.notation import series

_SHOWN: Final = 8
"""Of what came instead."""


class Telling(NamedTuple):
    """What somebody would have been told."""

    at: datetime
    target: str
    who: str
    event: str
    loud: bool
    title: str
    reason: str


class Came(NamedTuple):
    """What has come of the input. `incidents`: every revision. `start`, `end`: of the input, epoch seconds.

    `refused`: how many messages by what is wrong with them, and the first of each in words.
    """

    start: float
    end: float
    incidents: Sequence[Incident] = ()
    anomalies: Sequence[Anomaly] = ()
    told: Sequence[Telling] = ()
    refused: Mapping[str, tuple[int, str]] = {}


class Failure(NamedTuple):
    """Something is not as it was expected. `path`: where in `expect` that is; `instead`: what came, a line each."""

    path: Path
    words: str
    instead: tuple[str, ...] = ()


class _Seen(NamedTuple):
    """An incident over its whole life: its newest revision, how bad it was at its worst, and when it was first told."""

    incident: Incident
    severity: Severity
    told: datetime


class _Odd(NamedTuple):
    anomaly: Anomaly
    severity: Severity


def judge(expected: Expected, came: Came) -> list[Failure]:
    """All that is not as it was expected."""
    return [
        *_refused(expected, came),
        *_incidents(expected, came),
        *_calm(expected, came),
        *_anomalies(expected, came),
        *_told(expected, came),
    ]


def _refused(expected: Expected, came: Came) -> list[Failure]:
    total = sum(count for count, _ in came.refused.values())
    if total <= expected.refused:
        return []
    words = f"{_many(total, 'message')} of the input could not be used, where at most {expected.refused:,} may be so"
    lines = [f"{error}: {count:,}; first {first}" for error, (count, first) in came.refused.items()]
    return [Failure(("refused",), words, tuple(lines))]


def _incidents(expected: Expected, came: Came) -> list[Failure]:
    if expected.incidents is None:
        return []
    lives = _lives(came)
    failures: list[Failure] = []
    described: set[str] = set()
    for index, each in enumerate(expected.incidents):
        wrong = {life.incident.id: _unlike(each, life, came) for life in lives}
        fit = [life for life in lives if not wrong[life.incident.id]]
        described |= {life.incident.id for life in fit}
        said = _counted(each, len(fit))
        if said:
            what = f"expected {said} {_of_incident(each, came)}, and {_came(len(fit), 'incident', fits=True)}"
            near = sorted(lives, key=lambda life: len(wrong[life.incident.id]))
            lines = [
                line
                for life in near[:_SHOWN]
                for line in (_line(life, came), *(f"  but {why}" for why in wrong[life.incident.id]))
            ]
            failures.append(Failure(("incidents", index), what, _instead(lines, len(near), "incident")))
    others = [life for life in lives if life.incident.id not in described]
    missed = {failure.path for failure in failures}
    if len(others) > expected.others and not (missed and len(others) <= len(missed)):
        at_most = "no incident" if not expected.incidents else "no other incident"
        if expected.others:
            at_most = f"at most {_many(expected.others, 'other incident')}"
        lines = [_line(life, came) for life in others[:_SHOWN]]
        words = f"expected {at_most}, and {_came(len(others), 'incident')}"
        where: Path = ("incidents",) if not expected.others else ("others",)
        failures.append(Failure(where, words, _instead(lines, len(others), "incident")))
    return failures


def _calm(expected: Expected, came: Came) -> list[Failure]:
    failures = []
    lives = _lives(came)
    for index, each in enumerate(expected.none):
        broken = [life for life in lives if _in_calm(each, life, came)]
        if broken:
            of = f" of {each.entity}" if each.entity else ""
            words = (
                f"expected no incident{of} {_between(each.from_, each.to, came)}, and {_came(len(broken), 'incident')}"
            )
            lines = [_line(life, came) for life in broken[:_SHOWN]]
            failures.append(Failure(("none", index), words, _instead(lines, len(broken), "incident")))
    return failures


def _in_calm(each: Calm, life: _Seen, came: Came) -> bool:
    inside = _within(each.from_, each.to, life.incident.started_at, came)
    return inside and (not each.entity or each.entity in life.incident.entities)


def _anomalies(expected: Expected, came: Came) -> list[Failure]:
    failures = []
    odd = _odd(came)
    for index, each in enumerate(expected.anomalies):
        fit = [one for one in odd if _is_odd(each, one, came)]
        said = _counted(each, len(fit))
        if said:
            of = f" on {each.series}" if each.series else ""
            more = _words(each, ("entity", "detector", "head", "direction", "severity", "summary"))
            span = _between(each.from_, each.to, came, begins=True)
            words = (
                f"expected {said} {_noun(each, 'anomaly')}{of}{span}{more}, and {_came(len(fit), 'anomaly', fits=True)}"
            )
            near = fit or [one for one in odd if not each.series or _of_series(each.series, one.anomaly)] or odd
            lines = [_odd_line(one, came) for one in near[:_SHOWN]]
            failures.append(Failure(("anomalies", index), words, _instead(lines, len(near), "anomaly")))
    return failures


def _told(expected: Expected, came: Came) -> list[Failure]:
    if expected.routes is None:
        return []
    if not expected.routes:
        if not came.told:
            return []
        lines = [_told_line(told, came) for told in came.told[:_SHOWN]]
        words = f"expected that nobody is told, and somebody would be, {_many(len(came.told), 'time')}"
        return [Failure(("routes",), words, _instead(lines, len(came.told), "telling"))]
    failures = []
    for index, each in enumerate(expected.routes):
        fit = [told for told in came.told if _is_told(each, told, came)]
        said = _counted(each, len(fit))
        if said:
            who = " ".join(part for part in (each.target, each.who and f"({each.who})") if part) or "somebody"
            more = _words(each, ("event", "loud", "title", "reason"))
            span = _between(each.from_, each.to, came, begins=True)
            came_ = f"would be told {_many(len(fit), 'time')} so"
            words = f"expected that {who} is told {said} times{span}{more}, and {came_}"
            lines = [_told_line(told, came) for told in came.told[:_SHOWN]]
            failures.append(Failure(("routes", index), words, _instead(lines, len(came.told), "telling")))
    return failures


def _lives(came: Came) -> list[_Seen]:
    """Each incident that stands, in the order in which they were told."""
    lives: dict[str, _Seen] = {}
    for incident in came.incidents:
        before = lives.get(incident.id)
        first = max(incident.watermark or incident.updated_at, incident.updated_at)
        worst = _worse(before.severity, incident.severity) if before else incident.severity
        lives[incident.id] = _Seen(incident, worst, before.told if before else first)
    return [life for life in lives.values() if life.incident.merged_into is None]


def _odd(came: Came) -> list[_Odd]:
    """Each anomaly as it was at its end, or last."""
    found: dict[str, _Odd] = {}
    for anomaly in came.anomalies:
        before = found.get(anomaly.id)
        found[anomaly.id] = _Odd(anomaly, _worse(before.severity, anomaly.severity) if before else anomaly.severity)
    return list(found.values())


def _worse(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=SEVERITIES.index)


def _unlike(each: IncidentExpected, life: _Seen, came: Came) -> list[str]:
    """What of an incident is not as it was described, in words."""
    incident, wrong = life.incident, []
    if not _within(each.from_, each.to, incident.started_at, came):
        wrong.append(f"it begins {_clock(incident.started_at, came)}")
    if not _holds(each.title, incident.title):
        wrong.append(f"its title does not hold {each.title!r}")
    first = incident.causes[0] if incident.causes else None
    if each.first_cause and (first is None or first.entity != each.first_cause):
        wrong.append(f"its first cause is {first.entity if first else 'not known'}")
    if each.cause and not _holds(each.cause, first.reason if first else ""):
        wrong.append(f"it says of its first cause: {first.reason if first else 'nothing'}")
    if missing := [entity for entity in each.entities if entity not in incident.entities]:
        wrong.append(f"{', '.join(missing)} is not in it; it has {', '.join(incident.entities)}")
    if each.severity and life.severity not in each.severity:
        wrong.append(f"its severity is {life.severity}")
    if not _holds(each.why, incident.why):
        wrong.append(f"why: {incident.why}")
    if each.change and not any(_holds(each.change, f"{one.said()} {one.summary}") for one in incident.changes):
        said = ", ".join(one.said() for one in incident.changes)
        wrong.append(f"its changes are: {said}" if said else "it names no change")
    if each.told_by is not None and life.told.timestamp() > placed(each.told_by, came.start):
        wrong.append(f"it is told {_clock(life.told, came)}")
    over = incident.resolved_at is not None and incident.resolved_at.timestamp() <= came.end
    if each.resolved is not None and each.resolved != over:
        wrong.append("it is not over before the input ends" if each.resolved else f"it is over: {incident.resolution}")
    return wrong


def _is_odd(each: AnomalyExpected, one: _Odd, came: Came) -> bool:
    anomaly = one.anomaly
    return (
        _within(each.from_, each.to, anomaly.started_at, came)
        and (not each.series or _of_series(each.series, anomaly))
        and each.entity in ("", anomaly.entity)
        and each.detector in ("", anomaly.detector)
        and each.head in ("", anomaly.head)
        and each.direction in (None, anomaly.direction)
        and (not each.severity or one.severity in each.severity)
        and _holds(each.summary, anomaly.summary)
    )


def _of_series(text: str, anomaly: Anomaly) -> bool:
    name, labels = series(text)
    return (not name or fnmatchcase(anomaly.name, name)) and all(
        fnmatchcase(anomaly.labels.get(label, ""), value) for label, value in labels.items()
    )


def _is_told(each: TellingExpected, told: Telling, came: Came) -> bool:
    return (
        _within(each.from_, each.to, told.at, came)
        and each.target in ("", told.target)
        and (not each.who or each.who in told.who.split(", "))
        and each.event in ("", told.event)
        and each.loud in (None, told.loud)
        and _holds(each.title, told.title)
        and _holds(each.reason, told.reason)
    )


def _holds(wanted: str, text: str) -> bool:
    return wanted.casefold() in text.casefold()


def _within(first: float | None, last: float | None, at: datetime, came: Came) -> bool:
    seconds = at.timestamp()
    after = first is None or seconds >= placed(first, came.start)
    return after and (last is None or seconds <= placed(last, came.start))


def _counted(each: Counted, found: int) -> str:
    """How many were expected, in words, if that is not how many there are; empty if it is."""
    if each.count is not None:
        return "" if found == each.count else f"{each.count:,}" if each.count else "no"
    if found < each.at_least:
        most = f" to {each.at_most:,}" if each.at_most is not None else " or more"
        return f"{each.at_least:,}{most}" if most != f" to {each.at_least:,}" else f"{each.at_least:,}"
    return f"at most {each.at_most:,}" if each.at_most is not None and found > each.at_most else ""


def _noun(each: Counted, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return noun if 1 in (each.count, each.at_most) else plural


def _of_incident(each: IncidentExpected, came: Came) -> str:
    names = ("title", "first_cause", "cause", "entities", "severity", "why", "change", "resolved")
    by = f" told by {_offset(each.told_by, came)}" if each.told_by is not None else ""
    return f"{_noun(each, 'incident')}{_between(each.from_, each.to, came, begins=True)}{by}{_words(each, names)}"


def _words(each: Counted, names: Sequence[str]) -> str:
    """What is described, as it stands in the file."""
    said = []
    for name in names:
        value = getattr(each, name)
        if value not in ("", None, []):
            text = (
                str(value).lower()
                if isinstance(value, bool)
                else ", ".join(value)
                if isinstance(value, list)
                else value
            )
            said.append(f"{name}: {text}")
    return f" with {'; '.join(said)}" if said else ""


def _between(first: float | None, last: float | None, came: Came, *, begins: bool = False) -> str:
    if begins and first is None and last is None:
        return ""
    ends = came.end - came.start if last is None else last
    words = f"between {_offset(first or 0.0, came)} and {_offset(ends, came)}"
    return f" {words}" if begins else words


def _came(count: int, noun: str, *, fits: bool = False) -> str:
    if not count:
        return "none came that fits" if fits else "none came"
    return f"{_many(count, noun)} came" + (" so" if fits else "")


def _instead(lines: Sequence[str], count: int, noun: str) -> tuple[str, ...]:
    more = count - _SHOWN
    if not lines:
        return (f"there was no {noun} at all",) if noun != "telling" else ("nobody would be told of anything",)
    return (*lines, f"and {more:,} more") if more > 0 else tuple(lines)


def _line(life: _Seen, came: Came) -> str:
    return f"{_clock(life.incident.started_at, came)}  {life.severity}  {life.incident.title}"


def _odd_line(one: _Odd, came: Came) -> str:
    anomaly = one.anomaly
    return (
        f"{_clock(anomaly.started_at, came)}  {anomaly.series} ({anomaly.head}, {anomaly.detector}): {anomaly.summary}"
    )


def _told_line(told: Telling, came: Came) -> str:
    who = f" ({told.who})" if told.who else ""
    loud = ", loud" if told.loud else ""
    return f"{_clock(told.at, came)}  {told.target}{who}: {told.event}{loud}  {told.title}: {told.reason}".rstrip(": ")


def _clock(at: datetime, came: Came) -> str:
    """When, since the start and by the clock: "4h2m (04:02)"."""
    return f"{_lasting(at.timestamp() - came.start)} ({at:%Y-%m-%d %H:%M:%S})"


def _offset(seconds: float, came: Came) -> str:
    return _lasting(placed(seconds, came.start) - came.start)


def _lasting(seconds: float) -> str:
    whole = round(abs(seconds))
    parts = ((whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    text = "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
    return f"-{text}" if seconds < 0 and whole else text


def _many(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
