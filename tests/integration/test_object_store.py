"""Snapshots in a bucket of a real S3 server: kept, found again, and said in a sentence when that cannot be."""

import asyncio
import os
import traceback

import obstore
import pytest
from apache_kafka import free_ports
from object_store import BUILD_SECONDS
from obstore.store import S3Store
from structlog.testing import capture_logs

from floodmark.config.models import State
from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.snapshots import Snapshots

pytestmark = [pytest.mark.s3, pytest.mark.slow, pytest.mark.timeout(BUILD_SECONDS + 300)]

TASK = "floodmark-detect/metrics.eu/3"
LATEST = 2**62


@pytest.fixture
def state(object_store, tmp_path):
    """Makes a State whose prefix is this test's own; keywords change the options."""

    def make(bucket=object_store.bucket, **changes):
        options = {
            "endpoint": object_store.endpoint,
            "region": "us-east-1",
            "access_key_id": object_store.key,
            "secret_access_key": object_store.secret,
        }
        return State(store=f"s3://{bucket}/{tmp_path.name}", options=options | changes, keep=3)

    return make


@pytest.fixture
def bucket(object_store, tmp_path):
    """What is in the bucket under this test's prefix, seen past our own code."""
    return S3Store(
        object_store.bucket,
        prefix=tmp_path.name,
        endpoint=object_store.endpoint,
        region="us-east-1",
        access_key_id=object_store.key,
        secret_access_key=object_store.secret,
        client_options={"allow_http": True},
    )


def names(bucket):
    return sorted(each["path"] for each in obstore.list(bucket).collect())


async def save(snapshots, *positions):
    for position in positions:
        await snapshots.save(TASK, position, lambda position=position: b"state at %d" % position)


async def test_the_newest_are_kept_and_the_newest_is_loaded(state, bucket):
    snapshots = Snapshots(state())
    assert await snapshots.load(TASK, LATEST) is None

    await save(snapshots, 8, 9, 10, 100, 1000)

    assert names(bucket) == [f"floodmark-detect/metrics.eu/3/{position:020d}.snapshot" for position in (10, 100, 1000)]
    found = await Snapshots(state()).load(TASK, LATEST)  # as another machine would
    assert (found.position, found.state) == (1000, b"state at 1000")


async def test_a_damaged_newest_gives_the_one_before_it(state, bucket):
    snapshots = Snapshots(state())
    await save(snapshots, 1, 2)
    newest = names(bucket)[-1]
    obstore.put(bucket, newest, bytes(obstore.get(bucket, newest).bytes())[:-3])

    with capture_logs() as logs:
        found = await snapshots.load(TASK, LATEST)

    assert (found.position, found.state) == (1, b"state at 1")
    assert snapshots.damaged == 1
    assert [line["snapshot"] for line in logs] == [newest]


async def test_snapshots_beyond_the_committed_offset_are_deleted(state, bucket):
    snapshots = Snapshots(state())
    await save(snapshots, 10, 20, 30)

    assert (await snapshots.load(TASK, 19)).position == 10
    assert len(names(bucket)) == 1


async def test_a_large_state_goes_up_and_comes_down_in_parts(state):
    large = os.urandom(40_000_000)
    snapshots = Snapshots(state())

    saved = await snapshots.save(TASK, 1, lambda: large)

    assert saved.bytes >= len(large)
    assert (await snapshots.load(TASK, 1)).state == large


async def test_the_event_loop_turns_during_an_upload(state):
    large = os.urandom(20_000_000)
    forked, turns = asyncio.Event(), 0
    saving = asyncio.create_task(Snapshots(state()).save(TASK, 1, lambda: large, forked.set))
    await forked.wait()

    while not saving.done():
        await asyncio.sleep(0.001)
        turns += 1

    assert (await saving).bytes >= len(large)
    assert turns > 10


@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
async def test_wrong_keys_are_said_and_not_shown(state, object_store, wrong, capfd):
    snapshots = Snapshots(state(**{wrong: "hunter2-is-long"}))

    for attempt in (snapshots.load(TASK, LATEST), snapshots.save(TASK, 1, lambda: b"")):
        with pytest.raises(SnapshotError) as raised:
            await attempt
        assert "check" in str(raised.value)
        assert "state.options" in str(raised.value)
        shown = "".join([*traceback.format_exception(raised.value), *capfd.readouterr()])
        for secret in ("hunter2", object_store.key, object_store.secret, "Signature="):
            assert secret not in shown
    if wrong == "secret_access_key":
        assert "access is denied (403 SignatureDoesNotMatch)" in str(raised.value)


async def test_a_missing_bucket_is_said(state):
    snapshots = Snapshots(state(bucket="no-such-bucket"))

    for attempt in (snapshots.load(TASK, LATEST), snapshots.save(TASK, 1, lambda: b"")):
        with pytest.raises(SnapshotError, match=r"s3://no-such-bucket/.*the bucket does not exist.*create it"):
            await attempt


async def test_a_server_that_is_gone_is_said_after_a_few_tries(state):
    (port,) = free_ports(1)
    snapshots = Snapshots(state(endpoint=f"http://127.0.0.1:{port}"))

    for attempt in (snapshots.load(TASK, LATEST), snapshots.save(TASK, 1, lambda: b"")):
        async with asyncio.timeout(300):
            with pytest.raises(SnapshotError, match="cannot be reached; check its address"):
                await attempt
    assert not snapshots.busy
