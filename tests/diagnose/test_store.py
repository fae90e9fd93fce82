"""The store of snapshots, looked at: a folder, and an object store that is not there."""

import os

import pytest

from floodmark.config.models import Config
from floodmark.diagnose import store as looked
from floodmark.diagnose.store import store


async def look(where, **state):
    (found,) = await store(Config.model_validate({"state": {"store": where, **state}}), 5.0, 1e9)
    return found.mark, found.words


async def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path):
    mark, words = await look(str(tmp_path / "a" / "b"))
    assert (mark, words[:40]) == ("ok", "does not exist yet, and can be made; no ")
    assert list(tmp_path.iterdir()) == []


async def test_what_is_in_a_folder(tmp_path):
    for task in ("floodmark-detect/metrics/0", "floodmark-detect/metrics/1"):
        (tmp_path / task).mkdir(parents=True)
        (tmp_path / task / "00000000000000000012.snapshot").write_bytes(b"x" * 1000)
        os.utime(tmp_path / task / "00000000000000000012.snapshot", (1e9 - 60, 1e9 - 60))
    mark, words = await look(str(tmp_path))
    assert mark == "ok"
    assert "snapshots of 2 tasks, the newest 60 s old" in words


async def test_a_disk_that_is_full(tmp_path, monkeypatch):
    full = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(looked.shutil, "disk_usage", lambda _: full)
    assert (await look(str(tmp_path)))[0] == "problem"


async def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("")
    assert "is no folder" in (await look(str(tmp_path / "f")))[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
async def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    assert (await look(str(tmp_path)))[0] == "problem"


async def test_none_is_kept():
    assert (await look(None))[0] == "warning"


async def test_an_object_store():
    assert await look("memory:///x") == ("ok", "can be written; no snapshots yet")


async def test_an_object_store_that_is_away():
    options = {"endpoint": "http://127.0.0.1:1", "access_key_id": "a", "secret_access_key": "hunter2", "region": "x"}
    (found,) = await store(Config.model_validate({"state": {"store": "s3://b/p", "options": options}}), 1.0, 1e9)
    assert found.mark == "problem"
    assert "hunter2" not in str(found)
