"""Quix Streams: a River HalfSpaceTrees for each key, scores above 0.9 to a topic.

The models are in memory, not in Quix's state store, which would write 1.6 MB an event.
"""

# Not in this environment: a peer has its own.
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

from typing import Any

from meter import Meter, arguments
from quixstreams import Application
from river.anomaly import HalfSpaceTrees

args = arguments()
meter = Meter(args)
models: dict[object, HalfSpaceTrees] = {}


def score(event: dict[str, Any], key: object, *_: object) -> dict[str, Any]:
    model = models.get(key)
    if model is None:
        model = models[key] = HalfSpaceTrees(seed=1)
    x = {"value": event["value"] / 100}
    event["score"] = model.score_one(x)
    model.learn_one(x)
    meter.add(keys=len(models))
    return event


app = Application(
    args.bootstrap,
    consumer_group="quix",
    auto_offset_reset="earliest",
    loglevel="ERROR",
    auto_create_topics=False,
    use_changelog_topics=False,
)
stream = app.dataframe(app.topic(args.topic, value_deserializer="json"))
stream = stream.apply(score, metadata=True)
stream = stream.filter(lambda event: event["score"] > 0.9)
stream.to_topic(app.topic(args.out, value_serializer="json"))

if __name__ == "__main__":
    app.run()
