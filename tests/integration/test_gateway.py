"""`floodmark gateway` as an operator has it, on an Apache Kafka that goes away and comes back."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from apache_kafka import ApacheKafka, KafkaUnavailableError
from gateway_process import SECRET, Place

pytestmark = pytest.mark.kafka


@pytest.fixture
def own_kafka():
    """A broker that a test may stop."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(ApacheKafka.start())
        except KafkaUnavailableError as error:
            if os.environ.get("FLOODMARK_REQUIRE_KAFKA") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield server


def bearer():
    return {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}


async def test_nothing_is_lost_and_each_body_is_once_though_kafka_goes_away(own_kafka, tmp_path):
    place = Place(own_kafka.bootstrap, tmp_path)
    place.create_topics()
    posted, statuses, stop = [], [], asyncio.Event()

    async def sender(session, number):
        """As Alertmanager does it: comes again until it is taken, and its bodies name no id."""
        count = 0
        while not stop.is_set():
            body = json.dumps({"sender": number, "count": count}).encode()
            while True:
                status, headers = await place.post(session, "alertmanager", body, bearer())
                statuses.append(status)
                if status == 200:
                    break
                assert (status, int(headers["Retry-After"]) > 0) == (503, True)
                await asyncio.sleep(0.2)
            posted.append(body)
            count += 1
            await asyncio.sleep(0.01)

    with place.running():
        async with aiohttp.ClientSession() as session:
            await place.ready(session)
            senders = [asyncio.create_task(sender(session, number)) for number in range(4)]
            await asyncio.sleep(2)
            for end, begin in (
                (own_kafka.kill, own_kafka.restart),
                (lambda: os.kill(own_kafka.pid, signal.SIGSTOP), lambda: os.kill(own_kafka.pid, signal.SIGCONT)),
            ):
                end()
                await place.ready(session, 503)
                before = len(posted)
                await asyncio.sleep(5)
                assert len(posted) - before <= 4  # what Kafka had taken before it went
                await asyncio.to_thread(begin)
                await place.ready(session)
                await asyncio.sleep(2)
            stop.set()
            await asyncio.gather(*senders)
    records = await place.read("alarms", len(posted))
    assert 503 in statuses
    found = [record.value for record in records]
    assert set(found) == set(posted)
    assert len(found) == len(posted)
    assert {record.key for record in records} == {b"alertmanager"}
    for number in range(4):  # and in their order
        own = [body["count"] for body in map(json.loads, found) if body["sender"] == number]
        assert own == sorted(own)
    assert len(place.said("Kafka is back")) == 2


async def test_sources_of_each_way_a_rotation_and_a_topic_that_is_not_there(kafka, tmp_path):
    place = Place(kafka, tmp_path)
    place.create_topics()
    event = b'{"object_kind": "deployment"}'
    with place.running() as process:
        async with aiohttp.ClientSession() as session:
            await place.ready(session)
            hook = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Deployment Hook", "Idempotency-Key": "k-1"}
            assert [(await place.post(session, "gitlab", event, hook))[0] for _ in range(3)] == [200] * 3
            now = str(int(time.time()))
            mac = hmac.new(SECRET.encode(), f"d-1.{now}.".encode() + b"{}", hashlib.sha256).digest()
            signed = {"X-MLflow-Delivery-Id": "d-1", "X-MLflow-Timestamp": now}
            signed["X-MLflow-Signature"] = "v1," + base64.b64encode(mac).decode()
            assert (await place.post(session, "mlflow", b"{}", signed))[0] == 200
            assert (await place.post(session, "mlflow", b"{ }", signed))[0] == 401
            place.secret.write_text("another-secret-of-these-tests")
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(60):
                while (await place.post(session, "gitlab", event, hook | {"Idempotency-Key": "k-2"}))[0] != 401:
                    await asyncio.sleep(0.1)
            hook |= {"X-Gitlab-Token": "another-secret-of-these-tests", "Idempotency-Key": "k-3"}
            assert (await place.post(session, "gitlab", event, hook))[0] == 200
            hook |= {"Idempotency-Key": "k-4"}  # larger than the topic takes, unless it is packed well
            assert (await place.post(session, "gitlab", io.BytesIO(os.urandom(2_000_000)), hook))[0] == 413
            assert (await place.post(session, "gitlab", io.BytesIO(bytes(2_000_000)), hook))[0] == 200
            place.write("    other: {kind: docker, topic: not-there, open: true}\n")
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(60):
                while not place.said("not-there does not exist"):
                    await asyncio.sleep(0.1)
            assert (await place.post(session, "gitlab", event, hook))[0] == 200  # the config before stays in use
    records = await place.read("deployments", 3)
    assert [len(record.value) for record in records].count(2_000_000) == 1
    ids = [dict(record.headers)["idempotency-key"] for record in records]
    assert ids[0] == b"k-1"
    assert ids.count(b"k-1") == ids.count(b"k-3") == 1
    assert dict(records[0].headers)["x-gitlab-event"] == b"Deployment Hook"
    (model,) = await place.read("models")
    assert (model.value, dict(model.headers)["floodmark-kind"]) == (b"{}", b"mlflow")
    assert SECRET not in place.log.read_text()
    assert "another-secret" not in place.log.read_text()


async def test_a_topic_that_is_not_there_ends_it_with_what_to_do(kafka, tmp_path):
    place = Place(kafka, tmp_path)
    place.path.write_text(place.path.read_text().replace("deployments", "never-created"))
    found = subprocess.run(place.command("gateway"), check=False, timeout=120, capture_output=True, text=True)
    assert found.returncode == 1
    assert "does not exist" in found.stderr or "do not exist" in found.stderr
    assert "floodmark topics create" in found.stderr
