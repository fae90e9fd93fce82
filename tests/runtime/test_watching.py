import asyncio
import os
import signal
from contextlib import aclosing
from itertools import chain, repeat

import pytest

from floodmark.runtime.watching import fingerprint, reload_on_hangup, watching

POLL, ASK = False, True


async def seen(contents, waits=None, most=10):
    """What is yielded, as (how many looks were taken, why), while the looks see `contents` one after the other."""
    looks = []
    contents = iter(contents)
    waits = waits or repeat(POLL)
    found = []

    def read(path):
        looks.append(path)
        return next(contents, b"end")

    async def wait(event, seconds):
        assert seconds == 5
        if len(looks) >= most:
            raise TimeoutError
        return next(waits)

    asked = asyncio.Event()
    try:
        async with aclosing(watching("path", b"a", asked, interval=5, read=read, wait=wait)) as changes:
            async for why in changes:
                found += [(len(looks), why)]
    except TimeoutError:
        return found
    return None


CHANGED = "its content changed"


async def test_nothing_while_nothing_changes():
    assert await seen(repeat(b"a")) == []


async def test_a_change_is_taken_up_once_two_looks_agree_and_only_once():
    assert await seen(chain([b"a"], repeat(b"b"))) == [(3, CHANGED)]


async def test_a_file_that_is_being_written_is_left_alone():
    assert await seen(chain([b"", b"b", b"bc"], repeat(b"bcd"))) == [(5, CHANGED)]


async def test_a_change_that_is_taken_back_is_none():
    assert await seen([b"b", b"a", b"b", *repeat(b"a", 7)]) == []


async def test_back_to_what_was_first_is_a_change_again():
    assert await seen([b"b", b"b", *repeat(b"a", 8)]) == [(2, CHANGED), (4, CHANGED)]


async def test_asked_for_it_does_not_wait_and_is_not_told_twice():
    waits = chain([POLL, ASK], repeat(POLL))
    assert await seen(chain([b"a"], repeat(b"b")), waits) == [(2, "SIGHUP")]


async def test_asked_for_without_any_change():
    assert await seen(repeat(b"a"), chain([ASK], repeat(POLL))) == [(1, "SIGHUP")]


async def test_a_real_file_and_a_real_hangup(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: 1")
    with reload_on_hangup() as asked:
        async with aclosing(watching(path, fingerprint(path), asked, interval=0.01)) as changes:
            path.write_text("a: 2")
            assert await anext(changes) == CHANGED
            os.kill(os.getpid(), signal.SIGHUP)
            assert await anext(changes) == "SIGHUP"
            assert not asked.is_set()


async def test_the_handler_is_given_back():
    with reload_on_hangup():
        pass
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.yaml").write_text("kafka: {security: {password: 'file:secret'}}")
    (tmp_path / "b.yml").write_text("inputs: []")
    (tmp_path / "secret").write_text("hunter1")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "b.yml").write_text("inputs: [ ]"),
        lambda folder: (folder / "c.yaml").touch(),
        lambda folder: (folder / "b.yml").unlink(),
        lambda folder: (folder / "b.yml").rename(folder / "c.yml"),
        lambda folder: (folder / "secret").write_text("hunter2"),
        lambda folder: (folder / "secret").unlink(),
        lambda folder: [file.unlink() for file in folder.iterdir()],
    ],
)
def test_every_change_of_what_is_read_is_seen(folder, change):
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    change(folder)
    assert fingerprint(folder) != before


def test_other_files_and_times_do_not_count(folder):
    before = fingerprint(folder)
    (folder / "notes.txt").write_text("x")
    os.utime(folder / "a.yaml", (1, 1))
    assert fingerprint(folder) == before


def test_a_config_map_that_is_swapped(tmp_path):
    """As the kubelet does it: file → ..data/file, ..data → a folder, replaced by a rename."""
    for name, text in (("..1", "a: 1"), ("..2", "a: 2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "floodmark.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "floodmark.yaml").symlink_to("..data/floodmark.yaml")
    before = [fingerprint(tmp_path), fingerprint(tmp_path / "floodmark.yaml")]
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    after = [fingerprint(tmp_path), fingerprint(tmp_path / "floodmark.yaml")]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_path_that_is_not_there_and_then_is(tmp_path):
    path = tmp_path / "none.yaml"
    before = fingerprint(path)
    path.write_text("")
    assert fingerprint(path) != before
