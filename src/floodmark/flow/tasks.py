"""The tasks: a decoder, a stage and an encoder, behind the runtime's protocol (`records.Task`).

Three kinds stand between the topics: `RouteTask` brings signals that must be joined to the topic where they meet,
`DetectTask` makes anomalies, `CorrelateTask` makes incidents. Bad input becomes a dead letter in `decoding`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from floodmark.actions import Action
from floodmark.alerts import Absence, Anomaly, ChangeNotice, Dependencies, SeriesSample, Watermark, utc
from floodmark.config.models import Config, Input
from floodmark.correlate import CorrelateStage
from floodmark.correlate.order import Blocker, EventOrder
from floodmark.decode.timestamps import arrival
from floodmark.detect import DetectStage
from floodmark.detect.feedback import Feedback
from floodmark.detect.logs import source_key
from floodmark.detect.series import series_key
from floodmark.detect.stage import Judged, Told
from floodmark.detect.upkeep import Upkeep
from floodmark.detect.warming import Warming
from floodmark.events import (
    WORDS,
    encode,
    encode_rekeyed,
    event_type,
    made_from,
    maker,
    with_arrival,
)
from floodmark.flow import said
from floodmark.flow.arrivals import Arrivals, Makers, Run
from floodmark.flow.decoding import Decoding, judged
from floodmark.flow.merge import Merge
from floodmark.records import Awaited, Output, Record, Schemas, Task
from floodmark.reports import ModelReport
from floodmark.signals import (
    Alert,
    Change,
    Histogram,
    Log,
    Metric,
    Signal,
    SignalName,
    Span,
)
from floodmark.state import StateError

TOLD: frozenset[SignalName] = frozenset({"change", "alert", "action"})
"""What is brought to where it is heard, and not judged by itself."""


class RouteTask:
    """Predictions and outcomes to the model events, keyed by model; changes and other tools' alerts to the anomalies;
    what people do elsewhere to the actions.

    Metrics, logs and spans of an input with `rekey` to the rekeyed ones, keyed by series, log source or service.

    What it brings to the model events is put into event-time order there (`merge`), so it says there how far it is.
    """

    def __init__(
        self,
        config: Config,
        source: Input,
        partition: int,
        joined: Mapping[str, int] | None = None,
        schemas: Schemas | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """`joined`: the topics whose signals meet in the model events, and how many partitions each has. `upkeep`: the
        maintenance that people announce; shared, and no part of its state."""
        self._decode = Decoding(config, source, "route", schemas)
        self._sources, self._scope = config.logs.source, config.detect.scope
        self._name = f"{source.topic}/{partition}"
        self._lateness, self._grid = config.detect.lateness, config.detect.tick
        self._joined = dict(joined) if joined and source.topic in joined else {}
        self._arrivals = Arrivals(Decoding(config, source, "route", schemas).times)
        self._tick = 0.0
        self._detect, self._people = config.detect, said.people(config)
        self._accounts, self._maintenance = said.accounts(config), config.maintenance
        self._upkeep = upkeep or Upkeep()
        self._counts: Counter[str] = Counter()

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Where words are said, records whose time is doubted are held until the next ones come (see `Arrivals`): how
        far it is goes by when records were here, not by their own times, which may be those of another day."""
        out: list[Output] = []
        for run in self._arrivals.take(records) if self._joined else ():
            self._routed(run, out)
        for record in () if self._joined else records:
            self._brought(record, out)
        return out

    def finish(self) -> list[Output]:
        """The input has ended for good (replay): bring what is held."""
        out: list[Output] = []
        for run in self._arrivals.finish():
            self._routed(run, out)
        return out

    def _routed(self, run: Run, out: list[Output]) -> None:
        if run.back is not None:
            self._tick = min(self._tick, self._grid_of(run.back))
            out.append(self._word(idle=False))
        for record, here in zip(run.records, run.arrivals.tolist(), strict=True):
            if (tick := self._grid_of(abs(here))) > self._tick:  # never if it is not known when it was here
                self._tick = tick
                out.append(self._word(idle=False))
            self._brought(record, out)

    def _brought(self, record: Record, out: list[Output]) -> None:
        for index, signal in enumerate(self._decode.signals(record, out)):
            if (ours := self._kept_out(signal, record)) is not None:
                self._counts[ours] += 1
                continue
            made = self._encode(signal, record, f"{record.offset}.{index}")
            out.append(with_arrival(made, record) if made.stream in ("model_events", "rekeyed") else made)

    def _kept_out(self, signal: Signal, record: Record) -> str | None:
        """Why something that was said goes no further, as it is counted; None if it does."""
        if isinstance(signal, Alert):
            if said.is_ours(signal):
                return "alerts:ours"
            odd = said.anomaly(signal, self._detect, arrival(record))
            if said.is_maintained(odd, self._maintenance, self._upkeep):
                return "alerts:maintenance"
        if isinstance(signal, Action) and signal.by.lower() in self._accounts:
            return "actions:ours"
        return None

    def _grid_of(self, time: float) -> float:
        return (time - self._lateness) // self._grid * self._grid

    def speak(self, *, idle: bool) -> list[Output]:
        return [self._word(idle=idle)] if self._joined else []

    def awaited(self) -> Awaited | None:
        return None

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        return []

    def learning(self) -> Sequence[str]:
        return ()

    def counts(self) -> Mapping[str, int]:
        return Counter(self._decode.counts()) + Counter(self._arrivals.counts()) + self._counts

    def sizes(self) -> Mapping[str, int]:
        return self._arrivals.sizes() if self._joined else {}

    def remarks(self) -> list[str]:
        return []

    def snapshot(self) -> bytes:
        """How far it is, and what it holds; where no words are said, nothing."""
        return msgspec.msgpack.encode((self._tick, self._arrivals.state())) if self._joined else b""

    def restore(self, state: bytes) -> Mapping[str, int]:
        if state:
            _sound(self._restore, state)
        return {}

    def graft(self, warmed: Task) -> None:
        """There is nothing to take over."""

    def _restore(self, state: bytes) -> Mapping[str, int]:
        try:
            self._tick, arrivals = msgspec.msgpack.decode(state, type=tuple[float, list[Any]])
        except msgspec.MsgspecError as error:
            raise StateError(f"this is no snapshot of a route task: {error}") from None
        self._arrivals.restore(arrivals)
        return {}

    def _word(self, *, idle: bool) -> Output:
        tasks = sum(self._joined.values())
        mark = Watermark(task=self._name, tasks=tasks, time=utc(self._tick), idle=idle, topics=self._joined)
        word = encode(mark, source=self._name, key=self._name, everywhere=True)
        return word._replace(stream="model_events")

    def _encode(self, signal: Signal, record: Record, number: str) -> Output:
        """`number`: of the signal, among all of the partition."""
        if isinstance(signal, Metric | Histogram):
            key = series_key(signal.name, signal.labels)
            return encode_rekeyed(signal, source=self._name, key=key, number=number)
        if isinstance(signal, Log):
            key = source_key(signal.labels, self._sources, self._scope)
            return encode_rekeyed(signal, source=self._name, key=key, number=number)
        if isinstance(signal, Span):
            return encode_rekeyed(signal, source=self._name, key=signal.service, number=number)
        if isinstance(signal, Change):
            told = said.notice(signal, arrival(record))
            return encode(told, source=self._name, key=signal.service, everywhere=True)
        if isinstance(signal, Alert):
            odd = said.anomaly(signal, self._detect, arrival(record))
            return encode(odd, source=self._name, key=odd.scope)
        if isinstance(signal, Action):
            done = said.by_name(signal, self._people)
            return encode(done, source=self._name, key=done.key())
        return encode(signal, source=self._name, key=signal.model)


class DetectTask:
    """One partition of metrics, logs, or events of ours: signals in; anomalies, watermarks and series samples out."""

    def __init__(
        self,
        config: Config,
        source: Input | None,
        topic: str,
        partition: int,
        tasks: int,
        feedback: Feedback | None = None,
        topics: Mapping[str, int] | None = None,
        schemas: Schemas | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """`source` is None for the model events and the rekeyed ones, whose records are our own. `topics`: of which
        topics the `tasks` are, and the number of partitions of each."""
        self._name = f"{topic}/{partition}"
        self._topic = topic
        self._decode = Decoding(config, source, "detect", schemas)
        self._partition = partition
        self._merge: Merge | None = None
        # A word at t comes each `tick`, `lateness` after t; from who has nothing to bring, once that is said.
        self._bound = config.detect.lateness + config.detect.tick + config.correlate.idle
        own = Decoding(config, source, "detect", schemas).times
        self._arrivals: Arrivals | Makers = Arrivals(own)
        if source is None:  # these were written later than they came, by tasks that keep no step
            self._arrivals = Makers(own, made_from)
        if source is None and topic == config.topics.model_events:
            self._merge = Merge(self._bound + config.detect.tick)
            # What comes out of it is in order: what is late has been waited for already.
            config = config.model_copy(update={"detect": config.detect.model_copy(update={"lateness": 0.0})})
        self._stage = DetectStage(config, self._name, tasks, feedback, topics, upkeep)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Dead letters come before all else: their order among themselves is that of the records, however split.

        Records whose time is doubted are held until the next ones come (see `Arrivals`).
        """
        if self._merge is not None:
            return self._merged(self._merge, records)
        return self._handled(self._arrivals.take(records))

    def speak(self, *, idle: bool) -> list[Output]:
        # The words of route tasks keep coming where no model's events do, so that the runtime sees no silence there.
        quiet = self._merge is not None and self._merge.silent
        return self._encoded(self._stage.speak(idle=idle or quiet))

    def awaited(self) -> Awaited | None:
        """The task of the model events waits for all who bring some."""
        if self._merge is None:
            return None
        words = "a prediction or outcome has waited for {} to be judged"
        return _awaited(self._merge.order, self._bound, "route task")._replace(item=words)

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        if self._merge is None:
            return []
        absence = _absence(self._name, self._merge.order.passed, names, silent)
        said = encode(absence, source=self._name, key=self._name, partition=self._partition)
        return [said._replace(stream="model_events")]

    def learning(self) -> Sequence[str]:
        held = self._arrivals.sizes()["held_records"]
        words = (
            [f"{self._name}: {held} of the newest records wait for the next ones: their time is doubted"]
            if held
            else []
        )
        return [*words, *(_still(each) for each in self._stage.warming())]

    def finish(self) -> list[Output]:
        """The input has ended for good (replay): close what its last records left open."""
        out: list[Output] = []
        if self._merge is None:
            return self._handled(self._arrivals.finish()) + self._encoded(self._stage.finish())
        out += self._bring(self._merge, self._arrivals.finish(), math.nan, out)
        return out + self._encoded([*self._judge(self._merge.drain()), *self._stage.finish()])

    def templates(self) -> list[tuple[str, str, int]]:
        """The log templates that are held: source, text, lines."""
        return self._stage.templates()

    def counts(self) -> Mapping[str, int]:
        merged = self._merge.counts() if self._merge is not None else {}
        own = Counter(self._decode.counts()) + Counter(self._arrivals.counts()) + Counter(merged)
        return own + Counter(self._stage.counts())

    def sizes(self) -> Mapping[str, int]:
        waiting = self._merge.sizes() if self._merge is not None else {}
        return {**self._stage.sizes(), **self._arrivals.sizes(), **waiting}

    def remarks(self) -> list[str]:
        return self._stage.remarks()

    def skews(self) -> Sequence[tuple[str, float]]:
        """Sources whose clocks are wrong and by how many seconds, the most wrong ones first; at most twenty."""
        return self._stage.skews()

    def snapshot(self) -> bytes:
        merge = self._merge.state() if self._merge is not None else b""
        return msgspec.msgpack.encode((self._arrivals.state(), merge, self._stage.snapshot()))

    def restore(self, state: bytes) -> Mapping[str, int]:
        return _sound(self._restore, state)

    def graft(self, warmed: Task) -> None:
        if isinstance(warmed, DetectTask):
            self._stage.graft(warmed._stage)

    def _restore(self, state: bytes) -> Mapping[str, int]:
        try:
            arrivals, merge, stage = msgspec.msgpack.decode(state, type=tuple[list[Any], bytes, bytes])
        except msgspec.MsgspecError as error:
            raise StateError(f"this is no snapshot of a detect task: {error}") from None
        left_out = self._stage.restore(stage)
        self._arrivals.restore(arrivals)
        if self._merge is not None:
            self._merge.restore(merge)
        return left_out

    def _merged(self, merge: Merge, records: Iterable[Record]) -> list[Output]:
        """Handle model events in the order of event time; dead letters come first."""
        refused: list[Output] = []
        out: list[Output] = []
        for record in records:
            if event_type(record.headers) not in WORDS:
                out += self._bring(merge, self._arrivals.take([record]), _written(record), refused)
            else:
                word = self._decode.event(record, refused)
                if isinstance(word, Watermark):
                    out += self._encoded(self._judge(merge.hear(word)))
                elif isinstance(word, Absence) and word.correlator == self._name:
                    out += self._encoded(self._judge(merge.forgo(word)))
            if merge.falls_silent():
                out += self._encoded(self._stage.speak(idle=True))
        return refused + out

    def _bring(self, merge: Merge, runs: Iterable[Run], since: float, refused: list[Output]) -> list[Output]:
        """Model events whose arrival is certain: what leaves the order with each of them. `since`: see `Merge.push`."""
        out: list[Output] = []
        for run in runs:
            if run.back is not None:
                out += self._encoded(self._stage.back(run.back, wrong=run.wrong))
            for record, here in zip(run.records, run.arrivals.tolist(), strict=True):
                for event in judged(self._decode.signals(record, refused)):
                    out += self._encoded(self._judge(merge.push(event, here, maker(record.headers), since)))
        return out

    def _judge(self, ready: Iterable[tuple[Judged, float]]) -> list[Told]:
        events, arrivals = [], []
        for event, here in ready:
            events.append(event)
            arrivals.append(here)
        return self._stage.process(events, arrivals)

    def _handled(self, runs: Iterable[Run]) -> list[Output]:
        """What follows from records: first what is refused of them, then what the stage says."""
        out: list[Output] = []
        told: list[Told] = []
        for run in runs:
            if run.back is not None:
                told += self._stage.back(run.back, wrong=run.wrong)
            if self._decode.by_column:
                told += self._stage.take(self._decode.samples(run.records, out), run.arrivals)
                continue
            signals: list[Judged] = []
            arrivals: list[float] = []
            for record, here in zip(run.records, run.arrivals.tolist(), strict=True):
                found = judged(self._decode.signals(record, out))
                signals += found
                arrivals += [here] * len(found)
            told += self._stage.process(signals, arrivals)
        return out + self._encoded(told)

    def _encoded(self, found: Sequence[Told]) -> list[Output]:
        return [self._encode(item) for item in found]

    def _encode(self, item: Told) -> Output:
        if isinstance(item, Dependencies | Watermark):
            return encode(item, source=self._name, key=item.task, everywhere=True)
        if isinstance(item, SeriesSample):  # those of a topic meet in one task, which says what it finds once
            return encode(item, source=self._name, key=self._topic)
        if isinstance(item, ModelReport):
            return encode(item, source=self._name, key=item.key())
        return encode(item, source=self._name, key=item.scope)


class CorrelateTask:
    """One partition of the anomalies: incidents out."""

    def __init__(self, config: Config, topic: str, partition: int) -> None:
        self._name = f"{topic}/{partition}"
        self._partition = partition
        self._decode = Decoding(config, None, "correlate")
        self._stage = CorrelateStage(config.correlate, config.services)
        self._heeds = config.actions is not None
        self._unheeded = 0
        self._detected = any(source.signal not in TOLD for source in config.inputs)
        # An anomaly at t is let through by a watermark beyond t, which lags by `lateness` and comes each `tick`; a
        # partition where nothing comes is waited for until it is idle.
        self._bound = config.detect.lateness + config.detect.tick + config.correlate.idle

    def process(self, records: Sequence[Record]) -> list[Output]:
        out: list[Output] = []
        for record in records:
            item = self._decode.event(record, out)
            if isinstance(item, Absence) and item.correlator != self._name:
                continue  # another one's decision, copied here
            if isinstance(item, Action) and not self._heeds:
                self._unheeded += 1
                continue
            if isinstance(item, Absence | Action | Anomaly | ChangeNotice | Dependencies | SeriesSample | Watermark):
                found = self._stage.process(item, maker(record.headers), _written(record))
                out += [encode(i, source=self._name, key=i.id) for i in found]
                out += self._outcomes()
        return out

    def speak(self, *, idle: bool) -> list[Output]:
        return []

    def awaited(self) -> Awaited | None:
        """Where nothing is detected, nobody is waited for."""
        return _awaited(self._stage.order, self._bound, "detect task") if self._detected else None

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        absence = _absence(self._name, self._stage.order.passed, names, silent)
        return [encode(absence, source=self._name, key=self._name, partition=self._partition)]

    def learning(self) -> Sequence[str]:
        return self._stage.learning()

    def finish(self) -> list[Output]:
        """The input has ended for good (replay): resolve what is open."""
        return [encode(i, source=self._name, key=i.id) for i in self._stage.finish()] + self._outcomes()

    def _outcomes(self) -> list[Output]:
        """What has come of actions, for whoever did them."""
        return [encode(o, source=self._name, key=o.incident or o.action) for o in self._stage.outcomes()]

    def counts(self) -> Mapping[str, int]:
        own = Counter({"actions:unheeded": self._unheeded} if self._unheeded else {})
        return Counter(self._decode.counts()) + own + Counter(self._stage.counts())

    def sizes(self) -> Mapping[str, int]:
        return self._stage.sizes()

    def remarks(self) -> list[str]:
        return self._stage.remarks()

    def snapshot(self) -> bytes:
        return self._stage.snapshot()

    def restore(self, state: bytes) -> Mapping[str, int]:
        return _sound(self._stage.restore, state)

    def graft(self, warmed: Task) -> None:
        """A correlate task takes over all settings, and never leaves anything out."""


def _sound(restore: Callable[[bytes], Mapping[str, int]], state: bytes) -> Mapping[str, int]:
    """Restore, and say it in one way if the parts of the state are not what they should be."""
    try:
        return restore(state)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise StateError(f"the snapshot does not hold what it should ({type(error).__name__}: {error})") from None


def _written(record: Record) -> float:
    """Kafka's time of a record in epoch seconds, NaN if it is not known."""
    return record.timestamp / 1000 if record.timestamp >= 0 else math.nan


def _awaited(order: EventOrder, bound: float, whom: str) -> Awaited:
    """Whom `order` waits for; `whom`: what to call one that cannot be named."""
    blocker = order.blocker()
    return Awaited(order.heard(), order.since, "" if blocker is None else _blame(blocker, f"a {whom}"), bound, whom)


def _absence(task: str, passed: float, names: Sequence[str], silent: float) -> Absence:
    """The decision of `task`, whose order has come to `passed`, to go on without `names`."""
    return Absence(
        correlator=task,
        time=utc(passed if math.isfinite(passed) else 0.0),
        tasks=sorted(name for name in names if name),
        silent=round(silent, 1),
    )


def _blame(blocker: Blocker, whom: str) -> str:
    """Who holds the oldest item up, in words."""
    name = blocker.task or whom
    if math.isinf(blocker.time):
        return f"{name} has not been heard"
    return f"{name} is at {utc(blocker.time):%Y-%m-%d %H:%M:%S} UTC of event time"


def _still(warming: Warming) -> str:
    """What is still learning, in words."""
    if warming.until is None:
        return f"{warming.what}: warming up, {warming.learned} of {warming.needed} points so far"
    return f"{warming.what}: warming up until {utc(warming.until):%-d %b %H:%M} UTC"
