"""What a test describes, as native events in the order of their times. By its seeds it is the same everywhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from floodmark.config.trials import (
    AlertGiven,
    ChangeGiven,
    Course,
    Feature,
    LogsGiven,
    Outage,
    PredictionsGiven,
    Sampled,
    SeriesGiven,
    Step,
    Trial,
    Worse,
)
from floodmark.records import Record
from floodmark.signals import SignalName
from floodmark.trials.notation import MOST, series, values

_MOMENT: Final = 1e8
"""Offsets above it are epoch seconds."""


class Event(NamedTuple):
    """A native event. `order` keeps those of one time in the order in which they are described."""

    time: float
    order: int
    signal: SignalName
    body: dict[str, Any]


def placed(offset: float, start: float) -> float:
    """Epoch seconds of a time that is since the start, or a moment."""
    return offset if offset >= _MOMENT else start + offset


def topic(signal: SignalName) -> str:
    """Where what is described comes in."""
    return f"described:{signal}"


def events(test: Trial, start: float) -> list[Event]:
    """All that a test describes. Raises ValueError with what cannot be read."""
    found: list[Event] = []
    until = start + test.for_
    for order, given in enumerate(test.input):
        for time, signal, body in (
            *(_series(given.series, start, until) if given.series else ()),
            *(_logs(given.logs, start, until) if given.logs else ()),
            *(_predictions(given.predictions, start, until) if given.predictions else ()),
            *(_change(given.change, start) if given.change else ()),
            *(_alert(given.alert, start) if given.alert else ()),
        ):
            found.append(Event(time, order, signal, {"timestamp": round(time, 3), **body}))
    found.sort(key=lambda event: event[:2])
    return found


def records(found: Iterable[Event]) -> Iterator[tuple[float, Record]]:
    """The events as records, each with its time; they are here as soon as they happen."""
    offsets: dict[str, int] = {}
    for event in found:
        where = topic(event.signal)
        offset = offsets.get(where, 0)
        offsets[where] = offset + 1
        value = msgspec.json.encode(event.body)
        yield event.time, Record(where, 0, offset, round(event.time * 1000), None, value)


def _series(given: SeriesGiven, start: float, until: float) -> Iterator[tuple[float, SignalName, dict[str, Any]]]:
    name, labels = series(given.name)
    body: dict[str, Any] = {"name": name, "labels": labels | given.labels}
    if given.kind:
        body["kind"] = given.kind
    if given.unit:
        body["unit"] = given.unit
    total, grows = 0.0, given.kind == "counter" and not given.values
    for time, value in _sampled(given, given.name, start, until):
        shown: float | None = value
        if grows and not math.isnan(value):
            total += max(value, 0.0) * given.every
            shown = total
        yield time, "metric", body | {"value": None if math.isnan(value) else shown}


def _logs(given: LogsGiven, start: float, until: float) -> Iterator[tuple[float, SignalName, dict[str, Any]]]:
    number = 0
    counted = given if given.values or given.level is not None else given.model_copy(update={"level": 1.0})
    for time, value in _sampled(counted, given.body, start, until):
        lines = 0 if math.isnan(value) else max(0, round(value))
        for line in range(min(lines, _LINES)):
            number += 1
            more = lines - _LINES if line == _LINES - 1 else 0
            at = time + given.every * line / min(lines, _LINES)
            body = {"body": given.body.replace("{n}", str(number)), "severity": given.severity, "labels": given.labels}
            yield at, "log", body | ({"count": 1 + more} if more > 0 else {})


_LINES: Final = 100
"""Lines of an interval that are written out; the last stands for the rest."""


def _predictions(
    given: PredictionsGiven, start: float, until: float
) -> Iterator[tuple[float, SignalName, dict[str, Any]]]:
    chance = random.Random(f"{given.seed}:{given.model}@{given.version}")
    first, end = _span(given.at, given.for_, start, until)
    courses = {name: _feature(name, each, given, start) for name, each in given.features.items()}
    no, yes = given.classes
    for number, time in enumerate(_times(first, end, given.every)):
        truth = chance.random() < given.positive
        wrong = chance.random() < _error(given.error, given.worse, time, start)
        features = {name: course(number, time) for name, course in courses.items()}
        if _out(given.outages, time, start):
            continue
        said = truth != wrong
        name = f"{given.model}-{given.version}-{number}"
        about = {"model": given.model, "prediction_id": name}
        score = 0.9 if said else 0.1
        yield (
            time,
            "prediction",
            about
            | {
                "version": given.version, "features": features, "prediction": yes if said else no,
                "scores": {no: round(1 - score, 2), yes: score}, "groups": given.groups,
            },
        )  # fmt: skip
        if given.delay is not None and time + given.delay < until:
            yield time + given.delay, "outcome", about | {"label": yes if truth else no}


def _change(given: ChangeGiven, start: float) -> Iterator[tuple[float, SignalName, dict[str, Any]]]:
    summary = given.summary or f"{given.kind} {given.version}".strip()
    body = {"service": given.service, "kind": given.kind, "summary": summary}
    more = {"version": given.version, "status": given.status}
    yield placed(given.at, start), "change", body | {name: value for name, value in more.items() if value}


def _alert(given: AlertGiven, start: float) -> Iterator[tuple[float, SignalName, dict[str, Any]]]:
    began = placed(given.at, start)
    body = {
        "source": given.source, "name": given.name, "severity": given.severity, "summary": given.summary or given.name,
        "labels": given.labels, "started": began,
    }  # fmt: skip
    yield began, "alert", body | {"status": "firing"}
    if given.for_ is not None:
        yield began + given.for_, "alert", body | {"status": "resolved", "ended": began + given.for_}


def _sampled(given: Sampled, name: str, start: float, until: float) -> Iterator[tuple[float, float]]:
    """Times and values; a value is NaN where there is none, and a time is left out where nothing comes."""
    first, end = _span(given.at, given.for_, start, until)
    listed = values(given.values) if given.values else None
    if listed is not None and given.for_ is None:
        end = first + given.every * len(listed)
    course = _course(given, name, start, listed)
    for number, time in enumerate(_times(first, end, given.every)):
        value = course(number, time)
        if value is not None and not _out(given.outages, time, start):
            yield time, value


def _course(
    given: Course, name: str, start: float, listed: list[float | None] | None
) -> Callable[[int, float], float | None]:
    """The value of each sample, to be asked for in order: each takes its share of chance."""
    chance = random.Random(f"{given.seed}:{name}")

    def value(number: int, time: float) -> float | None:
        noise = chance.gauss(0.0, given.noise) if given.noise else 0.0
        if listed is not None:
            base = listed[number] if number < len(listed) else None
            if base is None or math.isnan(base):
                return base
        else:
            base = given.level or 0.0
        since = time - start
        base += given.trend * since / 3600
        for wave in given.season:
            base += wave.by * math.cos(2 * math.pi * (since - wave.peak) / wave.period)
        for step in given.steps:
            base = _stepped(step, base, time, start)
        return round(base + noise, 9)

    return value


def _stepped(step: Step, base: float, time: float, start: float) -> float:
    begin = placed(step.at, start)
    if time < begin or (step.for_ is not None and not step.slowly and time >= begin + step.for_):
        return base
    share = min(1.0, (time - begin) / step.for_) if step.slowly and step.for_ else 1.0
    aim = base
    if step.to is not None:
        aim = step.to
    if step.times is not None:
        aim = base * step.times
    if step.by is not None:
        aim = base + step.by
    return base + (aim - base) * share


def _feature(name: str, given: Feature, of: PredictionsGiven, start: float) -> Callable[[int, float], Any]:
    listed = values(given.values) if given.values else None
    if not given.names:
        return _course(given, f"{of.model}@{of.version}:{name}", start, listed)
    chance = random.Random(f"{given.seed}:{of.model}@{of.version}:{name}")
    names, weights = list(given.names), list(given.names.values())
    return lambda _number, _time: chance.choices(names, weights)[0]


def _error(usual: float, worse: Iterable[Worse], time: float, start: float) -> float:
    for each in worse:
        begin = placed(each.at, start)
        if begin <= time and (each.for_ is None or time < begin + each.for_):
            usual = each.error
    return usual


def _out(outages: Iterable[Outage], time: float, start: float) -> bool:
    return any(
        placed(each.at, start) <= time and (each.for_ is None or time < placed(each.at, start) + each.for_)
        for each in outages
    )


def _span(at: float, lasting: float | None, start: float, until: float) -> tuple[float, float]:
    first = placed(at, start)
    return first, until if lasting is None else first + lasting


def _times(first: float, end: float, every: float) -> Iterator[float]:
    count = max(0, math.ceil(round((end - first) / every, 6)))
    if count > MOST:
        raise ValueError(f"that is more than {MOST:,} samples")
    return (first + every * number for number in range(count))
