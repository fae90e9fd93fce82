"""What we tell in an issue comes back to us as a comment: it is known as ours by its headings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import pytest

from floodmark.decode import jira
from floodmark.notify import wording
from floodmark.notify.sink import Event
from floodmark.notify.targets.jira import EVENTS
from floodmark.notify.targets.jira.markup import document, wiki

sys.path.insert(0, str(Path(__file__).parent / "targets"))

import tellings


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_what_we_write_into_an_issue_is_known_as_ours(event: Event) -> None:
    for told in (tellings.telling(event), tellings.telling(event, reason="", link="", runbook="", owner="", team="")):
        assert jira._is_ours(document(told))
        assert jira._is_ours(wiki(told))


def test_headings_by_which_we_are_known_are_still_ours() -> None:
    told = {part.heading for event in get_args(Event) for part in wording.parts(tellings.telling(event))}
    assert told >= jira._HEADINGS
    assert all(jira._is_ours(f"h4. {heading}\n* x") for heading in jira._HEADINGS)
