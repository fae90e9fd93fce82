"""A task is made to start from an older snapshot: only while nobody runs it, and only if what follows can be replayed.

What is newer is set aside and not deleted. The rest is recovery as always (law 3): the older snapshot S is before the
committed offset C, and S..C is replayed with outputs suppressed, so that nothing is told twice; what is learned from it
now is what the config of now learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NoError, for_code

from floodmark.config.models import Kafka
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.reading import reading
from floodmark.runtime.snapshots import Kept, Snapshots

_NOBODY: Final = ("Empty", "Dead")
"""States of a group that has no members."""


class Plan(NamedTuple):
    """What a rollback does. `aside`: snapshots that are set aside; `back`: the one to start from has to be brought
    back; `refused`: why it cannot be done, in words; empty if it can."""

    group: str
    topic: str
    partition: int
    start: Kept
    aside: Sequence[Kept]
    back: bool
    committed: int | None
    oldest: int
    end: int
    refused: str = ""

    @property
    def replayed(self) -> int:
        """Offsets that are read again in silence."""
        return max(0, (self.committed or 0) - self.start.position)


def place_of(task: str) -> tuple[str, str, int]:
    """Group, topic and partition of a task ("GROUP/TOPIC/PARTITION")."""
    group, topic, partition = task.rsplit("/", 2)
    return group, topic, int(partition)


async def plan(kafka: Kafka, kept: Sequence[Kept], start: Kept, task: str) -> Plan:
    """What starting from a snapshot means. `kept`: all that the store has; `task`: whose it says it is.

    Raises RunError.
    """
    group, topic, partition = place_of(task)
    async with reading(kafka, topic, group) as (consumer, sources):
        source = next((each for each in sources if each.partition == partition), None)
        if source is None:
            raise RunError(f"{topic} has no partition {partition}")
        committed = await consumer.committed(source)
        oldest = (await consumer.beginning_offsets([source]))[source]
        end = (await consumer.end_offsets([source]))[source]
    mine = [each for each in kept if each.task == start.task]
    newer = [each for each in mine if not each.aside and each.position > start.position]
    found = Plan(group, topic, partition, start, newer, start.aside, committed, oldest, end)
    return found._replace(refused=_wrong(found, mine) or await running(kafka, group))


def _wrong(plan: Plan, mine: Sequence[Kept]) -> str:
    """Why a plan cannot be carried out, whoever runs; empty if it can."""
    at, place = plan.start.position, f"{plan.topic}/{plan.partition}"
    if plan.committed is None:
        return f"group {plan.group} has committed no offset of {place}: it would begin anew, and use no snapshot"
    if at > plan.committed:
        return (
            f"the snapshot at {at} is from beyond the committed offset {plan.committed}: its topic or its offsets were "
            "reset, and it would be deleted"
        )
    if at < plan.oldest:
        return (
            f"{place} begins at offset {plan.oldest} by now: what came between {at} and there cannot be replayed, and "
            "the snapshot would not be used"
        )
    if plan.back and any(not each.aside and each.position == at for each in mine):
        return f"there is a snapshot at {at} that was not set aside: name that"
    return ""


async def running(kafka: Kafka, group: str) -> str:
    """Who runs a group, as a sentence; empty if nobody does. Raises RunError."""
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    try:
        await admin.start()
        answers: Any = await admin.describe_consumer_groups([group])
    except KafkaConnectionError as error:
        raise UnreachableError(f"Kafka is not reachable at {', '.join(kafka.brokers)}: {error}") from error
    except KafkaError as error:
        raise refused(error, kafka.security.username) or RunError(f"Kafka refused: {error}") from error
    finally:
        await admin.close()
    for answer in answers:
        for code, name, state, _, _, members, *_ in answer.groups:
            outcome = for_code(code)
            if outcome is not NoError:
                raise refused(outcome(name), kafka.security.username) or RunError(f"Kafka does not say who runs {name}")
            if state not in _NOBODY:
                hosts = sorted({str(member[2]).lstrip("/") for member in members})
                where = f" on {', '.join(hosts)}" if hosts else ""
                return (
                    f"group {name} is at work ({state}{where}): stop every engine of it first; one that was killed is "
                    "forgotten after kafka.session_timeout"
                )
    return ""


async def carry_out(snapshots: Snapshots, plan: Plan, now: float) -> None:
    """Set aside what is newer, newest first, so that one that breaks off leaves a start that is no older than it was
    meant to be. Raises SnapshotError."""
    if plan.back:
        await snapshots.bring_back(plan.start)
    for each in sorted(plan.aside, key=lambda each: -each.position):
        await snapshots.set_aside(each, now)
