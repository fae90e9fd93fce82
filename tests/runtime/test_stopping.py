import asyncio
import signal
import subprocess
import sys

import pytest

from floodmark.runtime.stopping import stop_on_signals

PROGRAM = """
import asyncio
from floodmark.runtime.stopping import stop_on_signals

async def main():
    with stop_on_signals() as stop:
        print("waiting", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_asks_and_the_second_exits_at_once(number):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as worker:
        lines = iter(worker.stdout)
        while "waiting" not in next(lines):
            pass
        worker.send_signal(number)
        while "stopping" not in next(lines):  # and the log line before it
            pass
        worker.send_signal(number)
        assert worker.wait(300) == 128 + number


async def test_handlers_are_given_back():
    with stop_on_signals() as stop:
        assert not stop.is_set()
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
