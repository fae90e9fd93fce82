"""Floodmark's own log: structlog to stderr, JSON lines for machines or text for people, one stream for everything.

What aiokafka logs comes through the same stream, turned down: it repeats itself every 100 ms while a broker is away,
and calls ordinary rebalances errors. It must never log a record's value.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

import orjson
import structlog

QUIET_SECONDS = 30.0
"""The same message of aiokafka is written at most once in this time; the next one says how many were left out."""

_MEANT = ("Fetch offset ",)  # INFO in aiokafka, yet it says that records were lost to retention before we read them


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
        else [structlog.dev.ConsoleRenderer(sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
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
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}  # as many as aiokafka has messages: bounded by its source

    def filter(self, record: logging.LogRecord) -> bool:
        template = str(record.msg)
        if not record.name.startswith("aiokafka"):
            # A drain that was given up leaves clients open, and says so itself.
            return not (record.name == "asyncio" and template.startswith("Unclosed AIOKafka"))
        if record.levelno <= logging.INFO and not template.startswith(_MEANT):
            _relevel(record, logging.DEBUG)
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        now = self._clock()
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


def _relevel(record: logging.LogRecord, level: int) -> None:
    record.levelno, record.levelname = level, logging.getLevelName(level)


def _json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
