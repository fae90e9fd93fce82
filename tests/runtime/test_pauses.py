"""A host that stood still, a process that did, and a clock that was set: told apart by three clocks."""

import asyncio

import pytest
from structlog.testing import capture_logs

from floodmark.runtime.pauses import LOOK_SECONDS, Clocks, clocks, keep_looking
from floodmark.runtime.telemetry import Telemetry


async def told(*steps):
    """What is said, and counted, after looks between which (wall, passed, awake) went on by so many seconds."""
    telemetry, left = Telemetry(), list(steps)
    now = Clocks(1_800_000_000.0, 5_000.0, 4_000.0)

    def read():
        return now

    async def sleep(seconds):
        nonlocal now
        if not left:
            raise asyncio.CancelledError
        now = Clocks(*(old + step for old, step in zip(now, left.pop(0), strict=True)))

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await keep_looking(telemetry, read, sleep)
    names = ("floodmark_host_pauses_total", "floodmark_host_pause_seconds_total", "floodmark_clock_steps_total")
    return [line["event"] for line in logs], tuple(telemetry.registry.get_sample_value(name) for name in names)


async def test_nothing_is_said_of_an_ordinary_second():
    said, counted = await told((1, 1, 1), (1.5, 1.4, 1.4), (6, 6, 6), (0, 1, 1), (4, 1, 1))
    assert (said, counted) == ([], (0, 0, 0))


async def test_a_suspended_host():
    (said,), counted = await told((1, 1, 1), (3481, 3481, 1), (1, 1, 1))
    assert said.startswith("This host stood still for 58 min (suspended?): if Kafka has given its work to others")
    assert counted == (1, 3480, 0)


async def test_a_process_that_was_stopped():
    (said,), counted = await told((35, 35, 35))
    assert said.startswith("This process stood still for 34 s (stopped, or no processor free?)")
    assert counted == (1, 34, 0)


@pytest.mark.parametrize(("step", "said"), [(3601, "forward by 60 min"), (-3599, "back by 60 min")])
async def test_a_clock_that_was_set_by_an_hour(step, said):
    (event,), counted = await told((step, 1, 1))
    assert f"The clock of this host was set {said}" in event
    assert counted == (0, 0, 1)


def test_the_clocks_of_this_machine_go_on():
    before = clocks()
    after = clocks()
    assert all(new >= old for new, old in zip(after[1:], before[1:], strict=True))
    assert LOOK_SECONDS > 0
