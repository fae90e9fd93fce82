"""What is wrong with the settings of a schema registry is told where it stands."""

import pytest

from floodmark.config.loader import ConfigError, load


def problems(tmp_path, text):
    path = tmp_path / "floodmark.yaml"
    path.write_text(f"schema_registry: {text}\n")
    try:
        load(path)
    except ConfigError as error:
        return [str(each) for each in error.problems]
    return []


@pytest.mark.parametrize(
    "text",
    [
        "{url: 'http://registry:8081'}",
        "{url: 'https://registry/apis/ccompat/v7', username: a, password: b, ca_file: ca.pem}",
        "{url: 'https://registry', token: t, cert_file: c.pem, key_file: k.pem}",
    ],
)
def test_sound(tmp_path, text):
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{url: 'registry:8081'}", "https://registry:8081"),
        ("{url: 'http://me:secret@registry'}", "set username and password instead"),
        ("{url: 'http://registry', username: a}", "username needs password"),
        ("{url: 'http://registry', cert_file: a}", "cert_file needs key_file"),
        ("{url: 'http://registry', username: a, password: b, token: c}", "leave one of them out"),
        ("{username: a, password: b}", "url"),
    ],
)
def test_mistakes(tmp_path, text, words):
    [told] = problems(tmp_path, text)
    assert words in told
    assert ":1:" in told
    assert "secret@" not in told
