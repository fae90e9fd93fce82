"""Real producers, with the configs of deploy/producers, through Apache Kafka into `floodmark run`."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.record._crecords import default_records

sys.path.insert(0, str(Path(__file__).parent))

import producers
from apache_kafka import free_ports

from floodmark.config.models import Kafka, Limits
from floodmark.decode import decoder
from floodmark.decode.collectd_types import VALUES, kind_of
from floodmark.records import Record
from floodmark.runtime.topics import TopicSpec, create

pytestmark = [pytest.mark.kafka, pytest.mark.producers]

numbers = itertools.count()
HOST = producers.HOST
SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "POST /charge", "kind": 2,
    "status": {"code": 2},
}  # fmt: skip
OTHERS = """
<Plugin write_kafka>
  Property "metadata.broker.list" "kafka:9092"
  <Topic "telemetry.command">
    Format Command
  </Topic>
  <Topic "telemetry.graphite">
    Format Graphite
  </Topic>
</Plugin>
"""


@pytest.fixture(scope="session")
def root():
    return _had(producers.packages, required=os.environ.get("FLOODMARK_REQUIRE_KAFKA") == "1")


@pytest.fixture(scope="session")
def collector(request):
    """The Collector, if it is built already, or if this run is for it."""
    if not producers.collector_is_built() and "otelcol" not in request.config.getoption("markexpr"):
        pytest.skip("the OpenTelemetry Collector is not built; pytest -m otelcol builds it, which takes minutes")
    return _had(producers.collector)


@pytest.fixture
def place(kafka, tmp_path, request):
    """`floodmark run` on deploy/producers/floodmark.yaml, under way. A parameter is the encoding of OTLP."""
    place = Place(kafka, f"producers-{os.getpid()}-{next(numbers)}", tmp_path)
    place.path.write_text(place.path.read_text().replace("otlp_proto", getattr(request, "param", "otlp_proto")))
    with place.running():
        yield place


class Place:
    """The config of deploy/producers with topics of its own, and the process that runs it."""

    def __init__(self, kafka, name, folder):
        self.kafka, self.name, self.folder = kafka, name, folder
        (self.port,) = free_ports(1)
        self.log = folder / "floodmark.log"
        self.path = folder / "floodmark.yaml"
        self.path.write_text(
            producers.configured("floodmark.yaml", kafka, name).replace(
                "kafka:\n", f"kafka:\n  group: {name}\n  start: earliest\n"
            )
            + f"""
topics:
  anomalies: {name}.anomalies
  alerts: {name}.alerts
  dead_letters: {name}.dead-letters
  rekeyed: {name}.rekeyed
state: {{store: {folder / "state"}}}
http: {{port: {self.port}}}
"""
        )

    @contextlib.contextmanager
    def running(self):
        command = [sys.executable, "-m", "floodmark"]
        create = [*command, "topics", "create", "-c", self.path, "--replication", "1", "--partitions", "2"]
        subprocess.run(create, check=True, timeout=300, stdout=subprocess.DEVNULL)
        with self.log.open("wb") as stderr:
            process = subprocess.Popen([*command, "run", "-c", self.path], stderr=stderr)
            try:
                yield
                process.send_signal(signal.SIGTERM)
                assert process.wait(300) == 0
            finally:
                process.kill()
                process.wait()

    def metrics(self, name, topic):
        """The sum of a metric's samples of a topic, by the last label of each."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return Counter()
        found = Counter()
        for line in lines:
            if line.startswith(name + "{") and f'topic="{self.name}.{topic}"' in line:
                labels, _, value = line.rpartition(" ")
                said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                found[said.get("kind") or f"{said['event']}:{said['reason']}".rstrip(":")] += float(value)
        return found

    def events(self, topic):
        return self.metrics("floodmark_task_events_total", topic)

    def series(self, topic):
        return self.metrics("floodmark_task_state", topic)["series"]

    async def hears(self, topic, rounds):
        """Return when as many metrics more have come as all series say in so many rounds."""
        enough = self.events(topic)["signals:metric"] + rounds * self.series(topic)
        await until(lambda: self.events(topic)["signals:metric"] >= enough)

    async def read(self, topic, signal, format):
        """What the topic holds, decoded; and the partitions that it lies on. Nothing of it may be refused."""
        records = []
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, auto_offset_reset="earliest") as consumer:
            parts = [TopicPartition(f"{self.name}.{topic}", part) for part in range(2)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
        inner = decoder(signal, format, Limits())
        told = [(r.partition, inner.decode(Record("in", 0, 0, r.timestamp, r.key, r.value))) for r in records]
        assert [refused for _, decoded in told for refused in decoded.refused] == []
        return [(partition, signal) for partition, decoded in told for signal in decoded.signals]

    async def refused(self):
        """How many dead letters there are."""
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka) as consumer:
            ends = await consumer.end_offsets([TopicPartition(f"{self.name}.dead-letters", part) for part in range(2)])
        return sum(ends.values())


async def until(condition, seconds=300):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)


def _had(what, *, required=False):
    try:
        return what()
    except producers.ProducerUnavailableError as error:
        if required:
            pytest.fail(f"no real producers: {error}")
        pytest.skip(f"no real producers: {error}")


def _series(found):
    return {(metric.name, tuple(sorted(metric.labels.items()))) for _, metric in found}


async def test_collectd(place, root, tmp_path):
    others = OTHERS.replace("kafka:9092", place.kafka).replace("telemetry.", f"{place.name}.")
    topics = {f"{place.name}.{format}": TopicSpec(2, 1) for format in ("command", "graphite")}
    await create(Kafka(brokers=[place.kafka]), topics)
    with producers.collectd(root, place.kafka, place.name, tmp_path, others):
        await until(lambda: place.series("collectd") > 30)
        await place.hears("collectd", rounds=4)
    found = await place.read("collectd", "metric", "collectd_json")
    series = _series(found)
    last = max(metric.time for _, metric in found)  # at first, until collectd knows the leaders, it takes any partition
    assert len({partition for partition, metric in found if metric.time > last - 1.5}) == 1
    assert ("load_shortterm", (("host", HOST),)) in series
    assert ("cpu", (("host", HOST), ("plugin_instance", "0"), ("type_instance", "idle"))) in series
    idle = [m.value for _, m in found if m.name == "cpu" and m.labels.get("type_instance") == "idle"]
    assert None in idle  # the first reading of a counter has no rate
    assert all(0 <= value < 10_000 for value in idle if value is not None)
    await until(lambda: place.events("collectd")["signals:metric"] == len(found))
    assert len(series) <= place.series("collectd") <= 2 * len(series)
    for format in ("command", "graphite"):
        same = await place.read(format, "metric", f"collectd_{format}")
        assert _series(same) == series
        assert {metric.kind for _, metric in same if metric.name in ("cpu", "disk_octets_read")} == {"counter"}
        assert {metric.kind for _, metric in same if metric.name in ("load_midterm", "memory")} == {"gauge"}
    assert await place.refused() == 0


def test_the_kinds_of_collectds_types_are_those_of_its_types_db(root):
    kinds = {"GAUGE": "gauge", "ABSOLUTE": "delta"}
    for line in (root / "usr/share/collectd/types.db").read_text().splitlines():
        type_, _, sources = line.partition("#")[0].strip().partition("\t")
        values = re.findall(r"(\w+):([A-Z]+):", sources)
        assert VALUES.get(type_, ("value",)) == tuple(name for name, _ in values) or not values, line
        for name, kind in values:
            assert kind_of(type_, name) == kinds.get(kind, "counter"), line


async def test_kcat_in_each_compression(place, root, monkeypatch):
    codecs = ("gzip", "lz4", "snappy", "zstd")
    start = int(time.time()) - 100
    for codec in codecs:
        events = [
            {"timestamp": start + i, "name": "queue_depth", "value": i, "labels": {"codec": codec}} for i in range(100)
        ]
        said = "".join(f"{codec}:{json.dumps(event)}\n" for event in events)
        # Time to gather: a batch that compression does not make smaller is sent as it is.
        more = ["-z", codec, "-X", "linger.ms=500"]
        producers.kcat(root, ["-P", "-b", place.kafka, "-t", f"{place.name}.kcat", "-K:", *more], said)
    await until(lambda: place.series("kcat") == len(codecs))
    met = set()
    for codec in codecs:
        inner = getattr(default_records, f"{codec}_decode")
        noting = lambda data, codec=codec, inner=inner: met.add(codec) or inner(data)  # noqa: E731
        monkeypatch.setattr(default_records, f"{codec}_decode", noting)
    found = await place.read("kcat", "metric", "native")
    assert met == set(codecs)  # kcat has compressed, and aiokafka has seen it
    assert Counter(metric.labels["codec"] for _, metric in found) == dict.fromkeys(codecs, 100)
    assert await place.refused() == 0


@pytest.mark.parametrize(
    ("start", "topic", "format"),
    [(producers.rsyslog, "rsyslog", "rsyslog_json"), (producers.syslog_ng, "syslog-ng", "syslogng_json")],
    ids=["rsyslog", "syslog-ng"],
)
async def test_syslog(place, root, tmp_path, start, topic, format):
    now = datetime.now(UTC).replace(microsecond=250_000)
    head = f"1 {now.isoformat()} {HOST} payments 77 - -"
    exact = [
        f'<11>{head} card "4111" declined',
        f"<12>{head} slow:\n\tat Card.charge\n\tat Till.pay",
        f"<14>{head} ",
    ]
    with start(root, place.kafka, place.name, tmp_path, port := free_ports(1)[0]):
        await until(lambda: _listens(port))
        with socket.create_connection(("127.0.0.1", port)) as stream:
            stream.sendall(b"".join(b"%d %s" % (len(line), line.encode()) for line in exact))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(
                f"<26>{time.strftime('%b %e %H:%M:%S')} {HOST} pool[9]: at 90%".encode(), ("127.0.0.1", port)
            )
        await until(lambda: place.events(topic)["signals:log"] >= 4)
    found = await place.read(topic, "log", format)
    ours = [log for _, log in found if log.labels.get("host") == HOST]
    assert {(log.labels["service"], log.severity, log.body) for log in ours} == {
        ("payments", "ERROR", 'card "4111" declined'),
        ("payments", "WARN", "slow:\n\tat Card.charge\n\tat Till.pay"),
        ("payments", "INFO", ""),
        ("pool", "FATAL", "at 90%"),
    }
    assert {log.time for log in ours if log.labels["service"] == "payments"} == {now.timestamp()}
    assert {log.attributes["syslog.facility"] for log in ours} == {"user", "daemon"}
    assert len({partition for partition, log in found if log.labels["service"] == "payments"}) == 1
    assert await place.refused() == 0


def _listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.mark.otelcol
@pytest.mark.timeout(producers.BUILD_SECONDS + 120)
@pytest.mark.parametrize("place", ["otlp_proto", "otlp_json"], indirect=True)
async def test_an_opentelemetry_collector(collector, place, tmp_path, request):
    encoding = request.node.callspec.params["place"]
    (port,) = free_ports(1)
    end = time.time_ns()
    span = SPAN | {"startTimeUnixNano": str(end - 250_000_000), "endTimeUnixNano": str(end)}
    payment = {"attributes": [{"key": "service.name", "value": {"stringValue": "payment"}}]}
    spans = {"resourceSpans": [{"resource": payment, "scopeSpans": [{"spans": [span]}]}]}
    with producers.otelcol(collector, place.kafka, place.name, tmp_path, port, encoding):
        await until(lambda: place.series("metrics") > 20)
        posted = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/traces", json.dumps(spans).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(posted, timeout=30) as answer:
            assert answer.status == 200
        await until(lambda: place.events("rekeyed")["signals:span"] == 1)
        await place.hears("metrics", rounds=2)
    found = await place.read("metrics", "metric", encoding)
    kinds = {metric.name: metric.kind for _, metric in found}
    assert kinds["system.cpu.load_average.1m"] == "gauge"
    assert kinds["system.cpu.time"] == "counter"
    assert kinds["system.memory.usage"] == "gauge"  # a sum that may fall
    assert {metric.labels["host"] for _, metric in found} == {HOST}
    assert len({partition for partition, _ in found}) == 1
    await until(lambda: place.series("metrics") == len(_series(found)))
    ((_, seen),) = await place.read("spans", "span", encoding)
    assert (seen.service, seen.operation, seen.kind, seen.error) == ("payment", "POST /charge", "server", True)
    assert seen.duration == pytest.approx(0.25)
    assert await place.refused() == 0
