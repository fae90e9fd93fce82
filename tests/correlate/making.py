"""Items for the correlator, with what a test does not care about filled in."""

from __future__ import annotations

from collections import Counter

from floodmark.actions import Action, Arguments
from floodmark.alerts import Absence, Anomaly, ChangeNotice, Evidence, Incident, Watermark, content_id, utc
from floodmark.config.models import Correlate, Service
from floodmark.correlate.symptoms import Symptom

T0 = 1_700_000_000.0
LOOSE = 1 / 60
"""A budget of false incidents in which nearly every anomaly opens one at once: for what is not about chance."""
DAILY = 1 / 86_400
"""A budget that asks for a little more than one faint anomaly."""
LEVEL = 60 / 86_400
"""The level of a series with a point a minute and a false alarm a day."""
SHOP = {
    "frontend": Service(depends_on=["checkout", "catalog"]),
    "checkout": Service(depends_on=["payment", "cart"]),
    "payment": Service(depends_on=["bank"]),
    "cart": Service(depends_on=["redis"]),
    "search": Service(),
}


def opened(at, entity="checkout", name="latency", *, told=None, p=1e-5, scope="default", severity="warning", **more):
    labels = {"service": entity, **more.pop("labels", {})}
    series = f'{name}{{service="{entity}"}}'
    fields = {
        "id": content_id("ano", scope, series, at),
        "event": "opened",
        "scope": scope,
        "entity": entity,
        "signal": "metric",
        "series": series,
        "name": name,
        "labels": labels,
        "unit": "",
        "started_at": utc(T0 + at),
        "updated_at": utc(T0 + (at if told is None else told)),
        "ended_at": None,
        "head": "forecast",
        "direction": "up",
        "observed": 9.0,
        "expected": 1.0,
        "low": 0.0,
        "high": 2.0,
        "p_value": p,
        "severity": severity,
        "summary": f"{entity} {name} is high",
        "detector": "default",
        "evidence": Evidence(),
        "level": LEVEL,
    }
    return Anomaly(**(fields | more))


def burst(at, entity="payment", names=("errors", "latency", "cpu", "timeouts"), *, p=1e-10, **more):
    """Strong anomalies of an entity that begin at once: no chance."""
    return [opened(at, entity, name, p=p, **more) for name in names]


def closed(first: Anomaly, at, *, told=None, **more):
    changed = {
        "event": "closed",
        "updated_at": utc(T0 + (at if told is None else told)),
        "ended_at": utc(T0 + at),
    }
    fields = {name: getattr(first, name) for name in first.__struct_fields__}
    return Anomaly(**(fields | changed | more))


def updated(first: Anomaly, at, **more):
    return closed(first, at, **({"event": "updated", "ended_at": None} | more))


def change(at, service="payment", summary="v42", kind="deploy", scope="default"):
    return ChangeNotice(
        id=content_id("chg", scope, service, at), scope=scope, time=utc(T0 + at), service=service, kind=kind,
        summary=summary,
    )  # fmt: skip


def mark(at, task="metrics/0", tasks=1, *, idle=False, topics=None):
    """`topics` (topic → partitions) names whom there are; without it a word is as an older release has it."""
    number = sum(topics.values()) if topics else tasks
    return Watermark(task=task, tasks=number, time=utc(T0 + at), idle=idle, topics=topics or {})


def absence(*tasks, at=0, silent=30.0):
    return Absence(correlator="anomalies/0", time=utc(T0 + at), tasks=list(tasks), silent=silent)


def act(verb, incident, at=None, *, id="", by="ann", said=None, scope="", seen=0, reason="", **args):
    """What somebody does; `at`: from when on it holds, None if that is not said."""
    effective = None if at is None else utc(T0 + at)
    known = {"from_" if name == "into_it" else name: value for name, value in args.items()}
    return Action(
        id=id or content_id("act", verb, incident, at, by, sorted(map(str, known.values()))), verb=verb, by=by,
        at=utc(T0 + (at or 0) if said is None else T0 + said), incident=incident, scope=scope, seen=seen,
        effective=effective, reason=reason, args=Arguments(**known),
    )  # fmt: skip


def symptom(at, entity, name="latency", **more):
    return Symptom.of(opened(at, entity, name, **more), T0 + at, "first", late=False)


def conf(**more):
    return Correlate(**({"gap": 120, "grace": 300, "false_incidents": LOOSE} | more))


def run(stage, items):
    return [incident for item in items for incident in stage.process(item)]


def events(incidents: list[Incident]) -> list[str]:
    return [incident.event for incident in incidents]


def at(incident: Incident) -> float:
    return incident.updated_at.timestamp()


def wrongs(incidents: list[Incident], *, ended: bool = True) -> dict[str, int]:
    """What the life cycles do wrong: all must be zero."""
    state: dict[str, str] = {}
    revision: dict[str, int] = {}
    last: dict[str, float] = {}
    wrong: Counter[str] = Counter()
    for incident in incidents:
        before = state.get(incident.id)
        event = incident.event
        wrong["opened twice"] += event == "opened" and before is not None
        wrong["event before open"] += event != "opened" and before is None and not incident.told
        wrong["told after what was told"] += bool(incident.told) and (before is not None or event != "resolved")
        wrong["opened as it resolved"] += (
            event == "resolved" and before == "opened" and last[incident.id] == at(incident)
        )
        wrong["update after end"] += event in ("updated", "merged") and before in ("resolved", "merged")
        wrong["resolved twice"] += event == "resolved" and before in ("resolved", "merged")
        wrong["reopened unresolved"] += event == "reopened" and before != "resolved"
        wrong["revision skipped"] += incident.revision != revision.get(incident.id, 0) + 1
        wrong["time went back"] += at(incident) < last.get(incident.id, 0.0)
        state[incident.id], revision[incident.id] = event, incident.revision
        last[incident.id] = at(incident)
    wrong["never resolved"] = sum(s not in ("resolved", "merged") for s in state.values()) if ended else 0
    return {what: n for what, n in wrong.items() if n}
