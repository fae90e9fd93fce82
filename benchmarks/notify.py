"""Whether people are told of everything, in order and once, whatever happens to the notifier and to whom it tells.

    python benchmarks/notify.py [--incidents 1000] [--revisions 20] [--kills 30] [--seed 7] [--short] [--keep FOLDER]

Three parts, on an Apache Kafka of its own and servers on this machine that stand for targets:

1. Faults: incidents are opened, get worse and are resolved, about 100 revisions a second, while the notifier (two
   processes of `floodmark notify`) is killed with -9 again and again; each process once stands still (SIGSTOP) for
   longer than its session, while the other one goes on with its work; and the broker is killed once. Five targets: one
   is well; one answers 429 with Retry-After; one answers 500 and 503; one hangs, half of the time after it has taken
   the message; one is dead for ten seconds, again and again. When all is over, what each server has taken is compared
   with what there was to be told.
2. Delay: incidents at an even pace, one target that is well: from the record's being written to its being taken there.
3. Speed: incidents that wait already, one target that is well; and the bound: bare aiohttp, which posts bodies of the
   same size to the same server with as many connections as the notifier has for a target.

What is allowed: the same message twice under the same id, if its answer was lost. The exit code is 0 only if no
opening and no resolution was lost, nothing came out of order, and nothing came twice under two ids. Needs Java 17 and,
the first time, Maven.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from confluent_kafka import KafkaException

from engine import GaveUpError, Worker, end_in_order, until
from kafka_side import ApacheKafka, KafkaUnavailableError, Sender, broker, committed, create_topics, ends

GROUP = "told"
ALERTS, DELIVERIES, DEAD_LETTERS, ANOMALIES = "told.alerts", "told.deliveries", "told.dead-letters", "told.anomalies"
PARTITIONS = 4
PACE = 100.0
"""Revisions a second, of the first part."""
SESSION_SECONDS = 10
PATIENCE_SECONDS = 600.0
LANES = 8
HEADERS = (("ce_type", b"dev.floodmark.incident.v1"), ("ce_specversion", b"1.0"), ("ce_source", b"/floodmark/bench"))
SEVERITIES = ("warning", "error", "critical")


class Taken(NamedTuple):
    """A message that a server has taken, whether or not it said so."""

    at: float
    id: str
    key: str
    revision: int
    event: str


class Targets:
    """A server in a thread of its own, with a path for each target. `taken`: what each has taken, in order."""

    def __init__(self, seed: int) -> None:
        self.taken: dict[str, list[Taken]] = defaultdict(list)
        self.answers: Counter[tuple[str, str]] = Counter()
        self.url = ""
        self._dead_until = 0.0
        self._draw = random.Random(seed)
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Targets:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def die(self, seconds: float) -> None:
        """The target `dying` is not there for a while."""
        self._dead_until = time.monotonic() + seconds

    def of(self, target: str) -> list[Taken]:
        return list(self.taken[target])

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as running:
            running.run(self._start())

    async def _start(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/{target}", self._post)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        target = request.match_info["target"]
        body = json.loads(await request.read())
        data = body.get("data", {})
        message = Taken(
            time.time(), body["id"], body.get("subject", ""), data.get("revision", 0), data.get("event", "")
        )
        chance = self._draw.random()
        if target == "dying" and time.monotonic() < self._dead_until:
            self.answers[target, "hung up"] += 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if target == "limited" and chance < 0.2:
            self.answers[target, "429"] += 1
            return web.Response(status=429, headers={"Retry-After": "1"})
        if target == "failing" and chance < 0.3:
            self.answers[target, "500, 503"] += 1
            return web.Response(status=500 if chance < 0.15 else 503)
        if target == "hanging" and chance < 0.04:
            if chance < 0.02:
                self.taken[target].append(message)
            self.answers[target, "none"] += 1
            await asyncio.sleep(5)
            return web.Response(status=503)
        self.answers[target, "200"] += 1
        self.taken[target].append(message)
        return web.Response()


TARGETS = ("well", "limited", "failing", "hanging", "dying")


class Notifier(Worker):
    """A process of `floodmark notify`."""

    verb = "notify"

    def served(self, config: Any) -> dict[str, Any]:
        kafka = {**config["kafka"], "instance_id": self.name}
        return {**config, "kafka": kafka, "notify": {**config["notify"], "http": {"port": self.port}}}


def config(bootstrap: str, url: str, targets: Sequence[str]) -> dict[str, Any]:
    return {
        "kafka": {"brokers": [bootstrap], "group": GROUP, "session_timeout": f"{SESSION_SECONDS}s"},
        "topics": {"alerts": ALERTS, "deliveries": DELIVERIES, "dead_letters": DEAD_LETTERS, "anomalies": ANOMALIES},
        "notify": {
            "hold": "0s",
            "storm": {"incidents": 10_000_000},
            "targets": {name: {"webhook": {"url": f"{url}/{name}"}, "timeout": "1s"} for name in targets},
            "routes": [{"targets": list(targets)}],
        },
    }


def incident(key: str, revision: int, event: str, severity: str) -> bytes:
    now = datetime.now(UTC).isoformat()
    member = {
        "id": f"ano-{key}", "entity": "cart", "signal": "metric", "series": 'latency{service="cart"}', "head": "range",
        "direction": "up", "started_at": now, "ended_at": None, "p_value": 1e-6, "severity": severity,
        "summary": "latency is 900 ms, expected 110 to 130 ms", "why": "it opened the incident",
    }  # fmt: skip
    body = {
        "id": key, "event": event, "revision": revision, "scope": "", "severity": severity,
        "title": "cart: latency is 900 ms instead of 120 ms", "why": "three anomalies of services that call each other",
        "started_at": now, "updated_at": now, "resolved_at": now if event == "resolved" else None,
        "resolution": "its members are normal again" if event == "resolved" else "", "entities": ["cart"],
        "member_count": 3, "members": [member] * 3, "causes": [], "changes": [], "watermark": now,
    }  # fmt: skip
    return json.dumps(body).encode()


class Feeder:
    """Writes revisions, and remembers when."""

    def __init__(self, bootstrap: str) -> None:
        self.written: dict[tuple[str, int], float] = {}
        self._sender = Sender(bootstrap, linger_ms=1)

    def put(self, key: str, revision: int, event: str, severity: str) -> None:
        partition = zlib.crc32(key.encode()) % PARTITIONS
        now = time.time()
        self.written[key, revision] = now
        body = incident(key, revision, event, severity)
        self._sender.put(ALERTS, partition, key.encode(), body, int(now * 1000), HEADERS)

    def flush(self) -> None:
        self._sender.flush()


def history(prefix: str, incidents: int, revisions: int, seed: int) -> Iterator[tuple[str, int, str, str]]:
    """Revisions of many incidents, mixed: each is opened, told again (some of it worse), and resolved; those that are
    alive at a time are about a third."""
    draw = random.Random(seed)
    waiting = [f"{prefix}-{number:05}" for number in range(incidents)]
    alive: dict[str, tuple[int, int, int]] = {}
    most = max(2, incidents // 3)
    while waiting or alive:
        while waiting and len(alive) < most:
            alive[waiting.pop(0)] = (0, max(2, round(draw.gauss(revisions, revisions / 4))), 0)
        key = draw.choice(list(alive))
        revision, last, severity = alive[key]
        revision += 1
        severity = min(2, severity + (draw.random() < 0.12))
        event = "opened" if revision == 1 else "resolved" if revision == last else "updated"
        yield key, revision, event, SEVERITIES[severity]
        if event == "resolved":
            del alive[key]
        else:
            alive[key] = (revision, last, severity)


class Verdict(NamedTuple):
    """What a target has taken, against what there was to be told."""

    taken: int
    lost_opens: int
    lost_resolves: int
    out_of_order: int
    same_id: int
    other: int
    after: int


def judge(taken: Sequence[Taken], last: dict[str, int]) -> Verdict:
    """`last`: the revision that resolved each incident. `after`: incidents of which only the end was told, since they
    were over before the target took anything."""
    of: dict[str, list[Taken]] = defaultdict(list)
    for message in taken:
        of[message.key].append(message)
    lost_opens = lost_resolves = out_of_order = same_id = other = after = 0
    for key, end in last.items():
        messages = of.get(key, [])
        lost_opens += not messages
        after += bool(messages) and all(each.event == "resolve" for each in messages)
        lost_resolves += not any(each.event == "resolve" and each.revision == end for each in messages)
        ids: set[str] = set()
        said: set[tuple[int, str]] = set()
        newest = 0
        for each in messages:
            out_of_order += each.revision < newest or (newest == end and each.event != "resolve")
            newest = max(newest, each.revision)
            if each.id in ids:
                same_id += 1
            elif (each.revision, each.event) in said:
                other += 1
            ids.add(each.id)
            said.add((each.revision, each.event))
        opens = {each.id for each in messages if each.event == "open"}
        other += max(0, len(opens) - 1)
    return Verdict(len(taken), lost_opens, lost_resolves, out_of_order, same_id, other, after)


def unread(bootstrap: str) -> int:
    done = committed(bootstrap, f"{GROUP}-notify", [ALERTS])
    return sum(max(0, end - done.get(place, 0)) for place, end in ends(bootstrap, [ALERTS]).items())


class Troubles:
    """What happens to two notifiers, their targets and the broker, by the clock of the feed."""

    def __init__(
        self, kafka: ApacheKafka, targets: Targets, folder: Path, seconds: float, kills: int, seed: int
    ) -> None:
        settings = config(kafka.bootstrap, targets.url, TARGETS)
        self.workers = [Notifier(settings, folder, f"notify-{number}") for number in range(2)]
        self.happened: Counter[str] = Counter()
        self._kafka = kafka
        self._targets = targets
        self._draw = draw = random.Random(seed)
        self._standing: set[str] = set()
        down = min(10.0, seconds / 6)
        steps: list[tuple[float, Callable[[], None]]] = [
            (draw.uniform(0.02, 1) * seconds, self._kill) for _ in range(kills)
        ]
        steps += [(seconds * share, lambda: targets.die(down)) for share in (0.2, 0.5, 0.8)]
        steps += [(seconds * 0.5, self._kill_broker)]
        begin = 0.0
        for share, worker in zip((0.25, 0.65), self.workers, strict=True):
            begin = max(seconds * share, begin)
            steps.append((begin, partial(self._stop, worker)))
            begin += SESSION_SECONDS + 4
            steps.append((begin, partial(self._wake, worker)))
            begin += 4
        self._steps = sorted(steps, key=lambda step: step[0])

    def start(self) -> None:
        for worker in self.workers:
            worker.start()
        until(self.ready, 120, "the notifiers are not ready")

    def ready(self) -> bool:
        return all(worker.ready() for worker in self.workers)

    def look(self, now: float) -> None:
        """Do what is due."""
        while self._steps and self._steps[0][0] <= now:
            self._steps.pop(0)[1]()

    def mend(self) -> None:
        """Start again what has ended by itself."""
        for worker in self.workers:
            if not worker.alive:
                self.happened["ended by themselves"] += 1
                worker.start()

    def idle(self) -> bool:
        """Whether nothing waits to be told, as far as those that have the partitions know."""
        return (
            self.ready() and sum(worker.metrics().get("floodmark_notify_pending", 1.0) for worker in self.workers) == 0
        )

    def end(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            if worker.wait(40) is None:
                raise GaveUpError(f"{worker.name} does not end on SIGTERM:\n{worker.last_words()}")

    def _kill(self) -> None:
        worker = self._draw.choice([worker for worker in self.workers if worker.name not in self._standing])
        self.happened["kills"] += 1
        if not worker.ready():
            self.happened["of them while it started or recovered"] += 1
        worker.kill()
        worker.start()

    def _stop(self, worker: Notifier) -> None:
        self.happened["standstills"] += 1
        self._standing.add(worker.name)
        worker.pause()

    def _wake(self, worker: Notifier) -> None:
        self._standing.discard(worker.name)
        worker.go_on()

    def _kill_broker(self) -> None:
        self.happened["broker killed"] += 1
        self._kafka.kill()
        self._kafka.restart()


def faults(
    kafka: ApacheKafka, targets: Targets, folder: Path, args: argparse.Namespace
) -> tuple[dict[str, Verdict], str]:
    story = list(history("inc", args.incidents, args.revisions, args.seed))
    last = {key: revision for key, revision, event, _ in story if event == "resolved"}
    feeder = Feeder(kafka.bootstrap)
    troubles = Troubles(kafka, targets, folder, len(story) / PACE, args.kills, args.seed)
    try:
        troubles.start()
        begun = time.monotonic()
        for number, revision in enumerate(story):
            ahead = begun + number / PACE - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            feeder.put(*revision)
            troubles.look(time.monotonic() - begun)
        feeder.flush()
        fed = time.monotonic() - begun

        def all_told() -> bool:
            troubles.look(time.monotonic() - begun)
            troubles.mend()
            return troubles.idle() and not unread(kafka.bootstrap) and troubles.idle()

        until(all_told, PATIENCE_SECONDS, "not all is told", pause=1.0)
        took = time.monotonic() - begun
        time.sleep(2)
        troubles.end()
    finally:
        for worker in troubles.workers:
            worker.kill()
    words = f"{len(story):,} revisions of {len(last):,} incidents in {fed:.0f} s, all told after {took:.0f} s; "
    words += ", ".join(f"{count} {what}" for what, count in troubles.happened.items())
    return {name: judge(targets.of(name), last) for name in TARGETS}, words


@contextmanager
def one(bootstrap: str, targets: Targets, folder: Path, name: str) -> Iterator[Notifier]:
    worker = Notifier(config(bootstrap, targets.url, (name,)), folder, "notify-alone")
    worker.start()
    try:
        until(worker.ready, 120, "the notifier is not ready")
        yield worker
    finally:
        worker.terminate()
        worker.wait(40)


def delay(bootstrap: str, targets: Targets, folder: Path, count: int) -> list[float]:
    """Seconds from the writing of each opening to its being taken, 20 a second."""
    feeder = Feeder(bootstrap)
    with one(bootstrap, targets, folder, "paced"):
        for number in range(count):
            feeder.put(f"paced-{number}", 1, "opened", "error")
            time.sleep(0.05)
        feeder.flush()
        until(lambda: len(targets.of("paced")) >= count, 120, "not all is told")
    return [each.at - feeder.written[each.key, each.revision] for each in targets.of("paced")]


def speed(bootstrap: str, targets: Targets, folder: Path, count: int) -> float:
    """Deliveries a second, of openings that wait already."""
    with one(bootstrap, targets, folder, "fast"):
        pass  # it has been there: what comes now is to be told
    feeder = Feeder(bootstrap)
    for number in range(count):
        feeder.put(f"fast-{number}", 1, "opened", "error")
    feeder.flush()
    with one(bootstrap, targets, folder, "fast"):
        until(lambda: len(targets.of("fast")) >= count, 300, "not all is told")
    times = sorted(each.at for each in targets.of("fast"))
    return (len(times) - 1) / (times[-1] - times[0])


def bound(targets: Targets, count: int) -> float:
    """Posts a second of bare aiohttp."""
    body = json.dumps({"id": "x", "subject": "x", "data": json.loads(incident("x", 1, "opened", "error"))}).encode()

    async def post() -> float:
        left = iter(range(count))
        async with aiohttp.ClientSession() as session:

            async def lane() -> None:
                for _ in left:
                    async with session.post(f"{targets.url}/bound", data=body) as answer:
                        await answer.read()

            begun = time.monotonic()
            await asyncio.gather(*(lane() for _ in range(LANES)))
            return count / (time.monotonic() - begun)

    return asyncio.run(post())


def report(verdicts: dict[str, Verdict], targets: Targets) -> int:
    head = ["target", "taken", "lost opens", "lost resolves", "out of order", "twice, same id", "twice, other id"]
    head += ["told of the end only", "answered otherwise"]
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, found in verdicts.items():
        others = [f"{count} x {answer}" for (each, answer), count in targets.answers.items() if each == name]
        others = [each for each in others if not each.endswith("x 200")]
        cells = (name, f"{found.taken:,}", *found[1:], ", ".join(others))
        print("| " + " | ".join(map(str, cells)) + " |")
    return sum(sum(found[1:4]) + found.other for found in verdicts.values())


def play(args: argparse.Namespace, folder: Path) -> int:
    with ExitStack() as stack:
        kafka = stack.enter_context(broker())
        targets = stack.enter_context(Targets(args.seed))
        create_topics(kafka.bootstrap, dict.fromkeys((ALERTS, DEAD_LETTERS, ANOMALIES), PARTITIONS))
        create_topics(kafka.bootstrap, {DELIVERIES: PARTITIONS}, {"cleanup.policy": "compact"})
        verdicts, words = faults(kafka, targets, folder, args)
        print(words, flush=True)
        wrong = report(verdicts, targets)
        delays = delay(kafka.bootstrap, targets, folder, args.paced)
        fast = speed(kafka.bootstrap, targets, folder, args.fast)
        bare = bound(targets, args.fast)
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    print(f"\ndelay of {len(delays):,} openings: median {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    print(f"speed: {fast:,.0f} deliveries a second; the bound, bare aiohttp: {bare:,.0f} ({fast / bare:.0%} of it)")
    print(f"\nlost, out of order, or twice under two ids: {wrong}")
    return int(wrong > 0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=1000)
    parser.add_argument("--revisions", type=int, default=20, help="of an incident, about")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--paced", type=int, default=1000, help="openings of the second part")
    parser.add_argument("--fast", type=int, default=4000, help="openings of the third part")
    parser.add_argument("--short", action="store_true", help="a minute of it")
    parser.add_argument("--keep", type=Path, help="a new folder for logs, which stays")
    args = parser.parse_args(arguments)
    end_in_order()
    if args.short:
        args.incidents, args.kills, args.paced, args.fast = 120, 4, 100, 500
    with ExitStack() as stack:
        if args.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-notify-")))
        else:
            folder = args.keep
            folder.mkdir(parents=True, exist_ok=True)
        try:
            return play(args, folder)
        except KafkaUnavailableError as error:
            print(f"Kafka cannot be run here: {error}")
            return 2
        except (GaveUpError, KafkaException, TimeoutError) as error:
            print(f"No verdict: {error}")
            return 2


if __name__ == "__main__":
    sys.exit(main())
