"""Reports as the API answers them."""

import json
from datetime import UTC, datetime

import pytest

from floodmark.console.reporting.answering import NotAskedWellError, postmortem_answer, weekly_answer
from floodmark.console.reporting.gathering import gather
from floodmark.console.reporting.postmortem import postmortem
from floodmark.console.reporting.reading import Setting

from .told import over

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def asked(**params):
    weeks = []

    def known(week):
        weeks.append(week.name)
        return gather(enumerate(over()), Setting())

    return weekly_answer(known, params, NOW), weeks


def test_without_anything_it_is_the_last_week_of_whoever_is_on_call():
    answer, weeks = asked()
    assert weeks == ["2026-W48"]
    assert json.loads(answer.body)["title"] == "The week on call"
    assert (answer.media, answer.name) == ("application/json", "")


@pytest.mark.parametrize(("format", "media"), [("html", "text/html"), ("md", "text/markdown")])
def test_a_page_is_a_download_with_a_name(format, media):
    answer, _ = asked(audience="ml", week="2026-W47", format=format)
    assert answer.media == f"{media}; charset=utf-8"
    assert answer.name == f"floodmark-ml-2026-W47.{format}"


@pytest.mark.parametrize(("name", "value"), [("audience", "all"), ("week", "last"), ("format", "pdf")])
def test_what_cannot_be_is_refused_with_its_name(name, value):
    with pytest.raises(NotAskedWellError) as refused:
        asked(**{name: value})
    assert refused.value.parameter == name


def test_the_name_of_a_download_holds_no_surprises():
    answer = postmortem_answer(postmortem(over()), 'inc"\r\nX: 1/../x', {"format": "html"})
    assert answer.name == "post-mortem-inc-X-1-..-x.html"
    assert postmortem_answer(postmortem(over()), "inc-1", {}).name == "post-mortem-inc-1.md"
