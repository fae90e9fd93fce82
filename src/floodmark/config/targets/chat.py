"""Targets that people read: chats, mail, and whatever takes a webhook."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from floodmark.config.problems import SaidError
from floodmark.config.section import Section
from floodmark.config.targets.checked import Address, Headers, Mailbox, SecretAddress, signing_secret


class Slack(Section):
    """Slack: a message an incident, edited as it goes on, with a thread below."""

    token: SecretStr | None = None
    """Bot token (xoxb-…) with chat:write; or `webhook`, which can neither edit nor thread."""
    channel: str | None = None
    """Id of the channel: C0123456789."""
    webhook: SecretAddress | None = None
    """Address of an incoming webhook, instead of a token: it is a secret."""
    buttons: bool = True
    """Buttons to acknowledge, snooze and resolve; they come back through `gateway`."""
    history: bool = False
    """Look into the channel before posting, for a message whose answer was lost: it takes channels:history as well."""
    url: Address = "https://slack.com/api"
    """Address of the API."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.token is None) == (self.webhook is None):
            raise SaidError("give either `token` and `channel`, or `webhook`")
        if self.token is not None and not self.channel:
            raise SaidError("`token` needs `channel`: the id of a channel, C0123456789")
        return self


class Teams(Section):
    """Microsoft Teams: cards by a Workflows webhook."""

    webhook: SecretAddress
    """Address of the workflow (…logic.azure.com or …api.powerplatform.com): it is a secret."""


class Email(Section):
    """Mail by SMTP: a thread an incident."""

    host: str
    """The server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls (port 587), tls from the first byte (port 465), or none, for a server on this machine."""
    username: str | None = None
    """User name, if the server wants one."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    sender: Mailbox
    """From whom: Floodmark <floodmark@example.org>."""
    to: list[Mailbox] = Field(min_length=1)
    """To whom."""
    ca_file: str | None = None
    """PEM file of the authority that signed the server's certificate (default: the system's)."""


class Webhook(Section):
    """A signed webhook: CloudEvents in JSON, signed as Standard Webhooks say."""

    url: SecretAddress
    """Where to post to; it may hold a secret."""
    secret: Annotated[SecretStr, AfterValidator(signing_secret)] | None = None
    """What the signature is made with: whsec_… (base64), or any text."""
    headers: Headers = {}
    """Headers that each request has as well."""
    mode: Literal["structured", "binary"] = "structured"
    """CloudEvents' content mode."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""
