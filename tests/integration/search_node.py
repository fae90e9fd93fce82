"""OpenSearch and Elasticsearch: their cores from Maven Central, as one node of nothing but HTTP.

    with search_node(OPENSEARCH, http, transport, folder) as url:
        ...  # url/_bulk

It needs `mvn` the first time (45 and 32 MB stay in the user's cache folder), and a JDK of 17 or newer. What a node
keeps is in `folder`. Elasticsearch's core has no data streams: they are a module that Maven Central has not.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cached import CACHE, kept

START_SECONDS = 300
_HERE = Path(__file__).parent
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_KEEPER = '"$@" & java=$!; read _; kill $java; wait $java'


class Product(NamedTuple):
    """What can be run: its name, the version in NAME-pom.xml, and whether it has data streams."""

    name: str
    version: str
    streams: bool


OPENSEARCH = Product("opensearch", "2.19.6", streams=True)
ELASTICSEARCH = Product("elasticsearch", "7.17.28", streams=False)


class SearchUnavailableError(Exception):
    """It cannot be run here; the text is the reason."""


def is_fetched(product: Product) -> bool:
    """Whether `program` takes no time."""
    return (CACHE / f"{product.name}-{product.version}").exists()


def program(product: Product) -> Path:
    """The folder of its jars and of our class, fetched the first time. Raises SearchUnavailableError."""

    def fetch(folder: Path) -> None:
        if missing := [each for each in ("mvn", "javac", "java") if shutil.which(each) is None]:
            raise SearchUnavailableError(f"no {' and no '.join(missing)} on the path")
        folder.mkdir()
        pom, lib = _HERE / f"{product.name}-pom.xml", folder / "lib"
        java = folder / "OneNode.java"
        java.write_text((_HERE / "OneNode.java").read_text().replace("org.opensearch", f"org.{product.name}"))
        _call("mvn", "-q", "-B", "-f", str(pom), _COPY, f"-DoutputDirectory={lib}")
        _call("javac", "-cp", f"{lib}/*", "-d", str(folder / "classes"), str(java))

    return kept(f"{product.name}-{product.version}", fetch)


@contextlib.contextmanager
def search_node(product: Product, http: int, transport: int, folder: Path) -> Iterator[str]:
    """Run it while entered, on these ports; its URL. Raises SearchUnavailableError."""
    made = program(product)
    url = f"http://127.0.0.1:{http}"
    classes = f"{made}/lib/*:{made}/classes"
    command = ["java", "-Xmx384m", "-cp", classes, "OneNode", str(folder), str(http), str(transport)]
    log = folder / f"{product.name}.log"
    with log.open("wb") as out:
        keeper = subprocess.Popen(["sh", "-c", _KEEPER, "sh", *command], stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s"):
            if keeper.poll() is not None or time.monotonic() > until:
                raise SearchUnavailableError(f"it did not start: {log.read_text(errors='replace')[-500:]}")
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
        raise SearchUnavailableError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
