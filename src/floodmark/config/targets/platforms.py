"""Targets that keep incidents beside telemetry."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from floodmark.config.section import Section
from floodmark.config.targets.checked import Address, Digits, SecretAddress


class GitlabAlerts(Section):
    """GitLab's alerts, by an HTTP endpoint integration."""

    url: SecretAddress
    """Address of the integration: https://gitlab.example.org/GROUP/PROJECT/alerts/notify/NAME/TOKEN.json."""
    token: SecretStr
    """Its authorization key."""
    environment: str = ""
    """GitLab's environment that alerts are of."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""


class NewRelic(Section):
    """New Relic: events, and change tracking."""

    account: Digits
    """Account id."""
    api_key: SecretStr
    """License key (events)."""
    user_key: SecretStr | None = None
    """User key, for changes (NerdGraph)."""
    region: Literal["us", "eu"] = "us"
    """Where the account is kept."""
    events: Address | None = None
    """Address of the event API, where it is not the region's."""
    nerdgraph: Address | None = None
    """Address of NerdGraph, where it is not the region's."""
    entity: str = "name = '{service}'"
    """Search for the entity that a change is of; {service} is the changed service."""


class Elasticsearch(Section):
    """Elasticsearch or OpenSearch: the newest revision of each incident, and all of them in a data stream."""

    url: Address
    """Its address: https://elastic:9200."""
    index: str = "floodmark-incidents"
    """Index of the newest revisions."""
    stream: str | None = "logs-floodmark.incidents-default"
    """Data stream of all revisions; null: none."""
    username: str | None = None
    """User name for HTTP's basic authentication."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    api_key: SecretStr | None = None
    """API key (base64, as Elasticsearch shows it), instead of a user name."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""


class Grafana(Section):
    """Grafana: incidents and changes as annotations of dashboards."""

    url: Address
    """Its address, with any path below which it is served."""
    token: SecretStr
    """Token of a service account that may write annotations."""
    dashboard: str | None = None
    """Uid of a dashboard; left out, they are of the whole organisation."""
    tags: list[str] = []
    """Tags that each annotation has as well."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""
