"""Jenkins' pipelines in deploy/ are Groovy: they are parsed by Groovy itself. (Its steps are Jenkins' own.)"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cached import CACHE, kept

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
POM = HERE / "groovy-pom.xml"
SCRIPTS = [DEPLOY / "ci" / "Jenkinsfile", DEPLOY / "requests" / "Jenkinsfile", DEPLOY / "gateway" / "jenkins.groovy"]
pytestmark = pytest.mark.deploy


class GroovyUnavailableError(Exception):
    """It cannot be had here; the text is the reason."""


def name() -> str:
    (version,) = re.findall(r"<version>(\d+\.\d+\.\d+)<", POM.read_text())
    return f"groovy-{version}"


def jars() -> Path:
    """The folder with Groovy's jar, fetched the first time. Raises GroovyUnavailableError."""

    def fetch(folder: Path) -> None:
        mvn = shutil.which("mvn")
        if mvn is None:
            raise GroovyUnavailableError("no mvn on the path to fetch Groovy with")
        command = [mvn, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise GroovyUnavailableError(f"mvn cannot fetch Groovy: {(done.stdout + done.stderr)[-300:]}")

    return kept(name(), fetch)


@pytest.fixture(scope="module")
def groovy(request: pytest.FixtureRequest) -> Path:
    if not (CACHE / name()).exists() and "deploy" not in request.config.getoption("markexpr"):
        pytest.skip("Groovy is not here; pytest -m deploy fetches it")
    try:
        if shutil.which("java") is None:
            raise GroovyUnavailableError("no java on the path")
        return jars()
    except GroovyUnavailableError as error:
        if os.environ.get("FLOODMARK_REQUIRE_DEPLOY") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


def parsed(groovy: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = ["java", "-cp", f"{groovy}/*", str(HERE / "ParseGroovy.java"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_pipelines_are_groovy(groovy: Path):
    done = parsed(groovy, *SCRIPTS)
    assert done.returncode == 0, done.stderr


def test_a_brace_too_few_is_seen(groovy: Path, tmp_path: Path):
    wrong = tmp_path / "Jenkinsfile"
    wrong.write_text(SCRIPTS[0].read_text().rstrip().removesuffix("}"))
    done = parsed(groovy, wrong)
    assert done.returncode == 1
    assert "Jenkinsfile" in done.stderr
