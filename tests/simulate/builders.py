"""Incidents made by hand."""

from __future__ import annotations

from floodmark.alerts import Cause, ChangeNotice, Incident, Member, utc


def incident(
    id="inc-1",
    *,
    event="opened",
    start=0.0,
    at=None,
    entities=("a",),
    members=None,
    causes=(),
    severity="error",
    title="a: latency up",
    changes=(),
    merged_into=None,
):
    """An incident that started at `start` and is told at `at`; `members` are (entity, start)."""
    at = start + 120 if at is None else at
    members = members if members is not None else [(entity, start) for entity in entities]
    return Incident(
        id=id,
        event=event,
        revision=1,
        scope="default",
        severity=severity,
        title=title,
        why="They began together.",
        started_at=utc(start),
        updated_at=utc(at),
        resolved_at=utc(at) if event == "resolved" else None,
        resolution="",
        entities=list(entities),
        member_count=len(members),
        members=[
            Member(
                id=f"{id}-{number}",
                entity=entity,
                signal="metric",
                series=f'latency{{service="{entity}"}}',
                head="forecast",
                direction="up",
                started_at=utc(began),
                ended_at=None,
                p_value=1e-6,
                severity="error",
                summary="Latency is high.",
                why="It is near.",
            )
            for number, (entity, began) in enumerate(members)
        ],
        causes=[Cause(entity=c, share=0.6, reason="It moved first.", anomalies=[]) for c in causes],
        changes=[
            ChangeNotice(id="c1", scope="default", time=utc(when), service=service, kind="deploy", summary=summary)
            for when, service, summary in changes
        ],
        merged_into=merged_into,
    )
