"""No secret of a config is in anything that leaves."""

import logging
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretStr

from floodmark.config import targets
from floodmark.config.models import Config, Kafka, KafkaSecurity
from floodmark.config.notify import KINDS, Notify, Target
from floodmark.notify.masking import Masking, cover, covering
from floodmark.notify.sink import Message

HOOK = "https://hooks.example.org/services/T0123456/B0123456/abcdefghijklmnopqrstuvwx?sig=0123456789abcdef"


def secret_fields(model):
    return [name for name, info in model.model_fields.items() if "SecretStr" in str(info.annotation)]


def filled(model):
    """A section of a target with a value for each field, and what is secret in it."""
    values, secrets = {}, []
    for name, info in model.model_fields.items():
        if name in secret_fields(model):
            secret = f'{model.__name__}-{name}-s3cr"t/é'
            secrets.append(secret)
            values[name] = {"X-Header": SecretStr(secret)} if "dict" in str(info.annotation) else SecretStr(secret)
        elif info.is_required():
            values[name] = ["x"] if "list" in str(info.annotation) else "x"
    return values, secrets


@pytest.mark.parametrize("kind", KINDS)
def test_the_secrets_of_every_kind_of_target_are_known_however_they_are_written(kind):
    model = getattr(targets, next(n for n in targets.__all__ if n.lower() == kind.replace("_", "")))
    values, secrets = filled(model)
    section = Target.model_construct(**{kind: model.model_construct(**values)})  # whatever else must be right of it
    config = Config(notify=Notify.model_construct(targets={"t": section}))
    masking = Masking(config)
    for secret in secrets:
        for written in (secret, quote(secret), quote(secret, safe=""), secret.replace('"', '\\"'), f"Bearer {secret}"):
            assert masking(f"before {written} after").replace("Bearer ", "") == "before *** after"


def test_all_secrets_of_a_config_are_found():
    class Deep(BaseModel):
        one: SecretStr = SecretStr("in-a-field")
        many: list[SecretStr] = [SecretStr("in-a-list")]
        more: dict[str, SecretStr] = {"k": SecretStr("in-a-mapping")}
        nested: "Deep | None" = None

    masking = Masking(Deep(nested=Deep(one=SecretStr("in-a-section"))))
    for secret in ("in-a-field", "in-a-list", "in-a-mapping", "in-a-section"):
        assert masking(secret) == "***"
    kafka = Kafka(security=KafkaSecurity(password=SecretStr("of-the-broker")))
    assert Masking(Config(kafka=kafka))("of-the-broker") == "***"


def test_parts_of_a_secret_address_and_basic_authentication_are_secrets_too():
    config = Config(
        notify=Notify(
            targets={
                "hook": Target(webhook=targets.Webhook(url=HOOK)),
                "jenkins": Target(
                    jenkins=targets.Jenkins(url="https://j.example.org", job="x", username="bot", token="t0ken-of-j")
                ),
            }
        )
    )
    masking = Masking(config)
    assert masking(f"POST {HOOK} failed") == "POST *** failed"
    assert "abcdefghijklmnopqrstuvwx" not in masking("/services/T0123456/B0123456/abcdefghijklmnopqrstuvwx")
    assert "0123456789abcdef" not in masking("sig is 0123456789abcdef")
    basic = b64encode(b"bot:t0ken-of-j").decode()
    assert masking(f"Authorization: Basic {basic}") == "Authorization: Basic ***"
    assert masking("hooks.example.org answers") == "hooks.example.org answers"


def test_a_short_secret_does_not_eat_the_text():
    config = Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("ab"))))
    assert Masking(config)("a table about abbeys") == "a table about abbeys"


def test_secrets_of_the_config_before_stay_secrets():
    masking = Masking(Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("the-old-one")))))
    masking.learn(Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("the-new-one")))))
    assert masking("the-old-one the-new-one") == "*** ***"


def test_a_message_without_secrets_is_the_very_same():
    masking = Masking(Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("pass-of-kafka")))))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    message = Message(id="i/1/t", key="i", event="open", at=now, reason="all is well")
    assert masking.message(message) is message
    told = Message(id="i/1/t", key="i", event="open", at=now, lines=("login pass-of-kafka failed",))
    assert masking.message(told).lines == ("login *** failed",)
    assert masking.message(told).at == now


def test_what_targets_go_by_stays_and_words_of_our_own_form_are_no_secrets():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    hook = Target(webhook=targets.Webhook(url="https://example.org/slack-0123456789"))
    masking = Masking(Config(notify=Notify(targets={"slack-0123456789": hook})))
    message = Message(id="i/1/slack-0123456789", key="i", event="open", at=now, reason="at /slack-0123456789")
    masked = masking.message(message)
    assert (masked.id, masked.reason) == ("i/1/slack-0123456789", "at ***")
    word = Masking(Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("resolve")))))
    told = Message(id="i/1/t", key="i", event="resolve", at=now)
    assert word.message(told) is told
    short = Masking(Config(notify=Notify(targets={"limited": Target(webhook=targets.Webhook(url="http://h/limited"))})))
    assert short("inc-1/7/limited") == "inc-1/7/limited"


def test_the_log_shows_none_not_even_in_a_traceback(capsys):
    masking = Masking(Config(kafka=Kafka(security=KafkaSecurity(password=SecretStr("pass-of-kafka")))))
    root = logging.getLogger()
    before = root.handlers[:]
    handler = logging.StreamHandler()
    root.handlers[:] = [handler]
    try:
        with covering(masking):
            try:
                raise ValueError("pass-of-kafka in an exception")
            except ValueError:
                logging.getLogger("x").exception("with %s", "pass-of-kafka")
            root.handlers[:] = [handler := logging.StreamHandler()]  # as a reload does
            cover(masking)
            cover(masking)
            logging.getLogger("x").error("again pass-of-kafka")
        assert type(handler.formatter) is logging.Formatter
    finally:
        root.handlers[:] = before
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "pass-of-kafka" not in said
