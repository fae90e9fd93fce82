"""What a demo left on the topics, and what people might have done to it: for tests of the console.

`records()` gives it as records of Kafka, in the order of their times. `demo.jsonl.zst` is what the simulated shop's
first day and a half brought, stopped while something is still wrong; it is made anew by

    python tests/console/recorded.py

What people did, deliveries, reports of a model and poison are made here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cramjam
import msgspec

from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Anomaly, ChangeNotice, Dependencies, Incident, Watermark, utc
from floodmark.deliveries import Delivery
from floodmark.events import decode, encode
from floodmark.records import Record
from floodmark.reports import (
    Bins,
    ConfigLoaded,
    DetectorReport,
    FeatureReport,
    GroupReport,
    ModelMetric,
    ModelReport,
    ServiceReport,
)
from floodmark.requests import ModelRequest

FILE = Path(__file__).with_name("demo.jsonl.zst")
CONFIG = """
kafka: {brokers: ["BROKERS"]}
inputs:
  - {topic: shop.metrics, signal: metric}
  - {topic: shop.logs, signal: log}
actions: {}
feedback: {topic: floodmark.feedback}
services:
  web: {depends_on: [checkout, catalog, search], owner: storefront, tier: 0}
  checkout: {depends_on: [payment, shipping], owner: payments, tier: 1, runbook: "https://wiki.example.org/checkout"}
  payment: {owner: payments, tier: 1, runbook: "https://wiki.example.org/payment"}
notify:
  link: https://floodmark.example.org/incidents/{incident}
  targets:
    room: {webhook: {url: "http://localhost:1/incidents"}}
    pager: {webhook: {url: "http://localhost:1/pager"}}
  people:
    ann@example.org: {targets: [pager], timezone: Europe/Berlin, quiet: [{from: "22:00", to: "07:00"}]}
    bob@example.org: {targets: [pager]}
  schedules:
    payments-duty:
      {timezone: Europe/Berlin, rotation: [ann@example.org, bob@example.org], every: 1w, handoff: "mon 09:00"}
  chains:
    page:
      steps: [{notify: [payments-duty], wait: 5m}, {notify: [bob@example.org], wait: 10m}]
      repeat: 2
      fallback: [room]
  routes:
    - {name: payments, match: {owner: payments}, targets: [room], chain: page}
    - {name: all others, targets: [room]}
"""


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


def records(people: bool = True) -> list[Kept]:
    """All of it, each topic with offsets from 0, in the order of Kafka's times; `people`: also what is not the
    engine's."""
    found = list(demo())
    if people:
        found += _people(found)
    found.sort(key=lambda each: each.timestamp)
    return numbered(found)


def numbered(found: list[Kept]) -> list[Kept]:
    """Records with offsets as they come."""
    offsets: dict[str, int] = {}
    for number, each in enumerate(found):
        offsets[each.topic] = offsets.get(each.topic, -1) + 1
        found[number] = replace(each, offset=offsets[each.topic])
    return found


def demo() -> Iterator[Kept]:
    """What the engine wrote."""
    for line in bytes(cramjam.zstd.decompress(FILE.read_bytes())).splitlines():
        topic, at, key, headers, value = msgspec.json.decode(line)
        pairs = tuple((name, text.encode()) for name, text in headers)
        yield Kept(topic, 0, 0, at, key.encode() if key else None, value.encode(), pairs)


def incidents(found: list[Kept]) -> list[Incident]:
    """The revisions among records, in their order."""
    bodies = [decoded(each) for each in found if each.topic == "floodmark.alerts" and each.headers]
    return [each for each in bodies if isinstance(each, Incident)]


def kept(body: Any, at: float, topic: str, key: str | None = None) -> Kept:
    """A body of ours as a record."""
    out = encode(body, source="test/0", key=key)
    return Kept(topic, 0, 0, round(at * 1000), out.key, out.value, tuple(out.headers))


def decoded(each: Kept) -> object:
    return decode(Record(each.topic, each.partition, each.offset, each.timestamp, each.key, each.value, each.headers))


def _people(found: list[Kept]) -> list[Kept]:
    """Incidents that Ann and Bob have, with comments; one is snoozed; deliveries, a silence, a model, poison."""
    told: dict[str, list[Incident]] = {}
    for each in incidents(found):
        told.setdefault(each.id, []).append(each)
    end = max(each.timestamp for each in found) / 1000
    still = [some for some in told.values() if some[-1].event not in ("resolved", "merged")]
    over = [some for some in told.values() if some[-1].event == "resolved"]
    made: list[Kept] = []
    for number, some in enumerate([*over[-4:], *still[1:3]]):
        first, by = some[0], ("ann@example.org", "bob@example.org")[number % 2]
        at, verb, args = first.updated_at + timedelta(seconds=90), "ack", Arguments()
        if some in still:
            at = utc(end - 60)
            verb = "snooze" if number % 2 else "ack"
            args = Arguments(until=utc(end) + timedelta(hours=7))
        made.append(_act(f"act-{number:04}", verb, first, by, at, args))
        text = Arguments(text="All 503s come from one pod. Looking at its last release.")
        made.append(_act(f"act-c{number:03}", "comment", first, by, at + timedelta(seconds=40), text))
        made += _deliveries(first, end, failing=number == 0)
    if len(over) > 1:
        made.append(_act("act-good", "good_catch", over[-1][-1], "ann@example.org", utc(end - 600), Arguments()))
        merge = Arguments(from_=["inc-none"])
        made.append(_act("act-refused", "merge", over[-2][-1], "bob@example.org", utc(end - 510), merge))
        refused = ActionOutcome(
            action="act-refused", verb="merge", incident=over[-2][-1].id, result="refused",
            applied_at=utc(end - 500), reason="no such incident",
        )  # fmt: skip
        made.append(kept(refused, end - 500, "floodmark.actions", refused.incident))
    silence = Action(
        id="act-silence", verb="silence", by="ann@example.org", at=utc(end - 3600), via="console",
        reason="rolling restart of search",
        args=Arguments(match={"entity": "search"}, until=utc(end) + timedelta(days=20)),
    )  # fmt: skip
    made.append(kept(silence, end - 3600, "floodmark.actions", silence.id))
    made += _reports(end)
    made.append(Kept("floodmark.alerts", 0, 0, round(end * 1000), b"x", b"{not json", ()))
    for number in range(7):
        headers = (
            ("floodmark.topic", b"shop.metrics"), ("floodmark.partition", b"0"),
            ("floodmark.offset", str(100 + number).encode()), ("floodmark.stage", b"detect"),
            ("floodmark.error", b"missing_field"), ("floodmark.message", b"a metric needs `value`"),
        )  # fmt: skip
        value, at_ms = b'{"name": "<b>cpu</b>"}', round((end - number) * 1000)
        made.append(Kept("floodmark.dead-letters", 0, 0, at_ms, None, value, headers))
    return made


def _act(id: str, verb: str, told: Incident, by: str, at: datetime, args: Arguments) -> Kept:
    action = Action(
        id=id, verb=verb, by=by, at=at, incident=told.id, scope=told.scope, seen=told.revision, via="console", args=args
    )
    return kept(action, at.timestamp(), "floodmark.actions", told.id)


def _deliveries(first: Incident, end: float, *, failing: bool) -> Iterator[Kept]:
    for target in ("room", "pager"):
        waiting = failing and target == "pager"
        sent = Delivery(
            target=target, key=first.id, id=f"{first.id}/1", event="opened",
            result="waiting" if waiting else "delivered", at=first.updated_at, revision=1,
            attempts=3 if waiting else 1, due=utc(end) if waiting else None,
            reason="it answered 429" if waiting else "",
        )  # fmt: skip
        yield kept(sent, first.updated_at.timestamp() + 31, "floodmark.deliveries", f"{first.id}|{target}")


def _reports(end: float) -> Iterator[Kept]:
    for number in range(48):
        at, dip = end - (47 - number) * 3600, 0.06 if number > 40 else 0.0
        report = ModelReport(
            model="fraud-scorer", version="2.7.1", scope="default", task="classification", time=utc(at), window=3600.0,
            predictions=400 + number % 7 * 20, labelled=380, pending=900 + number, reference=1.0,
            delays={"p50": 2040.0, "p90": 7920.0, "p99": 21600.0},
            metrics=[
                ModelMetric(name="f1", value=0.70 - dip, count=380, reference=0.71, low=0.66 - dip, high=0.74 - dip),
                ModelMetric(name="precision", value=0.73 - dip, count=380, reference=0.75),
                ModelMetric(name="recall", value=0.68 - dip, count=380, reference=0.67),
                ModelMetric(name="log_loss", value=0.21 + dip, count=380, reference=0.2, better="lower"),
            ],
            features=[
                FeatureReport(
                    name="amount", kind="number", statistic="psi", value=0.04, p_value=0.4, odd=False,
                    reference=Bins(counts=[5.0, 20.0, 40.0, 20.0, 15.0], edges=[0, 10, 20, 50, 100, 500]),
                    current=Bins(counts=[6.0, 18.0, 41.0, 22.0, 13.0], edges=[0, 10, 20, 50, 100, 500]),
                ),
                FeatureReport(
                    name="device", kind="category", statistic="psi", value=0.31, p_value=1e-6, odd=True,
                    reference=Bins(counts=[60.0, 40.0], names=["desktop", "mobile"]),
                    current=Bins(counts=[41.0, 59.0], names=["desktop", "mobile"]),
                ),
            ],
            groups=[
                GroupReport(by="country", value="DE", count=200, right=190, tp=20, fp=6, tn=170, fn=4),
                GroupReport(by="country", value="PL", count=90, right=70, tp=9, fp=12, tn=61, fn=8),
            ],
        )  # fmt: skip
        yield kept(report, at, "floodmark.reports", report.key())
    config = ConfigLoaded(
        process="worker-1/0", version="0.1.0", at=utc(end - 7200), hash="ab" * 32, files=["floodmark.yaml"],
        problems=["floodmark.yaml:12:5: `tocpic` is no key here; did you mean `topic`?"],
        detectors=[DetectorReport(name="default", false_alarms=1 / 86400)], false_incidents=1 / 604800,
        services={"payment": ServiceReport(owner="payments", tier=1)},
    )  # fmt: skip
    yield kept(config, end - 7200, "floodmark.reports", config.key())
    asked = ModelRequest(
        id="req-1", kind="retrain", model="fraud-scorer", why="its F1 has fallen", by="ann@example.org",
        at=utc(end - 1800),
    )  # fmt: skip
    yield kept(asked, end - 1800, "floodmark.model-requests", asked.model)


def make(path: Path = FILE, days: float = 1.445) -> None:
    """Run the shop through the engine, without its end, and keep what was written."""
    from floodmark.flow.local import LocalFlow
    from floodmark.simulate.setups import demo_config
    from floodmark.simulate.shop import Shop

    shop = Shop(seed=7, days=2.0)
    config = demo_config(shop)
    flow = LocalFlow(config)
    streams = config.topics.model_dump()
    offsets: dict[str, int] = {}
    lines, said = [], 0.0
    for sent in shop.stream():
        if sent.time > shop.start + days * 86_400:
            break
        offset = offsets[sent.topic] = offsets.get(sent.topic, -1) + 1
        at = round(sent.time * 1000)
        for out in flow.process([Record(sent.topic, 0, offset, at, sent.key, sent.value)]):
            if out.stream not in ("alerts", "anomalies"):
                continue
            topic = streams[out.stream]
            body = decoded(Kept(topic, 0, 0, at, out.key, out.value, tuple(out.headers)))
            if isinstance(body, Watermark):
                if sent.time - said < 900:
                    continue
                said = sent.time
            if isinstance(body, Anomaly | ChangeNotice | Dependencies | Watermark | Incident):
                headers = [(name, value.decode()) for name, value in out.headers]
                key = out.key.decode() if out.key else None
                lines.append(msgspec.json.encode([topic, at, key, headers, (out.value or b"").decode()]))
    path.write_bytes(bytes(cramjam.zstd.compress(b"\n".join(lines), 19)))
    sys.stderr.write(f"{len(lines)} records, {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    make()
