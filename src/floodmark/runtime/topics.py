"""Topics: which are missing, how large a message they take, and creating them. Never alters or deletes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from floodmark.config.models import Kafka
from floodmark.runtime.connection import client_settings, connection
from floodmark.runtime.errors import UnreachableError, refused

LARGEST_MESSAGE = 1_048_588
"""Kafka's default max.message.bytes."""


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it should be. `replication` -1 leaves it to the broker's default (Kafka 2.4 and later)."""

    partitions: int
    replication: int = -1
    config: Mapping[str, str] = field(default_factory=dict)


class TopicReport(NamedTuple):
    """What became of one topic; `detail` is a sentence, empty if there is nothing to say."""

    name: str
    outcome: Literal["created", "exists", "mismatch", "failed"]
    detail: str = ""


async def create(kafka: Kafka, wanted: Mapping[str, TopicSpec]) -> list[TopicReport]:
    """Create the topics that are not there yet, and say for each of `wanted`, in its order, what it is now.

    Doing it again changes nothing: a topic that exists is left as it is, and reported as `mismatch` if its number of
    partitions is another one. Raises UnreachableError, SecurityError or PermissionDeniedError.
    """
    found = await partitions(kafka, wanted)
    absent = [name for name, count in found.items() if count is None]
    reports = {
        name: TopicReport(name, "exists")
        if count == wanted[name].partitions
        else TopicReport(name, "mismatch", f"it has {count} partitions, not {wanted[name].partitions}; left as it is")
        for name, count in found.items()
        if count is not None
    }
    if absent:
        admin = AIOKafkaAdminClient(**client_settings(kafka))
        try:
            await admin.start()
            answer: Any = await admin.create_topics([_new(name, wanted[name]) for name in absent])
        except KafkaConnectionError as error:
            raise UnreachableError(f"Kafka is not reachable at {', '.join(kafka.brokers)}: {error}") from error
        finally:
            await admin.close()
        for name, code, message in answer.topic_errors:
            outcome = for_code(code)
            if outcome is NoError:
                reports[name] = TopicReport(name, "created")
            elif outcome is TopicAlreadyExistsError:  # someone was faster
                reports[name] = TopicReport(name, "exists")
            else:
                sentence = refused(outcome(name), kafka.security.username)
                reports[name] = TopicReport(name, "failed", str(sentence or message or outcome.__name__))
    return [reports[name] for name in wanted]


def _new(name: str, spec: TopicSpec) -> NewTopic:
    # aiokafka takes -1 only along with a replica assignment, and takes an empty one
    assignment: dict[int, list[int]] | None = {} if spec.replication == -1 else None
    return NewTopic(name, spec.partitions, spec.replication, assignment, dict(spec.config))


async def missing(kafka: Kafka, names: Iterable[str]) -> list[str]:
    """Those of `names` that are no topics of the cluster, sorted. Asking does not create them.

    Raises UnreachableError, SecurityError, or PermissionDeniedError for a topic that may not be seen.
    """
    return sorted(name for name, count in (await partitions(kafka, names)).items() if count is None)


async def partitions(kafka: Kafka, names: Iterable[str]) -> dict[str, int | None]:
    """The number of partitions of each topic, None if it does not exist. Raises as `missing` does."""
    counts: dict[str, int | None] = dict.fromkeys(names)
    if not counts:
        return counts
    async with connection(kafka) as connected:
        try:
            # A broker with auto.create.topics.enable would otherwise create what it is asked about.
            answer: Any = await connected.send(MetadataRequest(list(counts), allow_auto_topic_creation=False))
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(f"Kafka at {', '.join(kafka.brokers)} hung up: {error}") from error
    for code, name, _, found in answer.topics:
        outcome = for_code(code)
        if sentence := refused(outcome(name), kafka.security.username):
            raise sentence
        if outcome is not UnknownTopicOrPartitionError and found:
            counts[name] = len(found)
    return counts


async def largest_messages(kafka: Kafka, names: Iterable[str]) -> dict[str, int]:
    """max.message.bytes of each topic; Kafka's default where we may not ask. Raises UnreachableError, SecurityError."""
    sizes = dict.fromkeys(names, LARGEST_MESSAGE)
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    try:
        await admin.start()
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": None}) for name in sizes]
        )
    except KafkaConnectionError as error:
        raise UnreachableError(f"Kafka is not reachable at {', '.join(kafka.brokers)}: {error}") from error
    except KafkaError:  # an old or a partial broker: its defaults are the best guess
        return sizes
    finally:
        await admin.close()
    for answer in answers:
        for resource in answer.to_object()["resources"]:
            for entry in resource["config_entries"]:
                if str(entry.get("config_value") or "").isdigit():
                    sizes[resource["resource_name"]] = int(entry["config_value"])
    return sizes
