"""Metrics by column: for any records the answer of the ordinary decoder, refusals and counts included."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import Decoded, column_decoder, decoder
from floodmark.records import Record

NOW = 1_769_860_800
LIMITS = Limits(series=3, label=16, labels=3, message=400)

event = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(
            [NOW, NOW * 1000 + 7, NOW * 10**6 + 1, NOW * 10**9 + 3, float(NOW) + 0.1, "2026-01-31T12:00:00Z", -1, 5e12,
             NOW + 9000, (NOW + 9000) * 1000, "soon", True, None]
        ),
        "name": st.sampled_from(["load", "load", "served", "", "x" * 17, "é", 3]),
        "value": st.sampled_from([1, 1.5, -0.0, 10**400, "7.5", "NaN", "x", None, math.nan, math.inf, True, []]),
    },
    optional={
        "labels": st.sampled_from(
            [None, {}, {"a": "1"}, {"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": 1}, {"a": None}, {"a": "y" * 17},
             {"a": "1", "b": "2", "c": "3", "d": "4"}, [], {"a": "\ud800"}]
        ),
        "kind": st.sampled_from(["gauge", "counter", None, "histogram"]),
        "unit": st.sampled_from(["ms", None, "u" * 17]),
        "more": st.just({"deep": [1, 2]}),
    },
)  # fmt: skip
message = st.one_of(
    event.map(lambda e: json.dumps(e).encode()),
    event.map(lambda e: json.dumps({**e, "timestamp": NOW, "value": 1.25, "name": "load"}).encode()),
    st.lists(event, max_size=3).map(lambda e: json.dumps(e).encode()),
    st.sampled_from([b"", b"{", None, b"{}", b'{"timestamp":1769860800,"name":"a","value":1,"labels":{"a":"\xff"}}']),
)


@given(st.lists(st.tuples(message, st.sampled_from([-1, NOW * 1000])), max_size=30))
@settings(max_examples=300)
def test_it_is_the_ordinary_decoder_only_faster(messages: list[tuple[bytes | None, int]]) -> None:
    records = [Record("metrics", 0, i, stamp, None, value) for i, (value, stamp) in enumerate(messages)]
    plain = decoder("metric", "native", LIMITS)
    answers = [plain.decode(record) for record in records]
    inner = decoder("metric", "native", LIMITS)
    fast = column_decoder(inner, "native", LIMITS)
    assert fast is not None
    refused: list[tuple[int, Decoded]] = []
    samples = fast.decode(records, lambda record, decoded: refused.append((record.offset, decoded)))
    told = [
        (time, o.name, None if math.isnan(value) else value.hex(), o.labels, o.kind, o.unit)
        for o, time, value in zip(*samples[:3], strict=True)
    ]
    assert told == [
        (s.time, s.name, None if s.value is None else s.value.hex(), s.labels, s.kind, s.unit)  # type: ignore[union-attr]
        for answer in answers
        for s in answer.signals
    ]
    assert [(i, d.refused) for i, d in refused] == [(i, a.refused) for i, a in enumerate(answers) if a.refused]
    assert dict(inner.counts()) == dict(plain.counts())


def test_the_same_labels_are_the_same_origin() -> None:
    fast = column_decoder(decoder("metric", "native", LIMITS), "native", LIMITS)
    assert fast is not None
    value = b'{"timestamp":1769860800,"name":"load","value":%d,"labels":{"a":"1"}}'
    records = [Record("metrics", 0, i, -1, None, value % i) for i in range(4)]
    first, *others = fast.decode(records, lambda record, decoded: None).origins
    assert all(origin is first for origin in others)
