"""Faust: an agent with a River HalfSpaceTrees for each key, scores above 0.9 to a topic.

The models are in memory, not in a Faust table, whose changelog would take 1.6 MB an event.
"""

# Not in this environment: a peer has its own.
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import sys
import tempfile
from typing import Any

import faust
from meter import Meter, arguments
from river.anomaly import HalfSpaceTrees

args = arguments()
meter = Meter(args)
models: dict[object, HalfSpaceTrees] = {}
app = faust.App(
    "peers",
    broker=f"kafka://{args.bootstrap}",
    datadir=tempfile.mkdtemp(prefix="faust-"),
    topic_partitions=4,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
)
source = app.topic(args.topic, key_type=bytes, key_serializer="raw", value_serializer="json")
odd = app.topic(args.out, key_serializer="raw", value_serializer="json")


@app.agent(source)
async def score(stream: Any) -> None:
    async for key, event in stream.items():
        model = models.get(key)
        if model is None:
            model = models[key] = HalfSpaceTrees(seed=1)
        x = {"value": event["value"] / 100}
        event["score"] = model.score_one(x)
        model.learn_one(x)
        if event["score"] > 0.9:
            await odd.send(key=key, value=event)
        meter.add(keys=len(models))


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--without-web", "-l", "error"]
    app.main()
