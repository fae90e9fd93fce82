"""The parent with small scripts for workers. What they say and do is read from the files that they write."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from floodmark.config.models import Config
from floodmark.runtime.workers import REFUSED, Pace, commands, for_worker, supervise

PACE = Pace(first=0.01, longest=0.05, drain=300)

WORKER = """
import pathlib, signal, sys, time
said = pathlib.Path(sys.argv[1], sys.argv[2])
def say(word):
    with said.open("a") as file:
        file.write(word + "\\n")
def end(*_):
    say("term")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGHUP, lambda *_: say("hup"))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
lives = said.read_text().split().count("up") if said.exists() else 0
say("up")
"""
STAY = WORKER + "while True: time.sleep(60)"
STUBBORN = WORKER + "signal.signal(signal.SIGTERM, lambda *_: say('term'))\nwhile True: time.sleep(60)"


@pytest.fixture
def workers(tmp_path):
    """`workers(script, count)`: the commands; `workers.said(n)`: the words of worker n so far."""

    class Workers:
        def __call__(self, script, count=2):
            return [[sys.executable, "-S", "-c", script, str(tmp_path), str(n)] for n in range(count)]

        def said(self, number):
            file = tmp_path / str(number)
            return file.read_text().split() if file.exists() else []

        async def until(self, *wanted):
            while [self.said(n) for n in range(len(wanted))] != [word.split() for word in wanted]:
                await asyncio.sleep(0.01)

    return Workers()


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_lets_them_drain(workers, number):
    running = asyncio.create_task(supervise(workers(STAY), PACE))
    await workers.until("up", "up")
    send(number)
    assert await running == 0
    await workers.until("up term", "up term")


async def test_the_second_signal_kills(workers):
    running = asyncio.create_task(supervise(workers(STUBBORN), PACE))
    await workers.until("up", "up")
    send(signal.SIGTERM)
    await workers.until("up term", "up term")
    send(signal.SIGTERM)
    assert await running == 128 + signal.SIGTERM


async def test_one_that_does_not_drain_in_time_is_killed(workers):
    running = asyncio.create_task(supervise(workers(STUBBORN, 1), Pace(drain=0.05)))
    await workers.until("up")
    send(signal.SIGTERM)
    assert await running == 1


async def test_hangup_is_passed_on(workers):
    running = asyncio.create_task(supervise(workers(STAY), PACE))
    await workers.until("up", "up")
    send(signal.SIGHUP)
    await workers.until("up hup", "up hup")
    send(signal.SIGTERM)
    assert await running == 0


async def test_a_hangup_that_comes_too_early_waits(workers):
    until = "while signal.SIGHUP not in signal.sigpending(): time.sleep(0.01)"
    slow = STAY.replace("signal.pthread_sigmask", f"say('early')\n{until}\nsignal.pthread_sigmask", 1)
    running = asyncio.create_task(supervise(workers(slow, 1), PACE))
    await workers.until("early")
    send(signal.SIGHUP)
    await workers.until("early hup up")
    send(signal.SIGTERM)
    assert await running == 0


@pytest.mark.parametrize("end", ["sys.exit(0)", "sys.exit(1)", "import os; os.kill(os.getpid(), signal.SIGKILL)"])
async def test_one_that_dies_is_started_again_and_the_others_are_left_alone(workers, end):
    dies = WORKER + f"if sys.argv[2] == '1' and lives < 3: {end}\nwhile True: time.sleep(60)"
    running = asyncio.create_task(supervise(workers(dies), PACE))
    await workers.until("up", "up up up up")
    send(signal.SIGTERM)
    assert await running == 0
    await workers.until("up term", "up up up up term")


async def test_one_that_refuses_to_work_ends_all(workers):
    refuses = WORKER + f"if sys.argv[2] == '1': sys.exit({REFUSED})\nwhile True: time.sleep(60)"
    assert await supervise(workers(refuses), PACE) == 1
    assert workers.said(1) == ["up"]


async def test_one_that_refuses_in_a_later_life_is_tried_again(workers):
    refuses = WORKER + (
        f"if sys.argv[2] == '1' and lives < 3: sys.exit({REFUSED} if lives else 3)\nwhile True: time.sleep(60)"
    )
    running = asyncio.create_task(supervise(workers(refuses), PACE))
    await workers.until("up", "up up up up")
    send(signal.SIGTERM)
    assert await running == 0


async def test_handlers_are_given_back(workers):
    before = signal.getsignal(signal.SIGHUP)
    running = asyncio.create_task(supervise(workers(STAY, 1), PACE))
    await workers.until("up")
    send(signal.SIGTERM)
    await running
    assert signal.getsignal(signal.SIGHUP) == before
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


PARENT = """
import asyncio, sys
from floodmark.runtime.workers import supervise
sys.exit(asyncio.run(supervise([sys.argv[1:]])))
"""
ORPHAN = """
import asyncio, pathlib, sys
from floodmark.runtime.workers import stop_with_parent
async def main():
    stop = asyncio.Event()
    with stop_with_parent(stop):
        pathlib.Path(sys.argv[1], "0").write_text("up")
        await stop.wait()
    pathlib.Path(sys.argv[1], "0").write_text("orphaned")
asyncio.run(main())
"""


async def test_workers_end_when_their_parent_is_killed(workers, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, "-c", ORPHAN, tmp_path], stderr=subprocess.DEVNULL
    ) as parent:
        await workers.until("up")
        parent.kill()
    await workers.until("orphaned")


def test_each_worker_has_its_own_port_and_names():
    config = Config.model_validate({"http": {"port": 9000}, "kafka": {"instance_id": "pod", "client_id": "c"}})
    mine = for_worker(config, 2)
    assert (mine.http.port, mine.kafka.instance_id, mine.kafka.client_id) == (9002, "pod-2", "c-2")
    assert mine.inputs == config.inputs


def test_any_free_port_stays_any_free_port_and_no_membership_stays_none():
    mine = for_worker(Config.model_validate({"http": {"port": 0}}), 2)
    assert (mine.http.port, mine.kafka.instance_id) == (0, None)


def test_the_commands():
    (first, second) = commands(2, ["run", "--config", "x.yaml"])
    assert first[0] == sys.executable
    assert second[-5:] == ["run", "--config", "x.yaml", "--worker", "1"]
