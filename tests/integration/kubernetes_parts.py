"""What judges manifests: helm, the definitions of the kinds of others, and a real API server on a real etcd.

helm and the API server are built with Go from their modules, the definitions lie in modules too, and etcd is Debian's.
Each is made the first time, which takes minutes, and kept in the user's cache; none is installed. Nothing here runs
pods: an API server alone refuses what Kubernetes would refuse, by its schemas, defaults and validation.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apache_kafka import free_ports
from cached import CACHE, kept
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from python_programs import ProgramUnavailableError, started
from ruamel.yaml import YAML

HELM = "v4.3.1"
KUBERNETES = "v1.37.2"
_KEDA = "github.com/kedacore/keda/v2@v2.21.0"
DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "ScaledObject": (_KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    **{
        kind: (
            "github.com/prometheus-operator/prometheus-operator@v0.85.0",
            f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml",
        )
        for kind in ("PodMonitor", "PrometheusRule", "ServiceMonitor")
    },
    "HTTPRoute": (
        "sigs.k8s.io/gateway-api@v1.4.0",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
}
"""Of each kind that is not Kubernetes' own: the Go module that has its CustomResourceDefinition, and where."""
_TOKEN = "floodmark-tests"
_HELM = f"helm-{HELM}"
_SCALER = "kafka_scaler.go"
_DEFINITIONS = "kinds-" + "-".join(sorted({module.rsplit("@", 1)[1] for module, _ in DEFINITIONS.values()}))
_SERVER = f"kube-apiserver-{KUBERNETES}"
_ETCD = "etcd-debian"
_SLOW = 3600


class PartUnavailableError(Exception):
    """It cannot be had here; the text is the reason."""


def helm_is_here() -> bool:
    """Whether `helm` takes no time."""
    return (CACHE / _HELM).exists()


def definitions_are_here() -> bool:
    """Whether `definitions` takes no time."""
    return (CACHE / _DEFINITIONS).exists()


def server_is_here() -> bool:
    """Whether `server` takes no time."""
    return (CACHE / _SERVER).exists() and (CACHE / _ETCD).exists()


def helm() -> Path:
    """The program. Raises PartUnavailableError."""

    def build(folder: Path) -> None:
        folder.mkdir()
        _go(
            ["install", "-ldflags=-s -w", f"helm.sh/helm/v4/cmd/helm@{HELM}"],
            folder,
            {"GOBIN": str(folder), "CGO_ENABLED": "0"},
        )

    return kept(_HELM, build) / "helm"


def definitions() -> Mapping[str, Path]:
    """The CustomResourceDefinitions, by kind. Raises PartUnavailableError."""

    def take(folder: Path) -> None:
        folder.mkdir()
        (folder / "go.mod").write_text("module definitions\n")
        for kind, (module, path) in DEFINITIONS.items():
            told = json.loads(_go(["mod", "download", "-json", module], folder, {"GOFLAGS": "-mod=mod"}))
            shutil.copyfile(Path(told["Dir"], path), folder / f"{kind}.yaml")
            if module == _KEDA:
                shutil.copyfile(Path(told["Dir"], "pkg/scalers/kafka_scaler.go"), folder / _SCALER)

    folder = kept(_DEFINITIONS, take)
    return {kind: folder / f"{kind}.yaml" for kind in DEFINITIONS}


def trigger_keys() -> frozenset[str]:
    """What KEDA's scaler of Kafka reads of a trigger's metadata, by its source; its definition leaves that open."""
    source = (definitions()["ScaledObject"].parent / _SCALER).read_text()
    return frozenset(re.findall(r'keda:"name=(\w+),order=triggerMetadata', source))


def schema_of(definition: Path, version: str) -> dict[str, Any]:
    """The JSON Schema of a kind, strict: what it does not name is refused, as `kubectl --validate=strict` does."""
    told = YAML(typ="safe").load(definition)
    (served,) = [each for each in told["spec"]["versions"] if each["name"] == version]
    schema: dict[str, Any] = _strict(served["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(schema: Any) -> Any:
    """Closed, with Kubernetes' own words for JSON Schema put into JSON Schema's."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    open_ = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not open_:
        made["additionalProperties"] = False
    return made


def server() -> tuple[Path, Path]:
    """The API server and etcd. Raises PartUnavailableError."""

    def build(folder: Path) -> None:
        folder.mkdir()
        module = folder / "module"
        module.mkdir()
        (module / "go.mod").write_text("module server\n")
        settings = {"GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
        told = json.loads(_go(["mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}"], module, settings))
        asked = Path(told["Dir"], "go.mod").read_text()
        # Its module has its own parts beside it; as a dependency they must be taken from their released modules.
        parts = {
            *re.findall(r"(k8s\.io/[a-z-]+) => \./staging", asked),
            *re.findall(r"^\t(k8s\.io/[a-z-]+) v0\.0\.0$", asked, re.MULTILINE),
        }
        released = f"v0.{KUBERNETES.split('.', 1)[1]}"
        replaced = "\n".join(f"\t{part} => {part} {released}" for part in sorted(parts))
        version = re.search(r"^go (\S+)$", asked, re.MULTILINE)
        (module / "go.mod").write_text(
            f"module server\n\ngo {version[1] if version else '1.26.0'}\n\n"
            f"require k8s.io/kubernetes {KUBERNETES}\n\nreplace (\n{replaced}\n)\n"
        )
        (module / "server.go").write_text('package server\n\nimport _ "k8s.io/kubernetes/pkg/apis/core"\n')
        program = str(folder / "kube-apiserver")
        _go(
            ["build", "-trimpath", "-ldflags=-s -w", "-o", program, "k8s.io/kubernetes/cmd/kube-apiserver"],
            module,
            settings,
        )
        shutil.rmtree(module)

    def unpack(folder: Path) -> None:
        for name in ("apt-get", "dpkg"):
            if shutil.which(name) is None:
                raise PartUnavailableError(f"etcd is taken from Debian's package, and there is no {name}")
        folder.mkdir()
        _call(["apt-get", "-o", "APT::Sandbox::User=", "download", "etcd-server"], folder)
        for package in folder.glob("*.deb"):
            _call(["dpkg", "-x", str(package), str(folder)], folder)
            package.unlink()

    return kept(_SERVER, build) / "kube-apiserver", kept(_ETCD, unpack) / "usr" / "bin" / "etcd"


class Cluster:
    """An API server that answers."""

    def __init__(self, port: int) -> None:
        self._who = ["--server", f"https://127.0.0.1:{port}", "--insecure-skip-tls-verify", "--token", _TOKEN]

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What kubectl says, right or wrong."""
        return subprocess.run(
            ["kubectl", *self._who, *arguments], capture_output=True, text=True, check=False, timeout=300
        )


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Running while entered. Raises PartUnavailableError."""
    if shutil.which("kubectl") is None:
        raise PartUnavailableError("there is no kubectl on the path")
    program, etcd = server()
    client, peer, port = free_ports(3)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain))
    (folder / "key.pub").write_bytes(
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "tokens").write_text(f'{_TOKEN},admin,1,"system:masters"\n')
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    keeps = [
        *(str(etcd), "--data-dir", str(folder / "etcd"), "--log-level", "error"),
        *("--listen-client-urls", here, "--advertise-client-urls", here, "--listen-peer-urls", there),
        *("--initial-advertise-peer-urls", there, "--initial-cluster", f"default={there}"),
    ]
    serves = [
        *(str(program), "--etcd-servers", here, "--bind-address", "127.0.0.1", "--secure-port", str(port)),
        *("--cert-dir", str(folder / "certs"), "--token-auth-file", str(folder / "tokens")),
        *("--service-account-issuer", "https://floodmark.test", "--authorization-mode", "AlwaysAllow"),
        *("--service-account-signing-key-file", str(folder / "key")),
        *("--service-account-key-file", str(folder / "key.pub")),
        *("--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount"),
    ]
    try:
        with started(keeps, {}, folder / "etcd.log", f"{here}/health"), started(serves, {}, folder / "server.log"):
            running = Cluster(port)
            _until_ready(running, folder / "server.log")
            yield running
    except ProgramUnavailableError as error:
        raise PartUnavailableError(str(error)) from error


def _until_ready(running: Cluster, log: Path) -> None:
    for _ in range(240):
        if running.kubectl("get", "--raw", "/readyz").stdout == "ok":
            return
    raise PartUnavailableError(f"the API server does not come up: {log.read_text(errors='replace')[-500:]}")


def _go(arguments: Sequence[str], folder: Path, settings: Mapping[str, str]) -> str:
    go = shutil.which("go")
    if go is None:
        raise PartUnavailableError("there is no go on the path to build it with")
    return _call([go, *arguments], folder, settings)


def _call(command: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | dict(settings or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SLOW,
    )
    if done.returncode:
        raise PartUnavailableError(f"{' '.join(command[:4])} …: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
