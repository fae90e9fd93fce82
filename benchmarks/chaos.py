"""Chaos: does the engine tell every strong fault, and the truth about itself, while all around it goes wrong?

    python benchmarks/chaos.py [--minutes 30] [--seed 7] [--short] [--only KIND,KIND] [--keep-logs FOLDER]

Real Apache Kafka and `floodmark run` as one to three processes, in real time. Half of the run the workers share one
`state.store`; in the other half two have a store of their own and one has none, with a `state.history` of 30 s. Every
two minutes a strong fault hits a service, in six regions at once, and has to be told in each. All the while, by the
seed: the broker is stopped, killed or frozen for 1 to 120 s (also right after the start); workers are killed with -9,
stopped (SIGSTOP) and continued, come and go; two sources have clocks that are off by an hour; records are poison, or
their Kafka time is wild. Each half ends calmly.

Printed is what happened, what became of each fault, and the seconds of false green: chaos_verdict.py says what these
words mean exactly. The exit code is 0 only if no fault was missed, there was no second of false green, nothing was
doubled, and each poison record is in the dead letters once. --short takes three minutes. --only leaves out all that is
not named. Needs Java 17 and, the first time, Maven.

The engine's config is the default one but for what makes detection fast, so that a few minutes are enough: points every
second, `warmup` 10, log windows of a second, `lateness` 2 s, `tick` 1 s; short sessions; scopes by region; services
that have nothing to do with each other, and a budget of false incidents in which each anomaly opens one.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaException

import chaos_verdict as verdict
from chaos_crew import BrokerTrouble, Crew
from chaos_plan import BROKER, FIRST, KINDS, SERVICES, WORKERS, Phase, plan
from chaos_traffic import PARTITIONS, Traffic
from chaos_verdict import Happened, Look, Reading, Verdict
from chaos_watch import Probe, Reader
from engine import FLOODMARK, GaveUpError, Worker, end_in_order, until
from kafka_side import ApacheKafka, KafkaUnavailableError, Sender, Written, broker, read_committed

HISTORY_SECONDS: Final = 150
"""Of traffic that is there before the workers start, to be learned from."""
SESSION_SECONDS: Final = 8.0
START_SECONDS: Final = 180.0
SETTLE_SECONDS: Final = 60.0
"""How much longer than planned a phase takes, at most, while a fault is not told yet."""
PROPERTIES: Final = {
    "log.message.timestamp.after.max.ms": str(2**63 - 1),  # else Kafka would refuse wild times
    "log.retention.ms": "-1",
}


class Run(NamedTuple):
    """A phase as it was. Times are seconds since its start."""

    phase: Phase
    happened: list[Happened]
    looks: list[Look]
    reading: Reading
    records: list[Written]
    poison: set[bytes]
    end: float
    notes: list[str]


def config(bootstrap: str, prefix: str, store: Path | None, history: str) -> dict[str, Any]:
    return {
        "kafka": {
            "brokers": [bootstrap],
            "group": prefix,
            "start": "latest",
            "session_timeout": f"{SESSION_SECONDS:g}s",
        },
        "inputs": [
            {"topic": f"{prefix}.metrics", "signal": "metric"},
            {"topic": f"{prefix}.logs", "signal": "log"},
        ],
        "topics": {name: f"{prefix}.{name.replace('_', '-')}" for name in ("anomalies", "alerts", "dead_letters")},
        "state": {"store": None if store is None else str(store), "interval": "5s", "history": history},
        "limits": {"message": "100KB"},
        "detect": {"scope": ["region"], "lateness": f"{verdict.LATENESS:g}s", "tick": f"{verdict.TICK:g}s"},
        "detectors": [{"name": "chaos", "warmup": 10, "refractory": "10s"}],
        "logs": {"window": "1s"},
        "services": {service: {} for service in SERVICES},
        "correlate": {"false_incidents": "60/hour", "gap": "20s", "grace": "20s"},
    }


def workers(bootstrap: str, prefix: str, phase: Phase, folder: Path) -> list[Worker]:
    """With one store for all; or one each, but for the last, which has none."""
    if phase.shared:
        stores: list[Path | None] = [folder / "state"] * WORKERS
    else:
        stores = [*(folder / f"state-{number}" for number in range(WORKERS - 1)), None]
    history = "2m" if phase.shared else "30s"
    return [
        Worker(config(bootstrap, prefix, store, history), folder, f"worker-{number}")
        for number, store in enumerate(stores)
    ]


class Feed:
    """Sends a phase's traffic as it is said; what is past already, at once. Use it as a context."""

    def __init__(self, bootstrap: str, traffic: Traffic, begin: int) -> None:
        self._sender = Sender(bootstrap)
        self._traffic = traffic
        self._next = begin
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.catch_up()
        self._sender.flush()

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def finish(self) -> None:
        """No more; return when all is acknowledged. Raises KafkaException."""
        self._stop.set()
        self._thread.join()
        self._sender.flush()

    def catch_up(self) -> None:
        while self._next + 1 <= time.time():
            self._sender.send(self._traffic.second(self._next))
            self._next += 1

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.catch_up()


def play(kafka: ApacheKafka, startup: float, phase: Phase, number: int, seed: int, folder: Path) -> Run:
    """One phase, from its topics to its last record. Raises GaveUpError, KafkaException, KafkaUnavailableError."""
    folder.mkdir()
    prefix = f"chaos-{number}"
    outputs = [f"{prefix}.{name}" for name in ("anomalies", "alerts", "dead-letters")]
    fleet = workers(kafka.bootstrap, prefix, phase, folder)
    create_topics(fleet[0])
    begin = math.floor(time.time()) - HISTORY_SECONDS
    traffic = Traffic(seed, phase, f"{prefix}.metrics", f"{prefix}.logs", begin)
    with ExitStack() as stack:
        feed = stack.enter_context(Feed(kafka.bootstrap, traffic, begin))
        crew = stack.enter_context(Crew(fleet))
        for worker in range(FIRST):
            crew.join(worker)
        until(crew.all_ready, START_SECONDS, "the first workers are not ready")
        start = math.ceil(time.time())
        traffic.start = start
        time.sleep(max(0.0, start - time.time()))
        zero = time.monotonic()
        outages = BrokerTrouble(kafka, zero, startup)
        with Reader(kafka.bootstrap, outputs, PARTITIONS) as reader, Probe(crew.living) as probe, outages:
            end = through(phase, crew, outages, reader, zero, start)
        feed.finish()
        stubborn = crew.drain()
    records: list[Written] = []
    read_committed(kafka.bootstrap, outputs, records.append)
    times = reader.times()
    readable = [(times.get(((r.topic, r.partition), r.offset), zero + end) - zero, r) for r in records]
    unseen = sum(((r.topic, r.partition), r.offset) not in times for r in records)
    last = f"{unseen} of {len(records)} records were readable only after the phase's end"
    return Run(
        phase,
        sorted([*outages.happened, *crew.happened(zero)], key=lambda trouble: trouble.begin),
        [Look(look.at - zero, look.green) for look in probe.looks],
        Reading.of(readable, start),
        records,
        traffic.poison(),
        end,
        [*crew.notes(zero), *stubborn, last, *reader.notes(), *probe.notes()],
    )


def create_topics(worker: Worker) -> None:
    """As an operator does it. Raises GaveUpError."""
    command = [*FLOODMARK, "topics", "create", "-c", str(worker.config), "--partitions", str(PARTITIONS)]
    done = subprocess.run([*command, "--replication", "1"], capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        raise GaveUpError(f"the topics cannot be created: {done.stdout}{done.stderr}")


def through(phase: Phase, crew: Crew, outages: BrokerTrouble, reader: Reader, zero: float, start: int) -> float:
    """Let all that is planned happen; how many seconds it took. Faults that are not told are waited for a little."""
    steps: list[tuple[float, Callable[[], None]]] = []
    for trouble in phase.troubles:
        if trouble.kind in BROKER:
            steps.append((trouble.at, partial(outages.begin, trouble.kind, trouble.seconds)))
        else:
            steps += crew.steps(trouble)
    steps.sort(key=lambda step: step[0])
    while (now := time.monotonic() - zero) < phase.seconds + SETTLE_SECONDS:
        while steps and steps[0][0] <= now:
            steps.pop(0)[1]()
        crew.look()
        outages.check()
        if now >= phase.seconds and all_told(phase, reader, zero, start):
            break
        time.sleep(0.1 if now < phase.seconds else 1.0)
    return time.monotonic() - zero


def all_told(phase: Phase, reader: Reader, zero: float, start: int) -> bool:
    reading = Reading.of([(at - zero, record) for at, record in list(reader.seen)], start)
    return all(verdict.judge(fault, (), reading).told is not None for fault in phase.faults)


class Marks(NamedTuple):
    """What a run is judged by. Seconds of false green by their cause."""

    faults: int = 0
    told: int = 0
    late: int = 0
    missed: int = 0
    away: float = 0.0
    waiting: float = 0.0
    doubled: int = 0
    poison: int = 0
    poison_lost: int = 0
    poison_doubled: int = 0

    def kept(self) -> bool:
        wrong = self.missed, self.doubled, self.poison_lost, self.poison_doubled, self.away, self.waiting
        return self.faults > 0 and not any(wrong)


def report(run: Run) -> Marks:
    """Print what happened in a phase and what became of it; its marks."""
    print(f"\n## {run.phase.name}: {run.end:.0f} s\n\n| from s | to s | what happened |\n|-------:|-----:|---|")
    for trouble in run.happened:
        who = f"worker {trouble.worker}" if trouble.worker >= 0 else "broker"
        print(f"| {trouble.begin:6.1f} | {trouble.end:5.1f} | {who}: {trouble.kind} |")
    verdicts = [verdict.judge(fault, run.happened, run.reading) for fault in run.phase.faults]
    print("\n| fault | at s | due s | anomaly s | told s | told | late | missed | incidents |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for _, group in groupby(verdicts, key=lambda each: each.fault.at):  # in all regions
        print(row(list(group)))
    return marked(run, verdicts)


def row(group: Sequence[Verdict]) -> str:
    """A fault in all its regions."""
    fault, outcomes = group[0].fault, [each.outcome for each in group]
    found = span(each.found for each in group)
    told = span(each.told for each in group)
    counts = " | ".join(str(outcomes.count(outcome)) for outcome in ("told", "late", "missed"))
    incidents = len({incident for each in group for incident in each.incidents})
    times = f"{fault.at:.1f} | {group[0].due:.1f} | {found} | {told}"
    return f"| {fault.service}, {fault.kind} | {times} | {counts} | {incidents} |"


def span(times: Iterable[float | None]) -> str:
    """The first and the last that there are."""
    known = [at for at in times if at is not None]
    return f"{min(known):.1f} to {max(known):.1f}" if known else ""


def marked(run: Run, verdicts: Sequence[Verdict]) -> Marks:
    again = verdict.doubled(run.records)
    letters = verdict.dead_letters(
        (record for record in run.records if record.topic.endswith("dead-letters")), run.poison
    )
    outcomes = [each.outcome for each in verdicts]
    noise = verdict.noise(run.reading.revisions, run.phase.faults)
    others = ", ".join(f"{count} {name}" for name, count in sorted(letters.others.items())) or "none"
    print(
        f"\n{len(run.reading.opened)} anomalies, {len(run.reading.revisions)} revisions, {noise} incidents of noise; "
        f"dead letters but for poison: {others}"
    )
    quiet = verdict.calm(run.happened, run.end)
    green, all_of_it = verdict.green_seconds(run.looks, quiet), sum(end - begin for begin, end in quiet)
    print(f"- ready for {green:.0f} of the {all_of_it:.0f} s in which nothing had happened for {verdict.CALM:.0f} s")
    for line in [*run.notes, *(f"doubled, {count} times too many: {name}" for name, count in list(again.items())[:10])]:
        print(f"- {line}")
    return Marks(
        len(verdicts),
        outcomes.count("told"),
        outcomes.count("late"),
        outcomes.count("missed"),
        round(verdict.green_seconds(run.looks, verdict.away(run.happened)), 1),
        round(verdict.green_seconds(run.looks, verdict.waiting(verdicts, run.reading, run.end)), 1),
        sum(again.values()),
        len(run.poison),
        letters.lost,
        letters.doubled,
    )


def summed_up(phases: Sequence[tuple[str, Marks]]) -> None:
    print("\n## All in all\n")
    print(
        "| | faults | told | late | missed | false green: broker away s | false green: anomaly waits s | doubled |",
        end="",
    )
    print(" poison | lost | doubled |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, marks in phases:
        print(f"| {name} | " + " | ".join(str(value) for value in marks) + " |")


def run(args: argparse.Namespace, folder: Path) -> bool:
    """All phases; whether all marks were kept."""
    phases = plan(args.seed, args.minutes, args.only)
    found: list[tuple[str, Marks]] = []
    print(f"chaos, seed {args.seed}: {args.minutes:g} minutes in {len(phases)} phases", flush=True)
    begun = time.monotonic()
    with broker(more=PROPERTIES) as kafka:
        startup = (time.monotonic() - begun) / 2  # its storage was formatted, too
        for number, phase in enumerate(phases):
            played = play(kafka, startup, phase, number, args.seed, folder / f"phase-{number}")
            found.append((phase.name, report(played)))
            sys.stdout.flush()
    summed_up(found)
    marks = [marks for _, marks in found]
    print(
        f"\nmissed {sum(each.missed for each in marks)}, "
        f"false green {sum(each.away + each.waiting for each in marks):.1f} s, "
        f"doubled {sum(each.doubled for each in marks)}, "
        f"poison lost {sum(each.poison_lost for each in marks)} doubled {sum(each.poison_doubled for each in marks)}"
    )
    return all(each.kept() for each in marks)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--short", action="store_true", help="three minutes")
    parser.add_argument("--only", type=kinds, default=KINDS, metavar="KIND,KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--keep-logs", type=Path, help="a new folder for logs, configs and snapshots, which stays")
    args = parser.parse_args(arguments)
    end_in_order()
    if args.short:
        args.minutes = 3.0
    with ExitStack() as stack:
        if args.keep_logs is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-chaos-")))
        else:
            folder = args.keep_logs
            folder.mkdir(parents=True)
        try:
            kept = run(args, folder)
        except KafkaUnavailableError as error:
            print(f"Kafka cannot be run here: {error}")
            return 2
        except (GaveUpError, KafkaException, TimeoutError, ValueError) as error:
            print(f"No verdict: {error}")
            return 2
    return 0 if kept else 1


def kinds(text: str) -> tuple[str, ...]:
    """Raises argparse.ArgumentTypeError, which argparse tells."""
    named = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    if unknown := sorted(set(named) - set(KINDS)):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return named


if __name__ == "__main__":
    sys.exit(main())
