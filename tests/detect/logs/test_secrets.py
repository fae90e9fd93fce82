import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, Logs, Secrets
from floodmark.detect.logs.secrets import masked
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log

KNOWN = Secrets()
# Put together here, so that nobody's scanner takes them for real ones.
JWT = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0In0" + "." + "dozjgNryP4J3jVmNHl0w5N"
AWS = "AKIA" + "Q3EGRUTS7XVN2LMB"
GITHUB = "ghp_" + "a1B2" * 9
PRIVATE = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"got {JWT} from cart", "got <token> from cart"),
        ("header Authorization: Bearer abc123DEF456ghi", "header Authorization: <secret>"),
        ("sent bearer abc123DEF456ghi", "sent bearer <token>"),
        (f"used {AWS}, then left", "used <key>, then left"),
        (f"cloned with {GITHUB}", "cloned with <key>"),
        (f"read {PRIVATE} ok", "read <key> ok"),
        (PRIVATE[:40], "<key>"),
        ("login password=hunter2 ok", "login password=<secret> ok"),
        ('{"user": "ann", "password": "hun ter2", "n": 1}', '{"user": "ann", "password": <secret>, "n": 1}'),
        ("DB_PASSWORD: 'x y'; n=1", "DB_PASSWORD: <secret>; n=1"),
        ("client_secret=s3&x=1", "client_secret=<secret>&x=1"),
        ("api_key = k1 apikey=k2 access-key:k3", "api_key = <secret> apikey=<secret> access-key:<secret>"),
        ("pwd=abc", "pwd=<secret>"),
        ("Set-Cookie: sid=31d4; Path=/", "Set-Cookie: <secret>; Path=/"),
        ("open postgres://app:pa55@db:5432/x", "open postgres://<credentials>@db:5432/x"),
        ("mail to ann.b+c@mail.example.org failed", "mail to <email> failed"),
        ("card 4111 1111 1111 1111 and 4111111111111111", "card <card> and <card>"),
        ("card 378282246310005.", "card <card>."),
    ],
)
def test_secrets_are_masked_by_default(text, expected):
    assert masked(text, KNOWN) == expected
    assert masked(expected, KNOWN) == expected


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/items/8123 took 532 ms",
        "prompt_tokens=512 max_tokens: 4096",
        "password=<*> for <*>",
        "token=***",
        "sudo: PWD=/home/ann ; COMMAND=/bin/ls",
        "order 4111111111111112 at 1767571200000",
        "token expired",
        "bearer authentication failed",
        "see https://example.org:8080/a@b and @everyone",
        "user ann@host logged in",
    ],
)
def test_what_is_none_stays(text):
    assert masked(text, KNOWN) == text


def test_it_is_configurable():
    assert masked("ann@example.org has NHS 943", Secrets(known=False)) == "ann@example.org has NHS 943"
    more = Secrets(patterns=[r"NHS \d+"])
    assert masked("ann@example.org has NHS 943", more) == "<email> has <secret>"
    assert masked("ann@example.org has NHS 943", Secrets(known=False, patterns=more.patterns)) == (
        "ann@example.org has <secret>"
    )


@pytest.mark.parametrize("secrets", [None, {"known": False}])
def test_no_evidence_has_them(secrets):
    logs = Logs.model_validate({"learning": 0} | ({"secrets": secrets} if secrets else {}))
    sources = LogSources(logs, Limits(), Detect())
    samples = []
    for i in range(400):
        samples += sources.advance(i)
        body = [f"ann@example.org took {i * 7 % 31} ms", "password=hunter", f"lost {JWT}"][i % 3]
        sources.observe(Log(time=float(i), body=body, severity="ERROR", labels={"service": "cart"}))
    told = json.dumps([[each.evidence().lines, each.evidence().facts] for each in samples + sources.advance(420)])
    told += json.dumps(sources.templates())
    names = {each.series.name for each in samples}
    assert names >= {"log_lines", "log_errors", "log_error_ratio", "log_template", "log_parameter", "log_new_templates"}
    assert [secret in told for secret in ("ann@", "hunter", JWT)] == [secrets is not None] * 3


@settings(max_examples=300)
@given(st.text("aA1.@-_:/=+ \"'\n<*eyJbearpsword", max_size=200))
def test_any_text_is_masked_once_and_for_all(text):
    once = masked(text, KNOWN)
    assert masked(once, KNOWN) == once or "<" in text


@pytest.mark.parametrize(
    "part", ["a.", "eyJ-", "eyJa.", "4111 ", "password ", "://a:", "-----BEGIN PRIVATE KEY-----", "sk-", "bearer a"]
)
@pytest.mark.timeout(120)  # a second at most where time is linear, hours where it is quadratic
def test_hostile_lines_take_linear_time(part):
    text = (part * 1_000_000)[:1_000_000]
    assert masked(text, KNOWN)
