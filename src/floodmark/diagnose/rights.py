"""What must be granted for a config, and what is. Plain functions over what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from floodmark.config.models import Config
from floodmark.diagnose.asking import Cluster
from floodmark.diagnose.finding import Finding
from floodmark.flow import groups
from floodmark.flow.audit import GROUP, audited

_NOTIFY: Final = "notify"
"""The group of `floodmark notify`, where the config has it."""


def needed(config: Config) -> dict[str, tuple[str, ...]]:
    """The operations on each topic."""
    found: dict[str, dict[str, None]] = {}

    def need(topic: str, *operations: str) -> None:
        found.setdefault(topic, {}).update(dict.fromkeys(operations))

    for topics in groups(config).values():
        for topic in topics:
            need(topic, "READ", "DESCRIBE")
    internal = {topic for topics in groups(config).values() for topic in topics} - {s.topic for s in config.inputs}
    for topic in (*internal, config.topics.alerts, config.topics.dead_letters):
        need(topic, "WRITE", "DESCRIBE")
    for topic in audited(config):
        need(topic, "READ", "DESCRIBE")
    if config.audit is not None:
        need(config.topics.audit, "READ", "WRITE", "DESCRIBE")
    if config.feedback is not None:
        need(config.feedback.topic, "READ", "DESCRIBE")
    if config.notify is not None:
        need(config.topics.alerts, "READ", "DESCRIBE")
        need(config.topics.deliveries, "READ", "WRITE", "DESCRIBE")
        if config.actions is not None:
            need(config.topics.actions, "READ", "WRITE", "DESCRIBE")
        if config.notify.requests:
            need(config.topics.model_requests, "READ", "DESCRIBE")
    return {topic: tuple(operations) for topic, operations in found.items()}


def joined(config: Config) -> list[str]:
    """The consumer groups."""
    names = [
        *groups(config),
        *([GROUP] if config.audit is not None else []),
        *([_NOTIFY] if config.notify is not None else []),
    ]
    return [f"{config.kafka.group}-{name}" for name in names]


def transactional(config: Config) -> dict[str, str]:
    """A transactional id of each group, by which all are judged: their prefix is granted, or it is not."""
    work = {name: next(iter(topics)) for name, topics in groups(config).items()}
    if config.audit is not None:
        work[GROUP] = audited(config)[0]
    if config.notify is not None:
        work[_NOTIFY] = config.topics.alerts
    prefix = config.kafka.group
    return {f"{prefix}-{name}": f"{prefix}-{name}-{topic}-0" for name, topic in work.items()}


def rights(config: Config, cluster: Cluster) -> Iterator[Finding]:
    user = config.kafka.security.username
    who = f"user {user}" if user else "this client"
    principal = f"User:{user}" if user else "User:…"
    fine: list[str] = []
    for topic, wanted in needed(config).items():
        found = cluster.topics.get(topic)
        if found is None or (found.error and "Authorization" not in found.error):
            continue  # that it is not there is said with the topics
        if found.error:
            words = f"{who} may not even see it (it may not be there)"
            yield Finding("rights", "problem", f"topic {topic}", words, _grant(principal, "topic", topic, wanted))
        elif found.rights is None:
            yield Finding(
                "rights", "unknown", f"topic {topic}", "Kafka does not say what we may do (it does from 2.3 on)"
            )
        elif lacking := [name for name in wanted if name not in found.rights]:
            words = f"{who} lacks {' and '.join(lacking)}"
            yield Finding("rights", "problem", f"topic {topic}", words, _grant(principal, "topic", topic, lacking))
        else:
            fine.append(topic)
    if fine:
        yield Finding(
            "rights",
            "ok",
            f"{len(fine)} topic{'s' * (len(fine) != 1)}",
            f"what is needed is granted: {', '.join(fine)}",
        )
    yield from _tried(config, cluster, who, principal)


def _tried(config: Config, cluster: Cluster, who: str, principal: str) -> Iterator[Finding]:
    granted = []
    for group in joined(config):
        if cluster.refused.get(group):
            grant = _grant(principal, "group", group, ("READ",))
            yield Finding("rights", "problem", f"group {group}", f"{who} may not join it", grant)
        elif group in cluster.refused:
            granted.append(group)
    if granted:
        yield Finding(
            "rights", "ok", f"{len(granted)} group{'s' * (len(granted) != 1)}", f"may be joined: {', '.join(granted)}"
        )
    refused = [(group, name) for group, name in transactional(config).items() if cluster.refused.get(name)]
    for _, name in refused[:1]:  # the prefix is what is granted, so one is told
        prefix = config.kafka.group
        grant = _grant(principal, "transactional-id", prefix, ("WRITE", "DESCRIBE"), prefixed=True)
        yield Finding(
            "rights", "problem", f"transactional id {name}", f"{who} may not use it, nor others of its like", grant
        )
    if not refused and any(name in cluster.refused for name in transactional(config).values()):
        words = f"may be used: those that begin with {config.kafka.group}-"
        yield Finding("rights", "ok", "transactional ids", words)


def _grant(
    principal: str, kind: str, name: str, operations: tuple[str, ...] | list[str], *, prefixed: bool = False
) -> str:
    """The command of Kafka's own tools that grants it."""
    flags = " ".join(f"--operation {operation.title().replace('_', '')}" for operation in operations)
    pattern = " --resource-pattern-type prefixed" if prefixed else ""
    return f"kafka-acls.sh … --add --allow-principal {principal} {flags} --{kind} {name}{pattern}"
