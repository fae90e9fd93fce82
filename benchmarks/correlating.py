"""What an anomaly costs the correlator, and how many incidents chance opens, in fleets where nothing is wrong.

    python benchmarks/correlating.py [--series 300 3000 30000 100000] [--weeks 4] [--heavy 1.0 1.5] [--runs 3]
    python benchmarks/correlating.py --flood 100000

Each series of a fleet raises one false anomaly a day; its nats beyond the level are exponential with mean 1
(calibrated) or more (`--heavy`: its tails are heavier than it thinks). Three in ten bring one to four other series of
the same entity within a minute, and one in five of those a neighbour, too: dependence that nobody has told of. An
entity has fifty series and calls three others. Nothing here is an incident, so what opens is to be as often as the
budget says. The cost is CPU time of this process by event (an anomaly's opening or end), the median of several runs;
the peer is what putting the same items into event-time order costs alone, measured in the same run.

With --flood every series is odd within the same minute: a broker's clock, or a deploy of everything.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Iterator
from typing import Final

from floodmark.alerts import Anomaly, Evidence, Watermark, content_id, utc
from floodmark.config.models import Correlate, Service
from floodmark.correlate import CorrelateStage
from floodmark.correlate.order import EventOrder

START: Final = 1_750_000_000.0
DAY: Final = 86_400.0
WEEK: Final = 7 * DAY
LEVEL: Final = 60 / DAY
PER_ENTITY: Final = 50


def anomaly(number: int, at: float, entity: str, series: int, nats: float) -> tuple[Anomaly, Anomaly]:
    """An anomaly that opens at `at`, and its end."""
    name = f"metric_{chr(97 + series // 26)}{chr(97 + series % 26)}"  # letters: each is a family of its own
    key = f'{name}{{service="{entity}"}}'
    surprise = (nats + 7.2722) / 2.302585  # beyond ln(1440): the level
    opened = Anomaly(
        id=content_id("ano", key, number), event="opened", scope="default", entity=entity, signal="metric", series=key,
        name=name, labels={"service": entity}, unit="", started_at=utc(at),
        updated_at=utc(at), ended_at=None, head="forecast", direction="up", observed=9.0, expected=1.0, low=0.0,
        high=2.0, p_value=10**-surprise, severity="warning", summary="", detector="default", evidence=Evidence(),
        surprise=surprise, level=LEVEL,
    )  # fmt: skip
    fields = {field: getattr(opened, field) for field in opened.__struct_fields__}
    over = at + 60.0
    return opened, Anomaly(**(fields | {"event": "closed", "updated_at": utc(over + 300), "ended_at": utc(over)}))


def fleet(series: int, weeks: float, heavy: float, seed: int) -> tuple[list[Anomaly], dict[str, Service]]:
    """False anomalies in the order in which they are told, and the call graph."""
    rng = random.Random(seed)
    entities = [f"service-{i}" for i in range(max(1, series // PER_ENTITY))]
    calls = {entity: sorted({rng.choice(entities) for _ in range(3)} - {entity}) for entity in entities}
    found: list[tuple[Anomaly, Anomaly]] = []
    at, number = START, 0
    pace = series / DAY / (1 + 0.3 * 2.5 * 1.2)

    def emit(when: float, entity: str, which: int) -> None:
        nonlocal number
        number += 1
        found.append(anomaly(number, when, entity, which, rng.expovariate(1 / heavy)))

    while at < START + weeks * WEEK:
        at += rng.expovariate(pace)
        entity = rng.choice(entities)
        which = rng.sample(range(PER_ENTITY), 5)
        emit(at, entity, which[0])
        if rng.random() < 0.3:
            for other in which[1 : 1 + rng.randint(1, 4)]:
                emit(at + rng.random() * 60, entity, other)
            if rng.random() < 0.2 and calls[entity]:
                emit(at + rng.random() * 60, rng.choice(calls[entity]), rng.randrange(PER_ENTITY))
    events = sorted((each for pair in found for each in pair), key=lambda a: a.updated_at)
    return events, {entity: Service(depends_on=called) for entity, called in calls.items()}


def flood(series: int) -> tuple[list[Anomaly], dict[str, Service]]:
    """Every series is odd within a minute, in no order."""
    rng = random.Random(1)
    entities = [f"service-{i}" for i in range(max(1, series // PER_ENTITY))]
    calls = {entity: sorted({rng.choice(entities) for _ in range(3)} - {entity}) for entity in entities}
    found = [
        anomaly(i, START + rng.random() * 60, entities[i // PER_ENTITY], i % PER_ENTITY, 3 + rng.expovariate(0.3))
        for i in range(len(entities) * PER_ENTITY)
    ]
    events = sorted((each for pair in found for each in pair), key=lambda a: a.updated_at)
    return events, {entity: Service(depends_on=called) for entity, called in calls.items()}


def words(events: list[Anomaly]) -> Iterator[Anomaly | Watermark]:
    """The events with a watermark every ten seconds of event time."""
    due = START
    for event in events:
        now = event.updated_at.timestamp()
        if now >= due + 10:
            due = now
            yield Watermark(task="metrics/0", tasks=1, time=utc(now), idle=False)
        yield event


def correlated(events: list[Anomaly], services: dict[str, Service]) -> tuple[list[float], int, float]:
    """When incidents opened, how much state there was at most, and CPU seconds."""
    stage = CorrelateStage(Correlate(), services, buffer=10**7)
    opened: list[float] = []
    most, begun = 0, time.process_time()
    for i, item in enumerate(words(events)):
        opened += [i.updated_at.timestamp() for i in stage.process(item) if i.event == "opened" or i.told]
        if not i % 1000:
            most = max(most, stage.sizes()["anomalies"])
    opened += [i.updated_at.timestamp() for i in stage.finish() if i.event == "opened" or i.told]
    return opened, most, time.process_time() - begun


def ordered(events: list[Anomaly]) -> float:
    """CPU seconds to put the same into event-time order."""
    order, begun = EventOrder(10**7), time.process_time()
    for item in words(events):
        if isinstance(item, Watermark):
            order.hear(item)
            for _ in order.take():
                pass
        else:
            order.push(order.stamp(item), item)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[300, 3_000, 30_000, 100_000])
    parser.add_argument("--weeks", type=float, default=4.0)
    parser.add_argument("--most", type=int, default=1_000_000, help="anomalies, at which a fleet is cut short")
    parser.add_argument("--heavy", type=float, nargs="+", default=[1.0, 1.5])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--flood", type=int, default=0, help="so many series are odd at once")
    args = parser.parse_args()
    if args.flood:
        events, services = flood(args.flood)
        costs = []
        for _ in range(args.runs):
            opened, most, seconds = correlated(events, services)
            costs.append(seconds)
        peer = ordered(events)
        cost = statistics.median(costs)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            "| series odd at once | incidents | members kept, most | us an event | times the order alone | memory, MB |"
        )
        print("|---|---|---|---|---|---|")
        print(
            f"| {args.flood:,} | {len(opened)} | {most:,} | {1e6 * cost / len(events):.0f} | {cost / peer:.1f} "
            f"| {memory:.0f} |"
        )
        return
    print(
        "| series | mean nats | weeks | anomalies | incidents | of the budget | us an event | times the order alone |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for series in args.series:
        weeks = min(args.weeks, args.most / (series * 7))
        for heavy in args.heavy:
            counts, costs = [], []
            for run in range(args.runs):
                events, services = fleet(series, weeks, heavy, run + 1)
                opened, _, seconds = correlated(events, services)
                counts.append(len(opened))
                costs.append(1e6 * seconds / len(events))
            peer = 1e6 * ordered(events) / len(events)
            cost = statistics.median(costs)
            print(
                f"| {series:,} | {heavy:g} | {weeks:.1f} x {args.runs} | {len(events) // 2:,} | {sum(counts)} "
                f"| {sum(counts) / (weeks * args.runs):.2f} | {cost:.0f} | {cost / peer:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
