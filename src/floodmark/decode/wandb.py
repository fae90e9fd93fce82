"""Weights & Biases (`change`): the body of a webhook automation, which its users write of its variables.

It has no time, so that it was when the message was here. The service is the collection, which is the registered model.
"""

from __future__ import annotations

from collections.abc import Iterator

from floodmark.decode.decoder import EventError
from floodmark.decode.phases import status_of
from floodmark.decode.posted import Json, Post, text
from floodmark.decode.wire import ChangeEvent


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    event = text(said, "event_type", "event", "type")
    named = text(said, "artifact_version_string", "artifact_version")
    name = text(said, "artifact_collection_name", "artifact_collection", "model", "registered_model")
    name = name or named.rpartition("/")[2].partition(":")[0] or text(said, "project_name", "project")
    if not (event or named) or not name:
        raise EventError("missing_field", "this is no automation of W&B: it names no event, or no artifact or project")
    version = "" if named.startswith("wandb-artifact:") else named.rpartition(":")[2]
    run = text(said, "run_name", "run_id")
    words = [event.replace("_", " ").lower() or "changed", named, f"run {run}" if run else ""]
    yield ChangeEvent(
        timestamp=post.moment(said.get("timestamp"), said.get("created_at")),
        service=name,
        kind="model",
        summary=text(said, "summary", "message") or ", ".join(filter(None, words)),
        id=text(said, "id") or None,
        status=status_of(text(said, "run_state", "state", "status")),
        version=text(said, "version", "artifact_alias", "alias") or version,
        environment=text(said, "environment", "project_name"),
        url=text(said, "url", "run_url"),
        actor=text(said, "event_author", "author"),
    )
