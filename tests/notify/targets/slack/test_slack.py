"""What is particular about Slack: the first message and its thread, buttons, limits, and errors that come with 200."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from slack_sdk.models.blocks import Block
from suite import cases
from tellings import KEY, MARKUP, nasty, telling

from floodmark.config.targets import Slack
from floodmark.notify.sink import Answer, Delivered, Event, Later, Refused, Request
from floodmark.notify.targets.slack import blocks, sink

EVENTS: tuple[Event, ...] = ("open", "update", "resolve", "digest", "change", "request")
BOT = Slack.model_validate({"token": "xoxb-1", "channel": "C1"})
HISTORY = Slack.model_validate({"token": "xoxb-1", "channel": "C1", "history": True})
HOOK = Slack.model_validate({"webhook": "https://hooks.slack.com/services/T1/B1/x"})


class Heard:
    """The suite's channel, which keeps what it was asked, and says what it is told to."""

    def __init__(self, *says: dict[str, Any]) -> None:
        self.channel: Any = next(each for each in cases() if each.kind == "slack").vendor()
        self.messages: list[dict[str, Any]] = self.channel.messages
        self.says, self.asked = list(says), list[tuple[str, dict[str, Any]]]()

    async def answer(self, request: Request) -> Answer:
        method = request.url.rpartition("/")[2].partition("?")[0]
        self.asked.append((method, json.loads(request.body) if request.body else {}))
        if not self.says:
            answer: Answer = self.channel(request)
            return answer
        return Answer(200, {"retry-after": "7"}, json.dumps(self.says.pop(0)).encode())


async def test_the_first_message_is_edited_and_the_rest_goes_into_its_thread() -> None:
    slack = Heard()
    bot = sink(BOT, slack.answer)
    opened = await bot.deliver(telling("open"), {})
    assert opened == Delivered({"channel": "C1", "ts": "1770000000.000000"})
    assert isinstance(opened, Delivered)
    for message in (telling("update", 2), telling("update", 3, loud=True), telling("resolve", 4)):
        assert await bot.deliver(message, opened.memory) == opened
    assert [method for method, _ in slack.asked] == ["chat.postMessage"] + ["chat.update", "chat.postMessage"] * 3
    replies = [body for _, body in slack.asked if "thread_ts" in body]
    assert [body["reply_broadcast"] for body in replies] == [False, True, False], "what is loud the channel sees too"
    assert slack.messages[0]["text"].startswith("Resolved: payment")


async def test_a_digest_is_edited_and_has_no_thread() -> None:
    slack = Heard()
    bot = sink(BOT, slack.answer)
    first = await bot.deliver(telling("digest"), {})
    assert isinstance(first, Delivered)
    await bot.deliver(telling("digest", 2), first.memory)
    assert [method for method, _ in slack.asked] == ["chat.postMessage", "chat.update"]


async def test_what_was_deleted_is_posted_anew() -> None:
    slack = Heard()
    told = await sink(BOT, slack.answer).deliver(telling("update"), {"channel": "C1", "ts": "1.1"})
    assert told == Delivered({"channel": "C1", "ts": "1770000000.000000"})


async def test_what_may_not_be_edited_any_more_is_answered_to() -> None:
    slack = Heard({"ok": False, "error": "edit_window_closed"})
    memory = {"channel": "C1", "ts": "1.1"}
    assert await sink(BOT, slack.answer).deliver(telling("update"), memory) == Delivered(memory)
    assert slack.asked[-1][1]["thread_ts"] == "1.1"


@pytest.mark.parametrize("error", ["ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout"])
async def test_errors_that_pass_are_waited_for(error: str) -> None:
    slack = Heard({"ok": False, "error": error})
    assert await sink(BOT, slack.answer).deliver(telling("open"), {}) == Later(f"Slack says {error}", 7.0)


@pytest.mark.parametrize("error", ["channel_not_found", "invalid_auth", "not_in_channel", "is_archived", "no_text"])
async def test_errors_that_stay_are_final(error: str) -> None:
    slack = Heard({"ok": False, "error": error})
    told = await sink(BOT, slack.answer).deliver(telling("open"), {})
    assert isinstance(told, Refused)
    assert told.reason.startswith(f"Slack says {error}")


async def test_blocks_that_slack_does_not_take_become_text() -> None:
    slack = Heard({"ok": False, "error": "msg_blocks_too_long"})
    assert isinstance(await sink(BOT, slack.answer).deliver(telling("open"), {}), Delivered)
    assert slack.asked[1][1]["blocks"] == []
    assert "Probable causes" in slack.asked[1][1]["text"]


async def test_a_message_whose_answer_was_lost_is_found() -> None:
    slack = Heard()
    bot = sink(HISTORY, slack.answer)
    await bot.deliver(telling("open"), {})
    again = await bot.deliver(telling("open"), {})
    assert isinstance(again, Delivered)
    assert again.memory["ts"] == "1770000000.000000"
    for _ in range(2):
        await bot.deliver(telling("update", 2), again.memory)
    assert len(slack.messages) == 2, "one message, and one in its thread"


async def test_a_page_of_a_proxy_is_not_slack() -> None:
    async def proxy(_: Request) -> Answer:
        return Answer(200, {}, b"<html>Sign in</html>")

    assert isinstance(await sink(BOT, proxy).deliver(telling("open"), {}), Later)


async def test_a_webhook_posts_a_digest_again_when_it_is_worth_it() -> None:
    asked: list[Request] = []

    async def hook(request: Request) -> Answer:
        asked.append(request)
        return Answer(200, {}, b"ok")

    memory: dict[str, str] = {}
    for count in (10, 11, 19, 20, 21, 39, 40):
        told = await sink(HOOK, hook).deliver(telling("digest", lines=("x",) * count), memory)
        assert isinstance(told, Delivered)
        memory = dict(told.memory)
    assert len(asked) == 3
    for worth in (telling("digest", 20), telling("digest", state="resolved"), telling("digest", loud=True)):
        await sink(HOOK, hook).deliver(worth, memory)
    assert len(asked) == 6, "long after the last one, that it is over, and what rings"


def test_buttons_say_what_they_are_for() -> None:
    shown = blocks.blocks(telling("open", 3, playbook="rollback"), buttons=True)[-1]["elements"]
    values = [json.loads(each["value"]) for each in shown]
    assert [each["action_id"] for each in shown] == [f"floodmark.{value['verb']}" for value in values]
    about = {"incident": KEY, "scope": "prod", "seen": 3}
    verbs: list[dict[str, Any]] = [{"verb": "ack"}, {"verb": "snooze", "for": 3600}, {"verb": "resolve"}]
    assert values == [{**about, **verb} for verb in (*verbs, {"verb": "approve", "playbook": "rollback"})]
    assert blocks.blocks(telling("resolve"), buttons=True)[-1]["type"] == "section", "nothing is left to do"
    assert blocks.blocks(telling("change"), buttons=True)[-1]["type"] == "section"
    assert blocks.blocks(telling("open"), buttons=False)[-1]["type"] == "section"


@pytest.mark.parametrize("event", EVENTS)
def test_slacks_own_models_take_the_blocks(event: Event) -> None:
    for name, message in [("plain", telling(event, playbook="p")), *nasty(event)]:
        shown = blocks.blocks(message, buttons=True)
        assert len(shown) <= 50, name
        assert len(json.dumps(shown, ensure_ascii=False)) < 16_000, name
        assert sum(len(each["text"]["text"]) for each in shown if "text" in each) < 13_000, name
        for each in [*shown, *blocks.reply(message, buttons=True).get("blocks", ())]:
            parsed = Block.parse(each)
            assert parsed is not None, name
            parsed.validate_json()


def test_the_judge_refuses_what_is_too_long() -> None:
    bad = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    with pytest.raises(Exception, match="150"):
        Block.parse(bad).validate_json()  # type: ignore[union-attr]


@pytest.mark.parametrize("piece", MARKUP)
def test_nothing_of_an_incident_is_markup(piece: str) -> None:
    assert not set(blocks.escaped(piece, 3000).replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")) & set(
        "<>&"
    )


@pytest.mark.parametrize("text", ["&" * 400, "<&>" * 100, "a&" * 149, "x" * 150, ""])
def test_what_is_escaped_fits(text: str) -> None:
    assert len(blocks.escaped(text, 150)) <= 150


@pytest.mark.parametrize(
    "section", [{}, {"token": "xoxb-1"}, {"token": "xoxb-1", "channel": "C1", "webhook": "https://hooks.slack.com/x"}]
)
def test_there_is_one_way_to_slack(section: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="`token`"):
        Slack.model_validate(section)
