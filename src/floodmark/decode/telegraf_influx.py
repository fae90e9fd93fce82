"""Influx lines, Telegraf's usual output (`data_format = "influx"`): a measurement, tags, fields, nanoseconds.

A line is parsed in C. Text between quotes may hold newlines, so lines are joined as long as a quote is open.
"""

from __future__ import annotations

from collections.abc import Iterator

from line_protocol_parser import LineFormatError, parse_line

from floodmark.decode.decoder import EventError
from floodmark.decode.points import PointDecoder, Points


class InfluxDecoder(PointDecoder):
    """Decodes a batch of lines. A line without a time has Kafka's; bytes that are no UTF-8 are read as U+FFFD."""

    def _read(self, value: bytes, points: Points) -> None:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode(errors="replace")
            self._counts["not_utf8"] += 1
        for block in _blocks(text.replace("\r\n", "\n")):
            whole = "\n".join(block)
            if len(block) > 1 and not _fits(whole):  # a quote that means nothing
                for line in block:
                    _line(line, points)
            else:
                _line(whole, points)


def _line(line: str, points: Points) -> None:
    if not line.strip():
        return
    with points:
        try:
            found = parse_line(line)
        except (LineFormatError, ValueError, OverflowError) as error:
            raise EventError("malformed", f"the line {line[:60]!r} cannot be read: {error}") from None
        if found is not None:  # a comment
            points.add_fields(found["measurement"], found["fields"].items(), found["tags"], points.time(found["time"]))


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines, those together that a pair of quotes holds together."""
    block: list[str] = []
    for line in text.split("\n"):
        quotes = (line.count('"') - line.count('\\"')) % 2
        if not block and not quotes:
            yield [line]
            continue
        closes = bool(block) and quotes
        block.append(line)
        if closes:
            yield block
            block = []
    for line in block:
        yield [line]


def _fits(line: str) -> bool:
    try:
        parse_line(line)
    except (LineFormatError, ValueError, OverflowError):
        return False
    return True
