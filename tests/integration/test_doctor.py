"""`floodmark doctor` and `floodmark init` against Apache Kafka itself: what is well, and each thing that is not."""

import asyncio
import itertools
import json
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from credentials import GUEST
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.config.models import Config, Kafka
from floodmark.diagnose.sampling import sample
from floodmark.flow.local import LocalFlow
from floodmark.runtime.connection import connection
from floodmark.runtime.topics import TopicSpec, create

pytestmark = pytest.mark.kafka

numbers = itertools.count()


@pytest.fixture
def name():
    """A prefix of topics and groups that no other test uses."""
    return f"doctor{next(numbers)}"


def call(*arguments):
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.output
    return ran


def fill(brokers, topics, partitions=3, **config):
    """Make the topics and write to each its records: (key, value), or values alone, whose key is k."""

    async def work():
        kafka = Kafka(brokers=[brokers])
        reports = await create(kafka, {topic: TopicSpec(partitions, 1, config) for topic in topics})
        assert {report.outcome for report in reports} == {"created"}
        async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
            for topic, records in topics.items():
                for number, record in enumerate(records):
                    key, value = record if isinstance(record, tuple) else (b"k", record)
                    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
                    at = None if key else number % partitions
                    await producer.send_and_wait(topic, sent, key, at)

    asyncio.run(work())


def written(tmp_path, brokers, name, *inputs, **more):
    """A config whose topics are all its own."""
    streams = ("anomalies", "alerts", "dead_letters", "model_events", "rekeyed")
    config = {
        "kafka": {"brokers": [brokers], "group": name},
        "inputs": list(inputs),
        "topics": {stream: f"{name}.{stream}" for stream in streams},
        "state": {"store": str(tmp_path / "state")},
        "http": {"enabled": False},
        **more,
    }
    path = tmp_path / "floodmark.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def findings(path, *options):
    ran = call("doctor", "-c", path, "--json", *options)
    said = json.loads(ran.stdout)
    assert ran.exit_code == (1 if said["problem"] else 0)
    return said["findings"]


def metric(host, ahead=0.0):
    return {"timestamp": time.time() + ahead, "name": "cpu", "value": 1, "labels": {"host": host}}


def test_all_is_well(kafka, tmp_path, name):
    fill(kafka, {f"{name}-in": [(host.encode(), metric(host)) for host in "abcabc"]})
    path = written(tmp_path, kafka, name, {"topic": f"{name}-in", "signal": "metric"})
    assert call("topics", "create", "-c", path).exit_code == 0
    found = findings(path)
    assert {f["mark"] for f in found if f["part"] != "engine"} == {"ok"}
    assert Counter(f["part"] for f in found) == {
        "Kafka": 1, "topics": 4, "rights": 3, "inputs": 1, "clocks": 1, "state": 1, "engine": 1,
    }  # fmt: skip
    assert "3 series of a, b, c" in next(f["words"] for f in found if f["part"] == "inputs")
    assert not (tmp_path / "state").exists()
    ran = call("doctor", "-c", path)
    assert "0 problems, 0 warnings, 11 ok, 1 could not be looked at." in ran.stdout
    assert "\x1b" not in ran.stdout


def test_each_thing_that_is_wrong_is_said_and_stops_no_other(kafka, tmp_path, name):
    broken = [b'{"timestamp": 1, "password": "hunter2", bro'] * 3
    skewed = [(host.encode(), metric(host, 600 if host == "fast" else 0)) for host in ("fast", "right") * 3]
    keyless = [(None, metric(host)) for host in "aaabbb"]
    fill(kafka, {f"{name}-{what}": records for what, records in
                 {"broken": broken, "skewed": skewed, "keyless": keyless, "empty": []}.items()})  # fmt: skip
    fill(kafka, {f"{name}.anomalies": [], f"{name}.dead_letters": []}, **{"cleanup.policy": "compact"})
    fill(kafka, {f"{name}-short": [metric("a")]}, **{"retention.ms": "7200000"})
    kinds = ("broken", "skewed", "keyless", "empty", "short", "missing")
    path = written(tmp_path, kafka, name, *({"topic": f"{name}-{kind}", "signal": "metric"} for kind in kinds))
    found = {}
    for each in findings(path, "--records", "50"):
        found.setdefault((each["part"], each["where"].removeprefix(f"{name}-").removeprefix(f"{name}.")), []).append(
            each
        )

    def said(part, where, mark):
        return " ".join(
            f"{f['words']} {f.get('todo', '')} {f.get('more', '')}" for f in found[part, where] if f["mark"] == mark
        )

    assert "3 events (100%) would be refused" in said("inputs", "broken", "problem")
    assert "hunter2" not in str(found)
    assert "fast is 10 min ahead" in said("clocks", "skewed", "warning")
    assert "right" not in said("clocks", "skewed", "warning")
    assert "2 of 2 series come on several partitions" in said("inputs", "keyless", "problem")
    assert "rekey: true" in said("inputs", "keyless", "problem")
    assert "is empty" in said("inputs", "empty", "warning")
    assert "kept for 2 h, and a first start learns from the last 6 h" in said("topics", "short", "warning")
    assert "there is no such topic" in said("topics", "missing", "problem")
    assert "cannot be sampled" in said("inputs", "missing", "unknown")
    assert "is compacted" in said("topics", "anomalies", "problem")
    assert "floodmark topics create" in said("topics", "alerts", "problem")


def test_what_a_user_may_not_do_is_said_with_what_grants_it(listeners, credentials, kafka, tmp_path, name):
    fill(kafka, {f"{name}-in": [metric("a")]})
    security = credentials.sasl("PLAIN", GUEST)
    more = {"kafka": {"brokers": [listeners["SASLTLS"]], "group": name, "security": security}}
    found = findings(written(tmp_path, kafka, name, {"topic": f"{name}-in", "signal": "metric"}, **more))
    refused = {f["where"]: f["todo"] for f in found if f["part"] == "rights"}
    grant = f"--add --allow-principal User:{GUEST}"
    assert refused[f"topic {name}-in"].endswith(f"{grant} --operation Read --operation Describe --topic {name}-in")
    assert refused[f"group {name}-detect"].endswith(f"{grant} --operation Read --group {name}-detect")
    assert f"--transactional-id {name}" in refused[f"transactional id {name}-detect-{name}-in-0"]
    assert [f["mark"] for f in found if f["part"] == "Kafka"] == ["ok"]
    assert security["password"] not in str(found)


async def grant(kafka, command):
    """What the command of Kafka's tools would do that doctor shows; one ACL for each of its operations."""
    words = command.split()
    kinds, operations = {"--topic": 2, "--group": 3, "--transactional-id": 5}, {"Read": 3, "Write": 4, "Describe": 8}
    kind = next(word for word in kinds if word in words)
    pattern = 4 if "prefixed" in words else 3
    principal, name = words[words.index("--allow-principal") + 1], words[words.index(kind) + 1]
    async with connection(Kafka(brokers=[kafka])) as connected:
        for operation in (words[n + 1] for n, word in enumerate(words) if word == "--operation"):
            one = CreateAclsRequest(kinds[kind], name, pattern, principal, "*", operations[operation], 3)
            await connected.send(one)


def test_who_grants_what_is_said_may_do_all_that_is_needed(listeners, credentials, kafka, tmp_path, name):
    fill(kafka, {f"{name}-in": [metric("a")], f"{name}.rekeyed": [], f"{name}.anomalies": [], f"{name}.alerts": [],
                 f"{name}.dead_letters": []})  # fmt: skip
    more = {"kafka": {"brokers": [listeners["SASLTLS"]], "group": name, "security": credentials.sasl("PLAIN", GUEST)}}
    path = written(tmp_path, kafka, name, {"topic": f"{name}-in", "signal": "metric", "rekey": True}, **more)

    asyncio.run(grant(kafka, f"--allow-principal User:{GUEST} --operation Describe --topic {name}-in"))
    # What is told of the topic is then no longer that it may not be seen, but which right lacks.
    found = wait_for(
        lambda: findings(path), lambda found: rights(found)[f"topic {name}-in"]["words"].endswith("lacks READ")
    )
    for finding in rights(found).values():
        asyncio.run(grant(kafka, finding["todo"]))
    found = wait_for(lambda: findings(path), lambda found: {f["mark"] for f in rights(found).values()} == {"ok"})
    assert [f["mark"] for f in found if f["part"] == "inputs"] == ["ok"]


def rights(found):
    return {f["where"]: f for f in found if f["part"] == "rights"}


def wait_for(look, enough):
    """What is seen, once it is enough: an ACL takes a moment to be known everywhere."""
    for _ in range(60):
        if enough(found := look()):
            return found
        time.sleep(0.5)
    pytest.fail(f"this stays: {found}")


def test_a_wrong_password_is_one_sentence(listeners, credentials, kafka, tmp_path, name):
    security = credentials.sasl("PLAIN", password="wr0ng-pw")
    more = {"kafka": {"brokers": [listeners["SASLTLS"]], "security": security}}
    found = findings(written(tmp_path, kafka, name, {"topic": f"{name}-in", "signal": "metric"}, **more))
    assert [f["mark"] for f in found if f["part"] == "Kafka"] == ["problem"]
    assert "wr0ng-pw" not in str(found)


def test_asking_leaves_nothing_behind(kafka, tmp_path, name):
    fill(kafka, {f"{name}-in": [metric("a")]})
    path = written(
        tmp_path, kafka, name, {"topic": f"{name}-in", "signal": "metric"}, {"topic": f"{name}-no", "signal": "log"}
    )
    findings(path)

    async def look():
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            return [group for group, *_ in await admin.list_consumer_groups()], await admin.list_topics()
        finally:
            await admin.close()

    groups, topics = asyncio.run(look())
    assert not [group for group in groups if group.startswith(name)]
    assert [topic for topic in topics if topic.startswith(name)] == [f"{name}-in"]


def test_a_sample_is_the_newest_of_each_partition(kafka, name):
    fill(kafka, {f"{name}-in": [(None, {"n": number}) for number in range(30)]})

    async def look():
        return await sample(Config().kafka.model_copy(update={"brokers": [kafka]}), {f"{name}-in": 3}, 4, 20)

    found = asyncio.run(look())[f"{name}-in"]
    assert [json.loads(record.value)["n"] for record in found.records] == [
        number for first in range(3) for number in range(18 + first, 30, 3)
    ]
    assert found.held == 30


def test_init_writes_a_config_that_is_right_and_decodes(kafka, tmp_path, monkeypatch, name):
    now = time.time()
    iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    topics = {
        "influx": [(None, f"cpu,host=web-{n % 2} usage={n} {int(now * 1e9)}".encode()) for n in range(12)],
        "syslog": [f"<34>1 {iso} web-1 nginx 12 - - upstream {n} failed".encode() for n in range(12)],
        "own": [{"lvl": "error", "time": iso, "msg": f"order {n} failed", "app": "cart"} for n in range(12)],
        "wide": [{"ts": now, "device_id": f"d{n % 2}", "temperature": 20.5 + n, "humidity": n} for n in range(12)],
        "odd": [b"\0\0\0\0\x07binary"] * 3,
        "void": [],
    }
    fill(kafka, {f"{name}.{what}": records for what, records in topics.items()})
    monkeypatch.chdir(tmp_path)
    ran = call("init", "--brokers", kafka, "--topics", ",".join(f"{name}.{what}" for what in topics))
    assert ran.exit_code == 0, ran.output
    assert f"{name}.odd is not read: the values are framed by a schema registry (schema 7)" in ran.stdout
    assert f"{name}.void is not read: it is empty" in ran.stdout
    assert call("check").exit_code == 0
    assert call("init", "--brokers", kafka).exit_code == 1  # it is there already
    some = call("init", "--brokers", kafka, "--topics", f"{name}.*l*", "--out", "-").stdout
    assert [line.split()[-1] for line in some.splitlines() if line.startswith("  - topic: ")] == [
        f"{name}.influx", f"{name}.syslog",
    ]  # fmt: skip

    config = load(tmp_path / "floodmark.yaml")
    read = {source.topic.removeprefix(f"{name}."): source for source in config.inputs}
    assert {what: (source.signal, source.format, source.rekey) for what, source in read.items()} == {
        "influx": ("metric", "telegraf_influx", True),
        "own": ("log", "json", False),
        "syslog": ("log", "syslog", False),
        "wide": ("metric", "json", False),
    }

    async def look():
        return await sample(config.kafka, {source.topic: 3 for source in config.inputs}, 100, 20)

    flow = LocalFlow(config, partitions={source.topic: 3 for source in config.inputs})
    outputs = [out for found in asyncio.run(look()).values() for out in flow.process(found.records)]
    assert not [out for out in outputs if out.stream == "dead_letters"]
    text = (tmp_path / "floodmark.yaml").read_text()
    assert f"# {name}.odd: the values are framed" in text


def test_init_of_a_topic_that_is_not_there(kafka, tmp_path, name):
    fill(kafka, {f"{name}-metrics": []})
    ran = call("init", "--brokers", kafka, "--topics", f"{name}-metricz", "--out", tmp_path / "f.yaml")
    assert ran.exit_code == 1
    assert f"did you mean '{name}-metrics'?" in " ".join(ran.stderr.split())
    assert not (tmp_path / "f.yaml").exists()
