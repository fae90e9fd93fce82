"""Targets that page, and that keep tickets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from floodmark.config.quantities import Duration
from floodmark.config.section import Section
from floodmark.config.targets.checked import Address, Labels, Token


class Alertmanager(Section):
    """Prometheus Alertmanager, API v2: one alert an incident, told again for as long as it is open."""

    url: Address
    """Its address, with any prefix of its routes: http://alertmanager:9093."""
    labels: Labels = {}
    """Labels that each alert has as well, for Alertmanager's own routes."""
    again: Duration = Field(default=60.0, ge=5)
    """How often an open alert is told again: Alertmanager ends one that it has not heard for its resolve_timeout."""
    silences: bool = True
    """Heed its silences: an incident whose alert is silenced there is told to nobody while it is."""
    username: str | None = None
    """User name for HTTP's basic authentication."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    token: Token | None = None
    """Bearer token, instead of a user name."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""


class PagerDuty(Section):
    """PagerDuty, Events API v2; changes go to its change events."""

    routing_key: SecretStr
    """Integration key of a service, or of an event orchestration (32 characters)."""
    url: Address = "https://events.pagerduty.com"
    """Address of the Events API (EU: https://events.eu.pagerduty.com)."""


class Opsgenie(Section):
    """Opsgenie, or Jira Service Management: alerts."""

    api_key: Token
    """Key of an API integration."""
    url: Address = "https://api.opsgenie.com"
    """Address (EU: https://api.eu.opsgenie.com; Jira Service Management: https://api.atlassian.com/jsm/ops/integration).
    """
    responders: list[str] = []
    """Teams that are told: by name (Opsgenie), or by id (both)."""
    tags: list[str] = []
    """Tags that each alert has as well."""


class Jira(Section):
    """Jira: an issue an incident."""

    url: Address
    """Its address: https://example.atlassian.net."""
    project: str
    """Key of the project: OPS."""
    kind: str = "Incident"
    """Type of the issues, by name."""
    edition: Literal["cloud", "datacenter"] = "cloud"
    """Data Center has API v2 and plain text only."""
    email: str | None = None
    """Account of `token`, in the cloud."""
    token: Token
    """API token (cloud) or personal access token (Data Center)."""
    resolved: str = "Done"
    """Name of the transition, or of the status, that an issue gets when its incident is resolved."""
    reopened: str = "To Do"
    """The same for one that is open again."""
    labels: list[str] = []
    """Labels that each issue has as well."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""


class Keep(Section):
    """Keep: alerts by its API."""

    url: Address = "https://api.keephq.dev"
    """Address of its API."""
    api_key: Token
    """API key."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""
