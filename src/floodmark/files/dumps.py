"""Dumps of topics as records: a value a line, `kcat -J`, base64, or messages with their length before them.

The bytes of a value are left as they are: what they mean is for the decoder of the input.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, get_args

import orjson

from floodmark.decode.timestamps import EARLIEST, LATEST
from floodmark.files.notes import FileError, Notes
from floodmark.files.opening import opened, raw_lines
from floodmark.files.ordering import Clock, Line, sorted_lines
from floodmark.records import Headers

Framing = Literal["auto", "lines", "kcat", "base64", "varint", "uint32", "whole"]
"""How messages follow each other in a file. auto: kcat if its first line is such an envelope, else lines. varint: each
with its length before it as protobuf writes it; uint32: in four bytes, the largest first, as OpenTelemetry's Collector
does; whole: the file is one message."""
FRAMINGS: Final[tuple[Framing, ...]] = get_args(Framing)
_LARGEST: Final = 100_000_000
_LOOKED_AT: Final = 20


class Envelope(NamedTuple):
    """A line of `kcat -J`."""

    topic: str
    partition: int
    offset: int
    arrival: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Dump:
    """A dump of the messages of a topic; `lines` can be read again and again."""

    def __init__(
        self,
        path: Path,
        framing: Framing,
        topic: Callable[[str], str | None],
        notes: Notes,
        *,
        base64: bool = False,
        time: Callable[[str, bytes], float] | None = None,
        stamped: bool = False,
    ) -> None:
        """`topic`: the input that messages of a topic are of, of "" where the dump does not say whose they are; None
        if there is none, and they are left out. `base64`: keys and values are in base64. `time`: when a message of an
        input was, where the dump does not say and other files are to be merged with it. `stamped`: that is when it came
        to Kafka, too."""
        self._stamped = stamped
        self._path, self._notes, self._topic, self._base64, self._time = path, notes, topic, base64, time
        if base64 and framing == "auto" and not is_kcat(path):
            framing = "base64"
        self.framing: Framing = framing if framing != "auto" else "kcat" if is_kcat(path) else "lines"
        self._clock: Clock | None = None
        self.partitions: dict[str, int] = {}
        self.size = 0
        self._look()

    def _look(self) -> None:
        """Where records are of several partitions, these may follow each other: then they are put in order of time."""
        self._clock = Clock()
        for line in self._lines(Notes()):
            self.size += 1
            self._clock.sees(line.time)
            if self.framing == "kcat":
                self.partitions[line.topic] = max(self.partitions.get(line.topic, 1), line.place[0] + 1)

    def lines(self) -> Iterator[Line]:
        lines = self._lines(self._notes)
        several = len(self.partitions) > 1 or max(self.partitions.values(), default=1) > 1
        return sorted_lines(lines) if several and self._clock is not None and self._clock.back else lines

    def _lines(self, notes: Notes) -> Iterator[Line]:
        if self.framing == "kcat":
            yield from self._envelopes(notes)
            return
        topic = self._topic("")
        if topic is None:
            raise FileError(
                f"{self._path}: of which input are its messages? Give --input TOPIC, or --format and --signal"
            )
        for number, value in self._values(notes):
            time = self._time(topic, value) if self._time else float("-inf")
            arrival = math.ceil(time * 1000) if self._stamped and math.isfinite(time) else -1
            yield Line(time, topic, (0, number), value, arrival=arrival)

    def _envelopes(self, notes: Notes) -> Iterator[Line]:
        for number, raw in enumerate(raw_lines(self._path, notes), 1):
            if not raw.strip():
                continue
            try:
                found = envelope(raw, self._base64)
            except ValueError as error:
                notes.refuse("malformed", f"{self._path}:{number}", f"no line of kcat -J: {error}")
                continue
            topic = self._topic(found.topic)
            if topic is None:
                words = f"the config has no input {found.topic!r}; --input TOPIC takes its messages for another's"
                notes.refuse("no_input", f"{self._path}:{number}", words)
                continue
            plausible = EARLIEST <= found.arrival / 1000 < LATEST
            time = found.arrival / 1000 if plausible else float("-inf")
            place = (found.partition, found.offset)
            yield Line(time, topic, place, found.value, found.key, found.headers, found.arrival)

    def _values(self, notes: Notes) -> Iterator[tuple[int, bytes]]:
        """Messages by their number: of the line, or of the message."""
        if self.framing in ("lines", "base64"):
            for number, raw in enumerate(raw_lines(self._path, notes), 1):
                value = raw.rstrip(b"\r\n")
                if not value.strip():
                    continue
                if self.framing == "base64":
                    try:
                        value = base64.b64decode(value, validate=True)
                    except binascii.Error as error:
                        notes.refuse("malformed", f"{self._path}:{number}", f"no base64: {error}")
                        continue
                yield number, value
            return
        with opened(self._path, notes) as file:
            if self.framing == "whole":
                yield 1, file.read()
                return
            yield from self._framed(file, notes)

    def _framed(self, file: IO[bytes], notes: Notes) -> Iterator[tuple[int, bytes]]:
        number = 0
        while (length := _varint(file) if self.framing == "varint" else _uint32(file)) is not None:
            number += 1
            value = file.read(length) if 0 <= length <= _LARGEST else b""
            if len(value) != length:
                words = (
                    f"a message of {length:,} bytes is announced that is not there: is it framed otherwise (--framing)?"
                )
                notes.refuse("cut_off", f"{self._path}, message {number}", words)
                return
            yield number, value


def is_kcat(path: Path) -> bool:
    """Whether the first line of a file is an envelope of `kcat -J`."""
    for raw in raw_lines(path, Notes()):
        if raw.strip():
            with suppress(ValueError):
                return envelope(raw, False) is not None
            return False
    return False


def first_value(path: Path) -> bytes:
    """The value in the first envelope of a file of them."""
    for raw in raw_lines(path, Notes()):
        if raw.strip():
            return envelope(raw, False).value or b""
    return b""


def envelope(raw: bytes, in_base64: bool) -> Envelope:
    """A line of `kcat -J`. Raises ValueError in words."""
    try:
        said: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        said = orjson.loads(raw.decode("utf-8", "replace").encode("utf-8", "replace"))
    if not isinstance(said, dict) or "payload" not in said or not {"topic", "offset"} <= said.keys():
        raise ValueError("it has no topic, offset and payload")
    partition, offset, arrival = said.get("partition", 0), said["offset"], said.get("ts", -1)
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (partition, offset)):
        raise ValueError("partition and offset are no whole numbers")
    if not 0 <= partition < 10_000:
        raise ValueError(f"there is no partition {partition}")
    return Envelope(
        str(said["topic"]),
        partition,
        offset,
        arrival if isinstance(arrival, int) and abs(arrival) < 2**62 else -1,
        _content(said.get("key"), in_base64),
        _content(said["payload"], in_base64),
        _headers(said.get("headers")),
    )


def _headers(said: object) -> Headers:
    """kcat writes names and values by turns; others pairs, or an object."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(said, dict):
        pairs = list(said.items())
    elif isinstance(said, list) and all(isinstance(each, dict) for each in said):
        pairs = [pair for each in said for pair in each.items()]
    elif isinstance(said, list):
        pairs = list(zip(said[0::2], said[1::2], strict=False))
    return tuple((str(name), _content(value, False) or b"") for name, value in pairs)


def _content(said: object, in_base64: bool) -> bytes | None:
    if said is None:
        return None
    if not isinstance(said, str):
        return orjson.dumps(said)  # kcat -s value=avro writes it as it is
    return base64.b64decode(said, validate=True) if in_base64 else said.encode("utf-8", "surrogatepass")


def _uint32(file: IO[bytes]) -> int | None:
    head = file.read(4)
    return int.from_bytes(head, "big") if len(head) == 4 else None if not head else -1


def _varint(file: IO[bytes]) -> int | None:
    length = shift = 0
    while byte := file.read(1):
        length |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return length
        shift += 7
        if shift > 28:
            return -1
    return -1 if shift else None


def looked_at(path: Path) -> Sequence[bytes]:
    """The first messages of a file of lines, to say what they look like."""
    found: list[bytes] = []
    for raw in raw_lines(path, Notes()):
        if raw.strip():
            found.append(raw.strip())
        if len(found) == _LOOKED_AT:
            break
    return found
