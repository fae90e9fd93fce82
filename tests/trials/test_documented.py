"""The examples of docs/testing-configs.md run, and hold."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from floodmark.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "testing-configs.md").read_text()
CONFIG = re.findall(r"```yaml config\n(.*?)```", TEXT, re.DOTALL)
TESTS = re.findall(r"```yaml test\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(TESTS)))
def test_each_example_holds(number, tmp_path):
    (tmp_path / "floodmark.yaml").write_text(CONFIG[0])
    (tmp_path / "floodmark.test.yaml").write_text(TESTS[number])
    done = CliRunner().invoke(app, ["test", "--config", str(tmp_path / "floodmark.yaml")])
    assert done.exit_code == 0, done.output


def test_there_are_examples():
    assert len(CONFIG) == 1
    assert len(TESTS) >= 3
