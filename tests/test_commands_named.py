"""Every command line that documents and messages name is one that there is, with options that it has."""

import re
from pathlib import Path

import pytest
import typer

from floodmark.cli import app

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"(?<![\w./-])floodmark ((?:[a-z][\w-]*)(?: [^`\n\"|;#)]*)?)")
FILES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *(each for kind in ("py", "md") for each in sorted(ROOT.glob(f"src/floodmark/**/*.{kind}"))),
]


@pytest.fixture(scope="module")
def told():
    """What a command line that is named gets wrong: an option that the command does not have; empty if nothing."""
    root = typer.main.get_command(app)
    context = root.make_context("floodmark", ["check"], resilient_parsing=True)
    known = {}

    def command(parent, name):
        if (id(parent), name) not in known:
            known[id(parent), name] = parent.resolve_command(context, [name])[1]
        return known[id(parent), name]

    def wrong(line):
        words, found = [word.strip("[](),.:'…").split("=")[0] for word in line.split()], root
        while words and words[0] in getattr(found, "commands", ()):
            found = command(found, words.pop(0))
        options = {each for param in found.params for each in (*param.opts, *param.secondary_opts)} | {"--help"}
        if found is root or line.partition("--")[0].count(
            "{undo}"
        ):  # no command line, or one whose command is put in as it runs
            return []
        return [word for word in words if re.fullmatch(r"--?[a-zA-Z][\w-]*", word) and word not in options]

    return wrong


def test_what_is_wrong_is_seen(told):
    assert told("act approve inc-1 --playbook undo") == ["--playbook"]
    assert told("act ack inc-1 --for 2h") == []


def test_commands_that_are_named_have_their_options(told):
    named = {(path, found[1]) for path in FILES for found in NAMED.finditer(path.read_text())}
    assert len(named) > 100
    wrong = {(str(path.relative_to(ROOT)), line): told(line) for path, line in named}
    assert {where: options for where, options in wrong.items() if options} == {}
