"""Whatever is in a file: it is read, or refused in a sentence; nothing is raised but that."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floodmark.config.models import Config
from floodmark.files.notes import FileError
from floodmark.files.reading import Asked, Files

PIECES = st.sampled_from(
    [
        b"timestamp,value\n", b"2026-01-31 12:00:00", b"1769860800", b",", b";", b"\n", b"\r", b'"', b"1,5", b"52%",
        b"-", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"{", b"[", b"01/02/2026",
        b"sep=", b'{"topic":"t","offset":0,"payload":"x"}',
        b'{"timestamp":1769860800,"name":"q","value":NaN}', b"#datatype",
    ]
)  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt", ".gz"])
@given(pieces=st.lists(PIECES | st.binary(max_size=6), max_size=25))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes(ending, pieces):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{ending}")
        path.write_bytes(b"".join(pieces))
        for asked in (Asked(), Asked(format="collectd_json"), Asked(format="syslog", framing="varint")):
            try:
                files = Files([path], Config(), asked)
            except FileError:
                continue
            first = list(files.records())
            assert list(files.records()) == first  # as often as is wanted
