"""What Kafka says of itself, of topics, groups and rights. Joins no group, commits nothing, makes no topic.

A request is newer here than in aiokafka: with it Kafka says what we may do with topics (KIP-430). Whether we may use a
group or a transactional id is tried, by a heartbeat of nobody and the end of a transaction that there is not: rights
are looked at first, and nothing happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, NoError, for_code
from aiokafka.protocol.admin import (
    ApiVersionRequest,
    DescribeConfigsRequest,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.transaction import EndTxnRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from floodmark.config.models import Kafka
from floodmark.runtime.connection import quickest
from floodmark.runtime.errors import AwayError, RunError, UnreachableError

T = TypeVar("T")

OPERATIONS: Final[Mapping[int, str]] = {
    3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE", 9: "CLUSTER_ACTION",
    10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE",
}  # fmt: skip
"""By their bit, as org.apache.kafka.common.acl.AclOperation numbers them."""
_NOT_SAID: Final = -(2**31)
_NOBODY: Final = 2**62
"""A producer that there is not."""
_TOPIC: Final = 2  # the kind of resource
_RELEASES: Final = (
    (18, "4.1"),
    (17, "3.9"),
    (16, "3.7"),
    (15, "3.5"),
    (13, "3.1"),
    (12, "2.7"),
    (11, "2.3"),
    (8, "2.0"),
)
"""The highest version of Fetch, and the first release that has it."""


class Broker(NamedTuple):
    """`reason`: why it does not answer, empty if it does in `seconds`. `release`: the oldest that its API can be of."""

    node: int
    address: str
    seconds: float = 0.0
    release: str = ""
    reason: str = ""


class Partition(NamedTuple):
    leader: int
    replicas: int
    in_sync: int


class Topic(NamedTuple):
    """`error`: Kafka's name of what is wrong with it, empty if it is there. `rights`: None if Kafka does not say."""

    error: str
    partitions: tuple[Partition, ...] = ()
    rights: frozenset[str] | None = None
    internal: bool = False


class Cluster(NamedTuple):
    """What was answered. `refused`: of groups and transactional ids Kafka's name of the refusal, empty if we may.
    `unasked` says, by what was to be asked, why it was not."""

    brokers: list[Broker]
    topics: dict[str, Topic]
    settings: dict[str, dict[str, str]]
    refused: dict[str, str]
    unasked: dict[str, str]


class _MetadataResponse8(Response):
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("name", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("operations", Int32),
    )


class _MetadataRequest8(RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _WithRights(Request[_MetadataRequest8]):
    API_KEY = 3

    def __init__(self, topics: list[str] | None) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequest8]) -> _MetadataRequest8:
        return request_struct_class(self._topics, False, False, True)


async def ask(
    kafka: Kafka, topics: Iterable[str], groups: Iterable[str] = (), transactions: Iterable[str] = (), *, seconds: float
) -> Cluster:
    """Ask the cluster. Each answer may take `seconds`; what cannot be asked is said in `unasked`.

    Raises RunError if no server lets us in.
    """
    names, unasked = list(dict.fromkeys(topics)), dict[str, str]()
    async with quickest(kafka, seconds) as connected:
        found, addresses = await _seen(kafka, connected, names)
        there = [name for name, topic in found.items() if not topic.error]
        settings = await _tried(
            "settings of topics", unasked, lambda: _settings(connected, there), dict[str, dict[str, str]]()
        )
        beats = {name: HeartbeatRequest(name, -1, "") for name in groups}
        refused = await _tried("groups", unasked, lambda: _tries(connected, beats), dict[str, str]())
        ends = {name: EndTxnRequest(name, _NOBODY, 0, False) for name in transactions}
        refused |= await _tried("transactional ids", unasked, lambda: _tries(connected, ends), dict[str, str]())
    brokers = await asyncio.gather(*(_broker(kafka, node, address, seconds) for node, address in addresses.items()))
    return Cluster(list(brokers), found, settings, refused, unasked)


async def names(kafka: Kafka, seconds: float) -> dict[str, Topic]:
    """All topics that we may see. Raises RunError."""
    async with quickest(kafka, seconds) as connected:
        return (await _seen(kafka, connected, None))[0]


async def _tried(what: str, unasked: dict[str, str], question: Callable[[], Awaitable[T]], otherwise: T) -> T:
    try:
        return await question()
    except (KafkaError, OSError, NotImplementedError, RunError) as error:  # asyncio.TimeoutError is an OSError
        unasked[what] = str(error) or type(error).__name__
        return otherwise


async def _seen(
    kafka: Kafka, connected: AIOKafkaConnection, wanted: list[str] | None
) -> tuple[dict[str, Topic], dict[int, str]]:
    try:
        return await _topics(connected, wanted)
    except (KafkaError, OSError) as error:
        raise UnreachableError(
            f"Kafka at {', '.join(kafka.brokers)} hung up: {error or type(error).__name__}"
        ) from error


async def _topics(connected: AIOKafkaConnection, wanted: list[str] | None) -> tuple[dict[str, Topic], dict[int, str]]:
    answer: Any
    try:
        answer = await connected.send(_WithRights(wanted))
    except (NotImplementedError, IncompatibleBrokerVersion):  # before Kafka 2.3
        answer = await connected.send(MetadataRequest(wanted, allow_auto_topic_creation=False))
    said = answer.to_object()
    topics = {}
    for each in said["topics"]:
        error = for_code(each["error_code"])
        topics[each.get("name") or each.get("topic")] = Topic(
            "" if error is NoError else error.__name__,
            tuple(Partition(p["leader"], len(p["replicas"]), len(p["isr"])) for p in each["partitions"]),
            _rights(each.get("operations", _NOT_SAID)),
            bool(each["is_internal"]),
        )
    for name in wanted or ():
        topics.setdefault(name, Topic("UnknownTopicOrPartitionError"))
    addresses = {each.get("node", each.get("node_id")): f"{each['host']}:{each['port']}" for each in said["brokers"]}
    return topics, addresses


def _rights(bits: int) -> frozenset[str] | None:
    if bits == _NOT_SAID:
        return None
    return frozenset(name for bit, name in OPERATIONS.items() if bits >> bit & 1)


async def _settings(connected: AIOKafkaConnection, topics: list[str]) -> dict[str, dict[str, str]]:
    """By topic; a topic whose settings we may not see is left out."""
    if not topics:
        return {}
    answer: Any = await connected.send(DescribeConfigsRequest([(_TOPIC, name, None) for name in topics], False))
    found = {}
    for each in answer.to_object()["resources"]:
        if each["error_code"] == 0:
            found[each["resource_name"]] = {
                entry["config_names"]: str(entry["config_value"]) for entry in each["config_entries"]
            }
    return found


async def _tries(connected: AIOKafkaConnection, requests: dict[str, Any]) -> dict[str, str]:
    """By name: Kafka's name of the refusal, empty if we may."""
    found = {}
    for name, request in requests.items():
        answer: Any = await connected.send(request)
        error = for_code(answer.error_code).__name__
        found[name] = error if "Authorization" in error else ""
    return found


async def _broker(kafka: Kafka, node: int, address: str, seconds: float) -> Broker:
    begun = time.monotonic()
    try:
        async with quickest(kafka.model_copy(update={"brokers": [address]}), seconds) as connected:
            took = time.monotonic() - begun
            answer: Any = await connected.send(ApiVersionRequest())
            fetch = max((most for key, _, most in answer.api_versions if key == 1), default=0)
    except AwayError as error:
        return Broker(node, address, reason=error.reasons)
    except (RunError, KafkaError, OSError) as error:
        return Broker(node, address, reason=str(error) or type(error).__name__)
    return Broker(node, address, took, next((release for most, release in _RELEASES if fetch >= most), ""))
