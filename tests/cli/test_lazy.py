"""What starting the command line imports: every worker pays for it at each start."""

import subprocess
import sys

import pytest

from floodmark.cli import COMMANDS, _load

REPORT = "import sys; from floodmark.cli import app; app({!r}, standalone_mode=False); print('imported', *sys.modules)"


def imported(*arguments):
    program = REPORT.format(list(arguments))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


def test_help_brings_no_engine():
    assert not imported("--help") & {"river", "aiokafka", "pydantic", "numpy"}


def test_run_brings_no_scipy_stats_and_its_parent_no_river():
    assert not imported("run", "--help") & {"river", "scipy.stats", "numba"}
    program = "import sys, floodmark.flow; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "scipy.stats" not in ran.stdout.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_shown_by_its_own_first_sentence(name):
    assert _load(name).help.split("\n\n")[0].split("\n")[0] == COMMANDS[name]
