"""Requests to those who train and serve models: the topic `topics.model_requests`, keyed by model.

Airflow can read the topic by itself; `floodmark notify` carries a request to whatever else `notify.requests` names. Its
end comes back as a change. `schemas/` is generated from this module.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

RequestKind = Literal["retrain", "rollback", "evaluate", "label"]


class ModelRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody, or a verdict of ours, asks for something to be done with a model.

    Runs that it starts are called `floodmark-ID`, so that a repeated request starts no second one.
    """

    id: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.~:+-]+$")]
    kind: RequestKind
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    why: Annotated[str, Meta(min_length=1, max_length=2_000, description="For whoever reads the run's log.")]
    by: Annotated[str, Meta(min_length=1, max_length=200)]
    at: Annotated[datetime, Meta(tz=True)]
    version: Annotated[str, Meta(max_length=200, description="The version that it is about.")] = ""
    incident: Annotated[str, Meta(max_length=200, description="The incident that it comes of.")] = ""
    parameters: Annotated[dict[str, str], Meta(description="Handed on to whatever runs.")] = field(default_factory=dict)
