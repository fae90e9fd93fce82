"""Real systems that post to the gateway: Debian's Prometheus and Alertmanager, MLflow from PyPI.

Each is fetched the first time and kept in the user's cache; none is installed. A context that starts one is entered
when it answers, and ends it when it is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cached import CACHE, kept

START_SECONDS = 300
MLFLOW = "3.17.2"
_DEBIAN = "monitoring-debian"
_MLFLOW = f"mlflow-{MLFLOW}-{sys.version_info[0]}.{sys.version_info[1]}"


class SenderUnavailableError(Exception):
    """It cannot be had here; the text is the reason."""


def has_debians() -> bool:
    """Whether Prometheus and Alertmanager take no time."""
    return (CACHE / _DEBIAN).exists()


def has_mlflow() -> bool:
    """Whether MLflow takes no time."""
    return (CACHE / _MLFLOW).exists()


def debians() -> Path:
    """The root of unpacked packages. Raises SenderUnavailableError."""

    def make(root: Path) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise SenderUnavailableError("Prometheus and Alertmanager are taken from Debian's packages")
        debs = root.parent / "debs"
        debs.mkdir()
        _call(["apt-get", "-o", "APT::Sandbox::User=", "download", "prometheus", "prometheus-alertmanager"], debs)
        for deb in debs.glob("*.deb"):
            _call(["dpkg", "-x", str(deb), str(root)], debs)

    return kept(_DEBIAN, make)


def mlflow_home() -> Path:
    """A virtual environment with MLflow. Raises SenderUnavailableError."""

    def make(home: Path) -> None:
        _call([sys.executable, "-m", "venv", "--without-pip", str(home)], home.parent)
        target = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        asked = [f"mlflow=={MLFLOW}"]
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        tool = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
        more = ["--python", str(home / "bin" / "python")] if uv else ["--target", str(target)]
        _call([*tool, "install", "-q", *more, *asked], home.parent)

    return kept(_MLFLOW, make)


@contextlib.contextmanager
def prometheus(root: Path, config: str, folder: Path, port: int) -> Iterator[str]:
    """Running on a configuration; the value is its URL."""
    (folder / "prometheus.yml").write_text(config)
    command = [
        str(root / "usr/bin/prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, folder / "prometheus.log", f"http://127.0.0.1:{port}/-/ready") as url:
        yield url.removesuffix("/-/ready")


@contextlib.contextmanager
def alertmanager(root: Path, config: str, folder: Path, port: int) -> Iterator[str]:
    """Running on a configuration; the value is its URL. It insists on a file under /usr/share, so this needs root."""
    if os.geteuid():
        raise SenderUnavailableError("Alertmanager wants its templates in /usr/share: it needs root")
    (folder / "alertmanager.yml").write_text(config)
    templates = root / "usr/share/prometheus/alertmanager"
    share = "/usr/share/prometheus"
    script = (
        f"mkdir -p {share} && mount -t tmpfs t {share} && cp -r {templates.parent}/. {share}/ && "
        f"exec {root}/usr/bin/prometheus-alertmanager --config.file {folder}/alertmanager.yml "
        f"--storage.path {folder}/data --web.listen-address 127.0.0.1:{port} --cluster.listen-address="
    )
    command = ["unshare", "-m", "sh", "-c", script]
    with _running(command, folder / "alertmanager.log", f"http://127.0.0.1:{port}/-/ready") as url:
        yield url.removesuffix("/-/ready")


@contextlib.contextmanager
def mlflow(home: Path, folder: Path, port: int) -> Iterator[str]:
    """A server with a store of its own; the value is its URL."""
    python = str(home / "bin" / "python")
    code = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
    key = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    command = [
        *(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")),
    ]
    settings = {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": key,
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
    }
    with _running(command, folder / "mlflow.log", f"http://127.0.0.1:{port}/health", settings) as url:
        yield url.removesuffix("/health")


def ask(url: str, body: Any = None, method: str = "POST") -> Any:
    """The JSON of an answer; of a POST that has a body in JSON."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, ready: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | dict(settings or {}), start_new_session=True
        )
        try:
            until = time.monotonic() + START_SECONDS
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > until:
                    raise SenderUnavailableError(f"{command[0]} does not come up: {log.read_text()[-1000:]}")
                time.sleep(0.2)
            yield ready
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _call(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SenderUnavailableError(f"{' '.join(command[:4])} …: {done.stderr[-500:]}")
