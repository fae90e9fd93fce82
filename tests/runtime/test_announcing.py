"""What is said once: written as soon as Kafka takes it, whatever happens before."""

import asyncio

from structlog.testing import capture_logs

from floodmark.config.models import Kafka
from floodmark.records import Output
from floodmark.runtime.announcing import Announcing
from floodmark.runtime.errors import MissingTopicsError, PermissionDeniedError, UnreachableError


async def said(outcomes, *names):
    """What is written where writing comes to these outcomes, one after the other."""
    written = []

    async def write(kafka, topic, output):
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome
        written.append(output.key)

    with capture_logs() as logs:
        announcing = Announcing(Kafka(), "reports", write, again=0.0)
        task = asyncio.create_task(announcing.run())
        for name in names:
            await asyncio.to_thread(announcing.say, Output("reports", name, b""))
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
    return written, [line["log_level"] for line in logs]


async def test_it_is_said_in_order_once_kafka_is_there():
    assert await said([UnreachableError("away"), UnreachableError("away")], b"a", b"b") == ([b"a", b"b"], [])


async def test_where_it_cannot_be_said_the_next_one_may():
    refused = [MissingTopicsError(["reports"], "create"), PermissionDeniedError("no"), None]
    assert await said(refused, b"a", b"b", b"c") == ([b"c"], ["info", "warning"])
