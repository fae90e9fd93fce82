"""Work in a forked child: a frozen picture, honest reasons, nothing left behind."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from floodmark.runtime.forking import ChildError, in_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")


def alive(pid):
    """Whether `pid` runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def before(monkeypatch):
    """What else this process has started: a broker for other tests, for example."""
    monkeypatch.setattr(sys.modules[__name__], "others", {child.pid for child in psutil.Process().children()})


others: set[int] = set()


def no_children():
    assert {child.pid for child in psutil.Process().children()} <= others


async def written(path):
    """The pid that a child wrote."""
    while not path.exists() or not path.read_text().endswith("\n"):
        await asyncio.sleep(0.01)
    return int(path.read_text())


def wait_for_ever(path):
    path.write_text(f"{os.getpid()}\n")
    while True:
        signal.pause()


async def test_the_child_sees_the_state_of_the_fork_and_the_parent_none_of_its_changes(tmp_path):
    state = ["before"]

    def work():
        while not (tmp_path / "changed").exists():
            pass
        (tmp_path / "seen").write_text(state[0])
        state[0] = "by the child"

    def forked():
        state[0] = "after"
        (tmp_path / "changed").touch()

    await in_child(work, forked=forked)

    assert (tmp_path / "seen").read_text() == "before"
    assert state == ["after"]
    no_children()


async def test_the_event_loop_turns_while_the_child_works(tmp_path):
    def work():
        while not (tmp_path / "turned").exists():
            pass

    child = asyncio.create_task(in_child(work))
    await asyncio.sleep(0.02)
    assert not child.done()
    (tmp_path / "turned").touch()

    await child


async def test_a_failure_is_told_with_the_childs_reason():
    def work():
        raise OSError(28, "No space left on device")

    with pytest.raises(ChildError, match=r"^OSError: \[Errno 28\] No space left on device$"):
        await in_child(work)
    no_children()


async def test_an_exit_is_a_failure_and_runs_nothing_of_the_parents(tmp_path):
    try:
        with pytest.raises(ChildError, match="SystemExit: 0"):
            await in_child(lambda: sys.exit(0))
    finally:
        with (tmp_path / "finally").open("a") as file:
            file.write("once")
    assert (tmp_path / "finally").read_text() == "once"


async def test_a_very_long_reason_is_cut_and_does_not_block():
    def work():
        raise ValueError("x" * 1_000_000)

    with pytest.raises(ChildError) as raised:
        await in_child(work)
    assert len(str(raised.value)) <= 2_000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGALRM])
async def test_a_killed_child_is_told_by_its_signal(number):
    with pytest.raises(ChildError, match=f"killed by {number.name}"):
        await in_child(lambda: os.kill(os.getpid(), number))
    no_children()


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_slow_child_is_killed(stopped):
    def work():
        if stopped:
            os.kill(os.getpid(), signal.SIGSTOP)
        while True:
            signal.pause()

    with pytest.raises(ChildError, match=r"longer than 0\.3 s"):
        await in_child(work, timeout=0.3)
    no_children()


async def test_cancelling_kills_the_child(tmp_path):
    child = asyncio.create_task(in_child(lambda: wait_for_ever(tmp_path / "pid")))
    pid = await written(tmp_path / "pid")

    child.cancel()
    with pytest.raises(asyncio.CancelledError):
        await child

    no_children()
    assert not alive(pid)


async def test_one_child_at_a_time(tmp_path):
    first = asyncio.create_task(in_child(lambda: wait_for_ever(tmp_path / "first")))
    await written(tmp_path / "first")
    second = asyncio.create_task(in_child((tmp_path / "second").touch))
    await asyncio.sleep(0.05)
    assert not (tmp_path / "second").exists()

    first.cancel()
    await second

    assert (tmp_path / "second").exists()


async def test_stop_signals_reach_neither_the_child_nor_through_it_the_parent(tmp_path):
    loop, received = asyncio.get_running_loop(), []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        loop.add_signal_handler(number, received.append, number)
    try:

        def work():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(os.getpid(), number)
            (tmp_path / "survived").touch()
            os.kill(os.getpid(), signal.SIGUSR1)  # not ours to ignore: it ends the child, as it would any process

        with pytest.raises(ChildError, match="SIGUSR1"):
            await in_child(work)
        assert (tmp_path / "survived").exists()
        await asyncio.sleep(0.02)
        assert received == []

        os.kill(os.getpid(), signal.SIGUSR1)  # and the parent's own handlers are as they were
        while not received:
            await asyncio.sleep(0.01)
        assert received == [signal.SIGUSR1]
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            loop.remove_signal_handler(number)


async def test_the_child_gives_way(tmp_path):
    await in_child(lambda: (tmp_path / "nice").write_text(str(os.nice(0))))

    assert int((tmp_path / "nice").read_text()) >= min(os.nice(0) + 10, 19)


@pytest.mark.parametrize("kept", [False, True])
async def test_the_collector_is_as_it_was(kept):
    during = []
    if kept:
        gc.freeze()
    try:
        await in_child(lambda: None, forked=lambda: during.append(gc.get_freeze_count()))
        assert during[0] > 0
        assert (gc.get_freeze_count() > 0) is kept
        assert gc.isenabled()
    finally:
        gc.unfreeze()


async def test_no_descriptor_is_left_open():
    await in_child(lambda: None)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        await in_child(lambda: None)
        with pytest.raises(ChildError):
            await in_child(lambda: 1 / 0)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_child_does_not_outlive_a_killed_parent(tmp_path):
    script = f"""
        import asyncio, os, pathlib, signal
        from floodmark.runtime.forking import in_child

        def work():
            pathlib.Path({str(tmp_path / "pid")!r}).write_text(f"{{os.getpid()}}\\n")
            while True:
                signal.pause()

        asyncio.run(in_child(work))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    pid = await written(tmp_path / "pid")
    assert alive(pid)

    parent.kill()
    parent.wait()

    while alive(pid):  # the test's own timeout bounds it
        await asyncio.sleep(0.01)


async def test_threads_of_the_parent_do_not_stop_the_child():
    """Python 3.12 and later warn of this; a warning would be an error here."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        await in_child(lambda: b"".join(bytes([each]) for each in range(256)))
    finally:
        release.set()
        thread.join()


async def test_loops_that_follow_each_other_may_each_queue(tmp_path):
    def queue():
        async def two():
            await asyncio.gather(in_child(lambda: None), in_child(lambda: None))

        asyncio.run(two())

    await asyncio.to_thread(queue)
    await asyncio.to_thread(queue)


async def test_where_fork_is_unwise_the_work_runs_in_line(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    done = []

    await in_child(lambda: done.append("work"), forked=lambda: done.append("forked"))
    assert done == ["work", "forked"]

    with pytest.raises(ChildError, match="ZeroDivisionError"):
        await in_child(lambda: 1 / 0)
