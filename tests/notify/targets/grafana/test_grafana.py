"""What is particular about Grafana: annotations that are found again, regions, and tags of which it keeps so much."""

from __future__ import annotations

import json
from typing import Any

from suite import cases
from tellings import BEGAN, KEY, change, incident, telling

from floodmark.config.targets import Grafana
from floodmark.notify.sink import Answer, Delivered, Later, Request
from floodmark.notify.targets.grafana import annotation, own_tag, sink

SETTINGS = Grafana.model_validate({"url": "http://grafana:3000/", "token": "glsa_1", "dashboard": "abc"})
START = int(BEGAN.timestamp() * 1000)


class Heard:
    """The suite's Grafana, which keeps what it was asked."""

    def __init__(self) -> None:
        self.grafana: Any = next(each for each in cases() if each.kind == "grafana").vendor()
        self.annotations: dict[int, dict[str, Any]] = self.grafana.annotations
        self.asked: list[str] = []

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request.method)
        answer: Answer = self.grafana(request)
        return answer


async def test_an_incident_is_a_region_that_grows_until_it_is_over() -> None:
    grafana = Heard()
    memory: dict[str, str] = {}
    ends = []
    for message in (telling("open", 1), telling("update", 2), telling("resolve", 4)):
        told = await sink(SETTINGS, grafana.answer).deliver(message, memory)
        assert isinstance(told, Delivered)
        memory = dict(told.memory)
        ends.append(grafana.annotations[1]["timeEnd"] - START)
    assert ends == [60_000, 120_000, 240_000]
    assert memory == {"id": "1"}
    assert grafana.annotations[1]["dashboardUID"] == "abc"
    assert grafana.asked == ["GET", "POST", "PATCH", "PATCH"]


async def test_what_was_made_without_an_answer_is_found() -> None:
    grafana = Heard()
    for _ in range(3):
        assert await sink(SETTINGS, grafana.answer).deliver(telling("open"), {}) == Delivered({"id": "1"})
    assert len(grafana.annotations) == 1


async def test_what_somebody_deleted_is_made_anew() -> None:
    grafana = Heard()
    assert await sink(SETTINGS, grafana.answer).deliver(telling("update"), {"id": "99"}) == Delivered({"id": "1"})


async def test_a_change_is_a_line_and_its_end_stands_in_the_same() -> None:
    grafana = Heard()
    told = await sink(SETTINGS, grafana.answer).deliver(telling("change", change=change(status="started")), {})
    assert isinstance(told, Delivered)
    await sink(SETTINGS, grafana.answer).deliver(telling("change", 2, change=change(status="failed")), told.memory)
    assert len(grafana.annotations) == 1
    assert grafana.annotations[1]["time"] == grafana.annotations[1]["timeEnd"] == START - 180_000
    assert grafana.annotations[1]["tags"][:4] == ["floodmark:chg-91", "floodmark", "change", "kind:deploy"]
    assert "https://ci.example.org/deploys/91" in grafana.annotations[1]["text"]


async def test_what_it_may_not_look_for_it_does_not_make_twice() -> None:
    async def busy(_: Request) -> Answer:
        return Answer(503)

    assert isinstance(await sink(SETTINGS, busy).deliver(telling("open"), {}), Later)


def test_the_own_tag_is_one_that_grafana_keeps_whole() -> None:
    assert own_tag(telling("open")) == f"floodmark:{KEY}"
    for key in ("a:b", "a,b", "x" * 200, "", " x", "a\x00b"):
        tag = own_tag(telling("open", key=key))
        assert tag.startswith("floodmark:key-"), key
        assert len(tag) <= 100
    assert own_tag(telling("open", key="a:b")) != own_tag(telling("open", key="a:c"))


def test_tags_are_as_many_as_grafana_keeps_and_the_own_one_is_first() -> None:
    found = annotation(telling("open", incident=incident(scope="é" * 90)), [f"tag-{n:04d}" for n in range(100)])
    assert found["tags"][0] == f"floodmark:{KEY}"
    assert len(json.dumps(found["tags"], ensure_ascii=False, separators=(",", ":")).encode()) <= 500


def test_a_text_is_no_html() -> None:
    found = annotation(telling("open", incident=incident(title="<img src=x onerror=alert(1)> & co")), [])
    assert found["text"].startswith("&lt;img src=x onerror=alert(1)&gt; &amp; co")
    assert '<a href="https://floodmark.example.org/incidents/' in found["text"]
