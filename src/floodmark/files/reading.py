"""Files as the inputs of a config: which input each is, and their records, merged by time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from floodmark.actions import Action
from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Config, Input, Limits
from floodmark.decode import Decoder, input_decoder
from floodmark.files.columns import Columns
from floodmark.files.dumps import Dump, Framing, first_value, is_kcat, looked_at
from floodmark.files.events import SIGNALS, Events, strange
from floodmark.files.notes import FileError, Notes
from floodmark.files.opening import lines, name_within
from floodmark.files.ordering import Line
from floodmark.files.tables import Table
from floodmark.records import Record
from floodmark.signals import SignalName

_TABLES = (".csv", ".tsv", ".tab", ".psv")
_EVENTS = (".jsonl", ".ndjson", ".json")


class Asked(NamedTuple):
    """What somebody says of files. `input`: the topic of an input of the config whose messages they hold; or `format`
    (with `signal`); neither: tables and native events. `arrived`: until when (epoch seconds) the messages of dumps had
    come, where these do not say; by it times without a year are understood. `timed`: the times of their messages are
    wanted, also where one file alone is in its order without them."""

    columns: Columns = Columns()
    signal: SignalName | None = None
    format: FormatName | None = None
    input: str = ""
    framing: Framing = "auto"
    base64: bool = False
    arrived: float | None = None
    timed: bool = False


class Source(Protocol):
    """Recorded telemetry, to be read as often as is wanted."""

    @property
    def inputs(self) -> Sequence[Input]: ...

    @property
    def partitions(self) -> Mapping[str, int]:
        """Of the inputs that have more than one."""
        ...

    @property
    def size(self) -> int:
        """About how many records there are."""
        ...

    @property
    def notes(self) -> Notes: ...

    def records(self) -> Iterator[Record]:
        """In the order in which they are to be handled."""
        ...

    def place(self, topic: str, partition: int, offset: int) -> str:
        """Where a record stands, for people."""
        ...


class _Part(Protocol):
    size: int

    def lines(self) -> Iterator[Line]: ...


class Files:
    """A `Source`. Making one looks through each file; raises FileError for what cannot be read at all."""

    def __init__(self, paths: Sequence[Path], config: Config, asked: Asked, notes: Notes | None = None) -> None:
        self.notes = notes or Notes()
        self.partitions: dict[str, int] = {}
        self._asked = asked
        self._known = {each.topic: each for each in config.inputs}
        self._inputs: dict[str, Input] = {}
        self._of_file: dict[str, Path] = {}
        self._parts: list[_Part] = []
        self._several = len(paths) > 1
        self._decoders: dict[str, Decoder] = {}
        if asked.input and asked.input not in self._known:
            raise FileError(
                f"--input {asked.input}: the config has no such input; it has {', '.join(self._known) or 'none'}"
            )
        for path in paths:
            self._parts.append(self._part(path))

    @property
    def inputs(self) -> list[Input]:
        return list(self._inputs.values())

    @property
    def size(self) -> int:
        return sum(part.size for part in self._parts)

    def records(self) -> Iterator[Record]:
        return (record for _, record in self.timed())

    def timed(self) -> Iterator[tuple[float, Record]]:
        """The records in their order, each with the time by which it stands there; -inf before all that have one."""
        self.notes.clear()
        for line in heapq.merge(*(part.lines() for part in self._parts), key=lambda line: line.time):
            partition, offset = line.place
            yield line.time, Record(line.topic, partition, offset, line.arrival, line.key, line.value, line.headers)

    def place(self, topic: str, partition: int, offset: int) -> str:
        path = self._of_file.get(topic)
        return f"{topic}/{partition}@{offset}" if path is None else f"{path}:{offset}"

    def _part(self, path: Path) -> _Part:
        asked = self._asked
        if not path.exists():
            raise FileError(f"{path}: there is no such file")
        if path.is_dir():
            raise FileError(f"{path}: this is a folder; name the files in it")
        if asked.input or asked.format not in (None, "native"):
            return self._dump(path)
        ending = name_within(path).suffix.lower()
        first = next((line.strip() for line in lines(path, Notes(), asked.columns.encoding) if line.strip()), "")
        if first[:1] in ("{", "[", "\x1e") and ending not in _TABLES:
            if asked.framing != "auto" or (first[:1] == "{" and is_kcat(path)):
                return self._dump(path)
            return self._events(path)
        if ending in _TABLES:
            return self._table(path)
        if ending in _EVENTS:
            return self._events(path)
        words = f"{path}: only .csv and .jsonl files, and dumps of topics, can be read, and this looks like none"
        if any(each in first for each in ",;\t|"):
            with suppress(FileError):
                return self._table(path)
        raise FileError(strange(looked_at(path), words, self._known.values()))

    def _table(self, path: Path) -> Table:
        self._native(path, "metric")
        return Table(
            path, self._asked.columns, self._asked.signal, lambda signal: self._native(path, signal), self.notes
        )

    def _events(self, path: Path) -> Events:
        asked, known = self._asked, self._known.values()
        encoding = asked.columns.encoding
        return Events(path, asked.signal, lambda signal: self._native(path, signal), encoding, self.notes, known)

    def _dump(self, path: Path) -> Dump:
        asked = self._asked
        dump = Dump(
            path, asked.framing, lambda topic: self._of_dump(path, topic), self.notes, base64=asked.base64,
            time=self._time if self._several or asked.timed or asked.arrived is not None else None,
            stamped=asked.arrived is not None,
        )  # fmt: skip
        if not dump.size and dump.framing == "kcat" and not dump.partitions:
            words = f"{path}: its messages are of no input of the config; give --config, or what they are"
            raise FileError(strange([first_value(path)], words, self._known.values(), native=True))
        for topic, count in dump.partitions.items():
            self.partitions[topic] = max(self.partitions.get(topic, 1), count)
        return dump

    def _of_dump(self, path: Path, topic: str) -> str | None:
        """The input of messages of a topic ("": the dump does not say)."""
        asked = self._asked
        if (asked.format is not None and asked.format != "native") or (
            asked.signal and not asked.input and topic not in self._known
        ):
            name = topic or str(path)
            if name not in self._inputs:
                self._inputs[name] = self._made(name)
                if not topic:
                    self._of_file[name] = path
            return name
        wanted = asked.input or topic
        source = self._known.get(wanted)
        if source is None:
            if not topic and len(self._known) == 1:
                source = next(iter(self._known.values()))
            else:
                return None
        name = source.topic
        if not topic and self._of_file.setdefault(name, path) != path:  # offsets are the numbers of lines
            name = f"{source.topic} ({path})"
            self._of_file[name] = path
        self._inputs.setdefault(name, source if name == source.topic else source.model_copy(update={"topic": name}))
        return name

    def _time(self, topic: str, value: bytes) -> float:
        """When a message was, as its decoder says; -inf if that cannot be told."""
        if topic not in self._decoders:
            self._decoders[topic] = input_decoder(self._inputs[topic], Limits())
        came = -1 if self._asked.arrived is None else int(self._asked.arrived * 1000)
        signals = self._decoders[topic].decode(Record(topic, 0, 0, came, None, value)).signals
        times = (each.at.timestamp() if isinstance(each, Action) else each.time for each in signals)
        return min(times, default=float("-inf"))

    def _made(self, name: str) -> Input:
        asked = self._asked
        format = asked.format or "native"
        carried = CARRIES.get(format, ())
        if asked.signal is None and len(carried) > 1:
            raise FileError(f"--format {format}: it carries {', '.join(carried)}; say which with --signal")
        signal = asked.signal or carried[0]
        if signal not in carried:
            raise FileError(f"--format {format}: it carries {', '.join(carried)}, no {signal}s")
        if format == "json":
            raise FileError("--format json: which field is what is said in a config; give --config and --input TOPIC")
        return Input(topic=name, signal=signal, format=format)

    def _native(self, path: Path, signal: SignalName) -> str:
        """The topic under which a file's native events of a signal are replayed."""
        name = f"{path}:{signal}"
        if name not in self._inputs:
            for each in SIGNALS:  # all that it may hold, so that the flow does not depend on where it is read
                self._inputs[f"{path}:{each}"] = Input(topic=f"{path}:{each}", signal=each)
                self._of_file[f"{path}:{each}"] = path
        return name
