"""A real Apache Kafka for the session, wherever it can be had.

In this order: FLOODMARK_TEST_BROKERS (bootstrap servers of a running one), a Docker engine, the released jars on this
machine's Java. Else the tests that need it are skipped with the reason of each; FLOODMARK_REQUIRE_KAFKA=1 fails them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import senders
from apache_kafka import ApacheKafka, KafkaUnavailableError, free_ports
from credentials import Credentials
from kafka_container import in_docker
from object_store import ObjectStore, ObjectStoreUnavailableError


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several processes (pytest-xdist with loadgroup) each keeps the tests of a file together that share a Kafka.

    Those that start their own go anywhere.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "mlflow_server" in names:  # it starts for most of a minute: once
            item.add_marker(pytest.mark.xdist_group("test_gateway_senders"))
        elif "kafka_server" in names:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def kafka(kafka_server: str | ApacheKafka) -> str:
    """Bootstrap servers of a real Apache Kafka that does not create topics by use."""
    return kafka_server if isinstance(kafka_server, str) else kafka_server.bootstrap


@pytest.fixture(scope="session")
def kafka_sasl(kafka_server: str | ApacheKafka) -> str:
    """Bootstrap servers of its SASL_PLAINTEXT listener; only the broker that we run ourselves has one."""
    if isinstance(kafka_server, str):
        pytest.skip("only a broker of our own has a SASL listener that we know")
    return kafka_server.sasl


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """What our own broker and its clients know each other by."""
    return Credentials.make(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="session")
def listeners(kafka_server: str | ApacheKafka) -> Mapping[str, str]:
    """Bootstrap servers of the protected listeners TLS, MTLS, SASLTLS and OAUTH; only our own broker has them."""
    if isinstance(kafka_server, str):
        pytest.skip("only a broker of our own has listeners with certificates that we know")
    return kafka_server.listeners


@pytest.fixture(scope="session")
def kafka_server(credentials: Credentials) -> Iterator[str | ApacheKafka]:
    if brokers := os.environ.get("FLOODMARK_TEST_BROKERS"):
        yield brokers
        return
    with contextlib.ExitStack() as stack:
        reasons = ["FLOODMARK_TEST_BROKERS is not set"]
        for way, start in (("Docker", in_docker), ("jars", partial(ApacheKafka.start, **credentials.broker()))):
            try:
                server = stack.enter_context(start())
            except KafkaUnavailableError as error:
                reasons.append(f"{way}: {error}")
            else:
                break
        else:
            reason = "no Apache Kafka: " + "; ".join(reasons)
            if os.environ.get("FLOODMARK_REQUIRE_KAFKA") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """A bucket on a real S3 server: FLOODMARK_TEST_S3, or one that is built here with Go.

    Else the tests that need it are skipped with the reason; FLOODMARK_REQUIRE_S3=1 fails them.
    """
    if url := os.environ.get("FLOODMARK_TEST_S3"):
        yield ObjectStore.of(url)
        return
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(ObjectStore.start())
        except ObjectStoreUnavailableError as error:
            reason = f"no S3 server: FLOODMARK_TEST_S3 is not set; {error}"
            if os.environ.get("FLOODMARK_REQUIRE_S3") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        yield store


@pytest.fixture(scope="session")
def mlflow_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow, if it is here already, or if this run is for it; FLOODMARK_REQUIRE_SENDERS=1 fails
    what would be skipped."""
    if not senders.has_mlflow() and "mlflow" not in str(request.config.getoption("markexpr")):
        pytest.skip("MLflow is not here; pytest -m mlflow fetches it, which takes minutes")
    (port,) = free_ports(1)
    with contextlib.ExitStack() as stack:
        try:
            home = senders.mlflow_home()
            url = stack.enter_context(senders.mlflow(home, tmp_path_factory.mktemp("mlflow"), port))
        except senders.SenderUnavailableError as error:
            if os.environ.get("FLOODMARK_REQUIRE_SENDERS") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield url
