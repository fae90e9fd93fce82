"""OpenSearch: its program from Maven Central, as one node of nothing but HTTP.

    with opensearch(http, transport, folder) as url:
        ...  # url/_bulk

It needs `mvn` the first time (45 MB stay in the user's cache folder), and a JDK of 17 or newer. What it keeps is in
`folder`.
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

from cached import CACHE, kept

VERSION = "2.19.6"
START_SECONDS = 300
_NAME = f"opensearch-{VERSION}"
_HERE = Path(__file__).parent
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_KEEPER = '"$@" & java=$!; read _; kill $java; wait $java'


class OpenSearchUnavailableError(Exception):
    """OpenSearch cannot be run here; the text is the reason."""


def is_fetched() -> bool:
    """Whether `program` takes no time."""
    return (CACHE / _NAME).exists()


def program() -> Path:
    """The folder of its jars and of our class, fetched the first time. Raises OpenSearchUnavailableError."""

    def fetch(folder: Path) -> None:
        if missing := [each for each in ("mvn", "javac", "java") if shutil.which(each) is None]:
            raise OpenSearchUnavailableError(f"no {' and no '.join(missing)} on the path")
        folder.mkdir()
        pom, lib = _HERE / "opensearch-pom.xml", folder / "lib"
        _call("mvn", "-q", "-B", "-f", str(pom), _COPY, f"-DoutputDirectory={lib}")
        _call("javac", "-cp", f"{lib}/*", "-d", str(folder / "classes"), str(_HERE / "OneNode.java"))

    return kept(_NAME, fetch)


@contextlib.contextmanager
def opensearch(http: int, transport: int, folder: Path) -> Iterator[str]:
    """Run it while entered, on these ports; its URL. Raises OpenSearchUnavailableError."""
    made = program()
    url = f"http://127.0.0.1:{http}"
    classes = f"{made}/lib/*:{made}/classes"
    command = ["java", "-Xmx384m", "-cp", classes, "OneNode", str(folder), str(http), str(transport)]
    log = folder / "opensearch.log"
    with log.open("wb") as out:
        keeper = subprocess.Popen(["sh", "-c", _KEEPER, "sh", *command], stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s"):
            if keeper.poll() is not None or time.monotonic() > until:
                raise OpenSearchUnavailableError(f"it did not start: {log.read_text(errors='replace')[-500:]}")
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
        raise OpenSearchUnavailableError(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:]}")
