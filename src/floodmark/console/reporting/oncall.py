"""The week of whoever is on call: what came, what was noise, how fast somebody was there, nights, what to mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from floodmark.actions import Action
from floodmark.alerts import SEVERITIES
from floodmark.console.reporting.document import Report, ReportBar, Section, Table
from floodmark.console.reporting.phrases import SENTENCE, beside, lasted, listed, named, share, was
from floodmark.console.reporting.reading import WEEK, Fate, Known, Told, middle, ninth, ranked, told
from floodmark.console.reporting.weeks import Week
from floodmark.terminal.deeds import brief
from floodmark.terminal.words import clock, many, safe

_MOST: Final = 10
_NIGHT: Final = (22, 7)
"""Hours, by the clocks of whom it wakes."""


def oncall(known: Known, week: Week) -> Report:
    """The report for whoever is on call."""
    now, before = told(known, week), told(known, week.before())
    sections = [
        _what_came(now, before), _where(now), _noise(known, now, before), _budget(known, now, before),
        _how_fast(now, before), _nights(known, week), _loudest(now), _muted(known, week, now), _right(now, before),
        _open(now), _next(known, now),
    ]  # fmt: skip
    return Report(title="The week on call", period=week.said(), sections=sections)


def _what_came(now: Told, before: Told) -> Section:
    count, earlier = len(now.fates), len(before.fates)
    if not count:
        return Section(
            heading="What came",
            paragraphs=[f"No incident began in this week{beside(0, earlier, before.known)}. " + _odd(now, before)],
        )
    worst = max(now.fates, key=lambda each: (SEVERITIES.index(each.severity), each.incident.member_count))
    by, then = Counter(each.severity for each in now.fates), Counter(each.severity for each in before.fates)
    levels = [level for level in reversed(SEVERITIES) if by[level] or then[level]]
    rows = [[level, f"{by[level]:,}", was(then[level], before.known)] for level in levels]
    return Section(
        heading="What came",
        paragraphs=[
            f"{many(count, 'incident')} began in this week{beside(count, earlier, before.known)}. {_odd(now, before)}",
            f"The worst: {safe(worst.incident.title, SENTENCE)} ({worst.severity}, "
            f"{clock(worst.incident.started_at)} UTC, {named(worst.incident.id)}).",
        ],
        table=Table(columns=["Severity", "Incidents", "The week before"], rows=rows),
        bars=[ReportBar(label=level, value=by[level], of=count) for level in reversed(SEVERITIES) if by[level]],
    )


def _odd(now: Told, before: Told) -> str:
    count = now.odd_count()
    return f"{many(count, 'anomaly')} began{beside(count, before.odd_count(), before.known)}."


def _where(now: Told) -> Section:
    by = Counter(_service(each) for each in now.fates)
    rows = []
    for service, count in ranked(by, _MOST):
        own = [each for each in now.fates if _service(each) == service]
        levels = Counter(each.severity for each in own)
        said = ", ".join(f"{levels[level]:,} {level}" for level in reversed(SEVERITIES) if levels[level])
        spent = sum(each.resolved or 0.0 for each in own)
        rows.append([named(service), f"{count:,}", said, lasted(spent)])
    more = len(by) - len(rows)
    return Section(
        heading="Where it began",
        paragraphs=[
            "Each incident stands under the service that is its first cause."
            + (f" {many(more, 'service')} with fewer are left out." if more > 0 else "")
            if rows
            else "Nowhere."
        ],
        table=Table(columns=["Service", "Incidents", "Of these", "Open for, in all"], rows=rows) if rows else None,
    )


def _service(fate: Fate) -> str:
    incident = fate.incident
    return incident.causes[0].entity if incident.causes else (incident.entities or ["unknown"])[0]


def _noise(known: Known, now: Told, before: Told) -> Section:
    noisy, then = [each for each in now.fates if _idle(each)], [each for each in before.fates if _idle(each)]
    dismissed = sum(each.dismissed for each in now.fates)
    after = sum(each.after and not each.dismissed for each in now.fates)
    if not now.fates:
        return Section(heading="What was noise", paragraphs=["Nothing came, so nothing was noise."])
    said = [
        f"{len(noisy):,} of {len(now.fates):,} were noise ({share(len(noisy), len(now.fates))})"
        f"{beside(len(noisy), len(then), before.known)}: {dismissed:,} somebody dismissed as no anomaly, "
        f"{after:,} were over before they were told."
    ]
    if not known.actions:
        said.append("Nobody has done anything to incidents, so what people made of them is not known.")
    rows = [[clock(each.incident.started_at), safe(each.incident.title, SENTENCE), _why_noise(each),
             named(each.incident.id)] for each in noisy[:_MOST]]  # fmt: skip
    return Section(
        heading="What was noise",
        paragraphs=said,
        table=Table(columns=["Since (UTC)", "Incident", "Why", "Id"], rows=rows) if rows else None,
    )


def _idle(fate: Fate) -> bool:
    return fate.dismissed or fate.after


def _why_noise(fate: Fate) -> str:
    return "dismissed" if fate.dismissed else "over before it was told"


def _budget(known: Known, now: Told, before: Told) -> Section:
    setting = known.setting
    scopes = len({each.incident.scope for each in now.fates}) or 1
    allowed, false = setting.false_incidents * scopes, sum(each.dismissed for each in now.fates)
    earlier = sum(each.dismissed for each in before.fates)
    kept = "kept" if false <= max(1.0, allowed) else "exceeded"
    said = [
        f"correlate.false_incidents allows {allowed:.3g} a week by chance "
        f"({many(scopes, 'scope')}). {false:,} were dismissed{beside(false, earlier, before.known)}: "
        f"the budget is {kept}. "
        f"Of the {len(now.fates):,} that were told, what nobody dismisses is taken to be true."
    ]
    bars = [ReportBar(label="dismissed, of those allowed", value=false, of=max(allowed, 1.0))]
    if setting.series:
        most = setting.series * setting.false_alarms
        said.append(
            f"{setting.series:,.0f} series may alarm {setting.false_alarms:.3g} times each in a week by chance: "
            f"{most:,.0f} in all. {_odd(now, before)}"
        )
        bars.append(ReportBar(label="anomalies, of those allowed", value=now.odd_count(), of=max(most, 1.0)))
    else:
        said.append(
            f"Each series may alarm {setting.false_alarms:.3g} times in a week by chance; how many series are watched "
            "is not known here, so alarms cannot be held against it."
        )
    return Section(heading="Was the budget kept", paragraphs=said, bars=bars)


def _how_fast(now: Told, before: Told) -> Section:
    rows = []
    for words, what in (("until somebody took it", "taken"), ("until it was over", "resolved")):
        here = [value for each in now.fates if (value := getattr(each, what)) is not None]
        then = [value for each in before.fates if (value := getattr(each, what)) is not None]
        rows.append([words, f"{len(here):,}", lasted(middle(here)), lasted(ninth(here)), lasted(middle(then)),
                     lasted(ninth(then))])  # fmt: skip
    untaken = [each for each in now.fates if not each.by and not _idle(each)]
    said = ["Counted from when an incident was told first. The median, and what nine of ten stayed below."]
    if now.fates:
        said.append(
            f"{len(untaken):,} of {len(now.fates):,} were taken by nobody (without those that were noise)."
            if untaken
            else "Somebody took each of them."
        )
    columns = ["Time", "Incidents", "Median", "9 of 10", "Median, week before", "9 of 10, week before"]
    return Section(heading="How fast somebody was there", paragraphs=said, table=Table(columns=columns, rows=rows))


def _nights(known: Known, week: Week) -> Section:
    heading, setting = "Nights", known.setting
    pages = [each for each in known.deliveries if each.result == "delivered" and week.holds(each.at)]
    if not setting.targets:
        return Section(heading=heading, paragraphs=["The config names no people, so nobody's nights are known."])
    by, night = Counter[str](), Counter[str]()
    for each in pages:
        for person in setting.targets.get(each.target, ()):
            by[person] += 1
            night[person] += _at_night(each.at, setting.timezones.get(person, "UTC"))
    rows = [
        [named(person), named(setting.timezones.get(person, "UTC")), f"{by[person]:,}", f"{night[person]:,}"]
        for person in sorted(setting.timezones, key=lambda each: (-night[each], each))
    ]
    total = sum(night.values())
    return Section(
        heading=heading,
        paragraphs=[
            f"{many(total, 'message')} reached people between {_NIGHT[0]}:00 and {_NIGHT[1]:02}:00 by their own clocks."
            if total
            else "Nobody was told anything at night.",
            "Of each incident and way of telling, the newest message is known: a repeated page counts once.",
        ],
        table=Table(columns=["Person", "Timezone", "Messages", "At night"], rows=rows),
        bars=[ReportBar(label=named(person), value=night[person], of=max(1, by[person])) for person in sorted(by)]
        or None,
    )


def _at_night(at: datetime, timezone: str) -> bool:
    hour = at.astimezone(ZoneInfo(timezone)).hour
    return hour >= _NIGHT[0] or hour < _NIGHT[1]


def _loudest(now: Told) -> Section:
    services, series = Counter[str](), Counter[tuple[str, str]]()
    for each in now.odd:
        services[each.entity] += each.times
        series[each.entity, each.name] += each.times
    total = services.total()
    if not total:
        return Section(heading="What was loudest", paragraphs=["Nothing was odd."])
    rows = [
        [named(entity), named(name), f"{count:,}", share(count, total)]
        for (entity, name), count in sorted(series.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]
    ]
    return Section(
        heading="What was loudest",
        paragraphs=[
            f"Services by how many anomalies began: {_counts(ranked(services, 5))}. "
            "Below, the series: one that is loud every week wants a look at its detector."
        ],
        table=Table(columns=["Service", "Series", "Anomalies", "Share"], rows=rows),
        bars=[ReportBar(label=named(name), value=count, of=total) for name, count in ranked(services, 5)],
    )


def _counts(pairs: list[tuple[str, int]]) -> str:
    return listed([f"{named(name)} ({count:,})" for name, count in pairs], 5)


def _muted(known: Known, week: Week, now: Told) -> Section:
    rows = []
    undone = {each.args.undoes for each in known.of_all if each.verb in ("unsilence", "unmaintain")}
    for each in known.of_all:
        if each.verb not in ("silence", "maintain") or each.args.until is None:
            continue
        since = each.args.since or each.at
        if since >= week.end or each.args.until <= week.start:
            continue
        end = "taken back" if each.id in undone else clock(each.args.until)
        rows.append([safe(brief(each), SENTENCE), named(each.by), clock(since), end, safe(each.reason, SENTENCE)])
    dropped = [each for each in known.deliveries if each.result == "dropped" and week.holds(each.at)]
    snoozed = sum(any(a.verb == "snooze" for a in _deeds(known, each)) for each in now.fates)
    said = [
        (
            f"{len(rows):,} {'silence or maintenance' if len(rows) == 1 else 'silences and maintenances'} held. "
            if rows
            else "Nothing was silenced. "
        )
        + f"{many(len(dropped), 'message')} "
        + ("was" if len(dropped) == 1 else "were")
        + f" not sent for them or for a newer one, and {many(snoozed, 'incident')} "
        + ("was" if snoozed == 1 else "were")
        + " snoozed."
    ]
    columns = ["What", "By", "Since (UTC)", "Until (UTC)", "Why"]
    return Section(
        heading="What was silenced", paragraphs=said, table=Table(columns=columns, rows=rows[:_MOST]) if rows else None
    )


def _deeds(known: Known, fate: Fate) -> Iterator[Action]:
    return (action for _, action in known.actions.get(fate.incident.id, ()))


def _right(now: Told, before: Told) -> Section:
    def count(week: Told, verdict: str) -> int:
        return sum(each.verdict == verdict for each in week.fates)

    good, wrong, none = (count(now, each) for each in ("good_catch", "wrong_cause", ""))
    if not now.fates:
        return Section(heading="Were we right", paragraphs=["There was nothing to be right about."])
    said = (
        f"People said “good catch” of {good:,}{beside(good, count(before, 'good_catch'), before.known)} and "
        f"“wrong cause” of {wrong:,}{beside(wrong, count(before, 'wrong_cause'), before.known)}. "
        f"{none:,} have no verdict."
    )
    if not good + wrong:
        said += " A verdict is one click or `floodmark act good_catch`, and is what the weights of causes learn from."
    of = len(now.fates)
    return Section(
        heading="Were we right",
        paragraphs=[said],
        bars=[
            ReportBar(label="good catches", value=good, of=of),
            ReportBar(label="wrong causes", value=wrong, of=of),
            ReportBar(label="unanswered", value=none, of=of),
        ],
    )


def _open(now: Told) -> Section:
    going = [each for each in now.fates if each.incident.resolved_at is None]
    rows = [[clock(each.incident.started_at), each.severity, safe(each.incident.title, SENTENCE),
             named(each.by) or "nobody", named(each.incident.id)] for each in going[:_MOST]]  # fmt: skip
    columns = ["Since (UTC)", "Severity", "Incident", "Who has it", "Id"]
    return Section(
        heading="What goes on",
        paragraphs=[f"{many(len(going), 'incident')} of this week went on at its last word." if going
                    else "Nothing of this week goes on."],
        table=Table(columns=columns, rows=rows) if rows else None,
    )  # fmt: skip


def _next(known: Known, now: Told) -> Section:
    """What follows from the numbers. Each is a sentence with what to do."""
    said = []
    again = [pair for pair in ranked(Counter(_service(each) for each in now.fates), 3) if pair[1] >= 3]
    if again:
        said.append(f"Look for what comes again: incidents began in {_counts(again)}.")
    noisy = Counter(_service(each) for each in now.fates if each.dismissed)
    if noisy:
        said.append(
            f"Mend what is dismissed: {_counts(ranked(noisy, 3))}. `floodmark backtest` shows what a smaller budget "
            "of its detector would have meant."
        )
    series = Counter[str]()
    for odd in now.odd:
        series[odd.series] += odd.times
    total = series.total()
    if total >= 20 and (loud := ranked(series, 1)[0])[1] > total / 4:
        said.append(f"One series brings {share(loud[1], total)} of all that was odd: {named(loud[0])}.")
    untaken = [each for each in now.fates if not each.by and not _idle(each) and each.severity in ("error", "critical")]
    if untaken and known.actions:
        said.append(f"{many(len(untaken), 'severe incident')} had nobody: does a route lead to whom it concerns?")
    wrong = [each for each in now.fates if each.verdict == "wrong_cause"]
    if wrong:
        said.append(
            f"Say who calls whom where the cause was wrong: {listed([named(each.incident.id) for each in wrong])}."
        )
    silent = [each for each in now.fates if not each.verdict]
    if silent and len(silent) == len(now.fates):
        said.append("Give a verdict on the worst three: without any, nothing says how often the causes are right.")
    forever = [
        each for each in known.of_all
        if each.verb == "silence" and each.args.until is not None and each.args.until > now.week.end
        and (each.args.until - each.at).total_seconds() > WEEK and each.at < now.week.end
    ]  # fmt: skip
    if forever:
        said.append(
            f"Of more than a week, and still to go on: {many(len(forever), 'silence')}. Is what they hide mended?"
        )
    return Section(heading="What to do next week", paragraphs=said or ["Nothing that these numbers would say."])
