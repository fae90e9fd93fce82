"""The configuration of `floodmark console`: where it is served, who may see and do what, and how much it keeps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from floodmark.config.quantities import Duration, Size
from floodmark.config.section import Section

Role = Literal["viewer", "responder", "lead", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "responder", "lead", "admin")


class Grant(Section):
    """A role, and for whom or what."""

    role: Role = "viewer"
    """viewer reads; responder also acknowledges, assigns, snoozes (up to a day), comments and gives verdicts; lead also
    resolves, merges, splits, silences, plans maintenance and overrides schedules; admin also sends dead letters
    again."""
    match: dict[str, str | list[str]] = {}
    """Only for incidents that match these selectors, as those of routes; empty: for all."""


class Token(Section):
    """A token, for programs."""

    name: str = Field(min_length=1, max_length=100)
    """Who acts with it."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the token, hexadecimal (`floodmark console token` makes both)."""
    grants: list[Grant] = [Grant()]
    """What it may."""
    verbs: list[str] | None = None
    """Only these verbs; left out: all that its role may."""


class User(Section):
    """Somebody who signs in with a password."""

    scrypt: SecretStr
    """Hash of the password, as `floodmark console password` makes it."""
    grants: list[Grant] = [Grant()]
    """What they may."""


class Oidc(Section):
    """Sign-in at an OpenID Connect provider: code flow with PKCE."""

    issuer: str = Field(min_length=1)
    """Address of the provider; what it can is read from its discovery document."""
    client_id: str = Field(min_length=1)
    """What the provider calls us."""
    client_secret: SecretStr | None = None
    """Left out: a public client."""
    scopes: list[str] = ["openid", "email", "profile", "groups"]
    """What is asked for."""
    name: str = "email"
    """Claim that names the person."""
    groups: str = "groups"
    """Claim that lists their groups."""
    grants: dict[str, list[Grant]] = {}
    """What the members of a group may, by the group; `*` is everybody who can sign in."""


class Proxy(Section):
    """A proxy in front signs people in and names them in a header."""

    header: str = "X-Forwarded-User"
    """Names the person."""
    groups_header: str = "X-Forwarded-Groups"
    """Groups, with commas between them."""
    addresses: list[str] = Field(min_length=1)
    """Addresses or networks from which the header is believed; requests from anywhere else are refused."""
    grants: dict[str, list[Grant]] = {}
    """What the members of a group may, by the group; `*` is everybody."""


class Auth(Section):
    """How people sign in."""

    kind: Literal["none", "token", "basic", "oidc", "proxy"] = "none"
    """none: everybody may all that an admin may, on loopback only. Tokens are taken in addition to any other kind."""
    person: str = "operator"
    """none: what whoever acts is called."""
    tokens: list[Token] = []
    """Tokens, for programs."""
    users: dict[str, User] = {}
    """basic: who may sign in, by name."""
    oidc: Oidc | None = None
    """oidc: the provider."""
    proxy: Proxy | None = None
    """proxy: what it says, and from where."""
    session: Duration = Field(default=43_200.0, ge=60, le=7 * 86_400)
    """How long a sign-in holds."""


class Console(Section):
    """`floodmark console`: the pages in a browser, and the API below them."""

    host: str = "127.0.0.1"
    """Address to bind; loopback unless told."""
    port: int = Field(default=9467, ge=0, le=65535)
    """Port (0: any free one)."""
    url: str = ""
    """Address by which people reach it, such as https://floodmark.example.org; left out: where it is bound."""
    cert_file: str | None = None
    """PEM file of the certificate, to serve TLS here; usually a proxy does."""
    key_file: str | None = None
    """PEM file of its private key."""
    store: str = ""
    """File of its view of the topics; it can be deleted and is made again. Left out: in the user's cache folder."""
    keep: Duration = Field(default=90 * 86_400.0, ge=3600)
    """How long it shows what was told; evidence goes first, incidents last."""
    size: Size = 10_000_000_000
    """Largest size of its file."""
    engines: list[str] = []
    """Addresses of the engines' /metrics (http://host:9464), for the page Engine."""
    auth: Auth = Auth()
    """How people sign in."""
