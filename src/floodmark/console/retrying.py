"""Dead letters by their place: the value of one, and sending them again as `floodmark dead-letters retry` does."""

from __future__ import annotations

from typing import Any, Final

from floodmark.alerts import utc
from floodmark.config.models import Config
from floodmark.console.contract import DeadLetterPage, Retried, Retrying
from floodmark.letters import read
from floodmark.runtime.dead_letters import Choice, retry
from floodmark.runtime.errors import RunError
from floodmark.runtime.reading import reading

_CUT: Final = 65_536
_HEADERS: Final = 50


class LetterError(Exception):
    """It cannot be shown: HTTP's status, and a sentence."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


async def letter_of(config: Config, partition: int, offset: int) -> DeadLetterPage | None:
    """One of them; None if it is not there any more. Raises LetterError."""
    record: Any = None
    try:
        async with reading(config.kafka, config.topics.dead_letters) as (consumer, sources):
            source = next((each for each in sources if each.partition == partition), None)
            if source is None:
                return None
            first = (await consumer.beginning_offsets([source]))[source]
            end = (await consumer.end_offsets([source]))[source]
            if not first <= offset < end:
                return None
            consumer.assign([source])
            consumer.seek(source, offset)
            found = await consumer.getmany(source, timeout_ms=3_000, max_records=1)
            record = next(iter(found.get(source, [])), None)
    except RunError as error:
        raise LetterError(503, str(error)) from error
    if record is None or record.offset != offset:
        return None
    letter = read(record)
    value = letter.value or b""
    return DeadLetterPage(
        error=letter.error,
        message=letter.message,
        origin=letter.origin,
        origin_partition=letter.place[0],
        origin_offset=letter.place[1],
        stage=letter.stage,
        at=utc(max(0, letter.timestamp) / 1000),
        key=_text(letter.key or b""),
        value=_text(value[:_CUT]),
        cut=len(value) > _CUT,
        headers=[(name[:200], _text(each[:1_000])) for name, each in letter.headers[:_HEADERS]],
    )


async def send_again(config: Config, asked: Retrying) -> Retried:
    """Send again what is chosen, or say what would be. Raises RunError."""
    choice = Choice(topic=asked.origin, error=asked.error)
    done = await retry(config.kafka, config.topics, choice, dry=asked.dry_run)
    return Retried(count=done.sent.total(), topics=dict(done.sent))


def _text(data: bytes) -> str:
    """Bytes as text, what is none as escapes."""
    return data.decode("utf-8", "backslashreplace")
