"""Values in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.units import change, number, parsed, reach


@pytest.mark.parametrize(
    ("before", "now", "unit", "name", "said"),
    [
        # units that are said: UCUM and the words of shippers
        (13.9e9, 55.8e9, "By", "", "14 → 56 GB"),
        (929.4e6, 886e6, "By", "", "929 → 886 MB"),
        (1.2e6, 12e9, "bytes", "", "1.2 MB → 12 GB"),
        (36.6, 46.3, "MiBy", "", "38 → 49 MB"),
        (1e6, 25e6, "By/s", "", "1 → 25 MB a second"),
        (214.9, 274.8, "ms", "", "215 → 275 ms"),
        (0.2, 3.1, "s", "", "0.2 → 3.1 s"),
        (90, 100, "s", "", "90 → 100 s"),
        (3471, 13825, "s", "", "0.96 → 3.8 h"),
        (5e-6, 2e-5, "s", "", "5 → 20 µs"),
        (0, 0, "s", "", "0 s"),
        (23, 96, "%", "", "23 → 96 %"),
        (99.95, 99.1, "%", "", "99.95 → 99.1 %"),
        (1.1, 99.4, "%", "", "1.1 → 99 %"),
        (99.999, 100, "%", "", "99.999 → 100 %"),
        (21, 85, "Cel", "", "21 → 85 °C"),
        (0.1, 38, "1/s", "", "0.1 → 38 a second"),
        (0.0106, 0.0214, "1/s", "", "0.64 → 1.3 a minute"),
        (0.0005, 0.0014, "1/s", "", "1.8 → 5 an hour"),
        (12, 55, "{request}/s", "", "12 → 55 requests a second"),
        (2, 1, "{connection}", "", "2 → 1 connection"),
        (1.1, 3.3, "{cpu}", "", "1.1 → 3.3 CPUs"),
        (3, 4, "widgets", "", "3 → 4 widgets"),
        # plain numbers
        (773, 1137, "1", "active_connections", "773 → 1,137"),
        (1, 1e7, "", "", "1 → 10 million"),
        (5.3e6, 84_000, "", "", "5.3 million → 84,000"),
        (86e9, 86.2e9, "By", "", "86 → 86.2 GB"),
        (4.8, 4.8, "", "", "4.8"),
        # units that only the name says
        (8e8, 12e9, "", "node_memory_MemAvailable_bytes", "0.8 → 12 GB"),
        (1e6, 25e6, "", "node_network_receive_bytes_total", "1 → 25 MB a second"),
        (0.98, 0.02, "", "node_cpu_seconds_total", "98 → 2 %"),
        (0.2, 3.1, "", "http_request_duration_seconds_p99", "0.2 → 3.1 s"),
        (0.1, 38, "", "http_requests_total", "0.1 → 38 a second"),
        (0.003, 0.102, "1", "http_error_ratio", "0.3 → 10 %"),
        (97, 12, "", "buffer_hit_ratio", "97 → 12"),
        (0.2, 0.96, "", "system.cpu.total.pct", "20 → 96 %"),
        (3, 96, "", "mem_used_percent", "3 → 96 %"),
        (93, 4, "", "cpu_usage_idle", "93 → 4 %"),
        (98, 2, "/s", "cpu", "98 → 2 %"),
        (8e8, 12e9, "", "memory", "0.8 → 12 GB"),
        (1e6, 25e6, "/s", "interface_if_octets_rx", "1 → 25 MB a second"),
        (0.17, 9.75, "", "LatencyP50(s)", "0.17 → 9.8 s"),
        (38, 45, "", "MemoryUsage(Mi)", "40 → 47 MB"),
        (27, 31, "1", "http_requests_per_second", "27 → 31 a second"),
        (3, 5, "", "span_count", "3 → 5 a second"),
    ],
)
def test_what_changes_is_said_with_as_few_digits_as_tell_it_apart(before, now, unit, name, said):
    assert change(before, now, parsed(unit, name)) == said


def test_what_is_not_known():
    assert change(None, 12, parsed("ms")) == "12 ms"
    assert change(12, None, parsed("ms")) == "12 ms"
    assert change(math.nan, math.inf, parsed("ms")) == ""
    assert number(None, "ms") == number(math.nan, "ms") == "unknown"
    assert reach(None, 12, "ms") == "unknown to 12 ms"


def test_a_number_has_three_digits_and_a_range_its_unit_once():
    assert number(13_825.9, "s") == "3.84 h"
    assert number(1.0, "lines") == "1 line"
    assert number(96.92, "%") == "96.9 %"
    assert number(99.9512, "%") == "99.9512 %"
    assert number(0.00001, "") == "1.0e-05"
    assert reach(0.0246, 0.222, "s") == "24.6 to 222 ms"
    assert reach(0, 1.6, "lines") == "0 to 1.6 lines"
    assert reach(2e6, 3e9, "By") == "2 MB to 3 GB"


_UNIT = st.text(max_size=12) | st.sampled_from(["By", "s", "1/s", "%", "s/s", "By/s", "lines", "{x}/min", "1"])


@given(st.floats(), st.floats(), _UNIT, st.text(max_size=30))
def test_anything_can_be_said(first, second, unit, name):
    assert number(first, unit, name)
    assert " to " in reach(first, second, unit, name)
    change(first, second, parsed(unit, name))
