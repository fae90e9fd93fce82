"""JSON lines of native events: what each is, by the field that only it has, and when it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Input
from floodmark.decode.auto import told
from floodmark.decode.decoder import EventError
from floodmark.decode.timestamps import parse
from floodmark.files.dumps import looked_at
from floodmark.files.notes import FileError, Notes
from floodmark.files.opening import raw_lines
from floodmark.files.ordering import Clock, Line, sorted_lines
from floodmark.records import Record
from floodmark.signals import SignalName

SIGNALS: Final[tuple[SignalName, ...]] = ("metric", "log", "prediction", "outcome", "change", "span", "alert", "action")
_TELLING: Final[Mapping[str, SignalName]] = {
    "fingerprint": "alert",
    "verb": "action",
    "body": "log",
    "prediction": "prediction",
    "label": "outcome",
    "summary": "change",
    "operation": "span",
    "value": "metric",
}
"""What a native event is, by the field that only it has."""
_NO_NUMBER: Final = re.compile(rb'("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity|nan|inf)\b')
_UNTOLD: Final = float("-inf")


class Events:
    """A file of native events; `lines` can be read again and again. Making one raises FileError if it holds none."""

    def __init__(
        self,
        path: Path,
        signal: SignalName | None,
        topic: Callable[[SignalName], str],
        encoding: str,
        notes: Notes,
        inputs: Iterable[Input] = (),
    ) -> None:
        """`inputs`: of the config, to be pointed at if the file is a dump."""
        self._path, self._signal, self._topic, self._encoding, self._notes = path, signal, topic, encoding, notes
        self._clock = Clock()
        quiet, read = Notes(), False
        for line in self._lines(quiet):
            self._clock.sees(line.time)
            read = True
        if not read and quiet.refused:
            raise FileError(strange(looked_at(path), quiet.first[next(iter(quiet.refused))], inputs))
        self.size = self._clock.lines
        if back := self._clock.back:
            notes.say(
                f"{path}: {back:,} of {self.size:,} events are out of order, and read in the order of their times"
            )

    def lines(self) -> Iterator[Line]:
        lines = self._lines(self._notes)
        return sorted_lines(lines) if self._clock.back else lines

    def _lines(self, notes: Notes) -> Iterator[Line]:
        for number, text in self._texts(notes):
            event = parsed(text)
            if isinstance(event, list) and event:
                event = event[0]
            fields = event if isinstance(event, dict) else {}
            found = self._signal or _signal_of(fields)
            if found is None:
                words = f"this is no native event: it has none of the fields {', '.join(_TELLING)}"
                notes.refuse("unknown_format", f"{self._path}:{number}", words)
                continue
            yield Line(_time(fields.get("timestamp")), self._topic(found), (0, number), text)

    def _texts(self, notes: Notes) -> Iterator[tuple[int, bytes]]:
        """Each event in UTF-8 with its line; of a file that is one array, its elements."""
        for number, raw in enumerate(raw_lines(self._path, notes, self._encoding), 1):
            text = raw.strip().lstrip(b"\x1e")  # RFC 7464 has it before each
            if (number == 1 and text == b"[") or (text[:1] == b"[" and parsed(text) is None):
                yield from self._array(notes)
                return
            text = text.removesuffix(b",")
            if not text:
                continue
            try:
                text.decode()
            except UnicodeDecodeError:
                notes.repair(
                    "lines that are not UTF-8, read as Latin-1 (--encoding says another)", f"{self._path}:{number}"
                )
                text = text.decode("latin-1").encode()
            yield number, text

    def _array(self, notes: Notes) -> Iterator[tuple[int, bytes]]:
        whole = b"".join(raw_lines(self._path, notes, self._encoding))
        array = parsed(whole)
        if not isinstance(array, list):
            notes.refuse("not_json", f"{self._path}:1", "the file begins as a JSON array, and is none")
            return
        for number, element in enumerate(array, 1):
            yield number, orjson.dumps(element)


def parsed(text: bytes) -> Any:
    """JSON, or what Python's json.dumps writes for NaN; None if it is neither."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(text)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(_NO_NUMBER.sub(lambda match: match[1] or b"null", text))
    return None


def formats_of(values: Sequence[bytes], *, native: bool = False) -> list[tuple[SignalName, FormatName]]:
    """In which formats messages could be, as `auto` tells them, the most likely first."""
    counts: dict[tuple[SignalName, FormatName], int] = {}
    for value in values:
        for signal in SIGNALS:
            found = told(signal, Record("", 0, 0, -1, None, value))
            if found is not None and (native or found != "native") and signal in CARRIES[found]:
                counts[signal, found] = counts.get((signal, found), 0) + 1
    return sorted(counts, key=lambda each: -counts[each])


def strange(values: Sequence[bytes], why: str, inputs: Iterable[Input] = (), *, native: bool = False) -> str:
    """What to do with a file that holds no native events, but such messages. `inputs`: of the config.

    `native`: the messages may be native."""
    found = formats_of(values, native=native)
    if not found:
        return (
            f"{why}. If it is a dump of a topic, say of which input: --input TOPIC with --config, or --format NAME and "
            "--signal KIND"
        )
    signal, name = found[0]
    others = "".join(f", or {each} ({kind}s)" for kind, each in found[1:3])
    fitting = [each.topic for each in inputs if each.signal == signal and each.format in (name, "auto")]
    way = f"--input {fitting[0]}" if fitting else f"--format {name} --signal {signal}"
    return f"{why}. It looks like {name} ({signal}s){others}: give {way}"


def _signal_of(event: Mapping[str, Any]) -> SignalName | None:
    return next((signal for field, signal in _TELLING.items() if field in event), None)


def _time(value: object) -> float:
    """Event time to merge by; what has none goes with the line before, and is refused by its decoder."""
    with suppress(EventError):
        if isinstance(value, str | int | float):
            return parse(value)
    return _UNTOLD
