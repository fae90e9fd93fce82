"""What only the webhook does: signatures, modes of CloudEvents, an end that is asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings
from suite import Taker

from floodmark.config.loader import load
from floodmark.config.problems import ConfigError
from floodmark.config.targets import Webhook
from floodmark.notify.sink import Answer, Delivered, Refused, Request
from floodmark.notify.targets.webhook import keys, signature, sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def _sent(
    vendor: Any = None, message: Any = None, now: float = 1_614_265_330.9, **section: Any
) -> tuple[Any, Request]:
    seen: list[Request] = []

    async def exchange(request: Request) -> Answer:
        seen.append(request)
        answer: Answer = (vendor or Taker())(request)
        return answer

    settings = Webhook.model_validate({"url": "https://hooks.example.org/in", **section})
    outcome = await sink(settings, exchange, lambda: now).deliver(message or tellings.telling("open"), {})
    return outcome, seen[0]


def test_the_example_of_standard_webhooks_is_signed_as_there() -> None:
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert signature(keys(SECRET)[0], signed) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_can_check_it() -> None:
    _, request = await _sent(secret=SECRET)
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-id"] == headers["idempotency-key"] == tellings.telling("open").id


async def test_any_text_is_a_secret_and_none_is_no_signature() -> None:
    assert keys("correct horse battery") == [b"correct horse battery"]
    _, request = await _sent(secret="correct horse battery")
    assert request.headers["webhook-signature"].startswith("v1,")
    _, request = await _sent()
    assert "webhook-signature" not in request.headers


async def test_while_a_secret_is_changed_both_sign() -> None:
    _, request = await _sent(secret=f"{SECRET} whsec_{base64.b64encode(b'the old one, as it was').decode()}")
    first, second = request.headers["webhook-signature"].split(" ")
    assert first.startswith("v1,")
    assert second.startswith("v1,")
    assert first != second


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"secret": "whsec_not*base64"}, "what follows whsec_ is no base64"),
        ({"secret": " "}, "it is empty, so that anybody could sign"),
        ({"headers": {"X Y": "not*shown"}}, "'X Y' is no name of a header"),
        ({"headers": {"X-Key": "not*shown\r\ndef"}}, "the value of X-Key is no header"),
        ({"headers": {"X-Key": "not*shown ü"}}, "the value of X-Key is no header"),
    ],
)
def test_what_would_fail_at_every_delivery_is_refused_at_once(tmp_path: Path, section: Any, words: str) -> None:
    config = {
        "kafka": {"brokers": ["localhost:9092"]},
        "inputs": [{"topic": "t", "signal": "metric", "format": "native"}],
        "notify": {"targets": {"hook": {"webhook": {"url": "https://hooks.example.org", **section}}}},
    }
    path = tmp_path / "floodmark.yaml"
    path.write_text(json.dumps(config))
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert words in str(raised.value)
    assert "not*" not in str(raised.value)


async def test_structured_is_one_event() -> None:
    _, request = await _sent()
    event = json.loads(request.body)
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert event["type"] == "dev.floodmark.message.v1"
    assert event["subject"] == event["data"]["key"] == tellings.KEY
    assert event["data"]["incident"]["members"][0]["summary"] == "http_errors is 41, expected 2 to 5"


async def test_binary_has_its_attributes_in_headers() -> None:
    message = tellings.telling("open", key="inc ü%", id="a b")
    _, request = await _sent(message=message, mode="binary")
    assert request.headers["ce-subject"] == "inc%20%C3%BC%25"
    assert request.headers["ce-id"] == "a%20b"
    assert json.loads(request.body)["key"] == "inc ü%"


async def test_a_header_of_the_config_stands_behind_ours() -> None:
    _, request = await _sent(headers={"X-Key": "k", "content-type": "text/plain"}, mode="structured")
    assert request.headers["X-Key"] == "k"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert len({name.lower() for name in request.headers}) == len(request.headers)


async def test_gone_is_final() -> None:
    outcome, _ = await _sent(Taker(410))
    assert outcome == Refused("status 410: whoever is there wants no more webhooks")


async def test_what_is_too_large_is_cut_and_its_count_stays_true() -> None:
    outcome, request = await _sent(message=tellings.telling("open", incident=tellings.huge()))
    assert isinstance(outcome, Delivered)
    incident = json.loads(request.body)["data"]["incident"]
    assert incident["member_count"] == 250_000
    assert 0 < len(incident["members"]) < 10_000
