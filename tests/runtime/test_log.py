import logging
import sys

import orjson
import pytest
import structlog
from aiohttp.http_exceptions import LineTooLong

from floodmark.runtime import log as module
from floodmark.runtime.log import GRACE_SECONDS, QUIET_SECONDS, Quiet, folding


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
    first = record("Unexpected error while fetching data: %s", 1)
    assert quiet.filter(first)
    assert first.levelno == logging.WARNING
    assert not any(quiet.filter(record("Unexpected error while fetching data: %s", n)) for n in range(40))
    clock.now += QUIET_SECONDS
    again = record("Unexpected error while fetching data: %s", 2)
    assert quiet.filter(again)
    assert again.getMessage() == "Unexpected error while fetching data: 2 (40 like it left out)"


def unable(quiet):
    return quiet.filter(record("Unable connect to node with id %s: %s", 1, "refused"))


def test_one_broker_of_several_that_is_away_is_told_once_it_is_known_that_kafka_is_not():
    clock = Clock()
    quiet = Quiet(clock)
    told = []
    for _ in range(60):
        told.append(unable(quiet))
        clock.now += 1
    assert told.index(True) == GRACE_SECONDS
    assert sum(told) == 2


def test_an_outage_that_is_known_is_told_by_us_alone():
    clock = Clock()
    quiet = Quiet(clock)
    quiet.away = lambda: 5 <= clock.now < 300
    for _ in range(308):
        assert not unable(quiet)
        assert not quiet.filter(record("Heartbeat session expired - marking coordinator dead"))
        clock.now += 1
    assert quiet.folded == 616
    assert quiet.filter(record("Unexpected error in sender routine"))  # of anything else it is heard


def test_a_run_lends_its_knowledge_to_the_log_while_it_lasts(configured):
    lines = configured("info", "json")
    aiokafka = logging.getLogger("aiokafka.client")
    with folding(lambda: True):
        aiokafka.error("Unable connect to node with id %s: %s", 1, "refused")
        aiokafka.error("Topic %s is not authorized for this client", "t")
    (line,) = map(orjson.loads, lines())
    assert (line["event"], line["level"]) == ("Topic t is not authorized for this client", "warning")
    (quiet,) = logging.getLogger().handlers[0].filters
    assert (quiet.folded, quiet.away()) == (1, False)


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


@pytest.mark.parametrize(
    ("terminal", "setting", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_text_is_coloured_at_terminals_only_and_never_against_no_color(
    configured, monkeypatch, terminal, setting, coloured
):
    monkeypatch.setenv("NO_COLOR", setting)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    lines = configured("info", "text")
    structlog.get_logger("floodmark.x").warning("mind this")
    assert any("\x1b[" in line for line in lines()) == coloured


def test_the_bytes_of_what_is_no_http_are_not_shown(configured):
    lines = configured("debug", "json")
    try:
        raise LineTooLong("Authorization: Bearer hunter2", "8190")
    except LineTooLong as error:
        logging.getLogger("aiohttp.server").error("Error handling request from %s", "127.0.0.1", exc_info=error)
    (line,) = lines()
    assert "Error handling request from 127.0.0.1" in line
    assert "hunter2" not in line
