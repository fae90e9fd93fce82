"""Who gets in, and what they may: each kind of sign-in with what is tried against it."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from probed import OPEN, probed

from floodmark.actions import VERBS, Action, Arguments
from floodmark.config.console import Grant
from floodmark.console.auth.passwords import fits, hashed, new_token
from floodmark.console.auth.rates import Rates
from floodmark.console.auth.sessions import Sessions
from floodmark.console.rights import Person, may, too_much, why_not

TOKEN = "fm_secret-of-a-program"
SHA = hashlib.sha256(TOKEN.encode()).hexdigest()
WITH_TOKEN = (
    f"console: {{auth: {{kind: token, tokens: [{{name: robot, sha256: {SHA}, grants: [{{role: ROLE}}]VERBS}}]}}}}\n"
)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def _tokens(role: str, verbs: str = "") -> str:
    return WITH_TOKEN.replace("ROLE", role).replace("VERBS", verbs)


ACTS = {
    "ack": {}, "comment": {"text": "x"}, "good_catch": {}, "resolve": {},
    "silence": {"match": {"entity": "x"}, "until": "2099-01-01T00:00:00Z"},
}  # fmt: skip
LEAST = {"ack": "responder", "comment": "responder", "good_catch": "responder", "resolve": "lead", "silence": "lead"}
ROLES = ("viewer", "responder", "lead", "admin")


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_what_it_may_and_no_more(tmp_path, role):
    async with probed(tmp_path, _tokens(role)) as console:
        me = await (await console.client.get("/api/v1/me", headers=BEARER)).json()
        assert (me["name"], me["role"]) == ("robot", role)
        for verb, args in ACTS.items():
            body = {"verb": verb, "incident": OPEN if verb != "silence" else "", "args": args}
            status, problem = await console.act(body, BEARER)
            able = ROLES.index(role) >= ROLES.index(LEAST[verb])
            wanted = 202 if able and verb != "silence" else 400 if able else 403  # that silence is too long
            assert status == wanted, (verb, problem)
            assert (me["may"][verb] == "") == able
        retry = await console.client.post("/api/v1/dead-letters/retry", data=b'{"dry_run": true}', headers=BEARER)
        assert (retry.status == 403) == (role != "admin")


async def test_a_token_may_be_kept_to_some_verbs(tmp_path):
    async with probed(tmp_path, _tokens("admin", ", verbs: [ack]")) as console:
        assert (await console.act({"verb": "ack", "incident": OPEN}, BEARER))[0] == 202
        assert console.writer.written[0].by == "robot"
        status, problem = await console.act({"verb": "comment", "incident": OPEN, "args": {"text": "x"}}, BEARER)
        assert (status, problem["detail"]) == (403, "This token may not comment.")


@pytest.mark.parametrize("given", ["Bearer wrong", "Bearer ", "Basic Og==", f"Bearer {TOKEN}x", "Bearer \u00e9"])
async def test_a_token_that_is_none_is_turned_away(tmp_path, given):
    async with probed(tmp_path, _tokens("admin")) as console:
        answer = await console.client.get("/api/v1/me", headers={"Authorization": given})
        assert answer.status == 401
        assert TOKEN not in await answer.text()


async def test_nobody_guesses_for_long(tmp_path):
    async with probed(tmp_path, _tokens("admin")) as console:
        for _ in range(10):
            assert (await console.client.get("/api/v1/me", headers={"Authorization": "Bearer x"})).status == 401
        answer = await console.client.get("/api/v1/me", headers=BEARER)
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_without_a_sign_in_there_is_only_the_form(tmp_path):
    async with probed(tmp_path, _tokens("viewer")) as console:
        assert (await console.client.get("/api/v1/incidents")).status == 401
        assert (await console.client.get("/metrics")).status == 401
        answer = await console.client.get("/incidents/x?y=1", allow_redirects=False)
        assert answer.status == 302
        assert dict(parse_qsl(urlsplit(answer.headers["Location"]).query)) == {"to": "/incidents/x?y=1"}
        form = await (await console.client.get("/login?to=/explorer")).text()
        assert 'name="secret"' in form
        assert "<script" not in form


async def test_whoever_collects_metrics_has_a_token_of_its_own(tmp_path):
    async with probed(tmp_path, _tokens("viewer") + "http: {token: collector}\n") as console:
        for given, wanted in (("Bearer collector", 200), ("Bearer collecto", 401), (f"Bearer {TOKEN}", 200)):
            assert (await console.client.get("/metrics", headers={"Authorization": given})).status == wanted
        assert (await console.client.get("/api/v1/me", headers={"Authorization": "Bearer collector"})).status == 401
    (tmp_path / "none").mkdir()
    async with probed(tmp_path / "none") as console:
        assert (await console.client.get("/metrics", headers={"Authorization": "Bearer x"})).status == 200


BASIC = "console: {auth: {kind: basic, users: {ann: {scrypt: 'HASH', grants: [{role: lead}]}}}}\n"


@pytest.fixture(scope="module")
def basic() -> str:
    return BASIC.replace("HASH", hashed("correct horse"))


async def _sign_in(console, name="ann", secret="correct horse", to="/", **more):
    return await console.client.post(
        "/login", data={"name": name, "secret": secret, "to": to}, allow_redirects=False, **more
    )


async def test_a_password_opens_a_session(tmp_path, basic):
    async with probed(tmp_path, basic) as console:
        answer = await _sign_in(console)
        assert answer.status == 303
        cookie = answer.cookies["floodmark"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert len(cookie.value) >= 43  # 256 bits
        status, me = await console.get("/me")
        assert (status, me["name"], me["role"]) == (200, "ann", "lead")
        assert (await console.act({"verb": "ack", "incident": OPEN}))[0] == 202
        assert console.writer.written[0].by == "ann"
        await console.client.post("/logout", headers=console.own, allow_redirects=False)
        assert (await console.get("/me"))[0] == 401


async def test_by_https_the_cookie_is_bound_to_the_host(tmp_path, basic):
    more = basic.replace("{auth:", "{url: 'https://console.test', auth:")
    async with probed(tmp_path, more, base="https://console.test") as console:
        cookie = (await _sign_in(console)).cookies["__Host-floodmark"]
        assert cookie["secure"]
        assert cookie["path"] == "/"
        assert not cookie["domain"]


@pytest.mark.parametrize(
    ("name", "secret"), [("ann", "wrong"), ("eve", "correct horse"), ("", ""), ("ann", "x" * 2_000)]
)
async def test_a_wrong_password_says_no_more_than_that(tmp_path, basic, name, secret):
    async with probed(tmp_path, basic) as console:
        answer = await _sign_in(console, name, secret)
        assert answer.status == 401
        assert "floodmark" not in answer.cookies
        assert "That is not right." in await answer.text()


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "/login", "javascript:alert(1)", "/a\nb"]
)
async def test_a_sign_in_leads_nowhere_else(tmp_path, basic, to):
    async with probed(tmp_path, basic) as console:
        assert (await _sign_in(console, to=to)).headers["Location"] == "/"


async def test_another_site_signs_nobody_in_or_out(tmp_path, basic):
    async with probed(tmp_path, basic) as console:
        evil = {"Origin": "https://evil.example"}
        assert (await _sign_in(console, headers=evil)).status == 403
        await _sign_in(console)
        assert (await console.client.post("/logout", headers=evil, allow_redirects=False)).status == 403
        assert (await console.get("/me"))[0] == 200


async def test_a_session_id_that_was_put_there_is_none(tmp_path, basic):
    async with probed(tmp_path, basic) as console:
        console.client.session.cookie_jar.update_cookies({"floodmark": "chosen-by-somebody-else"})
        assert (await console.get("/me"))[0] == 401


def test_a_session_ends(tmp_path):
    sessions = Sessions(tmp_path / "s.db")
    id = sessions.begin("ann", ["staff"], 100.0)
    assert sessions.find(id, 99.0) == ("ann", ["staff"])
    assert sessions.find(id, 100.0) is None
    assert id.encode() not in (tmp_path / "s.db").read_bytes()
    sessions.close()
    (tmp_path / "s.db").write_bytes(b"not a database" * 100)
    Sessions(tmp_path / "s.db").close()  # everybody signs in again


PROXY = (
    "console: {auth: {kind: proxy, proxy: {addresses: [ADDRESS], "
    "grants: {staff: [{role: responder, match: {owner: payments}}], '*': [{role: viewer}]}}}}\n"
)


async def test_a_proxy_is_believed_where_it_is(tmp_path):
    async with probed(tmp_path, PROXY.replace("ADDRESS", "127.0.0.0/8")) as console:
        me = await console.client.get(
            "/api/v1/me", headers={"X-Forwarded-User": "ann", "X-Forwarded-Groups": "x, staff"}
        )
        assert (await me.json())["role"] == "responder"
        assert (await console.client.get("/api/v1/me")).status == 401
        twice = [("X-Forwarded-User", "ann"), ("X-Forwarded-User", "admin")]
        assert (await console.client.get("/api/v1/me", headers=twice)).status == 401


async def test_nobody_else_is_the_proxy(tmp_path):
    async with probed(tmp_path, PROXY.replace("ADDRESS", "10.0.0.1")) as console:
        headers = {"X-Forwarded-User": "ann", "X-Forwarded-For": "10.0.0.1"}
        assert (await console.client.get("/api/v1/me", headers=headers)).status == 403


def test_a_grant_is_for_the_incidents_that_match():
    person = Person("ann", (Grant(role="lead", match={"owner": "payments"}), Grant(role="viewer")), "proxy")
    mine, other = {"owner": ("payments",)}, {"owner": ("shop",)}
    assert why_not(person, "resolve", mine) == ""
    assert "other incidents" in why_not(person, "resolve", other)
    assert why_not(person, "silence") != ""  # of all incidents
    assert set(may(person, mine)) >= set(VERBS) - {"propose", "ran"}


async def test_a_responder_snoozes_for_a_day_at_most(tmp_path):
    async with probed(tmp_path, _tokens("responder")) as console:
        for args, wanted in (({"until": "2099-01-01T00:00:00Z"}, 403), ({"unless": "worse"}, 403), ({}, 202)):
            assert (await console.act({"verb": "snooze", "incident": OPEN, "args": args}, BEARER))[0] == wanted


def test_passwords_and_tokens_are_kept_as_hashes():
    kept = hashed("correct horse")
    assert fits("correct horse", kept)
    assert not fits("correct hors", kept)
    assert hashed("correct horse") != kept
    for broken in ("", "scrypt$", "scrypt$1$1$1$x$y", "scrypt$32768$8$1$!!$!!", "md5$1$1$1$YQ==$YQ=="):
        assert not fits("correct horse", broken)
    token, digest = new_token()
    assert hashlib.sha256(token.encode()).hexdigest() == digest


def test_tries_are_bounded():
    rates = Rates(2, most=3)
    for key in "abcd":
        rates.note(key, 0.0)
        rates.note(key, 0.0)
    assert rates.wait("d", 1.0) == pytest.approx(59.0)
    assert rates.wait("a", 1.0) == 0.0  # forgotten: there is room for three
    assert rates.wait("d", 60.1) == 0.0


async def test_a_token_that_signs_in_by_the_form_may_no_more_than_it_may(tmp_path):
    async with probed(tmp_path, _tokens("lead", ", verbs: [ack]")) as console:
        assert (await _sign_in(console, name="", secret=TOKEN)).status == 303
        status, me = await console.get("/me")
        assert (status, me["name"], me["verbs"]) == (200, "robot", ["ack"])
        assert (await console.act({"verb": "resolve", "incident": OPEN}))[0] == 403
        assert (await console.act({"verb": "ack", "incident": OPEN}))[0] == 202


async def test_a_token_that_was_taken_away_ends_its_sessions(tmp_path):
    async with probed(tmp_path, _tokens("lead")) as console:
        assert (await _sign_in(console, name="", secret=TOKEN)).status == 303
        assert (await console.get("/incidents"))[0] == 200
        door = console.server._door
        door.take_over(door.auth.model_copy(update={"tokens": []}))
        assert (await console.get("/incidents"))[0] in (401, 403)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], None])
async def test_a_proxy_that_was_taken_away_is_believed_no_more(tmp_path, addresses):
    async with probed(tmp_path, PROXY.replace("ADDRESS", "127.0.0.0/8")) as console:
        named = {"X-Forwarded-User": "ann"}
        assert (await console.client.get("/api/v1/me", headers=named)).status == 200
        door = console.server._door
        proxy = door.auth.proxy.model_copy(update={"addresses": addresses}) if addresses else None
        door.take_over(door.auth.model_copy(update={"proxy": proxy}))
        assert (await console.client.get("/api/v1/me", headers=named)).status == 403


async def test_groups_are_said_once(tmp_path):
    async with probed(tmp_path, PROXY.replace("ADDRESS", "127.0.0.0/8")) as console:
        twice = [("X-Forwarded-User", "ann"), ("X-Forwarded-Groups", "staff"), ("X-Forwarded-Groups", "guests")]
        assert (await console.client.get("/api/v1/me", headers=twice)).status == 401


@pytest.mark.parametrize("verb", ["silence", "unsilence", "maintain", "unmaintain", "override", "handover", "retry"])
def test_a_grant_for_some_incidents_is_not_for_what_is_of_all(verb):
    person = Person("ann", (Grant(role="admin", match={"owner": "payments"}),), "proxy")
    role = "admin" if verb == "retry" else "lead"
    wanted = f"It takes the role {role} for all incidents; yours is for some."
    assert why_not(person, verb) == wanted
    assert why_not(person, verb, {"owner": ("payments",)}) == wanted


def test_who_leads_elsewhere_snoozes_for_a_day_here():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    args = Arguments(until=at + timedelta(days=9))
    action = Action(id="a-12345678", verb="snooze", by="ann", at=at, incident="i", args=args)
    person = Person("ann", (Grant(role="lead", match={"owner": "shop"}), Grant(role="responder")), "proxy")
    assert too_much(person, action, {"owner": ("payments",)})
    assert not too_much(person, action, {"owner": ("shop",)})


async def test_what_is_of_all_is_not_reached_by_naming_an_incident_of_ones_own(tmp_path):
    grant = "grants: [{role: lead, match: {entity: '*'}}]"
    more = WITH_TOKEN.replace("grants: [{role: ROLE}]", grant).replace("VERBS", "")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"verb": "silence", "incident": OPEN, "args": {"match": {"entity": "*"}, "until": until}}
    async with probed(tmp_path, more) as console:
        status, problem = await console.act(body, BEARER)
        assert (status, "for all incidents" in problem["detail"]) == (403, True)
        assert console.writer.written == []
