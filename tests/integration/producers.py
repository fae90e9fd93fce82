"""Producers that others have written, as others run them, with the configs of deploy/producers.

    with collectd(packages(), kafka, names, folder):
        ...

collectd, kcat, rsyslog and syslog-ng are Debian's packages. They are downloaded and unpacked into the user's cache
folder (5 MB; 15 MB of package lists are read and thrown away): nothing is installed, and root is not needed. The
OpenTelemetry Collector is built by its own builder, which needs `go` and takes minutes. A producer dies with its
parent, however that ends: a shell between them ends it when the parent's pipe closes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cached import CACHE, kept

CONFIGS = Path(__file__).parents[2] / "deploy" / "producers"
HOST = "web-1"
BUILD_SECONDS = 1800

_PACKAGES = (
    ("collectd-core", "librdkafka1", "libyajl2"),
    ("kcat",),
    ("rsyslog", "rsyslog-kafka"),
    ("syslog-ng-core", "syslog-ng-mod-rdkafka"),
)
"""What is downloaded together; rsyslog and syslog-ng exclude each other."""
_COLLECTOR = CONFIGS / "otelcol-builder.yaml"
_KEEPER = '"$@" & producer=$!; read _; kill $producer; wait $producer'


class ProducerUnavailableError(Exception):
    """A producer cannot be had here; the text is the reason."""


def packages() -> Path:
    """The folder that holds Debian's packages as `/` would, fetched the first time.

    Raises ProducerUnavailableError if this is not Debian, or its mirror cannot be reached.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise ProducerUnavailableError("no apt-get on the path: this is not Debian")
    names = hashlib.blake2b(repr(_PACKAGES).encode(), digest_size=4).hexdigest()
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)

    def unpack(root: Path) -> None:
        state, archives = root.parent / "state", root.parent / "cache" / "archives"
        for needed in (state / "lists" / "partial", archives / "partial", root):
            needed.mkdir(parents=True)
        settings = {
            "Dir::State": state,
            "Dir::State::status": "/var/lib/dpkg/status",  # what is installed already is not fetched
            "Dir::Cache": archives.parent,
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": "",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        apt = ["apt-get", "-q", "-y", *(f"-o{key}={value}" for key, value in settings.items())]
        _call([*apt, "update"])
        for together in _PACKAGES:
            _call([*apt, "--download-only", "--reinstall", "install", *together])
        for archive in archives.glob("*.deb"):
            _call(["dpkg", "-x", str(archive), str(root)])

    return kept(f"producers-{release[1] if release else 'unknown'}-{names}", unpack)


def collector() -> Path:
    """The OpenTelemetry Collector, built the first time. Raises ProducerUnavailableError."""
    builder = re.search(r"go install (\S+)", _COLLECTOR.read_text())
    assert builder is not None

    def build(program: Path) -> None:
        go = shutil.which("go")
        if go is None:
            raise ProducerUnavailableError(f"no go on the path to build the Collector, and no {CACHE / program.name}")
        folder = str(program.parent)
        settings = os.environ | {"GOBIN": folder, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
        _call([go, "install", builder[1]], settings)
        _call([f"{folder}/builder", "--config", str(_COLLECTOR)], settings, folder)
        Path(folder, "otelcol", "otelcol").rename(program)

    return kept(_collector_name(), build)


def collector_is_built() -> bool:
    """Whether `collector` takes no time."""
    return (CACHE / _collector_name()).exists()


def _collector_name() -> str:
    return f"otelcol-{hashlib.blake2b(_COLLECTOR.read_bytes(), digest_size=4).hexdigest()}"


def configured(name: str, kafka: str, prefix: str) -> str:
    """The text of a config of deploy/producers, for the broker at hand and topics of our own."""
    return (CONFIGS / name).read_text().replace("kafka:9092", kafka).replace("telemetry.", f"{prefix}.")


@contextlib.contextmanager
def collectd(root: Path, kafka: str, prefix: str, folder: Path, more: str = "") -> Iterator[None]:
    """collectd, of host `HOST`, once a second. `more` is further config."""
    _write(folder / "floodmark.conf", configured("collectd.conf", kafka, prefix))
    main = f"""\
        Hostname "{HOST}"
        Interval 1
        BaseDir "{folder}"
        PIDFile "{folder}/collectd.pid"
        PluginDir "{root}/usr/lib/collectd"
        TypesDB "{root}/usr/share/collectd/types.db"
        Include "{folder}/floodmark.conf"
        """
    config = _write(folder / "collectd.conf", textwrap.dedent(main) + more)
    with _running([root / "usr/sbin/collectd", "-f", "-C", config], folder / "collectd.log", libraries(root)):
        yield


@contextlib.contextmanager
def rsyslog(root: Path, kafka: str, prefix: str, folder: Path, port: int) -> Iterator[None]:
    """rsyslog, which takes lines on a port, by TCP and UDP."""
    _write(folder / "floodmark.conf", configured("rsyslog.conf", kafka, prefix))
    main = f"""\
        global(workDirectory="{folder}")
        module(load="imtcp")
        module(load="imudp")
        input(type="imtcp" address="127.0.0.1" port="{port}")
        input(type="imudp" address="127.0.0.1" port="{port}")
        include(file="{folder}/floodmark.conf")
        """
    config = _write(folder / "rsyslog.conf", main)
    (modules,) = root.glob("usr/lib/*/rsyslog")
    command = [root / "usr/sbin/rsyslogd", "-n", "-M", modules, "-f", config, "-i", folder / "rsyslog.pid"]
    with _running(command, folder / "rsyslog.log", libraries(root)):
        yield


@contextlib.contextmanager
def syslog_ng(root: Path, kafka: str, prefix: str, folder: Path, port: int) -> Iterator[None]:
    """syslog-ng, which takes lines on a port: RFC 5424 in counted frames by TCP, RFC 3164 by UDP."""
    _write(folder / "floodmark.conf", configured("syslog-ng.conf", kafka, prefix))
    (modules,) = root.glob("usr/lib/syslog-ng/[0-9]*")
    main = f"""\
        @version: {modules.name}
        options {{ keep-hostname(yes); }};
        source s_src {{
            syslog(ip("127.0.0.1") port({port}) transport("tcp"));
            network(ip("127.0.0.1") port({port}) transport("udp"));
        }};
        @include "{folder}/floodmark.conf"
        """
    config = _write(folder / "syslog-ng.conf", main)
    places = ("-R", folder / "persist", "-p", folder / "syslog-ng.pid", "-c", folder / "control")
    command = [root / "usr/sbin/syslog-ng", "-F", "--no-caps", f"--module-path={modules}", "-f", config, *places]
    with _running(command, folder / "syslog-ng.log", libraries(root)):
        yield


@contextlib.contextmanager
def otelcol(program: Path, kafka: str, prefix: str, folder: Path, port: int, encoding: str) -> Iterator[None]:
    """The Collector, of host `HOST`, once a second; spans are taken by HTTP on a port."""
    config = configured("otelcol.yaml", kafka, prefix).replace("otlp_proto", encoding)
    config = config.replace("collection_interval: 10s", "collection_interval: 1s").replace(":4318", f":{port}")
    path = _write(folder / "otelcol.yaml", config)
    with _running([program, "--config", path], folder / "otelcol.log", {"HOSTNAME": HOST}):
        yield


def kcat(root: Path, arguments: Sequence[str], said: str) -> None:
    """kcat, with text as its input."""
    command = [str(root / "usr/bin/kcat"), *arguments]
    done = subprocess.run(
        command, input=said, text=True, env=os.environ | libraries(root), capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def libraries(root: Path) -> dict[str, str]:
    """The environment in which unpacked programs find their unpacked libraries."""
    folders = [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*"), root / "usr/lib/syslog-ng"]
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


@contextlib.contextmanager
def _running(command: Sequence[object], log: Path, settings: Mapping[str, str]) -> Iterator[None]:
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=os.environ | settings,
            start_new_session=True,  # a Ctrl-C is for us; we end it in order
        )
    assert keeper.stdin is not None
    try:
        yield
    finally:
        keeper.stdin.close()
        keeper.wait(300)


def _call(command: Sequence[str], settings: Mapping[str, str] | None = None, folder: str | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(settings or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ProducerUnavailableError(f"{' '.join(command)} has not ended in {BUILD_SECONDS} s") from error
    if done.returncode:
        raise ProducerUnavailableError(f"{' '.join(command)} says: {(done.stdout + done.stderr)[-500:]}")


def _write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    return path
