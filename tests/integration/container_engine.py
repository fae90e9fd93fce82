"""A Docker engine for the tests of the image: the one that is there, or Debian's, unpacked and started as root.

    with ContainerEngine.start() as engine:
        engine.run("run", "--rm", "--network=none", "image")

The engine of our own has no bridge network (that would change the host's firewall), and no registry is asked: what
images begin from is made of Debian's packages, as the official ones are. It ends with `start`, and all of it goes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
_ENGINE = (
    *("docker.io", "containerd", "runc", "tini", "iptables", "libnftnl11", "libip6tc2", "libip4tc2", "libxtables12"),
    *("libnetfilter-conntrack3", "libnfnetlink0"),
)
_PYTHON = (
    *("base-files", "netbase", "tzdata", "libc6", "libgcc-s1", "libstdc++6", "libgomp1", "libssl3", "zlib1g"),
    *("libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal", "python3-distutils", "libffi8"),
    *("libsqlite3-0", "libbz2-1.0", "liblzma5", "libexpat1", "libncursesw6", "libtinfo6", "libreadline8", "libuuid1"),
    *("libcom-err2", "libcrypt1", "libdb5.3", "libnsl2", "libtirpc3", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3"),
    *("libkrb5support0", "libkeyutils1"),
)
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class EngineUnavailableError(Exception):
    """No engine can be run here; the text is the reason."""


@dataclass(frozen=True)
class ContainerEngine:
    """A running engine at `host` (DOCKER_HOST); `bridged` says whether ports of containers can be published."""

    host: str
    folder: Path
    bridged: bool

    @staticmethod
    @contextlib.contextmanager
    def start() -> Iterator[ContainerEngine]:
        """Raises EngineUnavailableError."""
        if shutil.which("docker") is None:
            raise EngineUnavailableError("there is no `docker` client on the path")
        if os.geteuid() or shutil.which("apt-get") is None:
            raise EngineUnavailableError("an engine of our own needs root and Debian's packages")
        folder = Path(tempfile.mkdtemp(prefix="floodmark-engine-"))
        try:
            unpacked = _unpacked(folder / "engine", _ENGINE)
            with _daemon(folder, unpacked) as host:
                yield ContainerEngine(host, folder, bridged=False)
        finally:
            for _ in range(5):  # overlays are let go of a moment after the daemon
                shutil.rmtree(folder, ignore_errors=True)
                if not folder.exists():
                    break
                time.sleep(1)

    def run(self, *arguments: str, check: bool = True, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """`docker ARGUMENTS`, with its output in the failure."""
        environ = os.environ | {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(
            ["docker", *arguments], env=environ, capture_output=True, text=True, check=False, timeout=seconds
        )
        assert not check or done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def python_bases(self) -> tuple[str, str]:
        """Images such as python:3.11-slim, to build in, and as distroless Python, to run from."""
        debootstrap = _unpacked(self.folder / "debootstrap", ["debootstrap"])
        build = self.folder / "build-base"
        mirror = _output(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).splitlines()[0]
        subprocess.run(
            [
                debootstrap / "usr/sbin/debootstrap",
                "--variant=minbase",
                "--include=python3,python3-pip,python3-venv,ca-certificates",
                *("bookworm", str(build), mirror),
            ],
            env=os.environ | {"DEBOOTSTRAP_DIR": str(debootstrap / "usr/share/debootstrap")},
            check=True,
            capture_output=True,
        )
        (build / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()
        (build / "usr/bin/python").symlink_to("python3")
        run = _unpacked(self.folder / "run-base", _PYTHON)
        (run / "usr/bin/python3").symlink_to("python3.11")
        for needless in ("doc", "man", "locale"):
            shutil.rmtree(run / "usr/share" / needless, ignore_errors=True)
        for root in (build, run):
            (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
            shutil.copy(_BUNDLE, root / "etc/ssl/certs")
            (root / "tmp").mkdir(exist_ok=True)
            (root / "tmp").chmod(0o1777)
        self.imported(build, "floodmark-test/python:build", f"PIP_CERT={_BUNDLE}", f"SSL_CERT_FILE={_BUNDLE}")
        self.imported(run, "floodmark-test/python:run")
        return "floodmark-test/python:build", "floodmark-test/python:run"

    def imported(self, root: Path, name: str, *environ: str, entrypoint: Sequence[str] = ()) -> None:
        """Make the folder an image."""
        archive = self.folder / "image.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        changes = [f"ENV {each}" for each in environ]
        self.run("import", *(part for change in changes for part in ("-c", change)), str(archive), name)
        archive.unlink()
        shutil.rmtree(root)


def _unpacked(root: Path, packages: Sequence[str]) -> Path:
    """The files of Debian's packages in a folder, of which nothing is installed."""
    archives = root.with_name(f"{root.name}-debs")
    archives.mkdir(parents=True)
    try:
        subprocess.run(["apt-get", "download", "-qq", *packages], cwd=archives, check=True, capture_output=True)
    except (subprocess.CalledProcessError, OSError) as error:
        words = getattr(error, "stderr", b"") or str(error).encode()
        raise EngineUnavailableError(f"Debian's packages cannot be had: {words.decode()[-200:]}") from error
    for archive in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "-x", archive, root], check=True)
    shutil.rmtree(archives)
    return root


@contextlib.contextmanager
def _daemon(folder: Path, unpacked: Path) -> Iterator[str]:
    data, socket = folder / "docker", folder / "docker.sock"
    path = f"{unpacked}/usr/bin:{unpacked}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    libraries = str(unpacked / "usr/lib" / f"{os.uname().machine}-linux-gnu")
    with (folder / "docker.log").open("w") as log:
        daemon = subprocess.Popen(
            [
                str(unpacked / "usr/sbin/dockerd"),
                *("--data-root", str(data), "--exec-root", str(folder / "exec"), "-p", str(folder / "docker.pid")),
                *("-H", f"unix://{socket}", "--iptables=false", "--ip6tables=false", "--bridge=none"),
            ],
            env=os.environ | {"PATH": path, "LD_LIBRARY_PATH": libraries},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        begun = time.monotonic()
        environ = os.environ | {"DOCKER_HOST": f"unix://{socket}"}
        while subprocess.run(["docker", "version"], env=environ, capture_output=True, check=False).returncode:
            if daemon.poll() is not None or time.monotonic() - begun > START_SECONDS:
                words = (folder / "docker.log").read_text()[-300:]
                raise EngineUnavailableError(f"Debian's dockerd does not start here: {words}")
            time.sleep(0.5)
        yield f"unix://{socket}"
    finally:
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(30)
        daemon.kill()
        daemon.wait()


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
