"""MLflow's webhooks (`change`): versions of models, their aliases and tags. The service is the model.

Tags named `floodmark.*` are ours, and no change of anybody's: told back, they would go round in circles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, text
from floodmark.decode.wire import ChangeEvent

_OURS: Final = "floodmark."


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    if text(said, "model_name") and text(said, "event"):
        yield from _of_databricks(said, post)
        return
    entity, action, data = text(said, "entity").lower(), text(said, "action").lower(), at(said, "data")
    if not entity or not isinstance(data, dict):
        raise EventError("missing_field", "this is no webhook of MLflow: it has no entity, or no data")
    model, version = text(data, "name", "model_name"), text(data, "version")
    when, once = said.get("timestamp"), post.headers.get("x-mlflow-delivery-id")
    made = action in ("created", "set")
    if entity == "model_version" and made:
        words = f"version {version} was registered" + _after(": ", text(data, "description"))
        identity = f"version-{version}"
    elif entity == "model_version_alias":
        alias = text(data, "alias")
        words = f"alias {alias} is version {version} now" if made else f"alias {alias} was taken away"
        identity = once or f"alias-{alias}-{action}-{when}"
    elif entity == "model_version_tag":
        key = text(data, "key")
        if key.startswith(_OURS):
            return
        words = f"tag {key} of version {version} is {text(data, 'value') or 'gone'}"
        identity = once or f"tag-{key}-{action}-{when}"
    else:
        return
    yield ChangeEvent(
        timestamp=post.moment(when),
        service=model,
        kind="model",
        summary=words,
        id=identity,
        version=version,
        actor=text(data, "user_id", "user") or "MLflow",
    )


def _of_databricks(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Databricks's own registry has other webhooks than MLflow."""
    event, stage = text(said, "event").upper(), text(said, "to_stage")
    if event == "MODEL_VERSION_CREATED" or event.startswith("MODEL_VERSION_TRANSITIONED"):
        version = text(said, "version")
        yield ChangeEvent(
            timestamp=post.moment(said.get("event_timestamp")),
            service=text(said, "model_name"),
            kind="model",
            summary=f"version {version} is in stage {stage} now" if stage else f"version {version} was registered",
            id=f"version-{version}-{stage or 'created'}-{text(said, 'event_timestamp')}",
            version=version,
            actor=text(said, "user_name", "user") or "Databricks",
        )


def _after(mark: str, words: str) -> str:
    return f"{mark}{words}" if words else ""
