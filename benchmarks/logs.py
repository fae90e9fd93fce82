"""Faults injected into the logs of simulated services at known times: what is found, how soon, and what else alarms.

    python benchmarks/logs.py [--services 4] [--weeks 2] [--seed 1] [--details]

Services write about twelve lines a minute, more by day than by night and less at weekends, with noise that lasts for
minutes: requests that took so long, queries that returned so many rows, retries, a rare error, and two sorts of
sessions (`session=…`) whose lines come in order. From the fourth day on there is a fault every twelve hours or so:

    burst      a template has four times its lines for ten minutes
    drop       a template is gone for half an hour
    error      a new error is logged, about once a minute for ten minutes
    parameter  what a template's number says is three times as large for a quarter of an hour
    sequence   for half an hour, in half of the sessions that have both, the payment comes in another sort of session;
               no template is rarer or more frequent for that
    mix        half of the templates have 1.6 times their lines and half 1/1.6 for an hour: as many lines as before
    deploy     forty new templates within ten minutes, some of which stay: ought to be one anomaly

A fault is found by an anomaly of its service that opens from its begin to a quarter of an hour after its end. An
anomaly is false if no fault of the service was within an hour before it, from the first hour of the first day on. The
delay is in event time, from the fault's begin until the anomaly is told. The settings are the default, and
`logs.session: session`.
"""

from __future__ import annotations

import argparse
import heapq
import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import Final, NamedTuple

import numpy as np

from floodmark.alerts import Anomaly
from floodmark.config.models import Config
from floodmark.detect.stage import DetectStage
from floodmark.signals import Log

START: Final = 1_767_571_200.0  # a Monday, 00:00 UTC
MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
WEEK: Final = 7 * DAY
BETWEEN: Final = 12 * HOUR
KINDS: Final = ("burst", "parameter", "drop", "error", "sequence", "mix", "deploy")
LASTS: Final = dict(zip(KINDS, (600.0, 900.0, 1800.0, 600.0, 1800.0, 3600.0, 600.0), strict=True))
AFTER: Final = 900.0
"""An anomaly that opens so long after a fault is still of it."""
SETTLES: Final = HOUR
"""For so long after a fault no anomaly is false."""
THINGS: Final = ("cart", "stock", "user", "offer")
WORDS: Final = (
    *("bundle", "ledger", "canary", "mesh", "shard", "sidecar", "gossip", "quorum", "beacon", "replica", "vault"),
    *("broker", "tenant", "cursor", "ingress", "drained", "merged", "sealed", "warmed", "bound", "elected", "paired"),
    *("mirrored", "rotated", "tuned", "adopted", "spread", "pinned", "woven", "before", "after", "within", "beside"),
)

Draw = np.random.Generator


class Fault(NamedTuple):
    kind: str
    begin: float
    end: float
    target: int


class Source(NamedTuple):
    """A template: lines a minute at the mean of the day, severity, and the text; `factor` scales what it measures."""

    rate: float
    severity: str
    text: Callable[[Draw, float], str]


class Found(NamedTuple):
    """An anomaly that opened."""

    start: float
    told: float
    series: str
    head: str
    p_value: float


class Outcome(NamedTuple):
    service: str
    lines: int
    series: int
    faults: list[Fault]
    found: list[Found]


def duration(draw: Draw, median: float, factor: float, spread: float = 0.5) -> float:
    return median * factor * float(draw.lognormal(0.0, spread))


def sources(thing: str) -> list[Source]:
    """The templates of a service, the first three of which have a number that says something."""
    return [
        Source(
            3.0,
            "INFO",
            lambda d, f: (
                f"GET /api/{thing}/{d.integers(1000, 9999)} status=200 took {duration(d, 53, f):.0f} ms "
                f"for 10.0.{d.integers(256)}.{d.integers(256)}"
            ),
        ),
        Source(
            2.0,
            "INFO",
            lambda d, f: f"query {thing}_by_owner returned {1 + d.poisson(35 * f)} rows",
        ),
        Source(1.0, "DEBUG", lambda d, f: f"flushed {duration(d, 12.5, f, 0.3):.1f} KB to segment {d.integers(500)}"),
        Source(1.5, "INFO", lambda d, _: f"published {thing} event to partition {d.integers(12)}"),
        Source(0.8, "INFO", lambda d, _: f"cache miss for key {thing}:{d.integers(1 << 32):08x}"),
        Source(0.3, "WARN", lambda d, _: f"call to ledger failed, attempt {d.integers(1, 4)}, trying again"),
        Source(0.05, "ERROR", lambda d, _: f"upstream ledger timed out after {d.integers(3000, 3100)} ms"),
        Source(0.002, "WARN", lambda d, _: f"certificate of {thing} ends in {d.integers(5, 40)} days"),
    ]


def schedule(draw: Draw, end: float) -> list[Fault]:
    """A fault every twelve hours or so, all kinds in turn."""
    faults: list[Fault] = []
    for i in count():
        begin = START + 3 * DAY + i * BETWEEN + draw.uniform(0, 0.6) * BETWEEN
        kind = KINDS[i % len(KINDS)]
        if begin + LASTS[kind] + SETTLES > end:
            return faults
        begin = begin // MINUTE * MINUTE + float(draw.integers(60))
        faults.append(Fault(kind, begin, begin + LASTS[kind], int(draw.integers(3))))
    raise AssertionError


def lines(draw: Draw, thing: str, faults: list[Fault], end: float) -> Iterator[Log]:
    """What a service logs, in order of time."""
    labels = {"service": thing}
    templates = sources(thing)
    waiting: list[tuple[float, int, str, str]] = []
    number = count()
    noise = np.zeros(len(templates) + 1)
    stay: list[str] = []

    def put(at: float, severity: str, body: str) -> None:
        heapq.heappush(waiting, (at, next(number), severity, body))

    for minute in range(int((end - START) // MINUTE)):
        now = START + minute * MINUTE
        fault = next((f for f in faults if f.begin < now + MINUTE and f.end > now), None)
        kind, target = (fault.kind, fault.target) if fault else ("", -1)
        phase = 2 * math.pi * ((now - START) % DAY / DAY - 0.25)
        traffic = (1 + 0.6 * math.sin(phase)) * (0.7 if (now - START) % WEEK >= 5 * DAY else 1.0)
        noise = 0.9 * noise + 0.05 * draw.standard_normal(len(noise))
        for i, template in enumerate(templates):
            rate, factor = template.rate * traffic * math.exp(noise[0] + noise[i + 1]), 1.0
            if i == target:
                rate *= {"burst": 4.0, "drop": 0.0}.get(kind, 1.0)
                factor = 3.0 if kind == "parameter" else 1.0
            if kind == "mix":
                rate *= 1.6 if i in (1, 3) else 1 / 1.6
            for at in draw.uniform(now, now + MINUTE, draw.poisson(rate)):
                put(float(at), template.severity, template.text(draw, factor))
        if kind == "error":
            for at in draw.uniform(now, now + MINUTE, draw.poisson(1.2)):
                word = "abcdefghijkl"[faults.index(fault) % 12] if fault else ""
                put(float(at), "ERROR", f"cannot decode {word}-record of {thing}, offset {draw.integers(1 << 30)}")
        if kind == "deploy" and fault is not None:
            for _ in range(4):
                text = " ".join(draw.choice(WORDS, 6, replace=False))
                put(float(draw.uniform(now, now + MINUTE)), "INFO", text)
                if len(stay) < 2:
                    stay.append(text)
        for text in stay:
            if draw.random() < 0.3:
                put(float(draw.uniform(now, now + MINUTE)), "INFO", text)
        for buys in draw.random(draw.poisson(1.2 * traffic * math.exp(noise[0]))) < 0.4:
            swapped = kind == "sequence" and draw.random() < 0.5
            name = f"session={draw.integers(1 << 40):010x}"
            said = [f"{name} opened", f"{name} shows list of {thing}"]
            if buys:
                said += [f"{name} ordered {draw.integers(1, 5)} items"]
            if buys != swapped:
                said += [f"{name} paid {draw.integers(5, 300)}.{draw.integers(100):02d} EUR"]
            said += [f"{name} closed"]
            at = float(draw.uniform(now, now + MINUTE))
            for body in said:
                put(at, "INFO", body)
                at += float(draw.uniform(2, 40))
        while waiting and waiting[0][0] < now + MINUTE:
            at, _, severity, body = heapq.heappop(waiting)
            yield Log(time=at, body=body, severity=severity, labels=labels)


def settings() -> Config:
    return Config.model_validate({"logs": {"session": "session"}})


def run(service: str, number: int, weeks: float, seed: int) -> Outcome:
    """One service through its own stage."""
    draw = np.random.default_rng([seed, number])
    end = START + weeks * WEEK
    faults = schedule(draw, end)
    stage = DetectStage(settings(), "logs/0", 1)
    told: list[Anomaly] = []
    written, series = 0, 0
    for log in lines(draw, service, faults, end):
        written += 1
        told += [each for each in stage.process([log]) if isinstance(each, Anomaly)]
        if not series and log.time >= START + 3 * DAY:
            series = stage.sizes()["series"]
    found = [
        Found(each.started_at.timestamp(), each.updated_at.timestamp(), each.series, each.head, each.p_value)
        for each in told
        if each.event == "opened"
    ]
    return Outcome(service, written, series, faults, found)


def of_fault(found: Found, fault: Fault) -> bool:
    return fault.begin <= found.told and found.start <= fault.end + AFTER and found.start >= fault.begin - MINUTE


def is_false(found: Found, faults: list[Fault]) -> bool:
    return not any(fault.begin - MINUTE <= found.start <= fault.end + SETTLES for fault in faults)


def report(outcomes: list[Outcome], weeks: float, *, details: bool) -> None:
    print(f"{'fault':<10} {'found':>9} {'median delay':>13} {'anomalies each':>15}  first found by")
    for kind in KINDS:
        number, delays, anomalies = 0, [], []
        first: Counter[str] = Counter()
        for outcome in outcomes:
            for fault in outcome.faults:
                if fault.kind != kind:
                    continue
                number += 1
                mine = sorted((each for each in outcome.found if of_fault(each, fault)), key=lambda each: each.told)
                anomalies.append(len(mine))
                if mine:
                    delays.append(mine[0].told - fault.begin)
                    first[f"{mine[0].series.partition('{')[0]}/{mine[0].head}"] += 1
        delay = f"{statistics.median(delays) / MINUTE:.1f} min" if delays else "-"
        by = ", ".join(f"{name} {times}" for name, times in first.most_common(3))
        print(f"{kind:<10} {len(delays):>3} of {number:<3} {delay:>12} {statistics.mean(anomalies):>15.1f}  {by}")
    false = [(o.service, each) for o in outcomes for each in o.found if is_false(each, o.faults)]
    service_weeks = weeks * len(outcomes)
    series = statistics.mean(o.series for o in outcomes)
    print(
        f"\nfalse alarms: {len(false)} in {service_weeks:g} service-weeks, {len(false) / service_weeks:.1f} each; "
        f"{sum(each.start > START + DAY for _, each in false)} after the first day. "
        f"{series:.0f} series a service before the first fault: a budget of {series:.0f} each, at 1/week."
    )
    by_series: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, each in false:
        by_series[each.series.partition("{")[0]][each.head] += 1
    for name, heads in sorted(by_series.items()):
        print(f"  {name}: {', '.join(f'{head} {times}' for head, times in heads.most_common())}")
    if details:
        for service, each in false:
            print(f"  {(each.start - START) / DAY:7.3f} d {service} {each.series} {each.head} {each.p_value:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=4)
    parser.add_argument("--weeks", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--details", action="store_true", help="list the false alarms")
    args = parser.parse_args()
    begun = time.monotonic()
    names = [THINGS[i % len(THINGS)] + "s" * (i // len(THINGS)) for i in range(args.services)]
    with ProcessPoolExecutor(2) as pool:
        runs = [pool.submit(run, name, i, args.weeks, args.seed) for i, name in enumerate(names)]
        outcomes = [each.result() for each in runs]
    report(outcomes, args.weeks, details=args.details)
    print(f"{sum(outcome.lines for outcome in outcomes):,} lines in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
