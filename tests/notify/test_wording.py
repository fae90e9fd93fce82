"""What a person can do is said in words, as a shell takes it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "targets"))

import tellings

from floodmark.notify import wording

KEY = "inc-4149bf06d75b4aa6"


def to_do(message):
    return next((part.lines for part in wording.parts(message) if part.heading == "What to do"), ())


def test_what_is_open_says_how_it_is_looked_at_and_taken_on():
    assert to_do(tellings.telling("open", key=KEY, link="", runbook="")) == (
        f"all of it: floodmark incidents show {KEY}",
        f"take it on: floodmark act ack {KEY}",
    )


@pytest.mark.parametrize("state", ["acked", "snoozed", "resolved", "merged"])
def test_what_somebody_has_or_is_over_is_only_looked_at(state):
    event = "resolve" if state in ("resolved", "merged") else "update"
    message = tellings.telling(event, key=KEY, state=state, link="", runbook="")
    assert to_do(message) == (f"all of it: floodmark incidents show {KEY}",)


@pytest.mark.parametrize("key", ["inc-1; rm -rf /", "inc-$(id)", "inc-1\nrm", "--help", "inc-", "inc-ü"])
def test_no_command_is_made_of_what_a_shell_would_read_otherwise(key):
    assert to_do(tellings.telling("open", key=key, link="", runbook="")) == ()


def test_an_example_and_a_digest_name_no_command():
    assert to_do(tellings.telling("open", key=KEY, link="", runbook="", test=True)) == ()
    assert to_do(tellings.telling("digest")) == ()
