import sys

import pytest

from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.runtime.errors import EmbeddedBrokerError


def test_it_listens_on_loopback_and_says_nothing(capfd):
    with EmbeddedBroker() as broker:
        host, port = broker.bootstrap.split(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert capfd.readouterr() == ("", "")


def test_without_confluent_kafka_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(EmbeddedBrokerError, match=r"pip install confluent-kafka"):
        EmbeddedBroker().__enter__()
