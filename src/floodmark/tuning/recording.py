"""Recorded telemetry, decoded as under Kafka, to be run through a stage as often as is wanted.

All files and topics together are one stream, so that a series may go on from one to the next.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import groupby, islice
from typing import Final, NamedTuple

from floodmark.actions import Action
from floodmark.config.models import Config, Input
from floodmark.decode import ColumnDecoder, Decoded, Decoder, column_decoder, input_decoder
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.series import Series
from floodmark.detect.stage import Judged
from floodmark.records import Record, Schemas
from floodmark.signals import Alert, Change, Histogram, Metric, Origin, Samples

_BATCH: Final = 2_000


class Batch(NamedTuple):
    """Samples in the order of the recording: which of its series, epoch seconds, value (NaN: none); `histograms` among
    them, each with the place of the sample that it comes before. Or else `signals` that are no metrics."""

    of: list[int]
    times: list[float]
    values: list[float]
    histograms: Sequence[tuple[int, Histogram]] = ()
    signals: Sequence[Judged] = ()
    starts: Sequence[tuple[int, float]] = ()

    def moments(self) -> list[float]:
        """The times of all that is in it."""
        return [*self.times, *(each.time for _, each in self.histograms), *(each.time for each in self.signals)]


class _Read(NamedTuple):
    """What some records of a topic hold."""

    samples: Samples
    signals: list[Judged]

    def until(self, time: float) -> _Read:
        """What is not later than `time`."""
        origins, times, values, histograms, _, starts = self.samples
        kept = [i for i, at in enumerate(times) if at <= time]
        samples = Samples(
            [origins[i] for i in kept],
            [times[i] for i in kept],
            [values[i] for i in kept],
            [(bisect_left(kept, at), each) for at, each in histograms if each.time <= time],
            starts=[(bisect_left(kept, at), start) for at, start in starts if times[at] <= time],
        )
        return _Read(samples, [each for each in self.signals if each.time <= time])


class Recording:
    """Telemetry that can be read again and again. `series` are those of metrics met so far, by the number that batches
    have.

    `refused` counts the events of the last reading that could not be used, by the decoder's class; `first_refusal` says
    where the first of each was, and what was wrong.
    """

    def __init__(
        self,
        source: Callable[[], Iterable[Record]],
        config: Config,
        inputs: Iterable[Input] = (),
        place: Callable[[str, int, int], str] | None = None,
        schemas: Schemas | None = None,
    ) -> None:
        """`source`: gives the records from the first on, each time that it is called. Those of a topic that is none of
        `inputs` are native metrics. `place`: where a record stands, for people. `schemas`: those that the values
        need."""
        self._source = source
        self._config = config
        self._schemas = schemas
        self._inputs: Mapping[str, Input] = {each.topic: each for each in inputs}
        self._place = place or (lambda topic, _, offset: f"{topic.rpartition(':')[0]}:{offset}")
        self._origins: list[Origin] = []
        self._index: dict[tuple[object, ...], int] = {}
        self._maker = MetricSeries(config.limits, config.detect, detectors=config.detectors)
        self.series: list[Series] = []
        self.refused: Counter[str] = Counter()
        self.first_refusal: dict[str, str] = {}

    def read(self, until: float = math.inf) -> Iterator[Batch]:
        """All that is judged up to a time, `until` included; reading ends where all of some records is later."""
        decoders: dict[str, tuple[Decoder, ColumnDecoder | None]] = {}
        self.refused.clear()
        records = iter(self._source())
        while some := list(islice(records, _BATCH)):
            timed = early = False
            for topic, alike in groupby(some, lambda record: record.topic):
                if topic not in decoders:
                    decoders[topic] = self._decoders(topic)
                read = self._read(*decoders[topic], list(alike))
                batch = self._batch(read.until(until) if until < math.inf else read)
                timed = timed or bool(read.samples.times or read.samples.histograms or read.signals)
                if batch.times or batch.histograms or batch.signals:
                    early = True
                    yield batch
            if timed and not early:
                return

    def _decoders(self, topic: str) -> tuple[Decoder, ColumnDecoder | None]:
        source, limits = self._inputs.get(topic, Input(topic=topic, signal="metric")), self._config.limits
        decoder = input_decoder(source, limits, self._schemas)
        if source.signal != "metric" or source.envelope != "none":
            return decoder, None
        return decoder, column_decoder(decoder, source.format, limits)

    def _read(self, decoder: Decoder, columns: ColumnDecoder | None, records: Sequence[Record]) -> _Read:
        if columns is not None:
            return _Read(columns.decode(records, self._refuse), [])
        origins: list[Origin] = []
        times: list[float] = []
        values: list[float] = []
        histograms: list[tuple[int, Histogram]] = []
        signals: list[Judged] = []
        starts: list[tuple[int, float]] = []
        for record in records:
            decoded = decoder.decode(record)
            self._refuse(record, decoded)
            for signal in decoded.signals:
                if isinstance(signal, Metric):
                    if signal.start:
                        starts.append((len(times), signal.start))
                    origins.append(Origin(signal.name, signal.labels, signal.kind, signal.unit))
                    times.append(signal.time)
                    values.append(math.nan if signal.value is None else signal.value)
                elif isinstance(signal, Histogram):
                    histograms.append((len(times), signal))
                elif not isinstance(signal, Change | Alert | Action):
                    signals.append(signal)
        return _Read(Samples(origins, times, values, histograms, starts=starts), signals)

    def _batch(self, read: _Read) -> Batch:
        origins, times, values, histograms, _, starts = read.samples
        return Batch([self._of(origin) for origin in origins], times, values, histograms, read.signals, starts)

    def tape(self) -> Callable[[Batch], Samples]:
        """What gives a batch to one stage: origins belong to the stage that has seen them."""
        own: list[Origin] = []

        def samples(batch: Batch) -> Samples:
            own.extend(Origin(o.name, o.labels, o.kind, o.unit) for o in self._origins[len(own) :])
            of = [own[i] for i in batch.of]
            return Samples(of, batch.times, batch.values, batch.histograms, starts=batch.starts)

        return samples

    def _of(self, origin: Origin) -> int:
        identity = (origin.name, origin.kind, origin.unit, *origin.labels.items())
        index = self._index.get(identity)
        if index is None:
            index = self._index[identity] = len(self._origins)
            self._origins.append(origin)
            self.series.append(self._maker.series(self._maker.ref(origin, index)))
        return index

    def _refuse(self, record: Record, decoded: Decoded) -> None:
        for refused in decoded.refused:
            self.refused[refused.error] += 1
            where = self._place(record.topic, record.partition, record.offset)
            self.first_refusal.setdefault(refused.error, f"{where}: {refused.message}")


def fits(pattern: str, series: Series) -> bool:
    """Whether a pattern means the series: its key or name, or a glob (`*`, `?`) of either."""
    return any(pattern == text or fnmatchcase(text, pattern) for text in (series.key, series.name))


def moment(text: str) -> float:
    """Epoch seconds of an ISO 8601 time; without an offset it is UTC, as in a CSV. Raises ValueError."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write it like 2026-01-31T22:00:00Z") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def shown(time: float) -> str:
    """Epoch seconds for people, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}"
