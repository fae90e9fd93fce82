"""The endpoint of /metrics, /healthz and /readyz, as the configuration has it."""

from __future__ import annotations

from pydantic import Field, SecretStr

from floodmark.config.section import Section


class Http(Section):
    """The endpoint of /metrics, /healthz and /readyz."""

    enabled: bool = True
    """Serve it."""
    host: str = "127.0.0.1"
    """Address to bind; loopback unless told."""
    port: int = Field(default=9464, ge=0, le=65535)
    """Port (0: any free one). With `run --workers N` the workers take this one and those after it."""
    token: SecretStr | None = None
    """Bearer token that /metrics asks for; /healthz and /readyz never do."""
