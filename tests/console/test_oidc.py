"""Sign-in at a provider that lies in every way there is."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import RSAKey

sys.path.insert(0, str(Path(__file__).parent))

from probed import probed

CLIENT = "floodmark"


class Provider:
    """What it does is by what is set on it; by itself it is honest."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "one"})]
        self.signs_with = self.keys[0]
        self.claims: dict[str, object] = {}
        self.header: dict[str, object] = {"alg": "RS256", "kid": "one"}
        self.token: str | None = None
        self.issuer: str | None = None
        self.status = 200
        self.huge = False
        self.jwks_by = None
        self.challenges: dict[str, str] = {}
        self.nonces: dict[str, str] = {}
        self.used: set[str] = set()
        self.asked: list[dict[str, str]] = []
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/jwks", self.jwks)
        app.router.add_post("/token", self.exchange)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer or self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
            },
            status=self.status,
        )  # fmt: skip

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        if self.jwks_by is not None:
            return await self.jwks_by(request)
        return web.json_response({"keys": [each.as_dict(private=False) for each in self.keys]})

    def authorize(self, location: str, code: str) -> str:
        """Somebody has signed in; the state that comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        self.challenges[code], self.nonces[code] = asked["code_challenge"], asked["nonce"]
        return asked["state"]

    async def exchange(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        code = form["code"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenges.get(code)
        if code in self.used or not proven:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.used.add(code)
        if self.huge:
            return web.Response(body=b'{"id_token": "' + b"x" * 2_000_000 + b'"}', content_type="application/json")
        return web.json_response({"id_token": self.token or self.signed(code)})

    def signed(self, code: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "u1", "email": "ann@example.org", "email_verified": True,
            "groups": ["staff"], "iat": now, "exp": now + 300, "nonce": self.nonces[code], **self.claims,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(self.header, kept, self.signs_with, algorithms=["RS256", "HS256"])


@pytest.fixture
async def provider():
    found = Provider()
    await found.server.start_server()
    yield found
    await found.server.close()


@contextlib.asynccontextmanager
async def _console(folder, provider):
    more = (
        "console: {url: 'http://127.0.0.1', auth: {kind: oidc, oidc: {issuer: '"
        + provider.url
        + "', client_id: floodmark, "
        "grants: {staff: [{role: lead}]}}}}\n"
    )
    async with probed(folder, more, base="http://127.0.0.1") as console:
        yield console


async def _begin(console, to="/explorer"):
    answer = await console.client.post("/login", data={"to": to}, allow_redirects=False)
    assert answer.status == 303
    return answer.headers["Location"]


async def _end(console, code, state):
    answer = await console.client.get("/callback", params={"code": code, "state": state}, allow_redirects=False)
    return answer.status, (await answer.text() if answer.status != 303 else answer.headers["Location"])


async def _whole(console, provider, code="c1"):
    state = provider.authorize(await _begin(console), code)
    return await _end(console, code, state)


async def test_an_honest_provider_signs_people_in(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        assert await _whole(console, provider) == (303, "/explorer")
        status, me = await console.get("/me")
        assert (status, me["name"], me["role"], me["kind"]) == (200, "ann@example.org", "lead", "oidc")
        assert provider.asked[0]["redirect_uri"] == "http://127.0.0.1/callback"


LIES = {
    "another nonce": {"nonce": "something else"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another-client"},
    "several audiences": {"aud": [CLIENT, "another-client"]},
    "several audiences, first for another": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "another issuer": {"iss": "https://evil.example"},
    "it is over": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "it has not begun": {"nbf": int(time.time()) + 3600},
    "not verified": {"email_verified": False},
    "nobody": {"email": None, "sub": None},
    "a name that is none": {"email": {"x": 1}, "sub": None},
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_the_provider_says_is_proven(tmp_path, provider, lie):
    provider.claims = LIES[lie]
    async with _console(tmp_path, provider) as console:
        status, text = await _whole(console, provider)
        assert status == 401, text
        assert (await console.get("/me"))[0] == 401


async def test_several_audiences_are_right_if_we_are_the_party(tmp_path, provider):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    async with _console(tmp_path, provider) as console:
        assert (await _whole(console, provider))[0] == 303


async def test_a_token_without_a_signature_is_none(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        state = provider.authorize(await _begin(console), "c1")
        body = provider.signed("c1").split(".")[1]
        header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
        provider.token = f"{header}.{body}."
        assert (await _end(console, "c1", state))[0] == 401


async def test_the_public_key_is_no_secret(tmp_path, provider):
    """HS256 with the public key as the secret: the oldest trick."""
    async with _console(tmp_path, provider) as console:
        state = provider.authorize(await _begin(console), "c1")
        body = provider.signed("c1").split(".")[1]
        header = base64.urlsafe_b64encode(b'{"alg": "HS256", "kid": "one"}').rstrip(b"=").decode()
        mac = hmac.digest(provider.keys[0].as_pem(private=False), f"{header}.{body}".encode(), "sha256")
        provider.token = f"{header}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        assert (await _end(console, "c1", state))[0] == 401


async def test_a_key_of_nobody_proves_nothing(tmp_path, provider):
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    async with _console(tmp_path, provider) as console:
        assert (await _whole(console, provider))[0] == 401


async def test_a_new_key_is_looked_for(tmp_path, provider, monkeypatch):
    monkeypatch.setattr("floodmark.console.auth.oidc._MINUTE", -1.0)
    async with _console(tmp_path, provider) as console:
        assert (await _whole(console, provider))[0] == 303
        provider.keys = [RSAKey.generate_key(2048, {"kid": "two"})]
        provider.signs_with, provider.header = provider.keys[0], {"alg": "RS256", "kid": "two"}
        assert (await _whole(console, provider, "c2"))[0] == 303


async def test_a_state_is_good_once_and_in_its_browser(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        state = provider.authorize(await _begin(console), "c1")
        assert (await _end(console, "c1", "another state"))[0] == 401
        console.client.session.cookie_jar.clear()
        assert (await _end(console, "c1", state))[0] == 401  # another browser
        state = provider.authorize(await _begin(console), "c2")
        assert (await _end(console, "c2", state))[0] == 303
        assert (await _end(console, "c2", state))[0] == 401  # again


async def test_a_stolen_code_is_of_no_use(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        provider.authorize(await _begin(console), "stolen")  # of somebody else's sign-in
        state = provider.authorize(await _begin(console), "mine")
        assert (await _end(console, "stolen", state))[0] == 401


async def test_a_provider_that_is_ill_is_said(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        provider.status = 500
        answer = await console.client.post("/login", data={"to": "/"}, allow_redirects=False)
        assert answer.status == 502
        assert "The provider answered 500." in await answer.text()
        provider.status, provider.issuer = 200, "https://evil.example"
        answer = await console.client.post("/login", data={"to": "/"}, allow_redirects=False)
        assert "another issuer" in await answer.text()
        provider.issuer, provider.huge = None, True
        assert (await _whole(console, provider))[0] == 401


async def test_who_is_in_no_group_sees_nothing(tmp_path, provider):
    provider.claims = {"groups": ["guests"]}
    async with _console(tmp_path, provider) as console:
        assert (await _whole(console, provider))[0] == 303
        status, problem = await console.get("/me")
        assert status == 403
        assert "may not see this console" in problem["detail"]


async def test_what_the_provider_refuses_is_text(tmp_path, provider):
    async with _console(tmp_path, provider) as console:
        answer = await console.client.get("/callback", params={"error": "<script>alert(1)</script>"})
        text = await answer.text()
        assert answer.status == 401
        assert "<script>" not in text


async def test_an_answer_in_pieces_is_read_whole(tmp_path, provider):
    async def in_pieces(request):
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        body = json.dumps({"keys": [each.as_dict(private=False) for each in provider.keys]}).encode()
        for piece in (body[:100], body[100:]):
            await answer.write(piece)
            await asyncio.sleep(0.1)
        return answer

    provider.jwks_by = in_pieces
    async with _console(tmp_path, provider) as console:
        assert (await _whole(console, provider))[0] == 303


@pytest.mark.parametrize("verified", [False, "false", 0, "no", None])
async def test_an_address_that_is_not_verified_names_nobody(tmp_path, provider, verified):
    provider.claims = {"email_verified": verified}
    async with _console(tmp_path, provider) as console:
        status, words = await _whole(console, provider)
        assert (status, "verified" in words) == (401, True) if verified is not None else status in (303, 401)
