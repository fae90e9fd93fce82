"""Tasks under Kafka: consumer groups, delivery, telemetry. The only place that touches Kafka and the wall clock.

The runtime knows stages by their protocol alone (`floodmark.records.Task`); it never looks into a record's value.

    service.py     `run`: every group, from the first connection to the last commit
    group.py       one consumer group: a rebalance makes and unmakes partitions
    partition.py   one task on one partition: fetch, process, deliver
    delivery.py    outputs acknowledged, then offsets committed (the guarantee lives here)
    connection.py  reaching the cluster, and saying why it cannot be reached
    topics.py      creating topics, finding which are missing
    embedded.py    a broker inside this process, for the demo and for tests
    endpoint.py    /metrics, /healthz, /readyz
    telemetry.py   what is counted
    log.py         Floodmark's own log
    stopping.py    SIGTERM and SIGINT
    errors.py      what can stop a run, in sentences
"""

from floodmark.runtime.errors import RunError
from floodmark.runtime.group import Route
from floodmark.runtime.service import run

__all__ = ["Route", "RunError", "run"]
