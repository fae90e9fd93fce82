import logging
import sys

import orjson
import pytest
import structlog

from floodmark.runtime import log as module
from floodmark.runtime.log import QUIET_SECONDS, Quiet


@pytest.fixture
def configured(capsys, monkeypatch):
    """`configured(level, style)` configures, and gives back a function that reads the lines so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def written():
        return capsys.readouterr().err.splitlines()

    def configure(*arguments):
        module.configure(*arguments)
        return written

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_from_both_worlds(configured):
    lines = configured("info", "json")
    structlog.get_logger("floodmark.x").info("opened", count=3, odd={1: object})
    logging.getLogger("other").warning("it is %s", "late")
    structlog.get_logger("floodmark.x").debug("not written")
    ours, theirs = map(orjson.loads, lines())
    assert (ours["event"], ours["count"], ours["level"], ours["logger"]) == ("opened", 3, "info", "floodmark.x")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it is late", "warning", "other")


def test_an_exception_is_one_line(configured):
    lines = configured("info", "json")
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger("floodmark.x").exception("failed")
    (line,) = lines()
    assert "ValueError: no" in orjson.loads(line)["exception"]


def test_text(configured):
    lines = configured("warning", "text")
    structlog.get_logger("floodmark.x").info("not written")
    structlog.get_logger("floodmark.x").warning("mind this")
    (line,) = lines()
    assert "mind this" in line
    assert not line.startswith("{")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def record(message, *arguments, level=logging.ERROR, name="aiokafka.conn"):
    return logging.LogRecord(name, level, __file__, 1, message, arguments, sys.exc_info())


def test_aiokafka_says_a_thing_once_in_a_while():
    clock = Clock()
    quiet = Quiet(clock)
    first = record("Unable connect to node with id %s", 1)
    assert quiet.filter(first)
    assert first.levelno == logging.WARNING
    assert not any(quiet.filter(record("Unable connect to node with id %s", n)) for n in range(40))
    clock.now += QUIET_SECONDS
    again = record("Unable connect to node with id %s", 2)
    assert quiet.filter(again)
    assert again.getMessage() == "Unable connect to node with id 2 (40 like it left out)"


def test_aiokafkas_info_is_debug_but_for_lost_records():
    quiet = Quiet(Clock())
    assert not quiet.filter(record("Joined group", level=logging.INFO))
    lost = record("Fetch offset %s is out of range for partition %s, resetting offset", 1, 2, level=logging.INFO)
    assert quiet.filter(lost)
    assert lost.levelno == logging.WARNING


def test_clients_left_open_by_a_drain_given_up_are_not_news():
    assert not Quiet(Clock()).filter(record("Unclosed AIOKafkaProducer\nproducer: <...>", name="asyncio"))


def test_others_are_left_alone():
    other = record("x", name="floodmark.runtime")
    assert Quiet(Clock()).filter(other)
    assert other.levelno == logging.ERROR
