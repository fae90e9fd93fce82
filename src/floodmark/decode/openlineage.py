"""OpenLineage's RunEvents (`change`), as Airflow, Spark, dbt and Flink send them: a run of a job, from START to
COMPLETE, FAIL or ABORT, is one change.

A run that is part of another (a task of a DAG) is passed over: the whole is told of, too. What trains is of the kind
`model`, whatever else runs a `deploy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, text
from floodmark.decode.wire import ChangeEvent

_STATUSES: Final = {"START": "started", "COMPLETE": "succeeded", "FAIL": "failed", "ABORT": "cancelled"}
_TRAINS: Final = re.compile(r"train|model|(?:^|[^a-z])fit(?:$|[^a-z])", re.IGNORECASE)


def read(said: Json, post: Post) -> Iterator[ChangeEvent]:
    """Raises EventError."""
    name, run = text(said, "job.name"), text(said, "run.runId")
    if not name:
        raise EventError("missing_field", "this is no event of OpenLineage: it names no job")
    what = text(said, "eventType").upper()
    parent = text(said, "run.facets.parent.job.name")
    if not run or what not in _STATUSES or (parent and parent != name):
        return
    outputs = [text(one, "name") for one in each(said, "outputs") if isinstance(one, dict)]
    words = f"{text(said, 'job.facets.jobType.integration').lower()} run of {name}".strip()
    why = text(said, "run.facets.errorMessage.message")
    yield ChangeEvent(
        timestamp=post.moment(at(said, "eventTime")),
        service=name,
        kind="model" if any(map(_TRAINS.search, (name, *outputs))) else "deploy",
        summary=f"{words}: {why}" if why else words,
        id=run,
        status=_STATUSES[what],
        version=text(said, "job.facets.sourceCodeLocation.version")[:40],
        environment=text(said, "job.namespace"),
        url=text(said, "run.facets.airflow.dagRun.log_url", "job.facets.sourceCodeLocation.url"),
        actor=text(said, "job.facets.jobType.integration").lower(),
    )
