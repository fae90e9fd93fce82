"""How fast the console's view answers, how large it is, and how fast it is filled: python benchmarks/console.py

It makes records of so many incidents and anomalies (the same each time), folds them into a view as the console does,
and asks each query that a page asks. The mark: 95 of 100 answers within 50 ms, JSON included.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from floodmark.actions import Action, Arguments
from floodmark.alerts import (
    SEVERITIES,
    Anomaly,
    Cause,
    ChangeNotice,
    Dependencies,
    Evidence,
    Incident,
    Member,
    Point,
    Watermark,
    content_id,
    utc,
)
from floodmark.config.models import Config
from floodmark.console.queries import anomalies, audit, engine, incident, incidents, models, oncall, search, status
from floodmark.console.store import View
from floodmark.events import encode
from floodmark.reports import ModelMetric, ModelReport

START = 1_770_000_000.0
SERVICES = [f"{name}-{number}" for number in range(10) for name in ("web", "cart", "pay", "ship", "auth", "search")]
MARK = 0.050
CONFIG = {
    "kafka": {"brokers": ["localhost:9092"]},
    "inputs": [{"topic": "metrics", "signal": "metric"}],
    "actions": {},
    "services": {name: {"owner": name.split("-")[0], "depends_on": [SERVICES[0]]} for name in SERVICES[1:40]},
    "notify": {
        "targets": {"room": {"webhook": {"url": "http://localhost:1/"}}},
        "people": {name: {"targets": ["room"]} for name in ("ann", "bob", "cy")},
        "schedules": {
            "duty": {"timezone": "Europe/Berlin", "rotation": ["ann", "bob", "cy"], "every": "1w"},
            "second": {"timezone": "America/New_York", "rotation": ["bob", "cy"], "every": "1d"},
        },
        "chains": {"page": {"steps": [{"notify": ["duty"], "wait": "5m"}, {"notify": ["second"], "wait": "10m"}]}},
        "routes": [
            {"name": "payments", "match": {"owner": "pay"}, "targets": ["room"], "chain": "page"},
            {"name": "others", "targets": ["room"]},
        ],
    },
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A record as consumers have it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def kept(body: Any, at: float, topic: str, offset: int, key: str | None = None) -> Kept:
    out = encode(body, source="benchmark/0", key=key)
    return Kept(topic, 0, offset, round(at * 1000), out.key, out.value, tuple(out.headers))


def records(incident_count: int, anomaly_count: int, days: float) -> Iterator[Kept]:
    """Anomalies over so many days, a tenth of them an incident each with what is left of them as members."""
    draw = random.Random(7)
    each_has = max(1, anomaly_count // max(1, incident_count))
    step = days * 86_400 / max(1, incident_count)
    offset = 0
    for number in range(incident_count):
        at = START + number * step
        last = number > incident_count - 50
        places = draw.sample(SERVICES, draw.randrange(1, 6))
        members = [_anomaly(draw, number, n, at + n * 7, draw.choice(places), last) for n in range(each_has)]
        for body in members:
            offset += 1
            yield kept(body, at, "floodmark.anomalies", offset)
        if number % 5 == 0:
            offset += 1
            yield kept(_change(number, at, places[0]), at, "floodmark.anomalies", offset)
        if number % 50 == 0:
            offset += 1
            mark = Watermark(task="metrics/0", tasks=1, time=utc(at), idle=False)
            yield kept(mark, at, "floodmark.anomalies", offset)
            calls = [(draw.choice(SERVICES), draw.choice(SERVICES)) for _ in range(20)]
            told = Dependencies(task="metrics/0", time=utc(at), calls=calls)
            offset += 1
            yield kept(told, at, "floodmark.anomalies", offset)
        for revision in (1, 2, 3):
            told_now = _incident(number, revision, at, places, members, over=revision == 3 and not last)
            offset += 1
            yield kept(told_now, at, "floodmark.alerts", offset, told_now.id)
        if number % 3 == 0:
            for verb in ("ack", "comment", "good_catch"):
                args = Arguments(text="looking at it") if verb == "comment" else Arguments()
                if verb == "good_catch":
                    args = Arguments(anomalies=[members[0].id])
                act = Action(
                    id=f"act-{number}-{verb}", verb=verb, by=draw.choice(("ann", "bob", "cy")), at=utc(at + 90),
                    incident=_id(number), scope="shop", seen=2, args=args,
                )  # fmt: skip
                offset += 1
                yield kept(act, at, "floodmark.actions", offset, act.incident)
    end = START + days * 86_400
    for number in range(20):
        match: dict[str, str | list[str]] = {"owner": draw.choice(("pay", "cart", "auth"))}
        until = utc(end + 86_400 * 10)
        act = Action(
            id=f"act-s{number}", verb="silence", by="ann", at=utc(end - 86_400 * number), reason="works",
            args=Arguments(match=match, until=until),
        )  # fmt: skip
        offset += 1
        yield kept(act, end, "floodmark.actions", offset, act.id)
    for number in range(2_000):
        at = end - number * 300
        report = ModelReport(
            model="fraud", version=f"2.{number % 3}", scope="shop", task="classification", time=utc(at), window=3600.0,
            predictions=1000, labelled=900, pending=50,
            metrics=[ModelMetric(name="f1", value=0.7, count=900, reference=0.7)],
        )  # fmt: skip
        offset += 1
        yield kept(report, at, "floodmark.reports", offset, report.key())


def _id(number: int) -> str:
    return content_id("inc", number)


def _anomaly(draw: random.Random, number: int, place: int, at: float, entity: str, last: bool) -> Anomaly:
    series = f"{entity} latency_p{place}{number % 20}"
    points = [Point(at - 600 + n * 10, round(draw.gauss(100, 5), 3), 100.0, 90.0, 110.0) for n in range(60)]
    return Anomaly(
        id=content_id("ano", number, place), event="opened" if last else "closed", scope="shop", entity=entity,
        signal=draw.choice(("metric", "log", "span")), series=series, name="latency", labels={"service": entity},
        unit="ms", started_at=utc(at), updated_at=utc(at + 600), ended_at=None if last else utc(at + 900),
        head=draw.choice(("value", "trend", "rate", "new")), direction="up", observed=260.0, expected=100.0, low=90.0,
        high=110.0, p_value=10 ** -draw.uniform(3, 9), severity=draw.choice(SEVERITIES),
        summary=f"latency of {entity} is 260 ms, expected 90 to 110", detector="default",
        evidence=Evidence(points=points, facts={"template": f"timeout after <*> ms calling {entity}"}),
    )  # fmt: skip


def _change(number: int, at: float, service: str) -> ChangeNotice:
    return ChangeNotice(
        id=f"chg-{number}", scope="shop", time=utc(at - 51), service=service, kind="deploy",
        summary=f"release 3.{number}.0", version=f"3.{number}.0",
    )  # fmt: skip


def _incident(
    number: int, revision: int, at: float, places: list[str], members: list[Anomaly], *, over: bool
) -> Incident:
    some = members[: max(1, len(members) * revision // 3)]
    severity = max((each.severity for each in some), key=SEVERITIES.index)
    return Incident(
        id=_id(number), event="resolved" if over else "opened" if revision == 1 else "updated", revision=revision,
        scope="shop", severity=severity, title=f"{places[0]}: latency up and {len(some) - 1} more", why="they call",
        started_at=utc(at), updated_at=utc(at + revision * 60), resolved_at=utc(at + 1800) if over else None,
        resolution="all is normal again" if over else "", entities=places, member_count=len(some),
        members=[
            Member(
                id=each.id, entity=each.entity, signal=each.signal, series=each.series, head=each.head,
                direction=each.direction, started_at=each.started_at, ended_at=each.ended_at, p_value=each.p_value,
                severity=each.severity, summary=each.summary, why="it began at the same time", name=each.name,
                labels=each.labels, unit=each.unit, observed=each.observed, expected=each.expected,
            )
            for each in some
        ],
        causes=[
            Cause(entity=each, share=0.5 / (n + 1), reason="it was first", anomalies=[members[0].id])
            for n, each in enumerate(places[:3])
        ],
        changes=[_change(number, at, places[0])] if number % 5 == 0 else [],
    )  # fmt: skip


def queries(view: View, config: Config, days: float, count: int) -> dict[str, Callable[[Any, random.Random], object]]:
    """What each GET asks, by its route; the second argument is a source of other incidents, services and times."""
    end = START + days * 86_400
    lag, told = status.Lag(0, 0.0, False, ""), status.Engines(None, None, 1_000)

    def some(draw: random.Random) -> str:
        return _id(draw.randrange(count))

    def after_first(db: Any, draw: random.Random) -> object:
        first = incidents.incidents(db, limit=100)
        return incidents.incidents(db, limit=100, start=first.next or "")

    found: dict[str, Callable[[Any, random.Random], object]] = {
        "/status": lambda db, _: status.status(db, end, lag, told, ""),
        "/incidents": lambda db, _: incidents.incidents(db, limit=100),
        "/incidents?limit=200&sort=urgency": lambda db, _: incidents.incidents(db, limit=200, sort="urgency"),
        "/incidents?cursor (and its first page)": after_first,
        "/incidents?q": lambda db, draw: incidents.incidents(db, words=draw.choice(("latency", "pay-3", "3.41*"))),
        "/incidents?entity&severity": lambda db, draw: incidents.incidents(
            db, entity=draw.choice(SERVICES), least="error"
        ),
        "/incidents?from&to": lambda db, draw: incidents.incidents(
            db, since=end - 86_400 * draw.uniform(1, 20), until=end
        ),
        "/incidents/{id}": lambda db, draw: incident.incident(db, config, some(draw), end),
        "/incidents/{id}/history": lambda db, draw: incident.history(db, some(draw)),
        "/incidents/{id}/lanes": lambda db, draw: incident.lanes(db, some(draw)),
        "/water (48 h)": lambda db, _: incidents.water(db, end - 172_800, end),
        "/water (all)": lambda db, _: incidents.water(db, START, end),
        "/heat (48 h)": lambda db, _: anomalies.heat(db, end - 172_800, end),
        "/heat (7 d)": lambda db, _: anomalies.heat(db, end - 604_800, end),
        "/heat (all)": lambda db, _: anomalies.heat(db, START, end),
        "/heat?by=series (all)": lambda db, draw: anomalies.heat(
            db, START, end, by="series", entity=draw.choice(SERVICES)
        ),
        "/anomalies": lambda db, _: anomalies.anomalies(db),
        "/anomalies?entity&signal": lambda db, draw: anomalies.anomalies(
            db, entity=draw.choice(SERVICES), signal="log"
        ),
        "/anomalies?p_max&head": lambda db, _: anomalies.anomalies(db, most=1e-8, head="new"),
        "/anomalies?p_max (none)": lambda db, _: anomalies.anomalies(db, most=1e-30),
        "/anomalies/{id}": lambda db, draw: anomalies.anomaly(db, content_id("ano", draw.randrange(count), 0)),
        "/topology": lambda db, _: anomalies.topology(db, config),
        "/changes": lambda db, _: anomalies.changes(db, None, None),
        "/search": lambda db, draw: search.search(db, draw.choice(("latency", "pay-3 late", "3.41*", "ann", "inc-1a"))),
        "/models": lambda db, _: models.models(db),
        "/models/{m}/{v}": lambda db, _: models.model(db, "fraud", "2.1", None, None),
        "/oncall": lambda db, _: oncall.oncall(db, config, end),
        "/routes/test": lambda db, draw: oncall.route_test(db, config, some(draw)),
        "/silences": lambda db, _: oncall.silences(db, config, end),
        "/silences/preview": lambda db, _: oncall.preview(db, config, {"owner": "pay"}, end),
        "/deliveries": lambda db, _: oncall.deliveries(db),
        "/engine": lambda db, _: engine.engine(
            db, config, end, engines=[], tasks=[], history={}, series=1_000, size=view.size(), rebuilt=""
        ),
        "/dead-letters": lambda db, _: engine.dead_letters(db),
        "/audit": lambda db, _: audit.audit(db, end),
        "/audit?by": lambda db, _: audit.audit(db, end, by="ann"),
    }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--anomalies", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=60.0, help="over how many days they are spread")
    parser.add_argument("--runs", type=int, default=50, help="of each query")
    parser.add_argument("--store", type=Path, help="file of the view, kept; if it is there it is only asked")
    parser.add_argument("--http", action="store_true", help="and ask a console in a process of its own, over HTTP")
    given = parser.parse_args()
    config = Config.model_validate(CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        path = given.store or Path(folder) / "view.db"
        there = path.exists()
        view = View(path, config)
        if not there:
            _fill(view, given.incidents, given.anomalies, given.days)
        slow = 0
        print(f"{'GET':<42}{'p50 ms':>9}{'p95 ms':>9}{'kB':>8}")
        for name, ask in queries(view, config, given.days, given.incidents).items():
            half, most, size = _measured(view, ask, given.runs)
            slow += most > MARK
            print(f"{name:<42}{half * 1e3:>9.2f}{most * 1e3:>9.2f}{size / 1e3:>8.1f}{'  SLOW' if most > MARK else ''}")
        view.close()
        if given.http:
            slow += _over_http(path, Path(folder), given.days, given.runs)
    print(f"{slow} slower than {MARK * 1e3:.0f} ms at the 95th percentile")
    return int(slow > 0)


def _over_http(store: Path, folder: Path, days: float, runs: int) -> int:
    """Each GET of a real console over this view; how many are too slow. Its Kafka is not there, and is not needed."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    config = folder / "console.yaml"
    own = {**CONFIG, "kafka": {"brokers": ["127.0.0.1:1"]}, "console": {"port": port, "store": str(store)}}
    config.write_text(json.dumps(own))
    command = [sys.executable, "-m", "floodmark", "console", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(200):
            try:
                link.request("GET", "/healthz")
                link.getresponse().read()
                break
            except OSError:
                link.close()
                time.sleep(0.1)
        link.request("GET", "/api/v1/incidents?limit=50")
        some = [each["id"] for each in json.loads(link.getresponse().read())["rows"]]
        end = START + days * 86_400
        asked = [
            "/me", "/status", "/incidents", "/incidents?state=needs,handled&sort=urgency&limit=200",
            "/incidents?q=errors", "/incidents/ID", "/incidents/ID/history", "/incidents/ID/lanes",
            f"/water?from={end - 172_800}&to={end}", f"/heat?from={end - 172_800}&to={end}",
            f"/heat?from={START}&to={end}", "/anomalies", "/topology", "/changes", "/search?q=payment", "/models",
            "/oncall", "/routes/test?incident=ID", "/silences", "/deliveries", "/engine", "/dead-letters", "/audit",
            "/reports/weekly?audience=oncall", "/incidents/ID/postmortem?format=md",
        ]  # fmt: skip
        slow = 0
        for path in asked:
            spent, size = [], 0
            for number in range(runs):
                begun = time.perf_counter()
                link.request("GET", f"/api/v1{path.replace('ID', some[number % len(some)])}")
                size = len(link.getresponse().read())
                spent.append(time.perf_counter() - begun)
            spent.sort()
            half, most = spent[len(spent) // 2], spent[int(len(spent) * 0.95)]
            slow += most > MARK
            name = f"HTTP {path.partition('?from')[0]}"
            print(f"{name:<62}{half * 1e3:>9.2f}{most * 1e3:>9.2f}{size / 1e3:>8.1f}{'  SLOW' if most > MARK else ''}")
        return slow
    finally:
        link.close()
        process.terminate()
        process.wait()


def _fill(view: View, incident_count: int, anomaly_count: int, days: float) -> None:
    batch: list[Kept] = []
    spent, count = 0.0, 0
    end = START + days * 86_400

    def take() -> None:
        nonlocal spent, count
        begun = time.perf_counter()
        view.take(batch, now=end)
        spent += time.perf_counter() - begun
        count += len(batch)
        batch.clear()

    for record in records(incident_count, anomaly_count, days):
        batch.append(record)
        if len(batch) == 2_000:
            take()
    take()
    print(f"filled: {count} records in {spent:.1f} s, {count / spent:.0f} a second; {view.size() / 1e6:.0f} MB")
    begun = time.perf_counter()
    gone = view.trim(now=end)
    print(f"trimmed: {gone} rows in {time.perf_counter() - begun:.2f} s")


def _measured(view: View, ask: Callable[[Any, random.Random], object], runs: int) -> tuple[float, float, int]:
    draw, spent, size = random.Random(3), list[float](), 0
    for _ in range(runs):
        begun = time.perf_counter()
        with view.reading() as db:
            size = len(msgspec.json.encode(ask(db, draw)))
        spent.append(time.perf_counter() - begun)
    spent.sort()
    return spent[len(spent) // 2], spent[int(len(spent) * 0.95)], size


if __name__ == "__main__":
    sys.exit(main())
