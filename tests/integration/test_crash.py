"""Exactly once under faults, in short form: benchmarks/crash.py is the test, this runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1800)]

CRASH = Path(__file__).parents[2] / "benchmarks" / "crash.py"


def crash(*arguments):
    """Exit code and what was printed. The broker is the program's own: it kills it."""
    command = [sys.executable, CRASH, "--quick", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Kafka cannot be run here" in done.stdout:
        pytest.skip(done.stdout)
    return done.returncode, done.stdout + done.stderr


def test_kills_rebalances_and_a_dead_broker_change_nothing():
    code, said = crash("--kills", "10", "--rebalances", "4", "--zombies", "0")
    assert code == 0, said
    assert "lost 0, doubled 0, changed 0" in said
    assert "10 kills" in said
    assert "4 rebalances" in said
    assert "1 broker killed" in said


def test_a_zombie_doubles_nothing():
    code, said = crash("--kills", "0", "--rebalances", "0", "--zombies", "3")
    assert code == 0, said
    assert "lost 0, doubled 0, changed 0" in said
    assert "3 zombies" in said
    assert "zombies with records in hand" in said
