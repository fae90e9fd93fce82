"""`floodmark demo --live` on this very machine: only if asked for (FLOODMARK_TEST_LIVE=1), on one that is idle.

It burns all cores for a minute and holds two gibibytes: it disturbs whatever else is at work, and is disturbed by it.
The same on readings that are made by rule is in tests/simulate/test_readings.py.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from floodmark.simulate.setups import LEARNING

pytestmark = pytest.mark.skipif(os.environ.get("FLOODMARK_TEST_LIVE") != "1", reason="FLOODMARK_TEST_LIVE is not 1")

GIBIBYTE = 2**30


def burn(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def hold(bytes_: int, seconds: float) -> None:
    held = bytearray(os.urandom(1 << 20)) * (bytes_ >> 20)
    time.sleep(seconds)
    del held


@contextlib.contextmanager
def beside(work, number, *arguments):
    processes = [multiprocessing.Process(target=work, args=arguments) for _ in range(number)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.join()


@pytest.mark.timeout(900)
def test_a_burn_and_a_memory_step_are_told_and_summed_up(tmp_path: Path) -> None:
    log = tmp_path / "live.txt"
    with log.open("wb") as out:
        engine = subprocess.Popen([sys.executable, "-m", "floodmark", "demo", "--live"], stdout=out, stderr=out)
        try:
            time.sleep(LEARNING + 45)
            with beside(burn, os.cpu_count() or 1, 60.0):
                pass
            time.sleep(120)
            with beside(hold, 1, 2 * GIBIBYTE, 60.0):
                pass
            time.sleep(10)
            engine.send_signal(signal.SIGINT)
            assert engine.wait(60) == 0
        finally:
            engine.kill()
            engine.wait()
    told = log.read_text()
    assert "cpu usage up" in told, told
    assert "memory" in told.partition("cpu usage up")[2], told
    assert "Watched for" in told, told
