"""Records to signals, or to events of ours; what is neither becomes a dead letter here, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from floodmark.actions import Action
from floodmark.config.models import Config, Input
from floodmark.decode import Decoded, column_decoder, input_decoder
from floodmark.detect.stage import Judged
from floodmark.events import MalformedEventError, decode
from floodmark.letters import letter
from floodmark.records import Output, Record, Schemas, bound, changed
from floodmark.signals import Alert, Change, Samples, Signal


class Decoding:
    """Records to signals or to our own events, with a dead letter for what is neither."""

    def __init__(self, config: Config, source: Input | None, stage: str, schemas: Schemas | None = None) -> None:
        self._decoder = input_decoder(source, config.limits, schemas) if source is not None else None
        self._samples = None
        if source is not None and source.signal == "metric" and self._decoder is not None:
            bare = source.envelope == "none"
            self._samples = column_decoder(self._decoder, source.format, config.limits) if bare else None
        self._unheard = source is not None and source.signal == "action" and config.actions is None
        self._stage = stage
        self._ahead = config.limits.ahead
        self._counts: Counter[str] = Counter()

    @property
    def by_column(self) -> bool:
        """Whether `samples` can be asked for: the input is of metrics, in a format that can be read so."""
        return self._samples is not None

    def samples(self, records: Sequence[Record], out: list[Output]) -> Samples:
        """The metrics that the records hold, in order; refusals are appended to `out`. Raises RuntimeError if it is
        not `by_column`."""
        if self._samples is None:
            raise RuntimeError("this input is not read by column")
        return self._samples.decode(records, lambda record, decoded: self._refused(record, decoded, out))

    def signals(self, record: Record, out: list[Output]) -> list[Signal]:
        """What the record holds, in order; refusals are appended to `out`."""
        if self._decoder is None:
            item = self.event(record, out)
            if not isinstance(item, Judged):
                return []
            if (by := bound(record)) >= 0 and item.time > by / 1000 + self._ahead:
                words = "the event is later than what came before it by more than limits.ahead"
                self._refuse(record, "from_the_future", words, record.value or b"", None, out)
                return []
            return [item]
        decoded = self._decoder.decode(record)
        self._refused(record, decoded, out)
        if self._unheard and decoded.signals:
            words = "nobody listens to actions: the config has no `actions:`"
            self._refuse(record, "not_heard", words, record.value or b"", None, out)
            return []
        return decoded.signals

    def times(self, record: Record) -> list[float]:
        """The events' own times, in epoch seconds; for a decoder of its own, since it may count what it finds."""
        return [signal.time for signal in judged(self.signals(changed(record, by=-1), []))]

    def event(self, record: Record, out: list[Output]) -> object:
        """The event of ours that the record holds; None, and a dead letter in `out`, if it holds none."""
        try:
            return decode(record)
        except MalformedEventError as error:
            self._refuse(record, "not_ours", str(error), record.value or b"", None, out)
            return None

    def counts(self) -> Mapping[str, int]:
        return self._counts + Counter(self._decoder.counts()) if self._decoder is not None else self._counts

    def refuse(self, record: Record, error: str, message: str, out: list[Output]) -> None:
        """Refuse an event of ours that was read, but has no place here."""
        self._refuse(record, error, message, record.value or b"", None, out)

    def _refused(self, record: Record, decoded: Decoded, out: list[Output]) -> None:
        for refused in decoded.refused:
            self._refuse(record, refused.error, refused.message, refused.value, refused.index, out)

    def _refuse(
        self, record: Record, error: str, message: str, value: bytes, index: int | None, out: list[Output]
    ) -> None:
        self._counts[f"refused:{error}"] += 1
        out.append(letter(record, self._stage, error, message, value, index))


def judged(signals: list[Signal]) -> list[Judged]:
    """Those that detection judges."""
    return [signal for signal in signals if not isinstance(signal, Change | Alert | Action)]
