"""Tasks under Kafka: consumer groups, delivery, telemetry. The only place that touches Kafka and the wall clock.

The runtime knows stages by their protocol alone (`floodmark.records.Task`); it never looks into a record's value.

    service.py     `run`: every group, from the first connection to the last commit
    group.py       one consumer group: a rebalance makes and unmakes partitions
    partition.py   one task on one partition: fetch, process, commit
    pace.py        how much of that fits between two turns of the event loop
    recovery.py    how a task comes to where it left off: fence, committed offset, snapshot, replay
    warming.py     a detector that changed learns from the recent past, beside its task
    listening.py   a topic that every process reads whole: what people say
    delivery.py    what every way of delivery shares
    transactions.py  exactly once: outputs and offset in one transaction, fenced (the guarantee lives here)
    plain.py       at least once, for the embedded broker
    snapshots.py   the states of tasks in a folder or an object store
    storing.py     what goes wrong with that store, and how long it takes
    framing.py     the bytes of a snapshot
    forking.py     work on a frozen picture of the process
    connection.py  reaching the cluster, and saying why it cannot be reached
    presence.py    whether Kafka is there, since when it is away
    probing.py     finds that out
    turns.py       clients share what they learn of an address, so that a dead one is tried seldom
    certificates.py  until when certificates are good
    pauses.py      notices that the host stood still
    oauth.py       tokens for OAUTHBEARER
    topics.py      creating topics, finding which are missing
    embedded.py    a broker inside this process, for the demo and for tests
    endpoint.py    /metrics, /healthz, /readyz
    telemetry.py   what is counted
    delays.py      how late people are told
    refusals.py    what went to the dead letters, in our log
    log.py         Floodmark's own log
    stopping.py    SIGTERM and SIGINT
    watching.py    notices that the config is another one, and SIGHUP
    reload.py      what a run is handed then
    workers.py     several processes of a run on one machine
    reading.py     what a topic holds now, for commands
    ranges.py      a stretch of topics in the order of Kafka's times, for commands
    tailing.py     topics of our own as they grow, and what they say of some ids, for commands
    asking.py      what engines say of themselves, and how far groups are, for commands
    writing.py     records of ours, written by commands
    feedback.py    what commands read and write of feedback
    dead_letters.py  reading dead letters, and sending them again
    errors.py      what can stop a run, in sentences
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from floodmark.runtime.errors import RunError

if TYPE_CHECKING:
    from floodmark.runtime.group import Route
    from floodmark.runtime.service import run

__all__ = ["Route", "RunError", "run"]

_ELSEWHERE = {"Route": "group", "run": "service"}
"""What is imported when it is asked for: whoever only reads a topic needs no engine."""


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
