"""What is wrong with the section `console` is said at its place."""

import pytest

from floodmark.config.checks import check
from floodmark.config.locate import read_yaml

SHA = "a" * 64
ROBOT = f"tokens: [{{name: robot, sha256: {SHA}}}]"


def look(console):
    tree, problems = read_yaml(f"console: {console}\n", "c.yaml")
    assert problems == []
    errors, warnings = check(tree)
    return [str(e) for e in errors], [str(w) for w in warnings if "no inputs" not in w.message]


def oidc(issuer):
    return look(f"{{url: 'https://e.org', auth: {{kind: oidc, oidc: {{issuer: '{issuer}', client_id: c}}}}}}")


@pytest.mark.parametrize(
    "console",
    [
        "{}",
        "{host: '::1'}",
        "{host: 127.8.0.1, auth: {kind: none}}",
        f"{{auth: {{kind: token, {ROBOT}}}}}",
        f"{{host: 0.0.0.0, url: 'https://e.org', auth: {{kind: token, {ROBOT}}}}}",
        f"{{host: 0.0.0.0, cert_file: c.pem, key_file: k.pem, auth: {{kind: token, {ROBOT}}}}}",
    ],
)
def test_what_is_right_is_silent(console):
    assert look(console) == ([], [])


@pytest.mark.parametrize("host", ["0.0.0.0", "'::'", "10.0.0.1", "example.org"])
def test_without_a_sign_in_it_stays_on_this_machine(host):
    (error,) = look(f"{{host: {host}}}")[0]
    assert error.startswith("c.yaml:1:17: console.host: `auth.kind: none` lets everybody in")


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ("{url: example.org}", "c.yaml:1:16: console.url: it begins with"),
        ("{url: 'https://'}", "c.yaml:1:16: console.url: it begins with"),
        ("{url: 'https://e.org/x'}", "c.yaml:1:16: console.url: it has no path"),
        ("{auth: {kind: token}}", "c.yaml:1:24: console.auth.kind: nobody could sign in"),
        ("{auth: {kind: basic}}", "c.yaml:1:24: console.auth.kind: nobody could sign in"),
        ("{auth: {kind: oidc}}", "c.yaml:1:24: console.auth.kind: `oidc` is missing"),
        ("{auth: {kind: proxy}}", "c.yaml:1:24: console.auth.kind: `proxy` is missing"),
        (
            "{auth: {kind: proxy, proxy: {addresses: [10.0.0.0/8, nope]}}}",
            "c.yaml:1:63: console.auth.proxy.addresses[1]: 'nope' is no address",
        ),
        (
            "{auth: {kind: basic, users: {ann: {scrypt: plain}}}}",
            "c.yaml:1:53: console.auth.users.ann.scrypt: this is no hash",
        ),
        (
            f"{{auth: {{tokens: [{{name: a, sha256: {SHA}, verbs: [fly]}}]}}}}",
            "console.auth.tokens[0].verbs[0]: there is no verb 'fly'",
        ),
        (
            f"{{auth: {{tokens: [{{name: a, sha256: {SHA}}}, {{name: a, sha256: {SHA}}}]}}}}",
            "console.auth.tokens[1].name: there are two tokens 'a'",
        ),
        ("{engines: [engine-0:9464]}", "c.yaml:1:21: console.engines[0]: it begins with"),
        ("{engines: ['http://']}", "c.yaml:1:21: console.engines[0]: it begins with"),
        ("{key_file: k.pem}", "c.yaml:1:21: console.key_file: a key without `cert_file`"),
    ],
)
def test_each_problem_is_said_at_its_place(console, said):
    (error,) = look(console)[0]
    assert error.startswith("c.yaml:1:")
    assert said in error


def test_a_password_in_the_place_of_a_hash_is_not_repeated():
    assert "hunter22" not in str(look("{auth: {kind: basic, users: {ann: {scrypt: hunter22}}}}"))


@pytest.mark.parametrize("issuer", ["https://id.org", "http://localhost:9000", "http://127.0.0.1/x", "http://[::1]:1"])
def test_an_issuer_that_can_prove_itself(issuer):
    assert oidc(issuer) == ([], [])


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.org",
        "http://localhost.evil.org",
        "http://127.0.0.1.evil.org",
        "http://localhost@evil.org",
        "https://",
        "id.org",
        "http://[::1",
    ],
)
def test_an_issuer_that_only_begins_as_one(issuer):
    (error,) = oidc(issuer)[0]
    assert "console.auth.oidc.issuer: it begins with https://" in error


def test_a_sign_in_that_the_network_hears_is_warned_of():
    errors, (warning,) = look(f"{{host: 0.0.0.0, auth: {{kind: token, {ROBOT}}}}}")
    assert errors == []
    assert warning.startswith("c.yaml:1:17: console.host: whoever signs in on 0.0.0.0 is heard")
