from typing import get_args

import pytest

from floodmark.config.checks import check
from floodmark.config.formats import CARRIES
from floodmark.config.gateway import SourceKind
from floodmark.config.gateway_checks import _FORMATS, _ONLY_SIGN
from floodmark.config.locate import read_yaml
from floodmark.gateway.signatures import ONLY_SIGNED

LONG = "0123456789abcdef0123"


def look(gateway, more=""):
    tree, problems = read_yaml(f"gateway: {gateway}\n{more}", "c.yaml")
    assert problems == []
    errors, warnings = check(tree)
    return [str(e) for e in errors], [str(w) for w in warnings if "no inputs" not in w.message]


def one(source, more="", name="x"):
    return look(f"{{sources: {{{name}: {source}}}}}", more)


READ = "inputs: [{topic: t, signal: change, format: gitlab}]\n"


def test_what_is_right_is_silent():
    assert one(f"{{kind: gitlab, topic: t, secret: {LONG}}}", READ) == ([], [])
    assert look("{sources: {}}") == ([], [])
    assert look("{}") == ([], [])


def test_every_kind_is_known_here():
    assert set(_FORMATS) | {"generic"} == set(get_args(SourceKind))
    assert set(_ONLY_SIGN) == ONLY_SIGNED
    for format, signal in _FORMATS.values():
        assert format not in CARRIES or signal in CARRIES[format]


@pytest.mark.parametrize("secret", ["", ", secret: ''", ", secret: null", ", open: false"])
def test_a_source_without_a_secret_is_an_error(secret):
    errors, _ = one(f"{{kind: gitlab, topic: t{secret}}}", READ)
    assert errors == [
        "c.yaml:1:21: gateway.sources.x: takes what anybody posts: it has no secret; "
        "set secret, or open: true where something before it checks"
    ]


def test_unless_it_is_open():
    assert one("{kind: gitlab, topic: t, open: true}", READ) == ([], [])
    _, warnings = one(f"{{kind: gitlab, topic: t, open: true, secret: {LONG}}}", READ)
    assert "the secret is not asked for" in warnings[0]


@pytest.mark.parametrize("name", ["metrics", "healthz", "readyz", "a/b", "'a b'", "'..'", "ü", "'?'"])
def test_names_that_are_no_path(name):
    assert len(one(f"{{kind: gitlab, topic: t, secret: {LONG}}}", READ, name)[0]) == 1


@pytest.mark.parametrize("topic", ["floodmark.alerts", "floodmark.actions", "floodmark.feedback", "a b", ".."])
def test_nobody_posts_into_topics_of_ours(topic):
    errors, _ = one(f"{{kind: gitlab, topic: '{topic}', secret: {LONG}}}", "feedback: {}\n" + READ)
    assert len(errors) == 1
    assert "gateway.sources.x.topic" in errors[0]


def test_a_topic_that_nobody_reads_is_a_warning_that_says_what_to_add():
    _, warnings = one(f"{{kind: mlflow, topic: m, secret: {LONG}}}", READ)
    assert "nobody reads this topic; add under inputs: {topic: m, signal: change, format: mlflow}" in warnings[0]


def test_a_topic_that_is_read_in_another_format_is_a_warning():
    _, warnings = one(f"{{kind: argocd, topic: t, secret: {LONG}}}", READ)
    assert "its input has the format gitlab, and argocd sends argocd" in warnings[0]
    native = "inputs: [{topic: t, signal: change}]\n"
    assert one(f"{{kind: argocd, topic: t, secret: {LONG}}}", native) == ([], [])


def test_remote_write_wants_rekey():
    read = "inputs: [{topic: t, signal: metric, format: prometheus_remote_write%s}]\n"
    source = f"{{kind: prometheus_remote_write, topic: t, secret: {LONG}}}"
    assert "rekey: true" in one(source, read % "")[1][0]
    assert one(source, read % ", rekey: true") == ([], [])


def test_the_network():
    _, warnings = look("{host: 0.0.0.0}")
    assert [w.split(": ")[2].split(";")[0] for w in warnings] == [
        "tokens and bodies cross the network readable, unless a proxy before it does TLS",
        "/metrics of the gateway is open to whoever reaches it",
    ]
    assert look("{host: 0.0.0.0, cert_file: c, key_file: k}", "http: {token: t}\n") == ([], [])
    for host in ("127.0.0.1", "localhost", "'::1'"):
        assert look(f"{{host: {host}}}") == ([], [])
    assert "cert_file needs key_file" in look("{cert_file: c}")[0][0]
    assert "key_file needs cert_file" in look("{key_file: c}")[0][0]
    assert "this port too" in look("{port: 9464}")[0][0]
    assert look("{port: 9464}", "http: {enabled: false}\n") == ([], [])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("secret: hunter2", "can be guessed"),
        (f"secret: {LONG}, previous: hunter2", "can be guessed"),
        (f"secret: {LONG}, previous: {LONG}", "is the secret that there is"),
        (f"kind: slack, secret: {LONG}, username: u", "slack signs"),
    ],
)
def test_secrets_that_protect_little_and_none_is_shown(more, words):
    kind = "" if "kind" in more else "kind: gitlab, "
    _, warnings = one(f"{{{kind}topic: t, {more}}}", READ)
    assert any(words in warning for warning in warnings)
    assert not any("hunter2" in warning or LONG in warning for warning in warnings)


def test_a_header_is_a_name():
    assert "is no name of a header" in one(f"{{kind: kibana, topic: t, secret: {LONG}, header: 'a b'}}")[0][0]
