"""Whether incidents are few, each real, and each told once: found, exactly one, noise, first cause, and how soon.

    python benchmarks/incidents.py demo --seeds 7-9            the demo's shop: two days, twelve faults, all signals
    python benchmarks/incidents.py calm --seeds 1-5 --weeks 4  the same shop without a fault: only the budget
    python benchmarks/incidents.py wide --seeds 1-2            60 services, 2,100 series, faults minutes apart
    python benchmarks/incidents.py often --seeds 1-3           the demo's shop for a week, a fault every two hours
    python benchmarks/incidents.py nezha --data DATA           56 real injections (see nezha.py)

The configuration is the default one, with the call graph as topology. `--budget` says another number of false
incidents, and may be given several times; `--series` another number of false alarms of each series (both: "1/week",
"1/day"). `--topics metrics,changes` leaves out the rest. `--jobs N` runs systems side by side. `--keep DIR` keeps what
was detected, so that only the correlator runs the next time; `--stale` takes it even if other code has detected it.

A fault is scored twice: by place and time as the demo's scoreboard does, and by time alone (attribution.py). In the
long run, "noise" is to be no more than "allowed": the budget times the days.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import orjson

from attribution import Attribution, attribute
from detected import System, correlate, detect
from floodmark.config.models import Correlate, Detector
from floodmark.records import Record
from floodmark.simulate.faults import DAY, Fault
from floodmark.simulate.score import Score, scoreboard, to_yardstick
from floodmark.simulate.setups import demo_config
from floodmark.simulate.shop import TOPICS, Shop, Topic
from floodmark.simulate.shops import calm_shop, often_shop, wide_shop

KINDS: Final = ("demo", "calm", "wide", "often", "nezha")
_CHEAP: Final[tuple[Topic, ...]] = ("metrics", "changes")
WEEK = 7 * DAY


class Figures(NamedTuple):
    """One system at one budget, false incidents a second. `placed` is None where nobody says how far faults reach."""

    name: str
    budget: float
    days: float
    placed: Score | None
    timed: Attribution
    anomalies: int
    seconds: float


def shop_system(name: str, shop: Shop, topics: Sequence[Topic] = TOPICS, series: str | None = None) -> System:
    """A simulated system under the demo's configuration. `series`: false alarms of each series."""
    config = demo_config(shop)
    if series:
        config = config.model_copy(update={"detectors": [Detector.model_validate({"false_alarms": series})]})
    return System(name, config, partial(_records, shop, topics), shop.faults, shop.start, shop.end)


def _records(shop: Shop, topics: Sequence[Topic]) -> Iterator[Record]:
    for offset, message in enumerate(shop.stream(topics)):
        yield Record(message.topic, 0, offset, round(message.time * 1000), message.key, message.value)


def nezha_system(data: Path, series: str | None = None) -> System:
    """Nezha's Online Boutique. Its faults have no end: a fault owns what begins within `attribution.TAIL` seconds."""
    import nezha  # noqa: PLC0415  it needs a Kafka client

    config = nezha.configuration(data, "localhost:9092")
    if series:
        config = config.model_copy(update={"detectors": [Detector.model_validate({"false_alarms": series})]})
    rows = [orjson.loads(line) for line in (data / "faults.jsonl").read_bytes().splitlines() if line.strip()]
    faults = [
        Fault(row["fault_id"], "latency", row["service"], row["inject_ts"], row["inject_ts"], row["type"], 1.0)
        for row in rows
    ]

    def records() -> Iterator[Record]:
        for offset, (minute, found) in enumerate(nezha.stream(data)):
            yield Record(nezha.TOPIC, 0, offset, minute * 1000, None, orjson.dumps(found))

    return System("nezha", config, records, faults, faults[0].start, faults[-1].end)


def system(options: argparse.Namespace, seed: int) -> System:
    """The system that the command line means, of one seed."""
    kind, series = options.kind, options.series
    if kind == "nezha":
        return nezha_system(options.data, series)
    topics = options.topics or (_CHEAP if kind == "wide" else TOPICS)
    name = f"{kind} {seed}"
    match kind:
        case "calm":
            name, shop = f"{name} {options.weeks}w", calm_shop(seed, options.weeks * 7)
        case "wide":
            shop = wide_shop(seed)
        case "often":
            shop = often_shop(seed)
        case _:
            shop = Shop(seed)
    if tuple(topics) != TOPICS:
        name += " " + "".join(topic[0] for topic in topics)
    return shop_system(name, shop, topics, series)


def measure(options: argparse.Namespace, seed: int) -> list[Figures]:
    """A system at each of the budgets, detected once."""
    watched = system(options, seed)
    detected = detect(watched, options.keep, stale=options.stale)
    days = (watched.end - watched.start) / DAY
    found = []
    for budget in options.budget:
        incidents = correlate(watched, detected, budget)
        placed = None
        if options.kind != "nezha":
            placed = scoreboard(
                incidents, detected.anomalies, 0, watched.faults, watched.depends_on, events=detected.events
            )
        timed = attribute(incidents, watched.faults)
        found.append(Figures(watched.name, budget, days, placed, timed, detected.anomalies, detected.seconds))
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            path = options.out / f"{watched.name.replace(' ', '-')}-{words(budget).replace('/', '-per-')}.jsonl"
            path.write_bytes(b"".join(msgspec.json.encode(incident) + b"\n" for incident in incidents))
            lines = b"".join(orjson.dumps(to_yardstick(incident)) + b"\n" for incident in incidents)
            path.with_suffix(".yardstick.jsonl").write_bytes(lines)
    return found


def words(budget: float) -> str:
    """A number of false incidents a second as a person says it."""
    per = {WEEK: "week", DAY: "day"}
    return next((f"1/{name}" for seconds, name in per.items() if abs(budget * seconds - 1) < 1e-9), f"{budget:.2g}/s")


HEAD = (
    "| system | budget | days | found | exactly one | noise | allowed | first cause | open after, s (median) | mixing "
    "| by time alone: found / exactly one / mixing / noise / first | anomalies | incidents |"
)


def row(figures: Figures) -> str:
    """One line of the table."""
    placed, timed = figures.placed, figures.timed
    allowed = f"{figures.budget * figures.days * DAY:.1f}"
    told = f"{timed.found} / {timed.exactly_one} / {timed.mixing} / {timed.noise} / {timed.first_cause}"
    if placed is None:
        delay = f"{statistics.median(timed.delays):.0f}" if timed.delays else ""
        cells = ["", "", "", allowed, "", delay, ""]
    else:
        delay = "" if placed.delay is None else f"{placed.delay:.0f}"
        first = f"{placed.first_cause} of {placed.found}"
        cells = [f"{placed.found} of {placed.faults}", str(placed.exactly_one), str(len(placed.noise)), allowed, first]
        cells += [delay, str(placed.mixing)]
    cells = [figures.name, words(figures.budget), f"{figures.days:.1f}", *cells, told]
    return "| " + " | ".join([*cells, str(figures.anomalies), str(timed.incidents)]) + " |"


def totals(found: Sequence[Figures]) -> Iterator[str]:
    """A line for each budget: sums over the systems, the median of the delays, and noise over what was allowed."""
    for budget in dict.fromkeys(figures.budget for figures in found):
        own = [figures for figures in found if figures.budget == budget]
        allowed = budget * sum(figures.days for figures in own) * DAY
        timed = [figures.timed for figures in own]
        faults = sum(each.faults for each in timed)
        sums = [sum(getattr(each, name) for each in timed) for name in Attribution._fields[1:-1]]
        whole, exactly, incidents, mixing, noise, first = sums
        line = f"At {words(budget)}: "
        placed = [figures.placed for figures in own if figures.placed is not None]
        if placed:
            noise = sum(len(each.noise) for each in placed)
            if faults:
                delays = [row.delay for each in placed for row in each.rows if row.delay is not None]
                seen = sum(each.found for each in placed)
                line += f"found {seen} of {faults}, exactly one {sum(each.exactly_one for each in placed)}, "
                line += f"first cause {sum(each.first_cause for each in placed)} of {seen}, "
                line += f"opened after {statistics.median(delays) if delays else 0:.0f} s (median), "
                line += f"mixing {sum(each.mixing for each in placed)}, "
            line += f"noise {noise} where {allowed:.1f} are allowed ({noise / allowed:.2f} times that); "
        if faults:
            line += f"by time alone: found {whole}, exactly one {exactly}, mixing {mixing}, noise {sums[4]}, "
            line += f"first cause {first / faults:.2f} of all; "
        yield f"{line}{incidents} incidents of {sum(figures.anomalies for figures in own)} anomalies."


def seeds(text: str) -> list[int]:
    """ "7-9,20" → 7, 8, 9, 20."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def budget(text: str) -> float:
    """ "1/week" → false incidents a second."""
    return Correlate.model_validate({"false_incidents": text}).false_incidents


def add_options(parser: argparse.ArgumentParser) -> None:
    """What all benchmarks of incidents take."""
    parser.add_argument("--seeds", type=seeds, default=[1])
    parser.add_argument("--budget", type=budget, action="append", help="false incidents (default: the product's)")
    parser.add_argument("--series", help="false alarms of each series (default: the product's)")
    parser.add_argument("--topics", type=lambda text: tuple(text.split(",")), help="metrics,logs,…")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for what was detected")
    parser.add_argument("--stale", action="store_true", help="take what was kept, whatever code has made it")
    parser.add_argument("--out", type=Path, help="folder for the incidents, every revision")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    add_options(parser)
    parser.add_argument("--weeks", type=int, default=4, help="how long a calm shop is watched")
    parser.add_argument("--data", type=Path, help="Nezha's folder")
    options = parser.parse_args()
    if options.kind == "nezha" and options.data is None:
        parser.error("nezha needs --data, the folder with its files")
    if unknown := set(options.topics or ()) - set(TOPICS):
        parser.error(f"no such topics: {', '.join(sorted(unknown))}; there are {', '.join(TOPICS)}")
    week_and_day = [1 / WEEK, 1 / DAY]
    options.budget = options.budget or (week_and_day if options.kind == "calm" else [Correlate().false_incidents])
    which = [0] if options.kind == "nezha" else options.seeds
    print(HEAD + "\n|" + "---|" * (HEAD.count("|") - 1), flush=True)
    found: list[Figures] = []
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for figures in pool.map(partial(measure, options), which):
            found += figures
            print("\n".join(row(each) for each in figures), flush=True)
    print("\n" + "\n".join(totals(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
