from __future__ import annotations

import msgspec

from floodmark.alerts import Watermark, utc
from floodmark.events import encode
from floodmark.records import Output
from floodmark.simulate.watcher import Watcher

from .builders import incident


def mark(task: str, time: float, *, idle: bool = False, tasks: int = 3) -> Output:
    return encode(Watermark(task=task, tasks=tasks, time=utc(time), idle=idle), source=task, key=task)


def test_reached_is_where_the_slowest_task_is_that_has_something() -> None:
    watcher = Watcher()
    assert watcher.reached is None
    watcher.see(mark("a/0", 0.0))  # a first word, before anything has come
    assert watcher.reached is None
    watcher.see(mark("a/0", 300.0))
    watcher.see(mark("b/0", 240.0))
    assert watcher.reached == 240.0
    assert not watcher.complete
    watcher.see(mark("c/0", 0.0))
    assert not watcher.complete  # it may have something yet
    watcher.see(mark("c/0", 0.0, idle=True))
    assert watcher.complete
    assert watcher.reached == 240.0
    watcher.see(mark("b/0", 240.0, idle=True))
    assert watcher.reached == 300.0
    watcher.see(mark("a/0", 300.0, idle=True))
    assert watcher.reached == 300.0


def test_news_are_said_once_and_a_cut_forgets_what_came_after() -> None:
    watcher = Watcher()
    told = [incident("1", start=0.0, at=100.0), incident("2", start=50.0, at=200.0)]
    for one in told:
        watcher.see(encode(one, source="floodmark.anomalies/0", key=one.id))
    assert watcher.news() == told
    assert watcher.news() == []
    assert watcher.open == 2
    watcher.see(encode(incident("1", event="resolved", at=300.0), source="floodmark.anomalies/0", key="1"))
    assert watcher.open == 1
    watcher.cut(150.0)
    assert watcher.incidents == told[:1]


def test_other_streams_are_counted() -> None:
    watcher = Watcher()
    watcher.see(Output("dead_letters", None, b"?"))
    assert watcher.counts["dead_letters"] == 1
    assert msgspec.json.encode(watcher.incidents) == b"[]"
