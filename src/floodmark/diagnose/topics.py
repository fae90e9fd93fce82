"""How brokers and topics should be for a config, and how they are. Plain functions over what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from floodmark.config.models import Config
from floodmark.diagnose.asking import Cluster, Topic
from floodmark.diagnose.finding import Finding, Mark, lasting, spell
from floodmark.flow import written

HOUR: Final = 3_600.0
_DEFAULT_MESSAGE: Final = 1_048_588
_AUDITED: Final = ("feedback", "actions", "audit")
"""Topics whose history is the audit trail."""


def kafka(cluster: Cluster) -> Iterator[Finding]:
    """The brokers, each by itself: a client that reaches one of them reaches no partition of the others."""
    for broker in sorted(cluster.brokers):
        name = f"broker {broker.node} at {broker.address}"
        if broker.reason:
            todo = "is this its advertised.listeners address, and can this machine reach it?"
            yield Finding("Kafka", "problem", name, f"does not answer: {_without(broker.address, broker.reason)}", todo)
            continue
        release = f"; its API is that of Kafka {broker.release} or newer" if broker.release else ""
        words = f"answers in {lasting(broker.seconds)}{release}"
        if broker.release:
            yield Finding("Kafka", "ok", name, words)
        else:
            yield Finding("Kafka", "warning", name, words, "use Kafka 2.3 or newer: nothing older is tested")
    for what, reason in cluster.unasked.items():
        yield Finding("Kafka", "unknown", what, f"cannot be asked for: {reason}")


def _without(address: str, reason: str) -> str:
    return reason.removeprefix(f"{address}: ")


def topics(config: Config, cluster: Cluster) -> Iterator[Finding]:
    inputs = {source.topic for source in config.inputs}
    ours = written(config)
    if config.feedback is not None:
        ours = [*ours, config.feedback.topic]
    for name in dict.fromkeys([*(source.topic for source in config.inputs), *ours]):
        topic = cluster.topics.get(name, Topic("UnknownTopicOrPartitionError"))
        if topic.error.startswith("UnknownTopic"):
            todo = (
                "floodmark topics create"
                if name not in inputs
                else "is the name right? `floodmark init` lists what there is"
            )
            yield Finding("topics", "problem", name, "there is no such topic", todo)
            continue
        if topic.error:
            if "Authorization" not in topic.error:  # else it is said with the rights
                yield Finding("topics", "problem", name, f"Kafka says {topic.error}", "ask whoever runs the cluster")
            continue
        found = list(_partitions(config, cluster, name, topic))
        settings = cluster.settings.get(name)
        found += _settings(config, cluster, name, settings, name in inputs) if settings is not None else ()
        if not any(finding.mark in ("warning", "problem") for finding in found):
            kept = f", kept for {_kept(settings)}" if settings else ""
            copies = min((p.replicas for p in topic.partitions), default=0)
            size = f"{spell(len(topic.partitions), 'partition')}, {spell(copies, 'replica')}{kept}"
            found.insert(0, Finding("topics", "ok", name, size))
        yield from found


def _partitions(config: Config, cluster: Cluster, name: str, topic: Topic) -> Iterator[Finding]:
    headless = sum(p.leader < 0 for p in topic.partitions)
    if headless:
        words = (
            f"{headless} of {spell(len(topic.partitions), 'partition')} have no leader: nobody can read or write there"
        )
        yield Finding("topics", "problem", name, words, "are all brokers up?")
    least = int((cluster.settings.get(name) or {}).get("min.insync.replicas", "1"))
    copies = min((p.replicas for p in topic.partitions), default=0)
    in_sync = min((p.in_sync for p in topic.partitions), default=0)
    own = not any(source.topic == name for source in config.inputs)
    if own and least > copies:
        words = f"min.insync.replicas is {least} and there {'are' if copies != 1 else 'is'} {spell(copies, 'replica')}"
        yield Finding(
            "topics", "problem", name, f"{words}: nothing can be written", "raise the replication, or lower it"
        )
    elif own and in_sync < least:
        words = f"only {spell(in_sync, 'replica')} in sync, and {least} are needed to write"
        yield Finding("topics", "problem", name, words, "are all brokers up?")
    elif in_sync < copies:
        words = f"only {in_sync} of {copies} replicas are in sync"
        yield Finding("topics", "warning", name, words, "are all brokers up?")
    elif own and copies == 1 and len(cluster.brokers) > 1:
        words = f"one replica on a cluster of {len(cluster.brokers)} brokers: it is away with its broker"
        yield Finding("topics", "warning", name, words, "make it with floodmark topics create --replication 3")
    alerts = cluster.topics.get(config.topics.alerts)
    if name == config.topics.deliveries and alerts is not None and len(topic.partitions) < len(alerts.partitions):
        words = f"{spell(len(topic.partitions), 'partition')}, and {config.topics.alerts} has {len(alerts.partitions)}"
        yield Finding("topics", "problem", name, f"{words}: it needs as many", "add partitions")
    if config.feedback is not None and name == config.feedback.topic and len(topic.partitions) != 1:
        words = f"{len(topic.partitions)} partitions, and verdicts need one order"
        yield Finding("topics", "problem", name, words, "make it anew with one partition")


def _settings(config: Config, cluster: Cluster, name: str, settings: dict[str, str], read: bool) -> Iterator[Finding]:
    kept, compacted = _seconds(settings), "compact" in settings.get("cleanup.policy", "delete")
    streams = {stream: topic for stream, topic in config.topics.model_dump().items() if topic == name}
    stream = next(iter(streams), "feedback" if not read else "")
    if stream == "deliveries":
        yield from _ledger(name, settings, compacted)
        return
    if compacted and stream not in ("alerts", "reports"):
        mark: Mark = "problem" if stream in ("anomalies", "model_events", "rekeyed", *_AUDITED) else "warning"
        words = "is compacted: of each key only the newest record stays, so that history and what is late are lost"
        yield Finding("topics", mark, name, words, "set cleanup.policy=delete")
    if stream in _AUDITED and kept is not None:
        words = f"is kept for {lasting(kept)}, and its history is the audit trail: what is deleted no longer holds"
        yield Finding("topics", "warning", name, words, "set retention.ms=-1")
    elif kept is not None and kept < HOUR and stream not in ("alerts", *_AUDITED):
        words = f"is kept for {lasting(kept)} only: what is not read by then is lost"
        yield Finding(
            "topics", "problem", name, words, "set retention.ms to more than the longest outage, such as 1 day"
        )
    elif kept is not None and read and kept < config.state.history:
        words = f"is kept for {lasting(kept)}, and a first start learns from the last {lasting(config.state.history)}"
        yield Finding("topics", "warning", name, words, "set retention.ms higher, or state.history lower")
    bytes_kept = settings.get("retention.bytes", "-1")
    if bytes_kept.isdigit() and int(bytes_kept) < 100_000_000 and stream not in ("alerts",):
        words = f"is cut at {int(bytes_kept) / 1e6:.3g} MB a partition, whatever retention.ms says"
        yield Finding("topics", "warning", name, words, "raise retention.bytes")
    largest = int(settings.get("max.message.bytes", _DEFAULT_MESSAGE))
    if read and largest > config.limits.message * 1.1:
        words = f"takes messages of {largest / 1e6:.3g} MB, and larger ones than limits.message ({config.limits.message / 1e6:.3g} MB) are refused"  # noqa: E501
        yield Finding("topics", "warning", name, words, "raise limits.message if there are such")
    dead = cluster.settings.get(config.topics.dead_letters) or {}
    if read and largest > int(dead.get("max.message.bytes", largest)):
        words = (
            f"takes larger messages than {config.topics.dead_letters}: of those that are refused the value is left out"
        )
        yield Finding("topics", "warning", name, words, f"set max.message.bytes={largest} there")


def _ledger(name: str, settings: dict[str, str], compacted: bool) -> Iterator[Finding]:
    """The notifier's memory: the newest of each key has to stay, for ever."""
    if not compacted:
        words = "is not compacted: it is read whole at each start, and what retention deletes is told anew"
        yield Finding("topics", "problem", name, words, "set cleanup.policy=compact")
    elif "delete" in settings.get("cleanup.policy", "") and (kept := _seconds(settings)) is not None:
        words = f"is kept for {lasting(kept)}: what is open for longer is told anew"
        yield Finding("topics", "warning", name, words, "set cleanup.policy=compact")


def _seconds(settings: dict[str, str]) -> float | None:
    """For how long records are kept; None for ever."""
    if settings.get("cleanup.policy", "delete") == "compact":
        return None
    value = settings.get("retention.ms", "-1")
    return int(value) / 1000 if value.isdigit() else None


def _kept(settings: dict[str, str]) -> str:
    seconds = _seconds(settings)
    return "ever" if seconds is None else lasting(seconds)
