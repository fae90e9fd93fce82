"""Floodmark's own log: structlog to stderr, JSON lines for machines or text for people, one stream for everything.

What aiokafka logs comes through the same stream, turned down: it repeats itself every 100 ms while a broker is away,
and calls ordinary rebalances errors. What it says of an outage that we speak of ourselves is left out. Of a
record it shows at most what `refusals` says of dead letters, with its secrets masked.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import orjson
import structlog

QUIET_SECONDS = 30.0
"""The same message of aiokafka is written at most once in this time; the next one says how many were left out."""

GRACE_SECONDS = 10.0
"""So long what aiokafka says of connections is held back: by then it is known whether Kafka as a whole is away."""
_STREAK_SECONDS = 30.0

_MEANT = ("Fetch offset ",)  # INFO in aiokafka, yet it says that records were lost to retention before we read them

_OF_OUTAGES = (
    *("Unable connect to", "Unable to request metadata", "Unable to update metadata", "Failed fetch messages from"),
    *("Failed fetch offsets from", "Error sending %s to node", "Marking the coordinator dead", "Heartbeat"),
    *("Group Coordinator Request failed", "OffsetCommit failed before join", "LeaveGroup request failed"),
    *("Failed to commit on finallization", "FindCoordinator Request failed", "Cannot send %r", "Could not send %r"),
    *("Got error produce response", "Topic %s is not available", "Topic %s not found in cluster metadata"),
    *("No broker metadata found", "Received unknown topic or partition error", "Auto offset commit failed"),
)
"""How aiokafka's messages begin that an outage brings about, and the minute after it."""


def configure(level: str = "info", style: Literal["json", "text"] = "json") -> None:
    """Send structlog and the standard library's logging to stderr as `style`; replaces earlier configuration."""
    stamped: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamped,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
        if style == "json"
        # The default shows the local variables of a traceback, and one of them is a password.
        else [structlog.dev.ConsoleRenderer(colors=_colours(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamped, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(Quiet())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


class Quiet(logging.Filter):
    """Turns aiokafka down: its INFO to DEBUG, its errors to warnings, each message once in `QUIET_SECONDS`.

    aiokafka mends what it logs by itself; what it cannot mend it raises, and the runtime says that in a sentence.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.away: Callable[[], bool] = lambda: False
        self.folded = 0
        self._streak = (float("-inf"), float("-inf"))  # of what outages bring about: the first, the last
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}  # as many as aiokafka has messages: bounded by its source

    def filter(self, record: logging.LogRecord) -> bool:
        template = str(record.msg)
        if not record.name.startswith("aiokafka"):
            _without_bytes(record)
            # A drain that was given up leaves clients open, and says so itself.
            return not (record.name == "asyncio" and template.startswith("Unclosed AIOKafka"))
        if record.levelno <= logging.INFO and not template.startswith(_MEANT):
            _relevel(record, logging.DEBUG)
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        now = self._clock()
        if template.startswith(_OF_OUTAGES) and self._known(now):
            self.folded += 1
            record.exc_info = None
            _relevel(record, logging.DEBUG)
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        since, left_out = self._seen.get(template, (-QUIET_SECONDS, 0))
        if now - since < QUIET_SECONDS:
            self._seen[template] = (since, left_out + 1)
            return False
        self._seen[template] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} like it left out)", None
        record.exc_info = None
        _relevel(record, logging.WARNING)
        return True

    def _known(self, now: float) -> bool:
        """Whether a message of an outage says nothing new: Kafka is away, or so it may turn out."""
        first, last = self._streak
        if self.away() or now - last >= _STREAK_SECONDS:
            first = now
        self._streak = (first, now)
        return now - first < GRACE_SECONDS


@contextmanager
def folding(away: Callable[[], bool]) -> Iterator[None]:
    """While entered, what aiokafka says of connections is left out as long as `away()`, and shortly before and after.

    At the level debug everything is written.
    """
    filters = [each for handler in logging.getLogger().handlers for each in handler.filters if isinstance(each, Quiet)]
    for quiet in filters:
        quiet.away = away
    try:
        yield
    finally:
        for quiet in filters:
            quiet.away = lambda: False


def _without_bytes(record: logging.LogRecord) -> None:
    """Leave out the bytes that aiohttp shows of a request that is no HTTP: a token may be among them."""
    error = record.exc_info[1] if record.exc_info else None
    if record.name == "aiohttp.server" and type(error).__module__ == "aiohttp.http_exceptions":
        record.exc_info = None
        _relevel(record, logging.WARNING)


def _colours() -> bool:
    """Whether text may have colours: at a terminal, unless NO_COLOR (no-color.org) has any value."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _relevel(record: logging.LogRecord, level: int) -> None:
    record.levelno, record.levelname = level, logging.getLevelName(level)


def _json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
