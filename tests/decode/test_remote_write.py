"""Remote write of both versions: native histograms, metadata, exemplars, and what is odd."""

import math
import struct
from bisect import bisect_left, bisect_right
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.decode.descriptors import messages
from floodmark.decode.prometheus_remote_write import _FULL, _TWO
from floodmark.signals import Histogram, Metric

from .samples import NOW, check_columns, mutated, packed, records

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
EXEMPLAR = {"Exemplar": "value:2:double"}
SERIES = {
    1: "labels:1:Label* samples:2:Sample* exemplars:3:Exemplar* histograms:4:Histogram*",
    2: _TWO["TimeSeries"].replace("exemplars:4:bytes", "exemplars:4:Exemplar*"),
}
FIRST = messages("test_one", {**_FULL, **EXEMPLAR, "TimeSeries": SERIES[1]})["WriteRequest"]
REQUEST = "symbols:4:string* timeseries:5:TimeSeries*"
SECOND = messages("test_two", {**_TWO, **EXEMPLAR, "TimeSeries": SERIES[2], "Request": REQUEST})["Request"]
AT = NOW * 1000
NATIVE = {
    "count_int": 10, "sum": 25.5, "schema": 0, "zero_threshold": 0.001, "zero_count_int": 1, "timestamp": AT,
    "positive_spans": [{"offset": 1, "length": 2}], "positive_deltas": [2, 5],
}  # fmt: skip
WANTED = Histogram(
    NOW, "took", 10.0, 25.5, (0.001, 1.0, 2.0, 4.0), (1.0, 0.0, 2.0, 7.0, 0.0), {"job": "shop"}, cumulative=True,
    geometric=True,
)  # fmt: skip


def first(*series, metadata=()):
    made = [
        {**each, "labels": [{"name": name, "value": value} for name, value in each["labels"].items()]}
        for each in series
    ]
    return packed(FIRST(timeseries=made, metadata=list(metadata)).SerializeToString())


def second(*series):
    """Labels, and under `type` and `unit` what the metadata say."""
    symbols = [""]

    def place(text):
        if text not in symbols:
            symbols.append(text)
        return symbols.index(text)

    made = []
    for each in series:
        refs = [place(text) for pair in each["labels"].items() for text in pair]
        about = {"type": each.get("type", 0), "unit_ref": place(each.get("unit", ""))}
        rest = {name: value for name, value in each.items() if name not in ("labels", "type", "unit")}
        made.append({**rest, "labels_refs": refs, "metadata": about})
    return packed(SECOND(symbols=symbols, timeseries=made).SerializeToString())


def decode(value, **limits):
    made = decoder("metric", "prometheus_remote_write", Limits(**limits))
    return made.decode(records(value, stamp=AT)[0]), +made.counts()


def took(*histograms, **more):
    return {"labels": {"__name__": "took", "job": "shop"}, "histograms": list(histograms), **more}


BOTH = pytest.mark.parametrize("write", [first, second])


@BOTH
def test_a_native_histogram(write):
    assert decode(write(took(NATIVE))) == (([WANTED], []), {})


@BOTH
def test_a_histogram_of_floats_with_custom_buckets_that_is_a_gauge(write):
    told = {
        "count_float": 3.5, "sum": math.nan, "schema": -53, "timestamp": AT, "reset_hint": 3, "custom_values": [1, 5],
        "positive_spans": [{"offset": 0, "length": 1}, {"offset": 1, "length": 1}], "positive_counts": [1.5, 2.0],
    }  # fmt: skip
    (found,), refused = decode(write(took(told)))[0]
    assert not refused
    assert found == Histogram(NOW, "took", 3.5, None, (1.0, 5.0), (1.5, 0.0, 2.0), {"job": "shop"})


@BOTH
def test_a_stale_histogram_has_ended(write):
    stale = {"sum": STALE, "timestamp": AT}
    assert decode(write(took(NATIVE, stale))) == (([WANTED], []), {"series_ended": 1})


@BOTH
@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"positive_deltas": [1]}, "has 1 counts for the 2 buckets"),
        ({"schema": 77}, "schema 77"),
        ({"positive_deltas": [2, -5]}, "a count below zero"),
        ({"timestamp": 0}, "is not between 1973 and 2100"),
        ({"zero_threshold": -1.0}, "zero threshold"),
        ({"count_int": None, "count_float": math.inf}, "not finite"),
    ],
)
def test_an_odd_histogram_refuses_itself(write, odd, words):
    bad = {name: value for name, value in (NATIVE | odd).items() if value is not None}
    up = {"labels": {"__name__": "up"}, "samples": [{"value": 1.0, "timestamp": AT}]}
    decoded, _ = decode(write(took(bad, NATIVE), up))
    assert [found.name for found in decoded.signals] in (["took", "up"], ["up", "took"])
    assert words in decoded.refused[0].message


@BOTH
def test_exemplars_and_empty_series_are_counted(write):
    labels = {"labels": {"__name__": "up"}}
    exemplar = {**labels, "exemplars": [{"value": 1.0}]}
    assert decode(write(exemplar, labels)) == (([], []), {"exemplars_unread": 1, "series_empty": 1})


def test_a_request_of_metadata_only_is_counted():
    assert decode(first(metadata=[{"type": 1, "metric_family_name": "a"}])) == (([], []), {"metadata_only": 1})


def test_metadata_tell_the_unit_but_of_counts():
    names = ("took_seconds", "took_seconds_sum", "took_seconds_count")
    series = [{"labels": {"__name__": name}, "samples": [{"value": 1.0, "timestamp": AT}]} for name in names]
    told = [{"type": 5, "metric_family_name": "took_seconds", "unit": "seconds"}]
    found = decode(first(*series, metadata=told))[0].signals
    assert [(metric.kind, metric.unit) for metric in found] == [
        ("gauge", "seconds"), ("counter", "seconds"), ("counter", "")
    ]  # fmt: skip


def test_samples_of_version_2():
    value = second(
        {"labels": {"__name__": "served", "job": "a"}, "type": 1, "samples": [{"value": 5.0, "timestamp": AT}]},
        {"labels": {"__name__": "disk_total"}, "type": 2, "unit": "bytes", "samples": [{"value": 6.0, "timestamp": AT},
         {"value": STALE, "timestamp": AT + 1}]},
        {"labels": {"__name__": "up_total"}, "samples": [{"value": 7.0, "timestamp": AT}]},
    )  # fmt: skip
    decoded, counts = decode(value)
    assert decoded.signals == [
        Metric(NOW, "served", 5.0, {"job": "a"}, "counter"),
        Metric(NOW, "disk_total", 6.0, {}, "gauge", "bytes"),
        Metric(NOW, "up_total", 7.0, {}, "counter"),
    ]
    assert counts == {"series_ended": 1}


@pytest.mark.parametrize("where", ["created_timestamp", "start_timestamp"])
def test_when_a_histogram_of_version_2_began(where):
    inner = where == "start_timestamp"
    value = second(took(NATIVE | ({where: AT - 5000} if inner else {}), **({} if inner else {where: AT - 5000})))
    assert decode(value)[0].signals[0].start == NOW - 5.0


def test_a_series_of_version_2_that_names_no_symbol_refuses_itself():
    request = SECOND(symbols=["", "__name__", "up"])
    for refs in ([1, 2], [1, 9], [1, 2, 1]):
        request.timeseries.add(labels_refs=refs).samples.add(value=1.0, timestamp=AT)
    decoded, counts = decode(packed(request.SerializeToString()))
    assert [found.name for found in decoded.signals] == ["up"]
    assert decoded.refused[0].message.startswith("a series names symbol 9 of a request that has 3")
    assert counts == {"points_refused:wrong_type": 2}


@BOTH
def test_latin1_in_a_label_is_read_with_a_hole(write):
    import cramjam

    up = {"samples": [{"value": 1.0, "timestamp": AT}]}
    value = write({"labels": {"__name__": "a", "city": "Z@rich"}, **up}, {"labels": {"__name__": "b"}, **up})
    plain = bytes(cramjam.snappy.decompress_raw(value)).replace(b"@", b"\xfc")
    decoded, counts = decode(packed(plain))
    assert [(found.name, found.labels.get("city")) for found in decoded.signals] == [("a", "Z\ufffdrich"), ("b", None)]
    assert counts == {"not_utf8": 1}


@BOTH
def test_a_sample_that_cannot_be_read_refuses_itself(write):
    import cramjam

    up = {"labels": {"__name__": "up"}, "samples": [{"value": 1.0, "timestamp": AT}, {"value": 2.0, "timestamp": AT}]}
    plain = bytes(cramjam.snappy.decompress_raw(write(up, up)))
    sample = b"\x09" + struct.pack("<d", 1.0)
    at = plain.index(sample)
    decoded, _ = decode(packed(plain[:at] + b"\x0f" + plain[at + 1 :]))
    assert [found.value for found in decoded.signals] == [2.0, 1.0, 2.0]
    assert decoded.refused[0].message.startswith("timeseries[0].samples[0] cannot be read: ")


GOOD = [
    first(took(NATIVE), {"labels": {"__name__": "up"}, "samples": [{"value": 1.0, "timestamp": AT}]}),
    second(took(NATIVE), {"labels": {"__name__": "up"}, "samples": [{"value": 1.0, "timestamp": AT}]}),
]


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_comes(data):
    import cramjam

    plain = [bytes(cramjam.snappy.decompress_raw(value)) for value in GOOD]
    values = data.draw(st.lists(mutated(plain).map(packed) | mutated(GOOD), max_size=5))
    check_columns("prometheus_remote_write", values, data.draw(st.sampled_from([-1, AT])))


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_the_bytes_of_one_series_are_the_others_are_read(data):
    import cramjam

    plain = bytearray(cramjam.snappy.decompress_raw(GOOD[0]))
    size = plain[1]
    assert plain[0] == 0x0A
    assert size < 0x80
    for _ in range(data.draw(st.integers(1, 3))):
        plain[data.draw(st.integers(2, size + 1))] = data.draw(st.integers(0, 255))
    decoded, _ = decode(packed(bytes(plain)))
    assert Metric(NOW, "up", 1.0) in decoded.signals


@pytest.mark.parametrize("name", ["prometheus-native", "prometheus-version-2"])
def test_what_prometheus_itself_writes_has_each_value_in_its_bucket(name):
    """Marshalled by Prometheus's own packages, from values that its client has observed."""
    value = (Path(__file__).parent / "samples" / "prometheus_remote_write" / f"{name}.message").read_bytes()
    took, custom = (found for found in decode(value)[0].signals if isinstance(found, Histogram))
    wanted = [0.0] * len(took.counts)
    for seconds in (-2, -0.5, 0, 0.0005, 0.01, 0.011, 0.25, 0.26, 0.3, 1, 4, 900):
        wanted[(bisect_right if seconds < 0 else bisect_left)(took.bounds, seconds)] += 1
    assert list(took.counts) == wanted
    assert (custom.bounds, custom.counts) == ((0.5, 1.0, 2.5, 10.0), (1.0, 0.0, 2.0, 2.0, 1.0))


def test_samples_of_version_2_tell_since_when_they_count():
    value = second(
        {"labels": {"__name__": "a_total"}, "samples": [{"value": 5.0, "timestamp": AT, "start_timestamp": AT - 5000}]},
        {
            "labels": {"__name__": "b_total"},
            "samples": [{"value": 5.0, "timestamp": AT}],
            "created_timestamp": AT - 9000,
        },
    )
    assert [found.start for found in decode(value)[0].signals] == [NOW - 5.0, NOW - 9.0]
