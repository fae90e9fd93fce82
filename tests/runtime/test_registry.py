"""The client of a schema registry, against answers as Confluent's API has them."""

import struct

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from floodmark.config.models import SchemaRegistry
from floodmark.decode import schemas_needed
from floodmark.records import Record, Schema
from floodmark.runtime.errors import SchemasAwayError
from floodmark.runtime.registry import AGAIN_SECONDS, Registry

AVRO = '{"type":"record","name":"M","fields":[{"name":"value","type":"double"}]}'
OUTER = '{"type":"record","name":"O","fields":[{"name":"m","type":"M"}]}'
PROTO = (
    'syntax = "proto3"; package x; import "google/protobuf/timestamp.proto"; import "a/inner.proto"; '
    'import "confluent/meta.proto"; message M { google.protobuf.Timestamp at = 1; a.Inner inner = 2 '
    '[(confluent.field_meta) = {doc: "why"}]; }'
)
INNER = 'syntax = "proto3"; package a; message Inner { double value = 1; }'
GUID = "00000000-0000-0000-0000-000000000007"
ANSWERS = {
    "/schemas/ids/1": {"schema": AVRO},
    "/schemas/ids/2": {
        "schema": OUTER,
        "schemaType": "AVRO",
        "references": [{"name": "M", "subject": "m/value", "version": 3}],
    },
    "/schemas/ids/3": {"schema": "{}", "schemaType": "JSON"},
    "/schemas/ids/4": {
        "schema": PROTO,
        "schemaType": "PROTOBUF",
        "references": [{"name": "a/inner.proto", "subject": "inner", "version": 1}],
    },
    "/schemas/ids/5": {"schema": "syntax = nonsense", "schemaType": "PROTOBUF"},
    "/schemas/ids/6": {
        "schema": PROTO,
        "schemaType": "PROTOBUF",
        "references": [{"name": "../inner.proto", "subject": "inner", "version": 1}],
    },
    "/schemas/ids/7": {"schema": AVRO, "references": [{"name": "C", "subject": "circle", "version": 1}]},
    "/subjects/circle/versions/1": {"schema": AVRO, "references": [{"name": "C", "subject": "circle", "version": 1}]},
    f"/schemas/guids/{GUID}": {"schema": AVRO},
    "/subjects/m%2Fvalue/versions/3": {"subject": "m/value", "id": 1, "version": 3, "schema": AVRO},
    "/subjects/inner/versions/1": {
        "subject": "inner",
        "id": 9,
        "version": 1,
        "schema": INNER,
        "schemaType": "PROTOBUF",
    },
}


class Stub:
    """The registry. `broken`: the status of all its answers."""

    def __init__(self):
        self.asked = []
        self.headers = []
        self.broken = None

    async def answer(self, request):
        path = request.raw_path
        self.asked.append(path)
        self.headers.append(request.headers)
        if self.broken is not None:
            return web.Response(status=self.broken, text="<html>")
        if path not in ANSWERS:
            return web.json_response({"error_code": 40403, "message": "Schema not found"}, status=404)
        return web.json_response(ANSWERS[path], content_type="application/vnd.schemaregistry.v1+json")


@pytest.fixture
async def stub():
    made = Stub()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/"))
        yield made


def framed(*numbers):
    return [Record("t", 0, 0, -1, None, b"\0" + struct.pack(">I", number) + b"x") for number in numbers]


def registry(stub, clock=lambda: 0.0, **more):
    return Registry(SchemaRegistry.model_validate({"url": stub.url} | more), schemas_needed, clock)


async def test_a_schema_is_asked_for_once(stub):
    async with registry(stub) as found:
        await found.supply([*framed(1, 1, 3), Record("t", 0, 0, -1, None, b"{}")])
        await found.supply(framed(3, 1))
        assert found.schemas == {1: Schema("AVRO", (AVRO.encode(),)), 3: Schema("JSON")}
    assert sorted(stub.asked) == ["/schemas/ids/1", "/schemas/ids/3"]


async def test_those_that_others_need_come_first(stub):
    async with registry(stub) as found:
        await found.supply(framed(2, 7))
        assert found.schemas[2] == Schema("AVRO", (AVRO.encode(), OUTER.encode()))
        assert found.schemas[7] == Schema("AVRO", (AVRO.encode(), AVRO.encode()))


async def test_an_id_may_be_a_uuid(stub):
    header = ("__value_schema_id", b"\x01" + bytes(15) + b"\x07")
    async with registry(stub) as found:
        await found.supply([Record("t", 0, 0, -1, None, b"x", [header])])
        assert isinstance(found.schemas[GUID], Schema)


async def test_protobuf_is_compiled_with_what_it_imports(stub):
    async with registry(stub) as found:
        await found.supply(framed(4, 5, 6))
        assert found.schemas[4].kind == "PROTOBUF"
        assert len(found.schemas[4].parts) == 5  # descriptor, meta, timestamp, inner, and itself
        assert "does not compile" in found.schemas[5]
        assert "no name of a file" in found.schemas[6]


async def test_what_the_registry_does_not_know_is_asked_for_again_after_a_while(stub):
    now = 0.0
    async with registry(stub, lambda: now) as found:
        await found.supply(framed(99))
        await found.supply(framed(99))
        assert "does not know it" in found.schemas[99]
        assert stub.asked == ["/schemas/ids/99"]
        now = AGAIN_SECONDS
        await found.supply(framed(99))
        assert len(stub.asked) == 2


@pytest.mark.parametrize(
    ("status", "words"), [(500, "answers /schemas/ids/1 with 500"), (200, "no schema"), (401, "refuses us")]
)
async def test_a_registry_that_cannot_answer_is_waited_for(stub, status, words):
    stub.broken = status
    async with registry(stub) as found:
        with pytest.raises(SchemasAwayError, match=words):
            await found.supply(framed(1))
        assert found.schemas == {}
        stub.broken = None
        await found.supply(framed(1))
        assert 1 in found.schemas


async def test_nobody_there():
    settings = SchemaRegistry(url="http://127.0.0.1:1")
    async with Registry(settings, schemas_needed) as found:
        with pytest.raises(SchemasAwayError, match="does not answer"):
            await found.supply(framed(1))


async def test_who_we_are(stub):
    async with registry(stub, username="me", password="secret") as found:
        await found.supply(framed(1))
    async with registry(stub, token="abc") as found:
        await found.supply(framed(1))
    assert [each["Authorization"] for each in stub.headers] == ["Basic bWU6c2VjcmV0", "Bearer abc"]
