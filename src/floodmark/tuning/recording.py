"""Recorded metrics, decoded as under Kafka, to be run through a stage as often as is wanted.

All files together are one stream, so that a series may go on from one file to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, NamedTuple

from floodmark.config.models import Config
from floodmark.decode import Decoded, decoder
from floodmark.decode.samples import SampleDecoder
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.series import Series
from floodmark.records import Record
from floodmark.signals import Origin, Samples

_BATCH: Final = 2_000


class Batch(NamedTuple):
    """Samples in the order of the recording: which of its series, epoch seconds, value (NaN: none)."""

    of: list[int]
    times: list[float]
    values: list[float]


class Recording:
    """Metrics that can be read again and again. `series` are those met so far, by the number that batches have.

    `refused` counts the events of the last reading that could not be used, by the decoder's class; `first_refusal` says
    where the first of each was, and what was wrong.
    """

    def __init__(self, source: Callable[[], Iterable[Record]], config: Config) -> None:
        """`source`: gives the records from the first on, each time that it is called; a topic names the file."""
        self._source = source
        self._config = config
        self._origins: list[Origin] = []
        self._index: dict[tuple[object, ...], int] = {}
        self._maker = MetricSeries(config.limits, config.detect, detectors=config.detectors)
        self.series: list[Series] = []
        self.refused: Counter[str] = Counter()
        self.first_refusal: dict[str, str] = {}

    def read(self, until: float = float("inf")) -> Iterator[Batch]:
        """The samples up to a time, `until` included; reading ends where all of a batch is later."""
        limits = self._config.limits
        decode = SampleDecoder(decoder("metric", "native", limits), limits).decode
        self.refused.clear()
        records = iter(self._source())
        while batch := list(islice(records, _BATCH)):
            samples = decode(batch, self._refuse)
            if not samples.times or max(samples.times) <= until:
                yield Batch([self._of(origin) for origin in samples.origins], samples.times, samples.values)
                continue
            wanted = [i for i, time in enumerate(samples.times) if time <= until]
            if not wanted:
                return
            yield Batch(
                [self._of(samples.origins[i]) for i in wanted],
                [samples.times[i] for i in wanted],
                [samples.values[i] for i in wanted],
            )

    def tape(self) -> Callable[[Batch], Samples]:
        """What gives a batch to one stage: origins belong to the stage that has seen them."""
        own: list[Origin] = []

        def samples(batch: Batch) -> Samples:
            own.extend(Origin(o.name, o.labels, o.kind, o.unit) for o in self._origins[len(own) :])
            return Samples([own[i] for i in batch.of], batch.times, batch.values)

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
            where = f"{record.topic.rpartition(':')[0]}:{record.offset}"
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
