"""Bytewax: a River HalfSpaceTrees for each key in a stateful map, scores above 0.9 to a topic.

Without recovery; at the end of an epoch Bytewax copies all state even so (15 ms an event here), so that one is an hour.
"""

# Not in this environment: a peer has its own.
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

from datetime import timedelta
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from meter import Meter, arguments
from river.anomaly import HalfSpaceTrees

args = arguments()
meter = Meter(args)
seen = 0


def parse(message: KafkaSourceMessage[Any, Any]) -> tuple[str, dict[str, Any]]:
    return message.key.decode(), orjson.loads(message.value)


def score(model: HalfSpaceTrees | None, event: dict[str, Any]) -> tuple[HalfSpaceTrees, dict[str, Any]]:
    global seen  # noqa: PLW0603
    if model is None:
        model = HalfSpaceTrees(seed=1)
        seen += 1
    x = {"value": event["value"] / 100}
    event["score"] = model.score_one(x)
    model.learn_one(x)
    meter.add(keys=seen)
    return model, event


flow = Dataflow("peers")
source = kafka.input("in", flow, brokers=[args.bootstrap], topics=[args.topic])
events = op.map("parse", source.oks, parse)
scored = op.stateful_map("score", events, score)
odd = op.filter("odd", scored, lambda item: item[1]["score"] > 0.9)
out = op.map("out", odd, lambda item: KafkaSinkMessage(item[0].encode(), orjson.dumps(item[1])))
kafka.output("sink", out, brokers=[args.bootstrap], topic=args.out)

if __name__ == "__main__":
    cli_main(flow, epoch_interval=timedelta(hours=1))
