"""Which units measure the same, and by what."""

import pytest

from floodmark.scales import converted, ratio


@pytest.mark.parametrize(
    ("unit", "other", "wanted"),
    [
        ("ms", "s", 0.001), ("s", "ms", 1000.0), ("us", "ns", 1000.0), ("µs", "ms", 0.001), ("min", "s", 60.0),
        ("h", "min", 60.0), ("seconds", "ms", 1000.0), ("Milliseconds", "s", 0.001), ("By", "KiBy", 1 / 1024),
        ("MiBy", "By", 2.0**20), ("kBy", "By", 1000.0), ("KB", "bytes", 1000.0), ("bit", "By", 0.125),
        ("Mbit/s", "By/s", 125_000.0), ("MBps", "By/s", 1e6), ("%", "1", 0.01), ("ratio", "%", 100.0),
        ("percent", "%", 1.0), ("{request}/s", "1/s", 1.0), ("{request}/min", "{request}/s", 1 / 60),
        ("Hz", "{cycle}/s", 1.0), ("ms/{request}", "s", 0.001), ("kWh", "J", 3.6e6), ("degC", "Cel", 1.0),
        ("widget", "widget", 1.0),
        ("ms", "By", None), ("By", "By/s", None), ("Cel", "K", None), ("[degF]", "Cel", None), ("widget", "1", None),
        ("widgets", "gadgets", None), ("M", "s", None), ("/", "1", None), ("a/b/c", "1", None),
    ],
)  # fmt: skip
def test_by_what_a_unit_is_another(unit: str, other: str, wanted: float | None) -> None:
    assert ratio(unit, other) == wanted


def test_bounds_are_converted_to_the_digit() -> None:
    assert converted((0.005, 0.07, 0.25), "s", "ms") == (5.0, 70.0, 250.0)
    assert converted((0.1,), "s", "s") == (0.1,)
    assert converted((0.1,), "s", "By") is None
