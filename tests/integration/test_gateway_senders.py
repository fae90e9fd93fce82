"""Real senders to `floodmark gateway`, and what the engine's decoders make of what they sent."""

import asyncio
import os
import sys
import time
import urllib.request
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import senders
from apache_kafka import free_ports
from gateway_process import SECRET, Place

from floodmark.config.models import Limits
from floodmark.decode.prometheus_remote_write import RemoteWriteDecoder
from floodmark.records import Record

pytestmark = [pytest.mark.kafka, pytest.mark.senders]


def had(make):
    """What is made, or a skip with the reason; a failure where it is required."""
    try:
        return make()
    except senders.SenderUnavailableError as error:
        if os.environ.get("FLOODMARK_REQUIRE_SENDERS") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def debians(request):
    """Prometheus and Alertmanager, if they are here already, or if this run is for them."""
    if not senders.has_debians() and "senders" not in request.config.getoption("markexpr"):
        pytest.skip("Prometheus is not here; pytest -m senders fetches it")
    return had(senders.debians)


async def first(place, topic, enough=bool, seconds=180):
    """The records of a topic, once they are enough."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        records = await place.read(topic, seconds=5)
        if enough(records):
            return records
    raise AssertionError(f"not enough on {topic}: {place.log.read_text()[-2000:]}")


async def metrics(place):
    async with aiohttp.ClientSession() as session, session.get(f"{place.url}/metrics") as answer:
        return await answer.text()


async def test_prometheus_writes_by_way_of_the_gateway(kafka, tmp_path, debians):
    place = Place(kafka, tmp_path, {"prometheus_remote_write": "metrics"})
    place.create_topics()
    (port,) = free_ports(1)
    config = f"""\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - url: {place.url}/prometheus_remote_write
    authorization: {{credentials_file: {place.secret}}}
    queue_config: {{batch_send_deadline: 1s}}
"""
    with place.running():
        async with aiohttp.ClientSession() as session:
            await place.ready(session)
        with senders.prometheus(debians, config, tmp_path, port) as url:
            records = await first(place, "metrics", lambda found: len(found) > 3)
            with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
                own = answer.read().decode()
        counted = await metrics(place)
    headers = dict(records[0].headers)
    assert headers["content-encoding"] == b"snappy"
    assert headers["x-prometheus-remote-write-version"] == b"0.1.0"
    assert all(record.key is None for record in records)
    decoder, signals = RemoteWriteDecoder(Limits()), []
    for offset, record in enumerate(records):
        read = Record("metrics", 0, offset, record.timestamp, None, record.value, tuple(record.headers))
        decoded = decoder.decode(read)
        assert decoded.refused == []
        signals += decoded.signals
    names = {signal.name for signal in signals}
    assert {"up", "prometheus_build_info", "scrape_duration_seconds"} <= names
    assert {signal.labels["job"] for signal in signals} == {"itself"}
    assert 'result="refused"' not in counted
    assert "prometheus_remote_storage_samples_failed_total" in own
    failed = [line for line in own.splitlines() if line.startswith("prometheus_remote_storage_samples_failed_total")]
    assert [float(line.rpartition(" ")[2]) for line in failed] == [0.0]


async def test_alertmanager_tells_what_fires_and_what_is_over(kafka, tmp_path, debians):
    place = Place(kafka, tmp_path, {"alertmanager": "alarms"})
    place.create_topics()
    (port,) = free_ports(1)
    config = f"""\
route: {{receiver: floodmark, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: floodmark
    webhook_configs:
      - url: {place.url}/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {place.secret}}}}}
"""

    def alert(**more):
        labels = {"alertname": "HighErrorRate", "service": "payment", "severity": "critical"}
        return [{"labels": labels, "annotations": {"summary": 'many "5xx"'}, **more}]

    with place.running():
        async with aiohttp.ClientSession() as session:
            await place.ready(session)
        try:
            with senders.alertmanager(debians, config, tmp_path, port) as url:
                await asyncio.to_thread(senders.ask, f"{url}/api/v2/alerts", alert())
                await first(place, "alarms")
                over = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                await asyncio.to_thread(senders.ask, f"{url}/api/v2/alerts", alert(endsAt=over))
                records = await first(
                    place, "alarms", lambda found: any(b'"status":"resolved"' in each.value for each in found)
                )
        except senders.SenderUnavailableError as error:
            pytest.skip(str(error))
    assert b'"status":"firing"' in records[0].value
    assert b'"version":"4"' in records[0].value
    assert {record.key for record in records} == {b"alertmanager"}
    assert SECRET not in place.log.read_text()


@pytest.mark.mlflow
async def test_mlflow_signs_what_the_gateway_takes(kafka, tmp_path, mlflow_server):
    place = Place(kafka, tmp_path, {"mlflow": "models"})
    place.create_topics()
    with place.running():
        async with aiohttp.ClientSession() as session:
            await place.ready(session)

        def ask(path, **body):
            return senders.ask(f"{mlflow_server}/api/2.0/mlflow/{path}", body)

        events = [
            {"entity": "MODEL_VERSION", "action": "CREATED"},
            {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
        ]
        for name, secret in (("ours", SECRET), ("other", "another secret than ours")):
            ask("webhooks", name=name, url=f"{place.url}/mlflow", secret=secret, events=events)
        ask("registered-models/create", name="signed")
        run = ask("runs/create", experiment_id="0")["run"]["info"]
        ask("model-versions/create", name="signed", source=f"{run['artifact_uri']}/model", run_id=run["run_id"])
        ask("registered-models/alias", name="signed", alias="champion", version="1")
        records = await first(place, "models", lambda found: len(found) >= 2)
        await asyncio.sleep(1)
        counted = await metrics(place)
    bodies = sorted(record.value for record in records)
    assert len(bodies) == 2
    assert b"model_version_alias" in bodies[0] + bodies[1]
    assert all(b"signed" in body for body in bodies)
    assert len({dict(record.headers)["x-mlflow-delivery-id"] for record in records}) == 2
    assert 'floodmark_gateway_requests_total{reason="",result="taken",source="mlflow"} 2.0' in counted
    assert 'reason="forged",result="refused",source="mlflow"' in counted
    assert SECRET not in place.log.read_text()
