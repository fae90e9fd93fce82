"""Who a request is from, by whatever kind of sign-in the config has."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from floodmark.config.console import Auth, Console, Grant, Proxy, Token
from floodmark.console.auth.oidc import Provider
from floodmark.console.auth.passwords import NOBODY, fits, token_of
from floodmark.console.auth.rates import Rates
from floodmark.console.auth.sessions import Sessions
from floodmark.console.rights import Person

TRIES: Final = 10
"""Failed sign-ins in a minute, of one address."""
_ALL: Final = (Grant(role="admin"),)


class TurnedAwayError(Exception):
    """Nobody: HTTP's status, a sentence, and what an answer says beside it."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.words, self.headers = status, words, dict(headers or {})
        super().__init__(words)


class Doorkeeper:
    """`secure`: people come by https, so that the cookie is bound to the host and never goes without it."""

    def __init__(self, console: Console, sessions: Path, base: str) -> None:
        self.auth: Auth = console.auth
        self.secure = base.startswith("https://")
        self.cookie = "__Host-floodmark" if self.secure else "floodmark"
        self.sessions = Sessions(sessions)
        self.failed = Rates(TRIES)
        self.provider = Provider(console.auth.oidc, f"{base}/callback") if console.auth.oidc is not None else None
        self._near = _networks(console.auth.proxy)

    def take_over(self, auth: Auth) -> None:
        """Go on with other people and tokens; the kind of sign-in stays until a restart."""
        self.auth = auth
        self._near = _networks(auth.proxy)

    def person(self, request: web.Request) -> Person:
        """Who asks. Raises TurnedAwayError."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        named = scheme.lower() == "bearer" and (self.auth.kind != "none" or self.auth.tokens)
        if named or (self.auth.kind == "token" and scheme):
            return self._token(request, given.strip())
        if self.auth.kind == "none":
            return Person(self.auth.person, _ALL, "none")
        if self.auth.kind == "proxy":
            return self._proxied(request)
        id = request.cookies.get(self.cookie, "")
        found = self.sessions.find(id, time.time()) if id else None
        if found is None:
            raise TurnedAwayError(401, "Sign in first.")
        name, groups = found
        if self.auth.kind == "token":  # a session may no more than its token, and ends with it
            token = next((each for each in self.auth.tokens if each.name == name), None)
            if token is None:
                raise TurnedAwayError(401, "Sign in first.")
            return Person(name, token.grants, "token", _verbs(token), session=id)
        return Person(name, self._grants(name, groups), self.auth.kind, session=id)

    def signed_in(self, name: str, password: str, address: str) -> str | None:
        """basic or token: a new session; None if it is not right. Raises TurnedAwayError after too many tries. Takes
        its time, so call it in a thread."""
        self._patience(address)
        if self.auth.kind == "token":
            token = token_of(password, self.auth.tokens)
            right, name = token is not None, token.name if token is not None else ""
        else:
            user = self.auth.users.get(name)
            right = fits(password, user.scrypt.get_secret_value() if user is not None else NOBODY) and user is not None
        if not right:
            self.failed.note(address, time.monotonic())
            return None
        return self.begin(name, [])

    def begin(self, name: str, groups: list[str]) -> str:
        return self.sessions.begin(name, groups, time.time() + self.auth.session)

    def _token(self, request: web.Request, given: str) -> Person:
        address = request.remote or ""
        self._patience(address)
        token = token_of(given, self.auth.tokens)
        if token is None:
            self.failed.note(address, time.monotonic())
            raise TurnedAwayError(401, "This token is not known here.", {"WWW-Authenticate": "Bearer"})
        return Person(token.name, token.grants, "token", _verbs(token))

    def _patience(self, address: str) -> None:
        if wait := self.failed.wait(address, time.monotonic()):
            seconds = str(max(1, round(wait)))
            raise TurnedAwayError(
                429, f"Too many failed sign-ins; come again in {seconds} s.", {"Retry-After": seconds}
            )

    def _proxied(self, request: web.Request) -> Person:
        proxy = self.auth.proxy
        if proxy is None:  # a later config has none
            raise TurnedAwayError(403, "Only the proxy may speak to this console.")
        address = ipaddress.ip_address(request.remote or "0.0.0.0")
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not any(mapped in each for each in self._near):
            raise TurnedAwayError(403, "Only the proxy may speak to this console.")
        names = request.headers.getall(proxy.header, [])
        if len(names) != 1 or not names[0].strip():
            raise TurnedAwayError(401, "The proxy does not say who you are.")
        listed = request.headers.getall(proxy.groups_header, [])
        if len(listed) > 1:  # one of them may be from whoever asks
            raise TurnedAwayError(401, "The proxy says your groups more than once.")
        groups = [each.strip() for each in ",".join(listed).split(",") if each.strip()]
        return Person(names[0].strip()[:200], self._grants(names[0], groups), "proxy")

    def _grants(self, name: str, groups: Sequence[str]) -> tuple[Grant, ...]:
        """Whoever is known to nobody may look, and no more."""
        auth = self.auth
        if auth.kind == "basic":
            return tuple(auth.users[name].grants) if name in auth.users else ()
        by_group = auth.oidc.grants if auth.oidc is not None and auth.kind == "oidc" else {}
        by_group = auth.proxy.grants if auth.proxy is not None and auth.kind == "proxy" else by_group
        return tuple(grant for group in (*groups, "*") for grant in by_group.get(group, ()))


def _networks(proxy: Proxy | None) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(each, strict=False) for each in proxy.addresses] if proxy is not None else []


def _verbs(token: Token) -> frozenset[str] | None:
    return None if token.verbs is None else frozenset(token.verbs)
