import re

import jsonschema
import pytest
from ruamel.yaml import YAML

from floodmark.config.loader import load
from floodmark.config.quantities import Budget, Duration, Size, budget, budget_in_words, duration, size
from floodmark.config.reference import human, json_schema, markdown_reference
from floodmark.config.shape import fields_of, sections, shape_of


def valid(text):
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(YAML(typ="safe").load(text))


def test_every_key_is_described():
    for path, model in sections():
        for name, info in fields_of(model).items():
            assert info.description, f"{path}.{name}"
            assert f"| `{name}` |" in markdown_reference()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "inputs: [{topic: a, signal: metric}]",
        "inputs: [{topic: '${T}', signal: '${S}'}]",
        "http: {port: '${PORT:-1}', enabled: '${E}'}",
        "logs: {window: 1m}\nlimits: {message: 1MB}\ndetectors: [{false_alarms: 1/week}]",
        "logs: {window: '${W}'}\nlimits: {message: '${M}'}\ndetectors: [{false_alarms: '${B}'}]",
    ],
)
def test_the_schema_takes_what_the_loader_takes(tmp_path, text):
    assert valid(text)
    path = tmp_path / "c.yaml"
    path.write_text(text)
    load(path, {"T": "t", "S": "log", "E": "no", "PORT": "2", "W": "5s", "M": "1MB", "B": "1/day"})


@pytest.mark.parametrize(
    "text",
    [
        "nope: 1",
        "inputs: [{topic: a}]",
        "inputs: [{topic: a, signal: x}]",
        "http: {port: high}",
        "logs: {window: soon}",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text):
    assert not valid(text)


def test_defaults_satisfy_the_schema():
    schema = json_schema()
    for definition in schema["$defs"].values():
        for name, prop in definition.get("properties", {}).items():
            if "default" in prop:
                validator = jsonschema.Draft202012Validator({**prop, "$defs": schema["$defs"]})
                assert validator.is_valid(prop["default"]), name


@pytest.mark.parametrize(
    ("annotation", "value", "text", "parse"),
    [
        (Duration, 30.0, "30s", duration),
        (Duration, 120.0, "2m", duration),
        (Duration, 90.0, "90s", duration),
        (Duration, 604800.0, "7d", duration),
        (Duration, 0.25, "250ms", duration),
        (Duration, 0.0, "0s", duration),
        (Budget, 1 / 604800, "1/week", budget),
        (Budget, 1 / 86400, "1/day", budget),
        (Budget, 3 / 86400, "3/day", budget),
        (Budget, 0.5 / 2592000, "0.5/month", budget),
        (Size, 8_000_000, "8MB", size),
        (Size, 65_536, "64KiB", size),
        (Size, 1001, "1001", size),
    ],
)
def test_quantities_are_written_as_people_write_them(annotation, value, text, parse):
    assert human(value, shape_of(annotation)) == text
    assert parse(text) == pytest.approx(value)


def test_the_page_reads_well():
    page = markdown_reference()
    assert "| `false_alarms` | alert budget | `1/day` | How often each series may be odd by chance." in page
    assert "| `lateness` | duration | `30s` |" in page
    assert "| `window` | duration ≥ 1s | `1m` |" in page
    assert "| `topic` | text that is not empty | *required* | Name of the topic. |" in page
    anchors = {re.sub(r"[^a-z0-9_-]", "", h.lower()) for h in re.findall(r"^## (.*)$", page, re.MULTILINE)}
    assert set(re.findall(r"\(#([^)]*)\)", page)) <= anchors
    assert all(line.count("|") - line.count("\\|") == 5 for line in page.splitlines() if line.startswith("|"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/hour", "once an hour"),
        ("1/day", "once a day"),
        ("3/day", "3 times a day"),
        ("1/week", "once a week"),
        ("2/month", "twice a month"),
        ("1/month", "once a month"),
        ("0.7/month", "once a month"),
        ("0.5/month", "once in 2 months"),
        ("0.01/month", "once in 100 months"),
        ("90/hour", "90 times an hour"),
    ],
)
def test_a_budget_is_said_as_people_say_it(text, words):
    assert budget_in_words(budget(text)) == words
