"""What the detect tasks say of a recorded or simulated system, kept in files, and the correlator alone over it.

Detecting takes minutes and correlating seconds, so whoever works on the correlator detects once. What is kept is all
that a correlate task reads but samples of series, in the order in which it was sent, without the points of evidence.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import orjson

import floodmark
from floodmark.alerts import Anomaly, ChangeNotice, Dependencies, Incident, Watermark
from floodmark.config.models import Config
from floodmark.correlate import CorrelateStage
from floodmark.events import TYPES, event_type, maker
from floodmark.flow import groups
from floodmark.flow.tasks import DetectTask, RouteTask
from floodmark.records import Output, Record, Task
from floodmark.simulate.faults import Fault

Item = Anomaly | ChangeNotice | Dependencies | Watermark
_KEPT: Mapping[str, type[Item]] = {kind.__name__: kind for kind in (Anomaly, ChangeNotice, Dependencies, Watermark)}
_DETECTING = ("alerts.py", "signals.py", "records.py", "config", "decode", "detect", "flow", "simulate")
"""The parts of the package that what is detected follows from."""


class System(NamedTuple):
    """What is watched: a name for files and tables, its configuration, its records when asked, and what befell it.

    Times are epoch seconds. A fault's `end` is that of the fault, without any tail.
    """

    name: str
    config: Config
    records: Callable[[], Iterator[Record]]
    faults: Sequence[Fault]
    start: float
    end: float

    @property
    def depends_on(self) -> dict[str, list[str]]:
        return {name: list(service.depends_on) for name, service in self.config.services.items()}


class Detected(NamedTuple):
    """What was sent, by whom ("topic/partition"); the anomalies that opened; events read; seconds that it took."""

    sent: list[tuple[Item, str]]
    anomalies: int
    events: int
    seconds: float


def detect(system: System, keep: Path | None = None, *, stale: bool = False) -> Detected:
    """Run the tasks before the correlator over the whole system, or read what an earlier run kept in the folder `keep`.

    A file is of the very code and configuration that made it; `stale`: the newest one of this system will do.
    """
    if keep is None:
        return _run(system)
    path = keep / f"{system.name.replace(' ', '-')}-{_digest(system)}.jsonl.gz"
    older = sorted(keep.glob(f"{system.name.replace(' ', '-')}-*.jsonl.gz"), key=lambda p: (p.stat().st_mtime, p.name))
    if not path.exists() and stale and older:
        path = older[-1]
    if not path.exists():
        keep.mkdir(parents=True, exist_ok=True)
        _write(path, _run(system))
    return _read(path)


def correlate(system: System, detected: Detected, budget: float | None = None) -> list[Incident]:
    """Every revision of every incident. `budget`: false incidents a second, instead of the configured ones."""
    settings = system.config.correlate
    if budget is not None:
        settings = settings.model_copy(update={"false_incidents": budget})
    stage, found = CorrelateStage(settings, system.config.services), []
    for item, task in detected.sent:
        found += stage.process(item, task)
    return found + stage.finish()


def _digest(system: System) -> str:
    """Of the code and the configuration that what is detected follows from."""
    root = Path(floodmark.__file__).parent
    found = hashlib.blake2b(digest_size=5)
    for part in _DETECTING:
        files = [root / part] if part.endswith(".py") else sorted((root / part).rglob("*.py"))
        for file in files:
            found.update(file.read_bytes())
    found.update(system.config.model_dump_json(exclude={"correlate"}).encode())
    return found.hexdigest()


def _run(system: System) -> Detected:
    began = time.monotonic()
    streams = system.config.topics.model_dump()
    tasks: dict[str, Task] = {
        topic: factory(topic, 0, dict.fromkeys(topics, 1))
        for group, topics in groups(system.config).items()
        for topic, factory in topics.items()
        if group != "correlate"
    }
    sent: list[tuple[Item, str]] = []
    offset = 0

    def follow(outputs: Iterable[Output]) -> None:
        """Hand on what goes to another of these tasks, and keep what goes to the correlator."""
        nonlocal offset
        waiting = deque(outputs)
        while waiting:
            output = waiting.popleft()
            if output.stream == "anomalies":
                sent.extend(_item(output))
            elif (task := tasks.get(streams[output.stream])) is not None:
                record = Record(streams[output.stream], 0, offset, -1, output.key, output.value, output.headers)
                offset += 1
                waiting.extend(task.process([record]))

    for record in system.records():
        follow(tasks[record.topic].process([record]))
    for task in tasks.values():
        if isinstance(task, RouteTask):
            follow(task.finish())
    for task in tasks.values():
        if isinstance(task, DetectTask):
            follow(task.finish())
            follow(task.speak(idle=True))
    counts = [task.counts() for task in tasks.values()]
    events = sum(count for each in counts for name, count in each.items() if name.startswith("signals:"))
    return Detected(sent, _opened(sent), events, time.monotonic() - began)


def _item(output: Output) -> Iterator[tuple[Item, str]]:
    kind = TYPES[event_type(output.headers) or ""]
    if kind not in _KEPT.values():
        return
    item = cast(Item, msgspec.json.decode(output.value or b"", type=kind))
    if isinstance(item, Anomaly):
        item = msgspec.structs.replace(item, evidence=msgspec.structs.replace(item.evidence, points=[]))
    yield item, maker(output.headers)


def _opened(sent: Iterable[tuple[Item, str]]) -> int:
    return sum(isinstance(item, Anomaly) and item.event == "opened" for item, _ in sent)


def _write(path: Path, detected: Detected) -> None:
    part = path.with_suffix(".part")
    with gzip.open(part, "wb", 5) as file:
        file.write(orjson.dumps({"events": detected.events, "seconds": detected.seconds}) + b"\n")
        for item, task in detected.sent:
            head = orjson.dumps({"kind": type(item).__name__, "task": task})
            file.write(head[:-1] + b',"item":' + msgspec.json.encode(item) + b"}\n")
    part.rename(path)


def _read(path: Path) -> Detected:
    with gzip.open(path, "rb") as file:
        head = orjson.loads(file.readline())
        lines = (orjson.loads(line) for line in file)
        sent = [(msgspec.convert(line["item"], _KEPT[line["kind"]]), line["task"]) for line in lines]
    return Detected(sent, _opened(sent), head["events"], head["seconds"])
