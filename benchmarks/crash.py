"""Exactly once under faults: the same input with and without kills, rebalances, a broker's death and zombies.

    python benchmarks/crash.py [--kills 50] [--rebalances 20] [--zombies 5] [--seed 7] [--quick] [--keep FOLDER]

A reference run first: all input is there, one worker, no fault. Then the same input on a fresh broker, fed in pieces
while workers are killed with -9 at random moments (some while they still start or recover), the number of workers goes
3, 2, 1, 3, ..., and the broker is killed and comes back in the middle. Then once more with zombies: a worker is stopped
(SIGSTOP) past its session's timeout, another one takes over, and it continues. Meanwhile people act: incidents are
resolved, opened again, merged, split and dismissed, as of moments of event time (`acting`). After each run all input is
committed and the outputs are quiet; then they are read with read_committed and compared with the reference, bytes,
keys, headers and order: anomalies and watermarks of each task, the revisions of each incident, what came of each
action, the dead letters of each origin. And `floodmark replay --actions` must tell, byte for byte, the incidents of the
reference.

The engine is `floodmark run` as a process. Its config is the default one but for: short sessions, snapshots often and a
`state.history` that reaches back over all the input (who is killed before its first snapshot has nothing else), small
fetches (more transactions), scopes by region (more than one correlate task at work), `correlate.idle` beyond
the run's length, a budget of false incidents in which nearly every anomaly opens one, so that there are many to
compare, and `correlate.patience` as long as it may be: who is behind because its worker is dead must be waited
for, and "idle" and "absent" are said by the wall clock. Words that are repeated by that clock are not compared.

The exit code is 0 only if nothing was lost, doubled or changed. Needs Java 17 and, the first time, Maven.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

import acting
import workload
from comparing import KINDS, Difference, compare, sorted_by_kind
from engine import GaveUpError, end_in_order, until
from fleet import Feeder, Fleet, shares
from floodmark.config.models import Config
from kafka_side import (
    ApacheKafka,
    KafkaUnavailableError,
    Message,
    Written,
    broker,
    committed,
    create_topics,
    ends,
    read_committed,
)

GROUP = "crash"
INPUTS = (workload.METRICS, workload.LOGS)
ANOMALIES, ALERTS, DEAD_LETTERS = "crash.anomalies", "crash.alerts", "crash.dead-letters"
ACTIONS = "crash.actions"
OUTPUTS = (ANOMALIES, ALERTS, DEAD_LETTERS, ACTIONS)
SESSION_SECONDS = 10.0
COUNTS = (3, 2, 1)
"""Workers, over and over."""
PATIENCE_SECONDS = 600.0
"""So long anything is waited for; on a busy machine much takes minutes."""

Run = list[Written]
Trouble = Callable[[Fleet, Feeder, ApacheKafka], None]


def config(bootstrap: str, store: Path) -> dict[str, Any]:
    return {
        "kafka": {
            "brokers": [bootstrap],
            "group": GROUP,
            "start": "earliest",
            "session_timeout": f"{SESSION_SECONDS}s",
            "max_poll_records": 200,
        },
        "inputs": [
            {"topic": workload.METRICS, "signal": "metric"},
            {"topic": workload.LOGS, "signal": "log"},
        ],
        "topics": {"anomalies": ANOMALIES, "alerts": ALERTS, "dead_letters": DEAD_LETTERS, "actions": ACTIONS},
        "actions": {},
        "state": {"store": str(store), "interval": "1s", "history": "3d"},
        "detect": {"scope": ["region"]},
        "logs": {"learning": "10m"},
        "services": workload.SERVICES,
        "correlate": {"idle": "1d", "patience": f"{4 * SESSION_SECONDS}s", "false_incidents": "60/hour"},
    }


def settle(fleet: Fleet, bootstrap: str) -> list[Written]:
    """All that was written, once all input is committed and nothing new comes. Raises GaveUpError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    before: list[Written] = []
    behind: dict[tuple[str, int], int] = {}
    while True:
        if time.monotonic() > deadline:
            words = "\n".join(f"--- {worker.name}\n{worker.last_words()}" for worker in fleet.workers if worker.alive)
            raise GaveUpError(
                f"not all is committed after {PATIENCE_SECONDS:.0f} s; {unread(bootstrap) or behind}\n{words}"
            )
        fleet.look()
        if unread(bootstrap):
            time.sleep(0.5)
            continue
        records: list[Written] = []
        read_committed(bootstrap, OUTPUTS, records.append)
        last: Counter[tuple[str, int]] = Counter()
        for record in records:
            if record.topic in (
                ANOMALIES,
                ACTIONS,
            ):  # by the last record: behind it are only markers, which nobody commits
                last[record.topic, record.partition] = record.offset + 1
        done = committed(bootstrap, f"{GROUP}-correlate", [ANOMALIES])
        done |= committed(bootstrap, f"{GROUP}-route", [ACTIONS])
        behind = {place: end - done.get(place, 0) for place, end in last.items() if end > done.get(place, 0)}
        if len(records) == len(before) and not behind:
            return records
        before = records
        time.sleep(1)


def unread(bootstrap: str) -> dict[tuple[str, int], int]:
    """Input records that the detect group has not committed, by partition; none of zero."""
    done = committed(bootstrap, f"{GROUP}-detect", INPUTS)
    return {
        place: end - done.get(place, 0) for place, end in ends(bootstrap, INPUTS).items() if end > done.get(place, 0)
    }


def run(messages: list[Message], folder: Path, trouble: Trouble | None, keep: bool) -> tuple[Run, Fleet, float]:
    """One run on a broker of its own: what it wrote, what happened, and how long it took."""
    with ExitStack() as stack:
        kafka = stack.enter_context(broker())
        create_topics(kafka.bootstrap, dict.fromkeys((*INPUTS, *OUTPUTS), workload.PARTITIONS))
        folder.mkdir()
        feeder = Feeder(kafka.bootstrap, messages)
        fleet = stack.enter_context(Fleet(config(kafka.bootstrap, folder / "state"), folder, max(COUNTS)))
        begun = time.monotonic()
        if trouble is None:
            feeder.finish()
            fleet.scale(1)
        else:
            trouble(fleet, feeder, kafka)
            feeder.finish()
        records = settle(fleet, kafka.bootstrap)
        took = time.monotonic() - begun
        fleet.stop()
        if keep:
            print(f"logs and state of this run are in {folder}")
        return records, fleet, took


def killing(kills: int, rebalances: int, seed: int) -> Trouble:
    """Random kills and rebalances, and the broker's death when half of them are done."""
    draw = random.Random(seed)
    steps = ["kill"] * kills + ["rebalance"] * rebalances
    draw.shuffle(steps)
    steps.insert(len(steps) // 2, "broker")

    def trouble(fleet: Fleet, feeder: Feeder, kafka: ApacheKafka) -> None:
        fleet.scale(COUNTS[-1])
        fleet.happened.clear()
        scales = 0
        for step, share in zip(steps, shares(draw, feeder.left, len(steps) + 1), strict=False):
            hurry = draw.random() < 0.35  # into its start, or its recovery
            if not hurry:
                fleet.wait_working()
            feeder.feed(share)
            time.sleep(draw.uniform(0.1, 2.5 if hurry else 1.0))
            if step == "kill":
                fleet.kill(draw.choice(fleet.wanted()))
            elif step == "rebalance":
                fleet.scale(COUNTS[scales % len(COUNTS)])
                scales += 1
            else:
                fleet.happened["broker killed"] += 1
                kafka.kill()
                time.sleep(draw.uniform(0.5, 3))
                kafka.restart()

    return trouble


def zombies(rounds: int, seed: int) -> Trouble:
    """Stop a worker that has records in hand, let another one have its partitions, and wake it while that one works."""
    draw = random.Random(seed)

    def trouble(fleet: Fleet, feeder: Feeder, kafka: ApacheKafka) -> None:
        zombie, heir = fleet.workers[:2]
        share = feeder.left // (3 * rounds + 1)
        zombie.start()
        for _ in range(rounds):
            until(zombie.ready, PATIENCE_SECONDS, f"{zombie.name} is not ready")
            feeder.feed(share)
            time.sleep(draw.uniform(0.02, 0.25))
            zombie.pause()
            fleet.happened["zombies"] += 1
            if unread(kafka.bootstrap):
                fleet.happened["zombies with records in hand"] += 1
            heir.start()
            feeder.feed(share)
            until(lambda: not unread(kafka.bootstrap), PATIENCE_SECONDS, f"{heir.name} does not take over")
            feeder.feed(share)
            time.sleep(draw.uniform(0.0, 0.3))
            zombie.go_on()
            until(zombie.ready, PATIENCE_SECONDS, f"{zombie.name} does not come back")
            time.sleep(1)
            fleet.look()
            zombie.terminate()
            zombie.wait(30)
            zombie, heir = heir, zombie

    return trouble


def report(title: str, expected: Run, got: Run, fleet: Fleet, seconds: float) -> Difference:
    """Print a table and what happened; the sum of all differences."""
    reference, found = sorted_by_kind(expected), sorted_by_kind(got)
    print(f"\n## {title}\n\n| {'records':<14} | reference | found | lost | doubled | changed |")
    print(f"|{'-' * 16}|-----------|-------|------|---------|---------|")
    total = Difference()
    for kind in KINDS:
        difference = compare(reference[kind], found[kind])
        total += difference
        should, has = (sum(map(len, run[kind].values())) for run in (reference, found))
        lost, doubled, changed = difference
        print(f"| {kind:<14} | {should:9} | {has:5} | {lost:4} | {doubled:7} | {changed:7} |")
    print(f"\nIn {seconds:.0f} s: " + ", ".join(f"{count} {words}" for words, count in fleet.happened.items() if count))
    print("As the workers counted it, while they lived: " + ", ".join(f"{n} {w}" for w, n in fleet.counted().items()))
    return total


def play(args: argparse.Namespace, folder: Path) -> Difference:
    """The reference, then each kind of trouble that was asked for."""
    keep = args.keep is not None
    end = int(time.time()) // 86400 * 86400  # the last midnight: a seed then means the same run all day
    messages = list(workload.Workload(args.seed, args.hours, end).messages())
    print(f"input: {len(messages):,} messages, seed {args.seed}", flush=True)
    alone, _, _ = run(messages, folder / "alone", None, keep)
    told = acting.incidents_of(alone)
    if len({incident.id for incident in told}) < 3:
        raise GaveUpError(f"the first run made {len({i.id for i in told})} incidents: too few to compare")
    actions = acting.deeds(told, args.seed)
    plain, messages = messages, acting.with_deeds(messages, actions, ACTIONS, workload.PARTITIONS)
    reference, fleet, seconds = run(messages, folder / "reference", None, keep)
    by_kind = sorted_by_kind(reference)
    sizes = ", ".join(f"{sum(map(len, by_kind[kind].values()))} {kind}" for kind in KINDS)
    print(f"reference: {seconds:.0f} s, {len(by_kind['incident'])} incidents; records: {sizes}", flush=True)
    outcomes = acting.outcomes_of(reference)
    came = Counter(f"{each.verb} {each.result}" for each in outcomes)
    print(f"{len(actions)} actions: " + ", ".join(f"{n} {what}" for what, n in sorted(came.items())), flush=True)
    settings = Config.model_validate(config("replay", folder))
    again = acting.replayed(settings, plain, actions, outcomes, folder / "actions.jsonl")
    differing = acting.differing(again, reference)
    print(f"replay --actions: {differing} of {len(by_kind['incident'])} incidents differ in a byte", flush=True)
    total = Difference(changed=differing)
    troubles: list[tuple[str, Trouble]] = []
    if args.kills or args.rebalances:
        troubles.append(("Kills, rebalances and the broker's death", killing(args.kills, args.rebalances, args.seed)))
    if args.zombies:
        troubles.append(("Zombies", zombies(args.zombies, args.seed)))
    for number, (title, trouble) in enumerate(troubles):
        found, fleet, seconds = run(messages, folder / f"trouble-{number}", trouble, keep)
        total += report(title, reference, found, fleet, seconds)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rebalances", type=int, default=20)
    parser.add_argument("--zombies", type=int, default=5, help="rounds of it")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hours", type=float, default=6.0, help="of input, in event time")
    parser.add_argument("--quick", action="store_true", help="two hours of input")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and snapshots, which stays")
    args = parser.parse_args(arguments)
    end_in_order()
    if args.quick:
        args.hours = min(args.hours, 2.0)
    with ExitStack() as stack:
        if args.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-crash-")))
        else:
            folder = args.keep
            folder.mkdir(parents=True, exist_ok=True)
        try:
            total = play(args, folder)
        except KafkaUnavailableError as error:
            print(f"Kafka cannot be run here: {error}")
            return 2
        except (GaveUpError, KafkaException, TimeoutError) as error:
            print(f"No verdict: {error}")
            return 2
    print(f"\nlost {total.lost}, doubled {total.doubled}, changed {total.changed}")
    return int(any(total))


if __name__ == "__main__":
    sys.exit(main())
