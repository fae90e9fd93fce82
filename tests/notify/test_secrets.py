"""No secret of a target is in what is said of it, whatever form an answer repeats it in."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from floodmark.config.targets import Alertmanager, Jira, Slack, Webhook
from floodmark.notify.secrets import Secrets, masking
from floodmark.notify.sink import Answer, Request, UnansweredError

URL = "https://hooks.example.org/services/T0000AAAA/B0000BBBB/xYz123456789?sig=q1w2e3r4t5&v=1"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (Webhook.model_validate({"url": URL}), f"cannot post to {URL}"),
        (Webhook.model_validate({"url": URL}), "POST /services/T0000AAAA/B0000BBBB/xYz123456789?sig=q1w2e3r4t5&v=1"),
        (Webhook.model_validate({"url": URL}), "no hook xYz123456789"),
        (Webhook.model_validate({"url": URL, "headers": {"X-Key": 'a"b\\c+d/e'}}), 'X-Key: a"b\\c+d/e, a\\"b\\\\c+d/e'),
        (
            Webhook.model_validate({"url": URL, "headers": {"X-Key": "a b/c+d"}}),
            quote("a b/c+d") + quote("a b/c+d", ""),
        ),
        (
            Alertmanager.model_validate({"url": "http://am", "username": "ann", "password": "pw-1234"}),
            f"Basic {base64.b64encode(b'ann:pw-1234').decode()}",
        ),
        (
            Jira.model_validate({"url": "http://j", "project": "P", "token": "tok-12345", "email": "a@b.c"}),
            f"Basic {base64.b64encode(b'a@b.c:tok-12345').decode()} tok-12345",
        ),
        (Slack.model_validate({"token": "xoxb-1-2-abc", "channel": "C1"}), '{"token":"xoxb-1-2-abc"}'),
    ],
)
def test_a_secret_is_hidden(settings: Any, text: str) -> None:
    hidden = Secrets(settings).hide(text)
    assert "***" in hidden
    for secret in ("xYz123456789", "q1w2e3r4t5", "pw-1234", "tok-12345", "xoxb", 'a"b', "b/c+d", "YW5u"):
        assert secret not in hidden


def test_words_that_are_no_secret_stay() -> None:
    hidden = Secrets(Webhook.model_validate({"url": URL})).hide(
        "status 403: https://hooks.example.org is for services only"
    )
    assert hidden == "status 403: https://hooks.example.org is for services only"
    assert Secrets(Alertmanager(url="http://am")).hide("anything") == "anything"


async def test_half_a_secret_is_hidden_too() -> None:
    """A reason is cut at 300 characters; the secret is hidden before."""
    settings = Webhook.model_validate({"url": URL})
    page = b"x" * 290 + URL.encode()

    async def exchange(request: Request) -> Answer:
        return Answer(400, {}, page)

    answer = await masking(exchange, Secrets(settings))(Request("POST", URL))
    assert b"T0000" not in answer.body


async def test_the_text_of_an_exception_is_hidden() -> None:
    async def exchange(request: Request) -> Answer:
        raise UnansweredError(f"no answer from {URL}")

    with pytest.raises(UnansweredError) as raised:
        await masking(exchange, Secrets(Webhook.model_validate({"url": URL})))(Request("POST", URL))
    assert str(raised.value) == "no answer from ***"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
