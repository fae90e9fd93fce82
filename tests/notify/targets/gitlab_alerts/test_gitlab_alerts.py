"""What is particular about GitLab: its words and times, and that nobody is notified and nothing run by a text."""

from __future__ import annotations

import pytest
from tellings import incident, telling

from floodmark.config.targets import GitlabAlerts
from floodmark.notify.sink import Answer, Delivered, Refused, Request
from floodmark.notify.targets.gitlab_alerts import alert, sink

SETTINGS = GitlabAlerts.model_validate({"url": "https://gitlab.example.org/x/alerts/notify.json", "token": "t"})


@pytest.mark.parametrize(
    ("ours", "theirs"), [("critical", "critical"), ("error", "high"), ("warning", "medium"), ("info", "info")]
)
def test_severities_are_gitlabs_words(ours: str, theirs: str) -> None:
    assert alert(telling("open", incident=incident(severity=ours)), "")["severity"] == theirs


def test_only_an_end_has_an_end() -> None:
    assert "end_time" not in alert(telling("update"), "")
    ended = alert(telling("resolve", 4), "production")
    assert ended["end_time"] == "2026-02-01T03:18:00Z"
    assert ended["gitlab_environment_name"] == "production"


async def test_the_end_of_what_is_not_open_there_is_no_trouble() -> None:
    async def bad_request(_: Request) -> Answer:
        return Answer(400)

    alerts = sink(SETTINGS, bad_request)
    assert isinstance(await alerts.deliver(telling("resolve"), {}), Delivered)
    assert isinstance(await alerts.deliver(telling("open"), {}), Refused)


def test_a_text_notifies_nobody_and_runs_nothing() -> None:
    told = alert(
        telling("open", reason="/close", incident=incident(title="@all look, ann@example.org", why="/assign @bob")), ""
    )
    assert told["title"] == "@\u2060all look, ann@example.org"
    assert "@bob" not in told["description"]
    assert not any(line.strip().startswith("/") for line in told["description"].split("\n"))


def test_hosts_are_as_many_as_gitlab_keeps() -> None:
    told = alert(telling("open", incident=incident(entities=[f"service-{n:03d}" for n in range(100)])), "")
    assert len("".join(told["hosts"])) <= 255
    assert told["hosts"][:2] == ["service-000", "service-001"]
