"""The image of deploy/Dockerfile, built and run; and a Kafka in a container, as the other tests would take it.

Only `pytest -m image` does this: bases are made first, since no registry is asked, and it takes five minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from apache_kafka import jars, java_binary
from container_engine import ContainerEngine, EngineUnavailableError
from kafka_container import IMAGE, in_docker

ROOT = Path(__file__).parents[2]
LOCKED_IN = ("--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--ulimit=nofile=1024:1024")

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def engine() -> Iterator[ContainerEngine]:
    try:
        with ContainerEngine.start() as started:
            yield started
    except EngineUnavailableError as error:
        pytest.skip(f"no container engine: {error}")


@pytest.fixture(scope="module")
def bases(engine: ContainerEngine) -> tuple[str, str]:
    return engine.python_bases()


@pytest.fixture(scope="module")
def image(engine: ContainerEngine, bases: tuple[str, str]) -> str:
    build, run = bases
    engine.run(
        *("build", "--network=host", "--ulimit=nofile=1024:1024", "-f", "deploy/Dockerfile", "-t", "floodmark-test"),
        *("--build-arg", f"BUILD={build}", "--build-arg", f"BASE={run}", str(ROOT)),
        seconds=3000,
    )
    return "floodmark-test"


def test_it_is_small_runs_as_nobody_in_particular_and_says_whether_it_is_well(engine: ContainerEngine, image: str):
    (facts,) = json.loads(engine.run("image", "inspect", image).stdout)
    assert facts["Size"] < 450_000_000
    assert facts["Config"]["User"] == "10001:10001"
    assert facts["Config"]["Healthcheck"]["Test"][:2] == ["CMD", "/usr/bin/python3"]
    assert list(facts["Config"]["Volumes"]) == ["/var/lib/floodmark"]


def test_it_checks_a_config_on_a_root_that_cannot_be_written(engine: ContainerEngine, image: str):
    config = ROOT / "deploy" / "floodmark.example.yaml"
    mounted = f"--volume={config}:/etc/floodmark/floodmark.yaml:ro"
    done = engine.run("run", "--rm", *LOCKED_IN, mounted, image, "check")
    assert "metrics" in done.stdout


def test_its_core_is_compiled_already(engine: ContainerEngine, image: str):
    probe = (
        "import floodmark.detect.bank.kernel as kernel, numba.core.config as config, pathlib;"
        "assert list(pathlib.Path(config.CACHE_DIR).rglob('*.nbi')), config.CACHE_DIR;"
        "assert config.CACHE_DIR.startswith('/tmp/')"
    )
    engine.run("run", "--rm", *LOCKED_IN, "--entrypoint=/usr/bin/python3", image, "-c", probe)


def test_it_runs_the_demo(engine: ContainerEngine, image: str):
    done = engine.run("run", "--rm", *LOCKED_IN, image, "demo", seconds=1800)
    assert "Scoreboard" in done.stdout


async def test_the_kafka_of_the_other_tests_can_be_a_container(
    engine: ContainerEngine, bases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    """In an image of that name which is made here, of Kafka's jars and this machine's Java."""
    home = Path(os.path.realpath(java_binary())).parents[1]
    context = engine.folder / "kafka"
    shutil.copytree(
        home, context / "java", ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns("*.zip", "jmods", "man")
    )
    shutil.copytree(jars(), context / "libs")
    (context / "start.py").write_text(_START)
    (context / "Dockerfile").write_text(
        f'FROM {bases[0]}\nCOPY . /opt/kafka\nENTRYPOINT ["python3", "/opt/kafka/start.py"]\n'
    )
    engine.run("build", "--network=host", "--ulimit=nofile=1024:1024", "-t", IMAGE, str(context))
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    monkeypatch.setenv(
        "TESTCONTAINERS_RYUK_DISABLED", "true"
    )  # its image cannot be had; `in_docker` ends what it began
    with in_docker() as brokers:
        producer = AIOKafkaProducer(bootstrap_servers=brokers)
        await producer.start()
        try:
            written = await producer.send_and_wait("t", b"x") if await _made("t", brokers) else None
        finally:
            await producer.stop()
        assert written is not None
        assert written.offset == 0
        assert "kafka" in engine.run("ps", "--format", "{{.Image}}").stdout
    assert engine.run("ps", "--quiet").stdout == ""


async def _made(topic: str, brokers: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
        return topic in await admin.list_topics()
    finally:
        await admin.close()


_START = """# As the official image starts: KAFKA_A_B is a.b in server.properties.
import os, subprocess

names = [name for name in os.environ if name.startswith("KAFKA_")]
lines = [f"{name[6:].lower().replace('_', '.')}={os.environ[name]}" for name in names]
with open("/tmp/server.properties", "w") as file:
    file.write("\\n".join([*lines, "log.dirs=/tmp/kafka"]))
java = ["/opt/kafka/java/bin/java", "-Xmx512m", "-cp", "/opt/kafka/libs/*"]
storage = [*java, "kafka.tools.StorageTool", "format", "-t", "FloodmarkTestsCluster0", "-c"]
subprocess.run([*storage, "/tmp/server.properties"], check=True)
os.execv(java[0], [*java, "kafka.Kafka", "/tmp/server.properties"])
"""
