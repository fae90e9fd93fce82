import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.gateway import remote_write

TWO = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
ONE = "application/x-protobuf"


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


def series(samples, histograms=0, exemplars=0):
    one = field(1, bytes([1, 2]))  # labels_refs, packed
    one += field(2, b"\x09" + bytes(8) + b"\x10\x05") * samples + field(3, b"\x08\x01") * histograms
    return one + field(4, b"\x11" + bytes(8)) * exemplars + bytes([6 << 3, 7])  # and created_timestamp


def packed(*all_series):
    plain = field(4, b"") + field(4, b"__name__") + b"".join(field(5, each) for each in all_series)
    return bytes(cramjam.snappy.compress_raw(plain))


def counts(body, most=10_000):
    found = remote_write.written(TWO, body, most)
    return [found[f"X-Prometheus-Remote-Write-{name}-Written"] for name in ("Samples", "Histograms", "Exemplars")]


def test_the_second_version_is_told_what_was_written():
    assert counts(packed(series(2), series(1, 3, 1), series(0))) == ["3", "3", "1"]
    assert counts(packed()) == ["0", "0", "0"]


def test_the_first_version_is_told_nothing():
    assert remote_write.written(ONE, packed(series(1)), 1000) == {}


@pytest.mark.parametrize("body", [b"", b"no snappy", packed(series(2))[:-3], packed(series(2)) + b"x"])
def test_what_cannot_be_walked_over_counts_for_nothing(body):
    assert counts(body) == ["0", "0", "0"]


def test_a_bomb_is_not_unpacked():
    assert counts(bytes(cramjam.snappy.compress_raw(bytes(1_000_000))), most=1000) == ["0", "0", "0"]


@given(st.binary())
def test_nothing_is_raised(plain):
    counts(plain)
    counts(bytes(cramjam.snappy.compress_raw(plain)))


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        (ONE, True),
        (TWO, True),
        ("application/x-protobuf; proto=prometheus.WriteRequest", True),
        ("application/x-protobuf;proto=io.prometheus.write.v3.Request", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_what_nobody_could_decode_is_refused_in_words(content_type, taken):
    assert (remote_write.refusal(content_type) == "") == taken
