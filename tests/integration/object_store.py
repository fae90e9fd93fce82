"""A real S3 server, one process over a folder: Versity's gateway, built with Go through the module proxy.

    with ObjectStore.start() as store:
        ...  # store.endpoint, store.bucket, store.key, store.secret

    python tests/integration/object_store.py          # runs until Ctrl-C, prints a URL for FLOODMARK_TEST_S3

It needs only the standard library and, the first time, `go` (a minute on two idle cores); the program (45 MB) stays
in the user's cache folder. The server dies with its parent, however that ends: a shell between them kills it when the
parent's pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from apache_kafka import free_ports
from cached import CACHE, kept

PACKAGE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
START_SECONDS = 180
BUILD_SECONDS = 1800

_KEEPER = '"$@" & gateway=$!; read _; kill $gateway; wait $gateway'


class ObjectStoreUnavailableError(Exception):
    """No S3 server can be run here; the text is the reason."""


@dataclass(frozen=True)
class ObjectStore:
    """A running server, a bucket in it, and the keys of its owner."""

    endpoint: str
    bucket: str
    key: str
    secret: str

    @staticmethod
    def of(url: str) -> ObjectStore:
        """The server and bucket of a URL such as http://KEY:SECRET@127.0.0.1:9000/bucket."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        key, secret = unquote(parts.username or ""), unquote(parts.password or "")
        return ObjectStore(f"{parts.scheme}://{host}", parts.path.strip("/"), key, secret)

    @staticmethod
    @contextlib.contextmanager
    def start() -> Iterator[ObjectStore]:
        """Run a server with one empty bucket while entered.

        Raises ObjectStoreUnavailableError if it cannot be built or does not come up.
        """
        program = gateway()
        (port,) = free_ports(1)
        store = ObjectStore(f"http://127.0.0.1:{port}", "snapshots", "AKIAFLOODMARKTESTS", "a-secret-of-the-tests")
        with tempfile.TemporaryDirectory(prefix="floodmark-s3-", ignore_cleanup_errors=True) as folder:
            data, metadata, log = Path(folder, "data"), Path(folder, "metadata"), Path(folder, "out.log")
            (data / store.bucket).mkdir(parents=True)
            metadata.mkdir()  # beside the data, for not every file system has extended attributes
            command = [program, "--port", f"127.0.0.1:{port}", "posix", "--sidecar", str(metadata), str(data)]
            with log.open("wb") as out:
                keeper = subprocess.Popen(
                    ["sh", "-c", _KEEPER, "sh", *command],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=out,
                    env={**os.environ, "ROOT_ACCESS_KEY": store.key, "ROOT_SECRET_KEY": store.secret},
                    start_new_session=True,  # a Ctrl-C is for us; we end it in order
                )
            assert keeper.stdin is not None
            try:
                _wait_until_listening(port, log)
                yield store
            finally:
                keeper.stdin.close()
                keeper.wait()


def gateway() -> str:
    """The path of the server's program, built the first time. Raises ObjectStoreUnavailableError."""
    name = f"versitygw-{VERSION}"

    def build(program: Path) -> None:
        go = shutil.which("go")
        if go is None:
            raise ObjectStoreUnavailableError(f"no go on the path to build {PACKAGE}, and no {CACHE / name}")
        try:
            done = subprocess.run(
                [go, "install", "-ldflags=-s -w", f"{PACKAGE}@{VERSION}"],
                env={**os.environ, "GOBIN": str(program.parent), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"},
                capture_output=True,
                text=True,
                check=False,
                timeout=BUILD_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise ObjectStoreUnavailableError(f"go did not build {PACKAGE} in {BUILD_SECONDS} s") from error
        if done.returncode:
            raise ObjectStoreUnavailableError(f"go cannot build {PACKAGE}@{VERSION}: {done.stderr[-500:]}")
        program.with_name("versitygw").rename(program)

    return str(kept(name, build))


def _wait_until_listening(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30):
            return
        time.sleep(0.05)
    raise ObjectStoreUnavailableError(f"it does not listen after {START_SECONDS} s: {log.read_text()[-500:]}")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), ObjectStore.start() as store:
        host = store.endpoint.removeprefix("http://")
        sys.stdout.write(f"http://{store.key}:{store.secret}@{host}/{store.bucket}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    try:
        main()
    except ObjectStoreUnavailableError as error:
        sys.exit(f"No S3 server can be run here: {error}")
