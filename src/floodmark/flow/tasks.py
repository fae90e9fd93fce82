"""The tasks: a decoder, a stage and an encoder, behind the runtime's protocol (`records.Task`).

Three kinds stand between the topics: `RouteTask` brings signals that must be joined to the topic where they meet,
`DetectTask` makes anomalies, `CorrelateTask` makes incidents. Bad input becomes a dead letter here, and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from floodmark.alerts import Anomaly, ChangeNotice, Watermark, content_id, utc
from floodmark.config.models import Config, Input
from floodmark.correlate import CorrelateStage
from floodmark.decode import decoder
from floodmark.detect import DetectStage
from floodmark.flow.events import MalformedEventError, decode, encode
from floodmark.records import Output, Record
from floodmark.signals import Change, Log, Metric, Outcome, Prediction, Signal


class RouteTask:
    """Predictions and outcomes to the model events, keyed by model; changes to the anomalies."""

    def __init__(self, config: Config, source: Input, partition: int) -> None:
        self._decode = Decoding(config, source, "route")
        self._name = f"{source.topic}/{partition}"

    def process(self, records: Sequence[Record]) -> list[Output]:
        out: list[Output] = []
        for record in records:
            for signal in self._decode.signals(record, out):
                if isinstance(signal, Change):
                    out.append(encode(notice(signal), source=self._name, key=signal.service, everywhere=True))
                elif isinstance(signal, Prediction | Outcome):
                    out.append(encode(signal, source=self._name, key=signal.model))
        return out

    def idle(self) -> list[Output]:
        return []

    def counts(self) -> Mapping[str, int]:
        return self._decode.counts()

    def sizes(self) -> Mapping[str, int]:
        return {}


class DetectTask:
    """One partition of metrics, logs, or model events: signals in, anomalies and watermarks out."""

    def __init__(self, config: Config, source: Input | None, topic: str, partition: int, tasks: int) -> None:
        """`source` is None for the model events, whose records are our own."""
        self._name = f"{topic}/{partition}"
        self._decode = Decoding(config, source, "detect")
        self._stage = DetectStage(config, self._name, tasks)

    def process(self, records: Sequence[Record]) -> list[Output]:
        out: list[Output] = []
        for record in records:
            out += self._encoded(self._stage.process(_judged(self._decode.signals(record, out))))
        return out

    def idle(self) -> list[Output]:
        return self._encoded(self._stage.idle())

    def finish(self) -> list[Output]:
        """The input has ended for good (replay): close what its last records left open."""
        return self._encoded(self._stage.finish())

    def templates(self) -> list[tuple[str, str, int]]:
        """The log templates that are held: source, text, lines."""
        return self._stage.templates()

    def counts(self) -> Mapping[str, int]:
        return Counter(self._decode.counts()) + Counter(self._stage.counts())

    def sizes(self) -> Mapping[str, int]:
        return self._stage.sizes()

    def _encoded(self, found: Sequence[Anomaly | Watermark]) -> list[Output]:
        return [
            encode(item, source=self._name, key=item.task, everywhere=True)
            if isinstance(item, Watermark)
            else encode(item, source=self._name, key=item.scope)
            for item in found
        ]


class CorrelateTask:
    """One partition of the anomalies: incidents out."""

    def __init__(self, config: Config, topic: str, partition: int) -> None:
        self._name = f"{topic}/{partition}"
        self._decode = Decoding(config, None, "correlate")
        self._stage = CorrelateStage(config.correlate, config.services)

    def process(self, records: Sequence[Record]) -> list[Output]:
        out: list[Output] = []
        for record in records:
            item = self._decode.event(record, out)
            if isinstance(item, Anomaly | ChangeNotice | Watermark):
                out += [encode(i, source=self._name, key=i.id) for i in self._stage.process(item)]
        return out

    def idle(self) -> list[Output]:
        return []

    def finish(self) -> list[Output]:
        """The input has ended for good (replay): resolve what is open."""
        return [encode(i, source=self._name, key=i.id) for i in self._stage.finish()]

    def counts(self) -> Mapping[str, int]:
        return Counter(self._decode.counts()) + Counter(self._stage.counts())

    def sizes(self) -> Mapping[str, int]:
        return self._stage.sizes()


class Decoding:
    """Records to signals or to our own events, with a dead letter for what is neither."""

    def __init__(self, config: Config, source: Input | None, stage: str) -> None:
        self._decoder = decoder(source.signal, source.format, config.limits) if source is not None else None
        self._stage = stage
        self._counts: Counter[str] = Counter()

    def signals(self, record: Record, out: list[Output]) -> list[Signal]:
        """What the record holds, in order; refusals are appended to `out`."""
        if self._decoder is None:
            item = self.event(record, out)
            return [item] if isinstance(item, Prediction | Outcome) else []
        decoded = self._decoder.decode(record)
        for refused in decoded.refused:
            self._refuse(record, refused.error, refused.message, refused.value, refused.index, out)
        return decoded.signals

    def event(self, record: Record, out: list[Output]) -> object:
        """The event of ours that the record holds; None, and a dead letter in `out`, if it holds none."""
        try:
            return decode(record)
        except MalformedEventError as error:
            self._refuse(record, "not_ours", str(error), record.value or b"", None, out)
            return None

    def counts(self) -> Mapping[str, int]:
        return self._counts + Counter(self._decoder.counts()) if self._decoder is not None else self._counts

    def _refuse(
        self, record: Record, error: str, message: str, value: bytes, index: int | None, out: list[Output]
    ) -> None:
        self._counts[f"refused:{error}"] += 1
        headers = [
            *record.headers,
            ("floodmark.topic", record.topic.encode()),
            ("floodmark.partition", str(record.partition).encode()),
            ("floodmark.offset", str(record.offset).encode()),
            ("floodmark.stage", self._stage.encode()),
            ("floodmark.error", error.encode()),
            ("floodmark.message", message.encode()),
        ]
        if index is not None:
            headers.append(("floodmark.index", str(index).encode()))
        out.append(Output("dead_letters", record.key, value, tuple(headers)))


def notice(change: Change) -> ChangeNotice:
    """A change as every partition of the anomalies hears of it: it names a service, which any scope may have."""
    return ChangeNotice(
        id=content_id("chg", change.service, change.kind, f"{change.time:.3f}", change.summary),
        scope="",
        time=utc(change.time),
        service=change.service,
        kind=change.kind,
        summary=change.summary,
    )


def _judged(signals: list[Signal]) -> list[Metric | Log | Prediction | Outcome]:
    return [signal for signal in signals if not isinstance(signal, Change)]
