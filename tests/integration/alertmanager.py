"""Prometheus Alertmanager, as Debian packages it, unpacked and not installed.

    with alertmanager(port, folder) as url:
        ...  # url/api/v2/alerts

It needs `apt-get` and its archive the first time (the program stays in the user's cache folder), and to be root, for
Debian's build insists on a template below /usr/share: that is given to it alone, in a mount namespace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cached import kept

START_SECONDS = 60
_PACKAGE = "prometheus-alertmanager"
_TEMPLATES = "usr/share/prometheus/alertmanager"
_KEEPER = '"$@" & am=$!; read _; kill $am; wait $am'
_CONFIG = """
route: {receiver: nobody, group_by: [alertname, incident], group_wait: 1s, group_interval: 1s}
receivers: [{name: nobody}]
global: {resolve_timeout: 5m}
"""


class AlertmanagerUnavailableError(Exception):
    """It cannot be run here; the text is the reason."""


def program() -> Path:
    """The folder in which the package is unpacked, fetched the first time. Raises AlertmanagerUnavailableError."""

    def fetch(folder: Path) -> None:
        folder.mkdir()
        _call(["apt-get", "download", _PACKAGE], folder)
        (package,) = folder.glob("*.deb")
        _call(["dpkg", "-x", str(package), str(folder)], folder)
        package.unlink()

    if os.geteuid() != 0:
        raise AlertmanagerUnavailableError("only root may give it its template")
    for name in ("apt-get", "dpkg", "unshare"):
        if shutil.which(name) is None:
            raise AlertmanagerUnavailableError(f"no {name} on the path")
    return kept("alertmanager-debian", fetch)


@contextlib.contextmanager
def alertmanager(port: int, folder: Path) -> Iterator[str]:
    """A running one that tells nobody, and its address. Raises AlertmanagerUnavailableError."""
    root = program()
    config = folder / "alertmanager.yml"
    config.write_text(_CONFIG)
    inside = (
        f"mount -t tmpfs t /usr/share/prometheus && mkdir /{_TEMPLATES} && "
        f"cp -r {root}/{_TEMPLATES}/. /{_TEMPLATES}/ && "
        f"exec {root}/usr/bin/prometheus-alertmanager --config.file {config} --storage.path {folder}/data "
        f"--web.listen-address 127.0.0.1:{port} --cluster.listen-address="
    )
    Path("/usr/share/prometheus").mkdir(exist_ok=True)
    url = f"http://127.0.0.1:{port}"
    with (folder / "alertmanager.log").open("wb") as log:
        # It ends with this process, however that ends: the shell sees the end of its input.
        keeper = ["sh", "-c", _KEEPER, "sh", "unshare", "-m", "sh", "-c", inside]
        process = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        _wait(process, url, folder / "alertmanager.log")
        yield url
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"{url}/-/ready", timeout=5),
        ):
            return
        time.sleep(0.2)
    raise AlertmanagerUnavailableError(f"it did not start: {log.read_text(errors='replace')[-500:]}")


def _call(command: list[str], folder: Path) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise AlertmanagerUnavailableError(
            f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        )
