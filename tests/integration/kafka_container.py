"""Apache Kafka in a container, by testcontainers, where a Docker engine is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from apache_kafka import KafkaUnavailableError, free_ports, wait_until_answering

IMAGE = "apache/kafka:4.1.0"


@contextlib.contextmanager
def in_docker() -> Iterator[str]:
    """Its bootstrap servers while entered. Raises KafkaUnavailableError, with the reason.

    An engine without a bridge network cannot publish ports: the container then has the network of the host.
    """
    host = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if host.scheme in ("unix", "tcp"):  # asked here, for docker's own client leaves a socket open when it fails
        family = socket.AF_UNIX if host.scheme == "unix" else socket.AF_INET
        with socket.socket(family) as asking:
            asking.settimeout(5)
            try:
                asking.connect(host.path if host.scheme == "unix" else (host.hostname, host.port))
            except OSError as error:
                raise KafkaUnavailableError(f"no engine at {host.geturl()} ({error.strerror})") from error
    try:
        import docker
        from docker.errors import DockerException
        from docker.types import Ulimit
        from testcontainers.core.container import DockerContainer
    except ImportError as error:
        raise KafkaUnavailableError(f"{error.name} is not installed") from error
    try:
        client = docker.from_env()
        bridged = bool(client.networks.list(names=["^bridge$"]))
        client.close()
    except DockerException as error:
        raise KafkaUnavailableError(f"the engine does not answer ({str(error)[:100]})") from error
    port, controller = free_ports(2)
    inner = 9092 if bridged else port
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@localhost:{controller}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{inner},CONTROLLER://:{controller}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    }
    container = DockerContainer(IMAGE).with_kwargs(ulimits=[Ulimit(name="nofile", soft=1024, hard=1024)])
    container = container.with_bind_ports(inner, port) if bridged else container.with_kwargs(network_mode="host")
    for name, value in settings.items():
        container = container.with_env(name, value)
    try:
        container.start()
    except DockerException as error:
        raise KafkaUnavailableError(f"{IMAGE} does not start ({str(error)[:100]})") from error
    try:
        wait_until_answering(port, lambda: True)
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()
