"""What docs/first-hour.md has a newcomer type works, in that order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs/first-hour.md").read_text()
BLOCKS = re.findall(r'^```(sh|yaml title="([^"]+)")\n(.*?)^```', TEXT, re.DOTALL | re.MULTILINE)
ELSEWHERE = ("make demo", "docker compose")
"""Tried by others: the demo's tests, and those of deploy/."""


@pytest.mark.slow
def test_each_command_works(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for _, name, body in BLOCKS:
        if name:
            (tmp_path / name).write_text(body)
        elif not body.startswith(ELSEWHERE):
            command = ["bash", "-euo", "pipefail", "-c", body]
            environment = {**os.environ, "PATH": path, "COLUMNS": "200"}
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
            )
            assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran >= 5
    assert (tmp_path / "incidents.jsonl").stat().st_size > 0
