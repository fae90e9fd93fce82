from __future__ import annotations

from pathlib import Path

from floodmark.config.loader import load_with_warnings
from floodmark.config.models import Config
from floodmark.simulate import machine
from floodmark.simulate.setups import demo_config, machine_config
from floodmark.simulate.shop import PREFIX, TOPICS, Shop

EXAMPLE = Path(__file__).parents[2] / "deploy" / "floodmark.example.yaml"


def test_the_demo_reads_what_the_shop_sends_and_knows_its_call_graph():
    shop = Shop(7)
    config = demo_config(shop, ["127.0.0.1:9"])
    assert {entry.topic for entry in config.inputs} == {PREFIX + topic for topic in TOPICS}
    assert {entry.signal for entry in config.inputs} == {"metric", "log", "prediction", "outcome", "change"}
    assert {name: service.depends_on for name, service in config.services.items()} == shop.depends_on
    assert config.kafka.brokers == ["127.0.0.1:9"]


def test_the_demo_shows_the_defaults():
    config = demo_config(Shop(7))
    default = Config()
    assert config.detectors == default.detectors
    assert config.detect.model_copy(update={"tick": default.detect.tick}) == default.detect
    assert config.logs == default.logs
    assert config.correlate == default.correlate


def test_the_machine_is_one_host():
    config = machine_config()
    assert [(entry.topic, entry.signal) for entry in config.inputs] == [(machine.TOPIC, "metric")]
    assert config.correlate.labels == ["host"]


def test_the_example_is_a_valid_configuration():
    config = load_with_warnings(EXAMPLE).config
    assert {entry.signal for entry in config.inputs} == {"metric", "log", "prediction", "outcome", "change"}
    assert [detector.enabled for detector in config.detectors].count(False) == 1
    known = set(config.services) | {name for service in config.services.values() for name in service.depends_on}
    assert known >= {"web", "payment"}


def test_what_the_example_says_of_defaults_is_true():
    config = load_with_warnings(EXAMPLE).config
    default = Config()
    assert config.topics == default.topics
    assert config.detect.model_copy(update={"tick": default.detect.tick}) == default.detect
    assert config.logs == default.logs
    assert config.correlate == default.correlate
    assert config.http == default.http
    assert config.logging == default.logging
