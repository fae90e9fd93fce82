"""Snapshots in a folder, and what an operator is told when a store cannot be used."""

import asyncio
import contextlib
import errno
import os
import re
import resource
import threading
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from floodmark.config.models import State
from floodmark.runtime import framing, storing
from floodmark.runtime import snapshots as module
from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.snapshots import PART_SECONDS, Snapshots
from floodmark.runtime.telemetry import Telemetry

TASK = "floodmark-detect/metrics/3"
LATEST = 2**62


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(State(store=str(tmp_path), keep=3))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def save(snapshots, *positions, task=TASK):
    for position in positions:
        await snapshots.save(task, position, lambda position=position: b"state at %d" % position)


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


async def test_what_was_saved_is_loaded(snapshots, tmp_path):
    before = time.time()
    saved = await snapshots.save(TASK, 42, lambda: b"learned" * 1000)

    found = await snapshots.load(TASK, 42)

    assert (found.position, found.state) == (42, b"learned" * 1000)
    assert before <= found.taken <= time.time()
    (name,) = files(tmp_path)
    assert name == "floodmark-detect/metrics/3/00000000000000000042.snapshot"
    assert saved.bytes == (tmp_path / name).stat().st_size < 7000


async def test_a_store_without_snapshots_gives_none(snapshots):
    assert await snapshots.load(TASK, LATEST) is None


async def test_the_newest_are_kept_and_the_newest_is_loaded(snapshots, tmp_path):
    await save(snapshots, 1, 9, 10, 100, 99)

    assert [Path(name).stem.lstrip("0") for name in files(tmp_path)] == ["10", "99", "100"]
    assert (await snapshots.load(TASK, LATEST)).position == 100


async def test_a_position_saved_again_replaces_what_was_there(snapshots, tmp_path):
    await snapshots.save(TASK, 5, lambda: b"first")
    await snapshots.save(TASK, 5, lambda: b"second")

    assert (await snapshots.load(TASK, 5)).state == b"second"
    assert len(files(tmp_path)) == 1


async def test_snapshots_beyond_the_committed_offset_are_deleted_and_said(snapshots, tmp_path):
    await save(snapshots, 10, 20, 30)

    with capture_logs() as logs:
        found = await snapshots.load(TASK, 15)

    assert (found.position, found.state) == (10, b"state at 10")
    assert [(line["log_level"], line["snapshots"], line["committed"]) for line in logs] == [("warning", 2, 15)]
    assert [Path(name).stem.lstrip("0") for name in files(tmp_path)] == ["10"]
    assert snapshots.damaged == 0


@pytest.mark.parametrize("how", ["changed", "cut", "empty", "of another task", "under another position"])
async def test_a_damaged_snapshot_is_said_counted_and_the_one_before_it_used(snapshots, tmp_path, how):
    await save(snapshots, 10, 20)
    newest = tmp_path / files(tmp_path)[-1]
    match how:
        case "changed":
            damage(newest)
        case "cut":
            newest.write_bytes(newest.read_bytes()[:-1])
        case "empty":
            newest.write_bytes(b"")
        case "of another task":
            await save(snapshots, 20, task="floodmark-detect/metrics/4")
            newest.write_bytes((tmp_path / "floodmark-detect/metrics/4" / newest.name).read_bytes())
        case "under another position":
            newest.write_bytes(newest.with_name(f"{10:020d}.snapshot").read_bytes())

    with capture_logs() as logs:
        found = await snapshots.load(TASK, LATEST)

    assert (found.position, found.state) == (10, b"state at 10")
    assert snapshots.damaged == 1
    (line,) = logs
    assert line["snapshot"] == "floodmark-detect/metrics/3/00000000000000000020.snapshot"
    assert line["reason"]
    assert newest.exists()  # for whoever wants to see what happened; it goes when it is too old to be kept


async def test_if_all_are_damaged_there_is_none(snapshots, tmp_path):
    await save(snapshots, 1, 2)
    for name in files(tmp_path):
        damage(tmp_path / name)

    assert await snapshots.load(TASK, LATEST) is None
    assert snapshots.damaged == 2


async def test_a_large_snapshot_is_fetched_in_parts(snapshots, monkeypatch):
    monkeypatch.setattr(module, "_FETCH_BYTES", 1000)
    state = os.urandom(12_345)
    await snapshots.save(TASK, 1, lambda: state)

    assert (await snapshots.load(TASK, 1)).state == state


async def test_the_state_may_change_once_it_is_forked(snapshots):
    state = [b"at the fork"]

    def forked():
        assert snapshots.busy
        state[0] = b"later"

    await snapshots.save(TASK, 1, lambda: state[0], forked)

    assert state == [b"later"]
    assert (await snapshots.load(TASK, 1)).state == b"at the fork"
    assert not snapshots.busy


async def test_a_state_that_cannot_be_made_is_an_error_and_leaves_nothing(snapshots, tmp_path):
    def produce():
        raise ValueError("a model that cannot be written")

    with pytest.raises(SnapshotError, match=f"{TASK} at 5 .*ValueError: a model that cannot be written"):
        await snapshots.save(TASK, 5, produce)

    assert files(tmp_path) == []
    assert not snapshots.busy


async def test_a_save_that_is_cancelled_leaves_nothing(snapshots, tmp_path):
    def produce():
        while True:
            time.sleep(1)

    forked = asyncio.Event()
    saving = asyncio.create_task(snapshots.save(TASK, 5, produce, forked.set))
    await forked.wait()
    while not list(tmp_path.rglob("*.part")):
        await asyncio.sleep(0.01)

    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving

    assert files(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_said_and_counted_and_the_next_save_tries_again(tmp_path, monkeypatch, number):
    def write(*_):
        raise OSError(number, os.strerror(number))

    telemetry = Telemetry()
    snapshots = Snapshots(State(store=str(tmp_path)), telemetry)
    with monkeypatch.context() as full:
        full.setattr(framing, "write", write)
        with pytest.raises(SnapshotError) as caught:
            await snapshots.save(TASK, 5, lambda: b"")
    said = rf"The snapshot of {TASK} at 5 cannot be written: the disk of {tmp_path} is full.* \([\d,.]+ MB of [\d,]+ MB"
    assert re.match(said, str(caught.value))
    assert caught.value.kind == "full"
    assert failures(telemetry) == {"full": 1}
    await save(snapshots, 6)
    assert (await snapshots.load(TASK, LATEST)).position == 6
    assert len(files(tmp_path)) == 1  # and no half


async def test_a_limit_on_files_is_met_in_the_child_that_writes(tmp_path):
    def produce():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        return os.urandom(100_000)

    with pytest.raises(SnapshotError, match="is full, or a quota or limit is reached") as caught:
        await Snapshots(State(store=str(tmp_path))).save(TASK, 5, produce)
    assert caught.value.kind == "full"


def failures(telemetry):
    """Failures of the store by reason."""
    (family,) = telemetry.store_failures.collect()
    return {each.labels["reason"]: each.value for each in family.samples if each.name.endswith("_total")}


@contextlib.asynccontextmanager
async def stalling():
    """An object store that takes requests and never answers; its state section."""

    over, serving = asyncio.Event(), set()

    async def serve(_, writer):
        serving.add(asyncio.current_task())
        await over.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    keys = {"access_key_id": "k", "secret_access_key": "hunter2", "region": "r"}
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield State(store="s3://bucket/prefix", options={"endpoint": endpoint, **keys})
        over.set()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.mark.parametrize("operation", ["save", "load"])
async def test_a_slow_object_store_is_said_given_up_and_holds_up_nobody(monkeypatch, operation):
    monkeypatch.setattr(storing, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(storing, "LIMIT_SECONDS", 0.5)
    telemetry = Telemetry()
    async with stalling() as state:
        snapshots = Snapshots(state, telemetry)
        saving = snapshots.save(TASK, 5, lambda: b"learned") if operation == "save" else snapshots.load(TASK, 5)
        work = asyncio.create_task(saving)
        with capture_logs() as logs:
            while not logs:  # the loop turns
                await asyncio.sleep(0.001)
            assert not work.done()
            with pytest.raises(SnapshotError, match=r"\(s3://bucket/prefix\): it took longer than 0 s") as caught:
                await work
    assert [line["event"] for line in logs] == [
        f"The object store at s3://bucket/prefix takes longer than 0 s to {operation} a snapshot of {TASK}; "
        "it is given up after 0 s, and other work goes on meanwhile"
    ]
    assert (caught.value.kind, failures(telemetry)) == ("slow", {"slow": 1})
    assert not snapshots.busy
    name = "floodmark_state_store_seconds_count"
    assert telemetry.registry.get_sample_value(name, {"operation": operation}) == 1


async def test_a_client_that_gives_a_request_up_says_that_the_store_is_slow():
    async with stalling() as state:
        options = state.options | {"timeout": SecretStr("50ms")}
        with pytest.raises(SnapshotError, match="it does not answer in time") as caught:
            await Snapshots(state.model_copy(update={"options": options})).load(TASK, 5)
    assert caught.value.kind == "slow"


async def test_a_store_that_is_quick_is_measured_and_not_spoken_of(tmp_path):
    telemetry = Telemetry()
    snapshots = Snapshots(State(store=str(tmp_path)), telemetry)
    with capture_logs() as logs:
        await save(snapshots, 1)
        await snapshots.load(TASK, LATEST)
    counts = [
        telemetry.registry.get_sample_value("floodmark_state_store_seconds_count", {"operation": operation})
        for operation in ("save", "load")
    ]
    assert (logs, counts, failures(telemetry)) == ([], [1, 1], {})


async def test_a_half_written_file_is_never_loaded_and_goes_when_it_is_old(snapshots, tmp_path):
    await save(snapshots, 1)
    folder = (tmp_path / files(tmp_path)[0]).parent
    for name, age in (("9.old.part", PART_SECONDS + 60), ("9.new.part", 0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)

    assert (await snapshots.load(TASK, LATEST)).position == 1
    await save(snapshots, 2)

    assert [path.name for path in folder.glob("*.part")] == ["9.new.part"]


async def test_what_is_not_ours_in_the_folder_is_left_alone(snapshots, tmp_path):
    await save(snapshots, 1)
    folder = (tmp_path / files(tmp_path)[0]).parent
    for name in ("notes.txt", "final.snapshot"):
        (folder / name).touch()

    await save(snapshots, 2, 3, 4, 5)

    assert {path.name for path in folder.iterdir()} >= {"notes.txt", "final.snapshot"}


async def test_tasks_do_not_see_each_other(snapshots):
    await save(snapshots, 1, task="g/t/1")
    await save(snapshots, 11, task="g/t/11")
    await save(snapshots, 5, task="g/t.x/1")

    assert (await snapshots.load("g/t/1", LATEST)).position == 1
    assert (await snapshots.load("g/t/11", LATEST)).position == 11
    assert await snapshots.load("g/t/2", LATEST) is None


@pytest.mark.parametrize(
    "group", ["..", ".", "", "a/b", "../../etc", "a b#c%2F?*", "größe\n", "x" * 500, "C:\\x", "a=2Fb"]
)
async def test_any_group_name_stays_in_the_folder(tmp_path, group):
    store = tmp_path / "store"
    snapshots = Snapshots(State(store=str(store)))
    await save(snapshots, 7, task=f"{group}/topic/0")

    assert (await snapshots.load(f"{group}/topic/0", LATEST)).position == 7
    assert files(tmp_path) == [f"store/{name}" for name in files(store)]
    assert len(files(store)) == 1


@given(st.text(), st.text())
def test_different_names_have_different_folders(one, other):
    assert (module._plain(one) == module._plain(other)) == (one == other)


async def test_a_file_url_is_a_folder(tmp_path):
    snapshots = Snapshots(State(store=f"file://{tmp_path}/a%20b"))
    await save(snapshots, 1)

    assert len(files(tmp_path / "a b")) == 1


async def test_loading_does_not_hold_the_event_loop(snapshots, monkeypatch):
    await save(snapshots, 1)
    turned, read = threading.Event(), framing.read

    def slow(frame):
        assert turned.wait(300)
        return read(frame)

    monkeypatch.setattr(framing, "read", slow)
    loading = asyncio.create_task(snapshots.load(TASK, 1))
    await asyncio.sleep(0.02)
    turned.set()

    assert (await loading).position == 1


# -- what is wrong, in sentences


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SnapshotError, match=r"folder .*/file/state of state.store cannot be written: Not a directory"):
        Snapshots(State(store=str(tmp_path / "file" / "state")))


async def test_a_folder_that_vanished_into_a_file_is_said(snapshots, tmp_path):
    (tmp_path / "floodmark-detect").touch()

    with pytest.raises(SnapshotError, match=TASK):
        await save(snapshots, 1)


@pytest.mark.parametrize(
    ("store", "options", "says"),
    [
        ("bogus://x/y", {}, "bogus://x/y cannot be used"),
        ("s3://", {}, "cannot be used"),
        ("s3://bucket", {"nonsense": "hunter2-is-long"}, "nonsense"),
        ("s3://bucket", {"secret_access_key": "hunter2-is-long"}, "AccessKeyId"),
        ("s3://user:hunter2-is-long@bucket/x?sig=hunter2-is-long", {"nonsense": "1"}, "s3://bucket/x cannot"),
        ("bogus://user:hunter2-is-long@bucket/x", {}, "bogus://bucket/x"),
        ("gs://bucket", {"service_account_key": "hunter2-is-long"}, "gs://bucket cannot"),
        ("az://container", {"account_key": "hunter2-is-long"}, "az://container cannot"),
        ("s3://bucket", {"timeout": "hunter2-is-long"}, "s3://bucket cannot"),
        ("s3://bucket", {"allow_http": "hunter2-is-long"}, "s3://bucket cannot"),
    ],
)
def test_a_store_that_cannot_be_is_said_without_its_secrets(store, options, says, capfd, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)

    with pytest.raises(SnapshotError) as raised:
        Snapshots(State(store=store, options=options))

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in "".join([*traceback.format_exception(raised.value), *capfd.readouterr()])
