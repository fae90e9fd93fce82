"""Apache Kafka itself, one process, KRaft: the released jars from Maven Central on this machine's Java (17 or newer).

    with ApacheKafka.start() as kafka:
        ...  # kafka.bootstrap

    python tests/integration/apache_kafka.py          # runs until Ctrl-C, prints the bootstrap servers

It needs only the standard library, `java` and, the first time, `mvn`; the jars (43 MB) stay in the user's cache folder.
The broker dies with its parent, however that ends: a shell between them kills it when the parent's pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cached import CACHE, kept

POM = Path(__file__).with_name("kafka-pom.xml")
START_SECONDS = 180
USER, PASSWORD = "floodmark", "a-secret-of-the-tests"

_chance = random.SystemRandom()  # a seed of the tests must not give two processes the same ports
_KEEPER = '"$@" & java=$!; echo $java; exec >&-; read _; kill $java; wait $java'


class KafkaUnavailableError(Exception):
    """Kafka cannot be run here; the text is the reason."""


@dataclass(frozen=True)
class ApacheKafka:
    """A running broker: `bootstrap` speaks PLAINTEXT, `sasl` SASL_PLAINTEXT with PLAIN as USER and PASSWORD.

    `listeners` are the bootstrap servers of the further listeners that `start` was told of, by their names.
    """

    bootstrap: str
    sasl: str
    _process: _Process
    listeners: Mapping[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut would; its data stays, and nothing answers until `restart`."""
        self._process.end()

    def restart(self) -> None:
        """Run it again on the same data and ports. Raises KafkaUnavailableError."""
        self._process.begin()

    @staticmethod
    @contextlib.contextmanager
    def start(
        properties: Mapping[str, str] | None = None,
        heap: str = "512m",
        *,
        listeners: Mapping[str, str] | None = None,
        scram: Sequence[str] = (),
        system: Mapping[str, str] | None = None,
    ) -> Iterator[ApacheKafka]:
        """Run a broker while entered. `properties` are added to server.properties.

        `listeners` are further ones, name → security protocol; their settings are `properties` that begin with
        listener.name.NAME. `scram` are users as `kafka-storage.sh format --add-scram` takes them, `system` properties
        of the JVM.

        Raises KafkaUnavailableError if there is no Java 17, no jars, or it does not come up.
        """
        java = java_binary()
        classpath = f"{jars()}/*"
        plain, sasl, controller, *more = free_ports(3 + len(listeners or {}))
        named = dict(zip(listeners or {}, more, strict=True))
        with tempfile.TemporaryDirectory(prefix="floodmark-kafka-", ignore_cleanup_errors=True) as folder:
            config = Path(folder, "server.properties")
            lines = _properties(folder, plain, sasl, controller, listeners or {}, named) | dict(properties or {})
            config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
            log = Path(folder, "out.log")
            with log.open("wb") as out:
                cluster = "FloodmarkTestsCluster0"  # any 22 characters of base64
                formatting = [
                    java,
                    "-cp",
                    classpath,
                    "kafka.tools.StorageTool",
                    "format",
                    "-t",
                    cluster,
                    "-c",
                    str(config),
                    *(part for user in scram for part in ("--add-scram", user)),
                ]
                if subprocess.run(formatting, stdout=out, stderr=out, check=False).returncode:
                    raise KafkaUnavailableError(f"Kafka's storage cannot be formatted: {log.read_text()[-500:]}")
            options = [f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError"]
            options += [f"-D{key}={value}" for key, value in (system or {}).items()]
            process = _Process([java, *options, "-cp", classpath, "kafka.Kafka", str(config)], log, plain)
            try:
                process.begin()
                addresses = {name: f"127.0.0.1:{port}" for name, port in named.items()}
                yield ApacheKafka(f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}", process, addresses)
            finally:
                process.end()  # its data goes too: no reason to wait for a clean shutdown


class _Process:
    """The broker's process, under a shell that outlives us just long enough to kill it."""

    def __init__(self, command: list[str], log: Path, port: int) -> None:
        self.pid = 0
        self._command = command
        self._log = log
        self._port = port
        self._keeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start, and return once it answers. Raises KafkaUnavailableError."""
        with self._log.open("ab") as out:
            keeper = self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,  # a Ctrl-C is for us; we end it in order
            )
        assert keeper.stdout is not None
        self.pid = int(keeper.stdout.readline())
        keeper.stdout.close()
        wait_until_answering(self._port, lambda: _alive(self.pid), self._log)

    def end(self) -> None:
        """Kill it, if it runs."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()


def java_binary() -> str:
    """The path of a Java of version 17 or newer. Raises KafkaUnavailableError."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise KafkaUnavailableError("no java on the path")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        raise KafkaUnavailableError(f"{java} is {version[1] if version else 'of unknown version'}; Kafka needs 17")
    return java


def jars() -> Path:
    """The folder with Kafka's jars, fetched the first time. Raises KafkaUnavailableError."""
    version = re.search(r"<kafka.version>(.+?)<", POM.read_text())
    assert version is not None
    name = f"kafka-{version[1]}"

    def fetch(folder: Path) -> None:
        mvn = shutil.which("mvn")
        if mvn is None:
            raise KafkaUnavailableError(f"no mvn on the path to fetch Kafka {version[1]}, and no {CACHE / name}")
        done = subprocess.run(
            [mvn, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailableError(f"mvn cannot fetch Kafka {version[1]}: {(done.stdout + done.stderr)[-500:]}")

    return kept(name, fetch)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and that the system gives to no connection (those begin at 32768)."""
    found: list[int] = []
    while len(found) < count:
        port = _chance.randrange(10_000, 32_768)
        with socket.socket() as asking, contextlib.suppress(OSError):
            asking.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found


def wait_until_answering(port: int, alive: Callable[[], bool], log: Path | None = None) -> None:
    """Return when a broker on `port` answers an ApiVersions request. Raises KafkaUnavailableError."""
    # size, api key 18, version 0, correlation id 1, client id null: https://kafka.apache.org/protocol#protocol_messages
    request = struct.pack(">ihhih", 10, 18, 0, 1, -1)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and alive():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
            asking.sendall(request)
            if len(asking.recv(4)) == 4:
                return
        time.sleep(0.1)
    said = log.read_text()[-500:] if log else ""
    raise KafkaUnavailableError(f"Kafka does not answer on port {port} after {START_SECONDS} s, or died: {said}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _properties(
    folder: str, plain: int, sasl: int, controller: int, listeners: Mapping[str, str], more: Mapping[str, int]
) -> dict[str, str]:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    protocols = {"PLAINTEXT": "PLAINTEXT", "SASL": "SASL_PLAINTEXT", "CONTROLLER": "PLAINTEXT", **listeners}
    ports = {"PLAINTEXT": plain, "SASL": sasl, "CONTROLLER": controller, **more}
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": f'{module} required user_{USER}="{PASSWORD}";',
        "log.dirs": f"{folder}/data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), ApacheKafka.start() as kafka:
        sys.stdout.write(f"{kafka.bootstrap}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    try:
        main()
    except KafkaUnavailableError as error:
        sys.exit(f"Kafka cannot be run here: {error}")
