"""Messages of the metric formats, made for the tests, and what all decoders of metrics must keep."""

import json
import math

import cramjam
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import Decoded, column_decoder, decoder
from floodmark.decode.descriptors import messages
from floodmark.records import Record
from floodmark.signals import Metric

NOW = 1_769_860_800
NANO = NOW * 10**9


def records(*values: bytes | None, stamp: int = -1) -> list[Record]:
    return [Record("in", 0, i, stamp, None, value) for i, value in enumerate(values)]


def read(format: str, value: bytes | str | object, stamp: int = -1, **limits: int):
    """The signals of one message, of which nothing may be refused."""
    decoded = refuse(format, value, stamp, **limits)
    assert decoded.refused == []
    return decoded.signals


def refuse(format: str, value: bytes | str | object, stamp: int = -1, **limits: int) -> Decoded:
    if isinstance(value, str):
        value = value.encode()
    elif value is not None and not isinstance(value, bytes):
        value = json.dumps(value).encode()
    return decoder("metric", format, Limits(**limits)).decode(records(value, stamp=stamp)[0])


def check_columns(format: str, values: list[bytes], stamp: int = -1) -> None:
    """By column or one by one, decoders give the same answer; they never raise, and give only what is plausible."""
    limits = Limits(series=3, label=16, labels=4, message=4_000, events=20)
    plain, inner = decoder("metric", format, limits), decoder("metric", format, limits)
    answers = [plain.decode(record) for record in records(*values, stamp=stamp)]
    columns = column_decoder(inner, format, limits)
    assert columns is not None
    refused: list[tuple[int, Decoded]] = []
    found = columns.decode(records(*values, stamp=stamp), lambda record, d: refused.append((record.offset, d)))
    signals = [signal for answer in answers for signal in answer.signals]
    metrics = [signal for signal in signals if isinstance(signal, Metric)]
    assert [(time, o.name, o.labels, o.kind, o.unit) for o, time, _ in zip(*found[:3], strict=True)] == [
        (m.time, m.name, m.labels, m.kind, m.unit) for m in metrics
    ]
    assert [None if math.isnan(v) else v for v in found.values] == [m.value for m in metrics]
    assert dict(found.starts) == {i: m.start for i, m in enumerate(metrics) if m.start}
    assert [h for _, h in found.histograms] == [signal for signal in signals if not isinstance(signal, Metric)]
    assert [(i, d.refused) for i, d in refused] == [(i, a.refused) for i, a in enumerate(answers) if a.refused]
    assert dict(plain.counts()) == dict(inner.counts())
    for metric in metrics:
        assert 1e8 <= metric.time < 4.2e9
        assert metric.value is None or math.isfinite(metric.value)
        assert len(metric.labels) <= 5
        assert all(len(text) <= 16 for text in metric.labels.values())
    for answer in answers:
        assert len(answer.signals) <= 60
        assert len(answer.refused) <= 1


def mutated(good: list[bytes]) -> st.SearchStrategy[bytes]:
    """Random bytes, good messages, and those with some bytes changed, taken out or put in."""

    @st.composite
    def one(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(good)))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(data)))
            data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        return bytes(data)

    return st.one_of(st.binary(max_size=60), one(), st.sampled_from(good))


REMOTE = messages(
    "test_remote",
    {
        "Label": "name:1:string value:2:string",
        "Sample": "value:1:double timestamp:2:int64",
        "TimeSeries": "labels:1:Label* samples:2:Sample*",
        "Metadata": "type:1:int32 metric_family_name:2:string unit:5:string",
        "WriteRequest": "timeseries:1:TimeSeries* metadata:3:Metadata*",
    },
)


def remote(*series: tuple[dict[str, str], list[tuple[float, int]]], metadata: dict[str, int] | None = None) -> bytes:
    """A remote write of series: labels, and (value, milliseconds)."""
    request = REMOTE["WriteRequest"](
        timeseries=[
            {
                "labels": [{"name": name, "value": value} for name, value in labels.items()],
                "samples": [{"value": value, "timestamp": time} for value, time in samples],
            }
            for labels, samples in series
        ],
        metadata=[{"metric_family_name": name, "type": type_} for name, type_ in (metadata or {}).items()],
    )
    return packed(request.SerializeToString())


def packed(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))
