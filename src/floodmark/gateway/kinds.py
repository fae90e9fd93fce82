"""What each kind of sender needs to be told, and which of its headers are handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from floodmark.config.gateway import SourceKind

ALWAYS: Final = ("content-type", "content-encoding")
"""Headers that are handed on whoever sends."""
ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate", "zstd"})
"""Content encodings that decoding can take off; a body is handed on as it came."""


class Manner(NamedTuple):
    """How a kind is answered, and what of it is handed on."""

    headers: tuple[str, ...] = ()
    """Its own headers that decoding wants. Never one that proves something."""
    taken: int = 200
    """The status that it takes for a yes."""
    busy: int = 429
    """What makes it come again: 429, or 503 where it takes every 4xx for a final no."""
    longest: float = 60.0
    """Seconds after which it gives up waiting for an answer."""
    spread: bool = False
    """Its bodies have no order among each other, so that they may go to any partition."""
    metered: bool = True
    """Whether `rate` holds."""
    encodings: frozenset[str] = ENCODINGS


MANNERS: Final[Mapping[SourceKind, Manner]] = {
    "alertmanager": Manner(busy=503),
    "argocd": Manner(busy=503),
    "docker": Manner(busy=503),
    "generic": Manner(("webhook-id", "webhook-timestamp", "x-github-event", "x-github-delivery", "ce-type", "ce-id")),
    # Hooks that are answered with 4xx are disabled, after some time for good.
    "gitlab": Manner(
        ("x-gitlab-event", "x-gitlab-event-uuid", "x-gitlab-instance", "idempotency-key"), busy=503, longest=9
    ),
    "grafana": Manner(busy=503),
    "jenkins": Manner(busy=503),
    "jira": Manner(("x-atlassian-webhook-identifier", "x-atlassian-webhook-retry")),
    "kibana": Manner(),
    "mlflow": Manner(("x-mlflow-delivery-id", "x-mlflow-timestamp")),
    "newrelic": Manner(busy=503),
    "openlineage": Manner(busy=503),
    "opsgenie": Manner(),
    "pagerduty": Manner(("x-webhook-id", "x-webhook-subscription"), longest=5),
    "prometheus_remote_write": Manner(
        ("x-prometheus-remote-write-version",),
        taken=204,
        busy=503,
        spread=True,
        metered=False,
        encodings=frozenset({"snappy"}),
    ),
    "slack": Manner(longest=3),
    "wandb": Manner(),
}
