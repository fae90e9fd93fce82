"""The description of the topics: complete, consistent in itself, and sound by AsyncAPI's own schema."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from floodmark.cli.asyncapi import asyncapi
from floodmark.cli.schemas import all_schemas
from floodmark.config.models import Topics
from floodmark.decode import native_schemas
from floodmark.events import TYPES, body_schemas
from floodmark.letters import HEADERS


@pytest.fixture(scope="module")
def document():
    return json.loads(all_schemas()["asyncapi.json"])


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_every_reference_leads_somewhere(document):
    files = all_schemas()
    found = list(references(document))
    assert found
    for each in found:
        if each.startswith("./"):
            assert each[2:] in files
            continue
        place = document
        for part in each.removeprefix("#/").split("/"):
            place = place[part]


def test_every_topic_is_a_channel_with_who_writes_and_who_reads(document):
    defaults = Topics().model_dump()
    channels, operations = document["channels"], document["operations"]
    assert {name: channels[name]["address"] for name in defaults} == defaults
    assert channels["feedback"]["address"] == "floodmark.feedback"
    assert {f"input-{signal}" for signal in native_schemas()} <= set(channels)
    for name in defaults:
        assert operations[f"write-{name}"]["action"] == "send"
        for word in ("Retention:", "Written by", "Read by", "Key:"):
            assert word in channels[name]["description"]
    used = {each["channel"]["$ref"].rpartition("/")[2] for each in operations.values()}
    assert used == set(channels)


def test_every_type_is_a_message_of_a_topic(document):
    messages = {each["name"]: name for name, each in document["components"]["messages"].items()}
    assert set(TYPES) <= set(messages)
    used = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert used == set(document["components"]["messages"])
    described = {ref for ref in references(document["components"]) if ref.startswith("./")}
    assert {f"./{stem}.schema.json" for stem in body_schemas()} <= described
    for kind in TYPES:
        headers = document["components"]["messages"][messages[kind]]["headers"]
        assert headers["properties"]["ce_type"]["const"] == kind


def test_what_a_dead_letter_says_is_described(document):
    headers = document["components"]["messages"]["dead-letter"]["headers"]["properties"]
    assert set(headers) == set(HEADERS)


def test_it_is_the_same_each_time():
    assert asyncapi() == asyncapi()


def test_it_is_sound_by_asyncapis_own_schema(document):
    folder = os.environ.get("FLOODMARK_ASYNCAPI")
    if not folder:
        pytest.skip("FLOODMARK_ASYNCAPI names no folder with AsyncAPI's schemas (npm's @asyncapi/specs)")
    (path,) = Path(folder).rglob("3.0.0-without-$id.json")
    jsonschema.Draft7Validator(json.loads(path.read_text())).validate(document)
