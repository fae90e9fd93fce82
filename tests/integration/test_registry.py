"""Framed values through `floodmark run`, on Apache Kafka and Apicurio's registry: each is read, or refused in words."""

import asyncio
import contextlib
import io
import json
import os
import time
import urllib.error
import urllib.request
from functools import partial

import fastavro
import pytest
from apache_kafka import free_ports
from apicurio import RegistryUnavailableError, apicurio, is_fetched
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessages
from test_end_to_end import answer, create_topics, read_until, running, send, stopped, until

pytestmark = [pytest.mark.kafka, pytest.mark.registry]

AVRO = {
    "type": "record",
    "name": "Sample",
    "fields": [
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "name", "type": "string"},
        {"name": "value", "type": "double"},
    ],
}
PROTO = 'syntax = "proto3"; package shop; message Sample { int64 timestamp = 1; string name = 2; double value = 3; }'
JSON = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'
SAMPLE = GetMessages(
    [
        FileDescriptorProto(
            name="s",
            syntax="proto3",
            message_type=[
                {
                    "name": "Sample",
                    "field": [
                        {"name": "timestamp", "number": 1, "type": 3, "label": 1},
                        {"name": "name", "number": 2, "type": 9, "label": 1},
                        {"name": "value", "number": 3, "type": 1, "label": 1},
                    ],
                }
            ],
        )
    ]
)["Sample"]


def config(kafka, name, port, url, store):
    return f"""\
kafka: {{brokers: ["{kafka}"], group: {name}, start: earliest}}
state: {{store: {store}}}
schema_registry: {{url: "{url}"}}
inputs:
  - {{topic: {name}.metrics, signal: metric}}
topics: {{anomalies: {name}.anomalies, alerts: {name}.alerts, dead_letters: {name}.dead-letters}}
correlate: {{idle: 2s}}
http: {{port: {port}}}
"""


def registered(url, subject, **schema):
    request = urllib.request.Request(
        f"{url}/subjects/{subject}/versions", json.dumps(schema).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["id"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from None


def framed(number, data):
    return b"\0" + number.to_bytes(4, "big") + data


def avro(row):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), row)
    return out.getvalue()


async def through(port, reader, writer):
    """One connection of a door to the registry, which is opened when that knows its schemas."""
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source, target):
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        target.close()

    await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))


async def test_framed_values_wait_for_the_registry_and_are_read(kafka, tmp_path, request):
    if not is_fetched() and "registry" not in request.config.getoption("markexpr").split():
        pytest.skip("Apicurio's registry is not fetched; pytest -m registry fetches it (60 MB)")
    name = f"registry-{os.getpid()}"
    port, theirs, door = free_ports(3)
    path = tmp_path / "floodmark.yaml"
    path.write_text(config(kafka, name, port, f"http://127.0.0.1:{door}/apis/ccompat/v7", tmp_path / "state"))
    await create_topics(path)
    now = int(time.time() * 1000) - 60_000
    row = {"timestamp": now, "name": "cpu", "value": 0.5}
    proto = b"\0" + SAMPLE(**row).SerializeToString()
    values = [framed(1, avro(row)), framed(2, proto), framed(3, json.dumps(row).encode()), framed(99, b"\x02x")]
    await send(kafka, f"{name}.metrics", *values)
    with running(path) as (process, log):
        ready = f"http://127.0.0.1:{port}/readyz"

        async def waits():
            return "schema registry" in (await answer(ready))[1]

        await until(waits)
        try:
            with apicurio(theirs, tmp_path) as url:
                told = [
                    await asyncio.to_thread(registered, url, "avro", schemaType="AVRO", schema=json.dumps(AVRO)),
                    await asyncio.to_thread(registered, url, "proto", schemaType="PROTOBUF", schema=PROTO),
                    await asyncio.to_thread(registered, url, "json", schemaType="JSON", schema=JSON),
                ]
                assert told == [1, 2, 3]
                opened = await asyncio.start_server(partial(through, theirs), "127.0.0.1", door)
                letters = await read_until(kafka, f"{name}.dead-letters", bool)

                async def counted():
                    lines = (await answer(f"http://127.0.0.1:{port}/metrics"))[1].splitlines()
                    taken = [each for each in lines if 'event="signals"' in each and 'reason="metric"' in each]
                    return sum(float(each.rpartition(" ")[2]) for each in taken) == 3

                await until(counted)
                opened.close()
        except RegistryUnavailableError as error:
            pytest.skip(str(error))
        assert await stopped(process) == 0, log.read_text()
    [letter] = letters
    headers = dict(letter.headers)
    assert letter.value == values[3]
    assert headers["floodmark.error"] == b"unknown_schema"
    assert b"does not know it" in headers["floodmark.message"]
