"""The week of those who make models: how each version does, how late labels are, what drifts, what was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from floodmark.alerts import ChangeNotice, Incident
from floodmark.console.reporting.document import Report, ReportBar, Section, Table
from floodmark.console.reporting.phrases import NOTHING, SENTENCE, beside, lasted, listed, named
from floodmark.console.reporting.reading import Fate, Known, Told, told
from floodmark.console.reporting.weeks import Week
from floodmark.reports import ModelMetric, ModelReport
from floodmark.requests import ModelRequest
from floodmark.terminal.words import clock, many, safe

_MOST: Final = 20
_SLACK: Final = 0.05
"""Share of its reference by which a metric without an interval may be off."""


def ml(known: Known, week: Week) -> Report:
    """The report for those who make models."""
    now, before = told(known, week), told(known, week.before())
    newest, then = _newest(known.reports, week), _newest(known.reports, week.before())
    models = {each.model for each in known.reports} | {
        odd.entity for odd in (*now.odd, *before.odd) if odd.signal == "prediction"
    }
    sections = [
        _in_short(newest, now, models), _metrics(newest, then), _labels(newest), _drift(known, newest, week),
        _incidents(now, before, models), _requests(known, week), _next(newest, now, models, known, week),
    ]  # fmt: skip
    return Report(title="The week of the models", period=week.said(), sections=sections)


def _newest(reports: Iterable[ModelReport], week: Week) -> dict[str, ModelReport]:
    """Of each version the last report of a week."""
    found: dict[str, ModelReport] = {}
    for each in sorted(reports, key=lambda report: report.time):
        if week.holds(each.time):
            found[each.key()] = each
    return dict(sorted(found.items()))


def _in_short(newest: dict[str, ModelReport], now: Told, models: set[str]) -> Section:
    heading = "In short"
    if not newest and not models:
        return Section(
            heading=heading,
            paragraphs=["No model was watched in this week: no predictions came, or nothing is set under `models`."],
        )
    worse = [f"{named(key)} ({', '.join(named(each.name) for each in bad)})" for key, bad in _worse(newest).items()]
    count = len(_of_models(now.fates, models))
    return Section(
        heading=heading,
        paragraphs=[
            f"{many(len({each.model for each in newest.values()}), 'model')} in {many(len(newest), 'version')}. "
            + (f"Worse than their reference: {listed(worse, 5)}. " if worse else "None is worse than its reference. ")
            + f"{many(count, 'incident')} concerned models."
            if newest
            else f"No reports of models came in this week; {many(count, 'incident')} concerned models."
        ],
    )


def _worse(newest: dict[str, ModelReport]) -> dict[str, list[ModelMetric]]:
    """The metrics that are beyond chance worse than their reference, by version."""
    found = {key: [metric for metric in each.metrics if _is_worse(metric)] for key, each in newest.items()}
    return {key: bad for key, bad in found.items() if bad}


def _is_worse(metric: ModelMetric) -> bool:
    """Beyond its interval; without one, by more than a twentieth."""
    reference = metric.reference
    if reference is None:
        return False
    slack = abs(reference) * _SLACK
    if metric.better == "higher":
        return metric.high < reference if metric.high is not None else metric.value < reference - slack
    return metric.low > reference if metric.low is not None else metric.value > reference + slack


def _metrics(newest: dict[str, ModelReport], then: dict[str, ModelReport]) -> Section:
    rows = []
    for key, report in newest.items():
        old = {each.name: each.value for each in then[key].metrics} if key in then else {}
        for metric in report.metrics:
            interval = f"{metric.low:.4g} to {metric.high:.4g}" if None not in (metric.low, metric.high) else NOTHING
            rows.append([
                named(key), named(metric.name), f"{metric.value:.4g}", interval, _or_dash(metric.reference),
                _or_dash(old.get(metric.name)), f"{metric.count:,}", "worse" if _is_worse(metric) else "as it was"
                if metric.reference is not None else "no reference yet",
            ])  # fmt: skip
    columns = ["Version", "Metric", "Value", "95 % interval", "Reference", "The week before", "Labelled", "So it is"]
    return Section(
        heading="How good they are",
        paragraphs=[
            "The last report of the week. “Worse” is said only where the interval lies beyond the reference; without "
            "one, where it is off by more than a twentieth."
            if rows
            else "No metrics: labels have not come, or their reference is not full yet."
        ],
        table=Table(columns=columns, rows=rows) if rows else None,
    )


def _or_dash(value: float | None) -> str:
    return f"{value:.4g}" if value is not None else NOTHING


def _labels(newest: dict[str, ModelReport]) -> Section:
    rows = [
        [named(key), lasted(each.delays.get("p50")), lasted(each.delays.get("p90")), lasted(each.delays.get("p99")),
         f"{each.pending:,}", f"{each.expired:,}", f"{each.reference:.0%}"]
        for key, each in newest.items()
    ]  # fmt: skip
    columns = ["Version", "Half within", "9 of 10 within", "99 of 100 within", "Waiting", "Given up", "Reference full"]
    return Section(
        heading="How late labels are",
        paragraphs=["What is measured of the newest hours lacks the labels that are still on their way."]
        if rows
        else ["Nothing is known of labels."],
        table=Table(columns=columns, rows=rows) if rows else None,
    )


def _drift(known: Known, newest: dict[str, ModelReport], week: Week) -> Section:
    """Features that were odd in any report of the week, with how they are in its last."""
    days: Counter[tuple[str, str]] = Counter()
    for each in known.reports:
        if week.holds(each.time):
            days.update((each.key(), feature.name) for feature in each.features if feature.odd)
    rows = []
    for key, report in newest.items():
        rows += [
            [named(key), named(each.name), named(each.statistic), f"{each.value:.3g}",
             "still" if each.odd else "no more", f"{each.missing:.1%}"]
            for each in report.features if each.odd or days[key, each.name]
        ]  # fmt: skip
    total = sum(len(each.features) for each in newest.values())
    return Section(
        heading="What drifted",
        paragraphs=[
            f"{len(rows):,} of {many(total, 'feature')} were odd against their reference in this week."
            if total
            else "No features are reported."
        ],
        table=Table(columns=["Version", "Feature", "Statistic", "Value", "Odd", "Missing"], rows=rows[:_MOST])
        if rows
        else None,
        bars=[ReportBar(label="odd, of all features", value=len(rows), of=total)] if total else None,
    )


def _of_models(fates: list[Fate], models: set[str]) -> list[Fate]:
    return [each for each in fates if _concerns(each.incident, models)]


def _concerns(incident: Incident, models: set[str]) -> bool:
    return bool(models.intersection(incident.entities)) or any(each.signal == "prediction" for each in incident.members)


def _incidents(now: Told, before: Told, models: set[str]) -> Section:
    own, then = _of_models(now.fates, models), _of_models(before.fates, models)
    rows = [[clock(each.incident.started_at), each.severity, safe(each.incident.title, SENTENCE),
             lasted(each.resolved) if each.resolved is not None else "goes on", named(each.incident.id)]
            for each in own[:_MOST]]  # fmt: skip
    return Section(
        heading="Incidents of models",
        paragraphs=[f"{many(len(own), 'incident')}{beside(len(own), len(then), before.known)}."],
        table=Table(columns=["Since (UTC)", "Severity", "Incident", "Open for", "Id"], rows=rows) if rows else None,
    )


def _requests(known: Known, week: Week) -> Section:
    own = sorted((each for each in known.requests if week.holds(each.at)), key=lambda each: each.at)
    rows = [
        [clock(each.at), each.kind, named(each.model + (f"@{each.version}" if each.version else "")), named(each.by),
         safe(each.why, SENTENCE), _came(each, known.changes)]
        for each in own
    ]  # fmt: skip
    columns = ["When (UTC)", "Asked", "Model", "By", "Why", "What came of it"]
    return Section(
        heading="What was asked for",
        paragraphs=[f"{many(len(own), 'request')}." if own else "Nobody asked for anything."],
        table=Table(columns=columns, rows=rows[:_MOST]) if rows else None,
    )


def _came(request: ModelRequest, changes: Iterable[ChangeNotice]) -> str:
    """The run that it started is called by it; else whatever next changed the model."""
    run = f"floodmark-{request.id}"
    of_run = [each for each in changes if run in (each.version, each.id) or run in each.summary or run in each.url]
    if of_run:
        last = max(of_run, key=lambda each: each.time)
        return f"{safe(last.said(), SENTENCE)}, {clock(last.time)}"
    later: list[tuple[datetime, ChangeNotice]] = [
        (each.time, each) for each in changes if each.service == request.model and each.time >= request.at
    ]
    if not later:
        return "nothing that is known"
    time, change = min(later, key=lambda pair: pair[0])
    return f"then: {safe(change.said(), SENTENCE)}, {clock(time)}"


def _next(newest: dict[str, ModelReport], now: Told, models: set[str], known: Known, week: Week) -> Section:
    said = []
    asked = {each.model for each in known.requests if week.holds(each.at)}
    bad = [key for key in _worse(newest) if newest[key].model not in asked]
    if bad:
        said.append(
            f"{listed([named(key) for key in bad])}: worse than the reference, and nobody has asked for anything. "
            "`floodmark models retrain` does, or a rollback."
        )
    late = [key for key, each in newest.items() if each.expired]
    if late:
        said.append(f"Labels of {listed([named(key) for key in late])} come too late for their window, or not at all.")
    empty = [key for key, each in newest.items() if each.reference < 1 and each.time > week.start]
    if empty:
        said.append(f"{listed([named(key) for key in empty])}: the reference is not full yet, so drift is not judged.")
    going = [each for each in _of_models(now.fates, models) if each.resolved is None]
    if going:
        said.append(f"{many(len(going), 'incident')} of models went on at the last word.")
    return Section(heading="What to do next week", paragraphs=said or ["Nothing that these numbers would say."])
