"""The templates in deploy/ci are what GitLab and GitHub take, and run commands that there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from floodmark import __version__
from floodmark.cli import app

DEPLOY = Path(__file__).parents[2] / "deploy"
CI = DEPLOY / "ci"
TEMPLATES = sorted(CI.iterdir())


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.gitlab-ci", CI / "gitlab-ci.yml"),
        ("vendor.gitlab-ci", DEPLOY / "requests" / "gitlab-ci.yml"),
        ("vendor.github-workflows", CI / "github-workflow.yml"),
    ],
)
def test_it_is_what_its_vendor_takes(schema, path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.name for path in TEMPLATES])
def test_it_runs_commands_that_there_are(path):
    root = typer.main.get_command(app)
    context = root.make_context("floodmark", ["check"], resilient_parsing=True)
    lines = re.findall(r"(?:^|/bin/|- |run: )floodmark ((?:check|test)\b[^'\n]*)", path.read_text(), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["check", "test"]
    for line in lines:
        _, command, _ = root.resolve_command(context, line.split()[:1])
        options = {each for param in command.params for each in param.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= options
        assert "--config" in line
    assert f"floodmark=={__version__}" in path.read_text()


def test_what_a_test_run_leaves_is_what_is_kept():
    gitlab = YAML(typ="safe").load(CI / "gitlab-ci.yml")["floodmark"]
    assert gitlab["artifacts"]["reports"]["junit"] in gitlab["script"][-1]
    steps = YAML(typ="safe").load(CI / "github-workflow.yml")["jobs"]["config"]["steps"]
    kept = next(step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", ""))
    assert any(kept in step.get("run", "") for step in steps)
