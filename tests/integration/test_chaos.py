"""Chaos in short form: benchmarks/chaos.py is the test, this runs it. Its own parts are tested in tests/benchmarks."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.chaos]

CHAOS = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.timeout(900)  # three minutes, but for a machine on which a broker takes half a minute to start
def test_no_fault_is_missed_and_nobody_says_ready_in_vain():
    command = [sys.executable, CHAOS, "--short", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    if "Kafka cannot be run here" in done.stdout:
        pytest.skip(done.stdout)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "missed 0, false green 0.0 s, doubled 0, poison lost 0 doubled 0" in said
    for kind in ("stop", "freeze", "kill -9", "pause", "leave", "join"):  # it was no idle run
        assert kind in said
