"""Going back to an older snapshot: what is set aside, what comes back, and when it cannot be done."""

import pytest

from floodmark.config.models import State
from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.rollback import Plan, _wrong, carry_out, place_of
from floodmark.runtime.snapshots import Snapshots

TASK = "floodmark-detect/metrics/3"


@pytest.fixture
def store(tmp_path):
    return Snapshots(State(store=str(tmp_path), keep=9))


async def save(store, *positions, task=TASK):
    for position in positions:
        await store.save(task, position, lambda position=position: b"state at %d" % position)


def planned(kept, start, committed=50, oldest=0, end=60):
    newer = [each for each in kept if not each.aside and each.position > start.position]
    return Plan("floodmark-detect", "metrics", 3, start, newer, start.aside, committed, oldest, end)


async def test_what_is_kept_is_listed_by_task_and_position(store):
    await save(store, 30, 10)
    await save(store, 7, task="floodmark-detect/logs/0")
    await save(store, 1, task="another-detect/logs/0")
    kept = await store.kept("floodmark")
    assert [(each.task, each.position, each.aside) for each in kept] == [
        ("floodmark-detect/logs/0", 7, False),
        (TASK, 10, False),
        (TASK, 30, False),
    ]
    found = await store.read(kept[1])
    assert (found.position, found.state, found.task) == (10, b"state at 10", TASK)


async def test_a_task_starts_from_the_older_one_and_can_go_back(store):
    await save(store, 10, 20, 30)
    kept = await store.kept("floodmark")
    await carry_out(store, planned(kept, kept[0]), 1_700_000_000.0)
    assert (await store.load(TASK, 50)).position == 10
    kept = await store.kept("floodmark")
    assert [(each.position, each.aside) for each in kept] == [(10, False), (20, True), (30, True)]
    assert (await store.read(kept[2])).state == b"state at 30"

    await save(store, 40)
    kept = await store.kept("floodmark")
    await carry_out(store, planned(kept, next(each for each in kept if each.position == 30)), 1_700_000_100.0)
    assert (await store.load(TASK, 50)).position == 30
    aside = [each.position for each in await store.kept("floodmark") if each.aside]
    assert aside == [20, 40]


async def test_what_is_set_aside_is_never_deleted(tmp_path):
    store = Snapshots(State(store=str(tmp_path), keep=1))
    await save(store, 10)
    (kept,) = await store.kept("floodmark")
    await store.set_aside(kept, 1.0)
    await save(store, 20, 30)
    assert [each.position for each in await store.kept("floodmark")] == [10, 30]


async def test_one_that_is_damaged_is_refused(store, tmp_path):
    await save(store, 10)
    (kept,) = await store.kept("floodmark")
    path = tmp_path / kept.name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(SnapshotError, match="checksum"):
        await store.read(kept)


@pytest.mark.parametrize(
    ("committed", "oldest", "said"),
    [
        (50, 0, ""),
        (10, 10, ""),
        (None, 0, "has committed no offset"),
        (9, 0, "beyond the committed offset 9"),
        (50, 11, "begins at offset 11 by now"),
    ],
)
async def test_what_cannot_be_replayed_cannot_be_gone_back_to(store, committed, oldest, said):
    await save(store, 10)
    kept = await store.kept("floodmark")
    wrong = _wrong(planned(kept, kept[0], committed, oldest), kept)
    assert said in wrong
    assert bool(said) == bool(wrong)


def test_a_group_may_have_strokes_in_its_name():
    assert place_of("a/b-detect/metrics/3") == ("a/b-detect", "metrics", 3)
