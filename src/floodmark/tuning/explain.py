"""Why a point alarmed, or why it did not: what each head made of it, and every rule that had a say, in words."""

from __future__ import annotations

import difflib
import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from floodmark.alerts import Anomaly, Evidence
from floodmark.config.models import Config, Detector
from floodmark.detect.anomalies import Support, odds, rarity, say, span
from floodmark.detect.feedback import Feedback
from floodmark.detect.model import Judgement, Reason
from floodmark.detect.schedules import Why
from floodmark.detect.series import Series
from floodmark.detect.watched import Bar, Watched
from floodmark.tuning.recording import Recording, fits, shown
from floodmark.tuning.trace import follow, main_band
from floodmark.units import number

_CANDIDATES: Final = 8
_SEASONS: Final = {
    "": "the level of late; no season foretells it better",
    "daily": "what the time of day adds to the level",
    "weekly": "what the hour of the week adds to the level",
}
_HELD: Final = {"quiet": "Quiet hours of the detector hold", "maintenance": "Maintenance holds"}


class ExplainError(Exception):
    """Why there is nothing to explain, in a sentence."""


class Moment(NamedTuple):
    """A point, as it was judged before anything followed from it.

    `head` found it oddest and says `sentence`; `alpha` is the level that the combined p-value must be below; `band` is
    that of the first head, to be drawn. `seen` points were learned before, `alarm` was open, `quiet` is after how many
    seconds without an odd point it would be over. `bar` and `why` keep an alarm from opening; `calmer` is what
    feedback has divided `alpha` by.
    """

    judgement: Judgement
    reasons: list[Reason]
    band: tuple[float, float, float]
    head: str
    sentence: str
    alpha: float
    budgeted: float
    seen: int
    support: Support
    alarm: Anomaly | None
    quiet: float
    bar: Bar | None
    why: Why | None
    calmer: float


class Explanation(NamedTuple):
    """The last moments of a series, oldest first, the last of which is explained; and its anomalies so far."""

    series: Series
    detector: Detector
    moments: Sequence[Moment]
    anomalies: list[Anomaly]

    @property
    def last(self) -> Moment:
        return self.moments[-1]


def explain(
    config: Config, recording: Recording, pattern: str, at: float, feedback: Feedback | None = None
) -> Explanation:
    """Run the recording up to `at`, epoch seconds, and keep the last `detect.evidence` moments of the series meant.

    Raises ExplainError if the pattern does not mean exactly one series, or this one was not judged.
    """
    said = feedback or Feedback()
    moments: dict[str, deque[Moment]] = {}
    heard: dict[str, Series] = {}
    detectors: dict[str, Detector] = {}

    def witness(watched: Watched, judgement: Judgement, why: Why | None) -> None:
        heard.setdefault(watched.series.key, watched.series)
        if fits(pattern, watched.series):
            detectors[watched.series.key] = watched.detector
            kept = moments.setdefault(watched.series.key, deque(maxlen=config.detect.evidence))
            time = judgement.context.time
            calmer = said.calmer(watched.series.key, judgement.direction, time)
            kept.append(_moment(watched, judgement, why, calmer))

    anomalies = list(follow(config, recording, lambda series: fits(pattern, series), witness, at, said))
    metrics = {each.key: each for each in recording.series}  # also those that no detector watches
    series = _meant(pattern, [*metrics.values(), *(each for key, each in heard.items() if key not in metrics)], at)
    if series.key not in moments:
        raise ExplainError(f"{series.key} was not judged: it had no number up to then, or its detector is not enabled.")
    own = [each for each in anomalies if each.series == series.key]
    return Explanation(series, detectors[series.key], moments[series.key], own)


def expectation(explanation: Explanation) -> str:
    """What was expected of the point, and from where."""
    if not explanation.last.seen:
        return "nothing yet: it is the first point"
    judgement, series = explanation.last.judgement, explanation.series
    return f"{number(judgement.context.expected, series.unit, series.name)}, from {_SEASONS[judgement.season]}"


def verdict(explanation: Explanation) -> list[str]:
    """Whether an alarm opened at the point, was open, or why none opened: each rule that had a say, a sentence."""
    moment = explanation.last
    at = moment.judgement.context.time
    now = [each.event for each in explanation.anomalies if each.updated_at.timestamp() == round(at, 3)]
    if moment.alarm is not None:
        first = moment.alarm
        said = [
            "An alarm was open already.",
            f"Opened at {shown(first.started_at.timestamp())} by {first.head}: {first.summary}.",
            "With this point it closed."
            if "closed" in now
            else f"It stays open until nothing was odd for {span(moment.quiet)} (refractory).",
        ]
        return said + _since(explanation)
    if any(each.event == "opened" and each.started_at.timestamp() == round(at, 3) for each in explanation.anomalies):
        return ["An alarm opened with this point.", *_since(explanation)]
    return ["No alarm opened.", *_why_not(explanation, moment), *_since(explanation)]


def _moment(watched: Watched, judgement: Judgement, why: Why | None, calmer: float) -> Moment:
    model, alpha = watched.model, watched.alpha / calmer
    band = model.band(judgement, alpha) if judgement.deviations else (math.nan,) * 3
    head, sentence = "", "no head finds the point odd"
    again = watched.alarms_of_late > (watched.alarm is not None) or model.partly
    support = Support(model.seen, model.looks(judgement) if judgement.deviations else model.seen, again)
    if judgement.p_value < 1:
        head, observed, outlook = model.head(judgement), model.observed(judgement), model.outlook(judgement)
        sentence = say(watched.told, head, judgement, observed, band, Evidence(), support, outlook)
    return Moment(
        judgement=judgement,
        reasons=model.reasons(judgement, alpha),
        band=main_band(watched, judgement),
        head=head,
        sentence=sentence,
        alpha=alpha,
        budgeted=watched.budgeted,
        seen=model.seen,
        support=support,
        alarm=watched.alarm.first if watched.alarm is not None else None,
        quiet=watched.quiet,
        bar=watched.barred(judgement) if head else None,
        why=why,
        calmer=calmer,
    )


def _why_not(explanation: Explanation, moment: Moment) -> list[str]:
    judgement, detector = moment.judgement, explanation.detector
    said = []
    if moment.seen < detector.warmup:
        said.append(f"Warm-up: {moment.seen} points were learned before it, and warmup is {detector.warmup}.")
    if judgement.p_value >= moment.alpha:
        rule, whose = "Level", "the budget allows"
        if judgement.p_value < moment.alpha * moment.calmer:
            rule, whose = "Feedback", f"is the budget's divided by {moment.calmer:g}, for what people have said"
        said.append(
            f"{rule}: p = {judgement.p_value:.2g} ({rarity(judgement.p_value, moment.support)}) is not below "
            f"{moment.alpha:.2g} ({odds(moment.alpha)}), which {whose}."
        )
        if moment.alpha * moment.calmer <= judgement.p_value < moment.budgeted:
            said.append(
                f"Too many: it is below the budget's own {moment.budgeted:.2g}, but the series has alarmed so often in "
                "the last two weeks that it must be odder now."
            )
        return said
    if moment.bar == "direction":
        wanted = detector.direction if detector.direction != "both" else explanation.series.worse
        said.append(f"Direction: it deviates {judgement.direction}wards, and only {wanted} may alarm (direction).")
    if moment.bar == "min_deviation":
        guard = detector.min_deviation
        said.append(
            f"Guard: it is too near to what was expected (min_deviation: absolute {guard.absolute:g}, "
            f"relative {guard.relative:g})."
        )
    if moment.why is not None:
        said.append(f"{_HELD[moment.why]}: what is still odd after them opens then.")
    return said


def _since(explanation: Explanation) -> list[str]:
    """What was told after the point, up to the time that was asked for: that nothing came any more."""
    at = round(explanation.last.judgement.context.time, 3)
    later = [each for each in explanation.anomalies if each.updated_at.timestamp() > at and each.event != "updated"]
    return [f"Then, at {shown(each.updated_at.timestamp())}, it {each.event}: {each.summary}." for each in later]


def _meant(pattern: str, known: Sequence[Series], at: float) -> Series:
    series = {each.key: each for each in known}
    if pattern in series:
        return series[pattern]
    matched = [key for key, each in series.items() if fits(pattern, each)]
    if len(matched) == 1:
        return series[matched[0]]
    if matched:
        shown_keys = sorted(matched)[:_CANDIDATES]
        more = f"\n  and {len(matched) - len(shown_keys):,} more" if len(matched) > len(shown_keys) else ""
        raise ExplainError(f"{pattern} means {len(matched):,} series; name one of them:{_listed(shown_keys)}{more}")
    near = difflib.get_close_matches(pattern, series, _CANDIDATES, 0.3)
    nearest = f" The nearest are:{_listed(near)}" if near else ""
    raise ExplainError(f"None of the {len(series):,} series heard of until {shown(at)} is {pattern}.{nearest}")


def _listed(keys: Sequence[str]) -> str:
    return "".join(f"\n  {key}" for key in keys)
