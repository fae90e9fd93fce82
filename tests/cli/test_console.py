"""`floodmark console token` and `password`: what the config is given fits what was shown; and the API's document."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.cli.schemas import all_schemas
from floodmark.console.auth.passwords import fits
from floodmark.console.routes import BASE, ROUTES

SCHEMAS = Path(__file__).parents[2] / "schemas"


def call(*args, input=None):
    return CliRunner().invoke(app, ["console", *args], input=input)


def test_a_token_is_shown_alone_and_the_config_has_its_hash():
    ran = call("token")
    assert ran.exit_code == 0
    secret = ran.stdout.strip()
    assert secret.startswith("fm_")
    assert hashlib.sha256(secret.encode()).hexdigest() in ran.stderr
    assert secret not in ran.stderr
    assert call("token").stdout.strip() != secret


def test_a_password_is_hashed_and_not_shown():
    ran = call("password", input="correct horse\n")
    assert ran.exit_code == 0
    assert fits("correct horse", ran.stdout.strip())
    assert "correct horse" not in ran.output


@pytest.mark.parametrize("given", ["", "\n", "seven77\n"])
def test_a_short_password_is_refused(given):
    ran = call("password", input=given)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "eight characters" in ran.stderr


def test_the_document_of_the_api_is_what_the_code_says():
    written = all_schemas()["openapi.json"]
    assert (SCHEMAS / "openapi.json").read_bytes() == written
    paths = {path.removeprefix(BASE): methods for path, methods in json.loads(written)["paths"].items()}
    for route in ROUTES:
        assert route.method.lower() in paths[route.path]
