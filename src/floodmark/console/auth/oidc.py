"""Sign-in at an OpenID Connect provider (OpenID Connect Core 1.0): code flow with PKCE (RFC 7636).

What the provider can is read from its discovery document and kept for an hour, its keys too; a key that is not known is
looked for once a minute at most. Nothing of the provider's answer is believed before its signature, issuer, audience,
times and nonce are proven.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import aiohttp

from floodmark.config.console import Oidc

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""Those of public keys only: `none` and HMAC prove nothing here."""
_HOUR: Final = 3_600.0
_MINUTE: Final = 60.0
_WAITING: Final = 600.0
_MOST: Final = 1_000
_SKEW: Final = 60
_LARGEST: Final = 1_000_000
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0)


class OidcError(Exception):
    """Sign-in is not possible, or not believed; the text is for whoever tries, and holds no secret."""


class Begun(NamedTuple):
    """A sign-in on its way: what the answer is proven with, and where the person wanted to go."""

    nonce: str
    verifier: str
    to: str
    at: float


class Provider:
    """One provider. `redirect` is our own address to which it sends people back."""

    def __init__(self, config: Oidc, redirect: str) -> None:
        self._config = config
        self._redirect = redirect
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        self._document: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, Any] | None = None

    async def begin(self, to: str) -> tuple[str, str]:
        """The address to which somebody is sent, and the state that a cookie of theirs must have. Raises OidcError."""
        document = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        now = time.time()
        self._begun[state] = Begun(nonce, verifier, to, now)
        while self._begun and (len(self._begun) > _MOST or next(iter(self._begun.values())).at < now - _WAITING):
            self._begun.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._config.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        where = str(document["authorization_endpoint"])
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}", state

    async def end(self, code: str, state: str, cookie: str) -> tuple[str, list[str], str]:
        """Name, groups, and where the person wanted to go. Raises OidcError."""
        if not state or not hmac.compare_digest(state.encode(), cookie.encode()):
            raise OidcError("This sign-in was not begun in this browser. Begin again.")
        begun = self._begun.pop(state, None)  # once
        if begun is None or begun.at < time.time() - _WAITING:
            raise OidcError("This sign-in took too long, or was used before. Begin again.")
        document = await self._discovered()
        given = await self._post(
            str(document["token_endpoint"]),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect,
                "client_id": self._config.client_id,
                "code_verifier": begun.verifier,
            },
        )
        claims = await self._proven(str(given.get("id_token", "")), begun.nonce)
        name = claims.get(self._config.name) or claims.get("sub")
        if not isinstance(name, str) or not name:
            raise OidcError(f"The provider does not say who you are (claim {self._config.name}).")
        if self._config.name == "email" and claims.get("email_verified", True) not in (
            True,
            "true",
        ):  # some say it as text
            raise OidcError("The provider has not verified your address.")
        groups = claims.get(self._config.groups, [])
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return name[:200], [str(each) for each in listed][:500], begun.to

    async def _proven(self, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt  # noqa: PLC0415 - the extra `console`
        from joserfc.errors import JoseError  # noqa: PLC0415

        for fresh in (False, True):
            keys = await self._jwks(fresh=fresh)
            try:
                decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError) as error:
                if not fresh and self._may_look():
                    continue  # its key may be a new one
                raise OidcError("The provider's answer is not signed by one of its keys.") from error
            claims = dict(decoded.claims)
            issuer = str((await self._discovered())["issuer"])
            registry = jwt.JWTClaimsRegistry(
                leeway=_SKEW,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": self._config.client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            try:
                registry.validate(claims)
            except (JoseError, ValueError, TypeError) as error:
                raise OidcError(f"The provider's answer is not for this sign-in ({error}).") from error
            audiences = claims.get("aud")
            if isinstance(audiences, list) and len(audiences) > 1 and claims.get("azp") != self._config.client_id:
                raise OidcError("The provider's answer is for several clients, and not first for this one.")
            return claims
        raise OidcError("The provider's answer is not signed by one of its keys.")

    def _may_look(self) -> bool:
        return self._keys is None or time.time() - self._keys[0] > _MINUTE

    async def _discovered(self) -> dict[str, Any]:
        if self._document is None or time.time() - self._document[0] > _HOUR:
            issuer = self._config.issuer.rstrip("/")
            found = await self._get(f"{issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != issuer:
                raise OidcError("The provider calls itself by another issuer than the config.")
            if any(
                not isinstance(found.get(each), str)
                for each in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            ):
                raise OidcError("The provider's discovery document says too little.")
            self._document = (time.time(), found)
        return self._document[1]

    async def _jwks(self, *, fresh: bool) -> Any:
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        if self._keys is None or fresh or time.time() - self._keys[0] > _HOUR:
            found = await self._get(str((await self._discovered())["jwks_uri"]))
            try:
                keys = [each for each in found.get("keys", []) if isinstance(each, dict) and each.get("kty") != "oct"]
                self._keys = (time.time(), KeySet.import_key_set({"keys": keys}))
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise OidcError("The provider's keys cannot be read.") from error
        return self._keys[1]

    async def _get(self, url: str) -> dict[str, Any]:
        return await self._asked("GET", url, None)

    async def _post(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        return await self._asked("POST", url, form)

    async def _asked(self, method: str, url: str, form: dict[str, str] | None) -> dict[str, Any]:
        import orjson  # noqa: PLC0415

        secret = self._config.client_secret
        auth = aiohttp.BasicAuth(self._config.client_id, secret.get_secret_value()) if form and secret else None
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(method, url, data=form, auth=auth, allow_redirects=False) as answer,
            ):
                body = await _whole(answer.content)
                if answer.status != 200:
                    raise OidcError(f"The provider answered {answer.status}.")
                found = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise OidcError("The provider does not answer, or not as one.") from error
        if not isinstance(found, dict):
            raise OidcError("The provider does not answer as one.")
        return found


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """All of an answer, which may come in pieces. Raises OidcError if it is too large."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > _LARGEST:
            raise OidcError("The provider's answer is too large.")
    return bytes(body)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
