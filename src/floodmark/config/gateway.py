"""The configuration of `floodmark gateway`: which systems may say what over HTTP, and to which topic it goes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from floodmark.config.quantities import Duration, Size
from floodmark.config.section import Section

SourceKind = Literal[
    "alertmanager",
    "argocd",
    "docker",
    "generic",
    "gitlab",
    "grafana",
    "jenkins",
    "jira",
    "kibana",
    "mlflow",
    "newrelic",
    "openlineage",
    "opsgenie",
    "pagerduty",
    "prometheus_remote_write",
    "slack",
    "wandb",
]


class Source(Section):
    """A system that may post here, at /NAME."""

    kind: SourceKind
    """Which system: it says how its requests are checked."""
    topic: str = Field(min_length=1)
    """Topic that gets the bodies as they came; one of `inputs`, with the format of that system."""
    secret: SecretStr | None = None
    """What its requests prove themselves with: the key of their signature, or the token that they show. Write
    ${ENV_NAME} or file:/path rather than the secret itself."""
    previous: SecretStr | None = None
    """The secret before, which is taken as well while it is being changed."""
    username: str | None = None
    """User name, where it can only do HTTP's basic authentication; `secret` is the password."""
    header: str | None = None
    """Name of the header that shows `secret`, where it can only set a header of its own."""
    open: bool = False
    """Take what proves nothing. Only behind something that checks, such as a mesh."""
    tolerance: Duration = Field(default=300.0, ge=10, le=3600)
    """How old a signed request may be, and for how long one that is repeated is known."""
    limit: Size = 5_000_000
    """Largest body."""
    rate: int = Field(default=600, ge=1)
    """Most requests in a minute; more are asked to come again. Remote write counts for nothing."""


class Gateway(Section):
    """`floodmark gateway`: webhooks of other systems to topics, checked, as they came."""

    host: str = "127.0.0.1"
    """Address to bind; loopback unless told."""
    port: int = Field(default=9465, ge=0, le=65535)
    """Port (0: any free one)."""
    cert_file: str | None = None
    """PEM file of the certificate, to serve TLS here; usually a proxy does."""
    key_file: str | None = None
    """PEM file of its private key."""
    timeout: Duration = Field(default=5.0, gt=0, le=60)
    """How long Kafka may take before the sender is asked to come again (503)."""
    sources: dict[str, Source] = {}
    """Who may post, by the path: /NAME."""
