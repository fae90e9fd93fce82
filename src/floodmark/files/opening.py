"""Files as bytes and as lines of text: compression and encoding are told by their first bytes, not by their names."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

import cramjam

from floodmark.files.notes import FileError, Notes

_HEAD: Final = 4096
_CONVERT: Final = "write it as CSV, for example with duckdb: COPY (FROM '{0}') TO 'it.csv'"
_NOT_READ: Final = {
    b"PAR1": f"this is Parquet, which is not read here; {_CONVERT}",
    b"Obj\x01": f"this is an Avro file, which is not read here; {_CONVERT}",
    b"ARROW1": f"this is an Arrow file, which is not read here; {_CONVERT}",
    b"ORC": f"this is an ORC file, which is not read here; {_CONVERT}",
    b"SQLite format 3": f"this is an SQLite database, which is not read here; {_CONVERT}",
    b"\xd0\xcf\x11\xe0": "this is a spreadsheet; save the sheet as CSV",
    b"7z\xbc\xaf": "7z archives are not read here; unpack it",
}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BROKEN: Final = (
    *(EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, cramjam.DecompressionError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),  # a zip that is packed in a new way, or encrypted
)


@contextmanager
def opened(path: Path, notes: Notes) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. What is cut off or broken ends there, and is noted. Raises FileError."""
    try:
        with path.open("rb") as packed, _unpacked(path, packed) as file:
            yield cast(IO[bytes], io.BufferedReader(_Steps(file, path, notes)))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except _BROKEN as error:
        raise FileError(f"{path}: the packed file cannot be read: {error}") from error


def name_within(path: Path) -> Path:
    """The name of a file without the ending that says how it is packed."""
    return path.with_suffix("") if path.suffix.lower() in (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip") else path


def stem(path: Path) -> str:
    """The name that stands for what is in a file: "cart" for logs/cart.csv.gz."""
    return path.name.split(".")[0]


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a text by its first bytes, and how many of them only say so."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    half = len(head) // 2
    if half > 1 and b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > half * 0.4 and min(even, odd) < half * 0.1:
            return ("utf-16-be" if even > odd else "utf-16-le"), 0
    return "utf-8", 0


def raw_lines(path: Path, notes: Notes, encoding: str = "") -> Iterator[bytes]:
    """The lines of a file in UTF-8, their ends kept. Bytes that are no UTF-8 are left as they are, unless an encoding
    is given or shown."""
    with opened(path, notes) as file:
        head = cast(io.BufferedReader, file).peek(_HEAD)[:_HEAD]
        shown, mark = encoding_of(head)
        if encoding or shown != "utf-8":
            for line in _decoded(path, file, encoding or shown):
                yield line.removeprefix("\ufeff").encode("utf-8", "replace")
            return
        file.read(mark)
        if b"\n" not in head and b"\r" in head[:-1]:  # the line ends of a time long ago
            for line in io.TextIOWrapper(file, "latin-1", newline=""):
                yield line.encode("latin-1")
            return
        yield from file


def lines(path: Path, notes: Notes, encoding: str = "") -> Iterator[str]:
    """The lines of a text, their ends kept. One that is not UTF-8 is read as Windows-1252, and noted."""
    for number, raw in enumerate(raw_lines(path, notes, encoding), 1):
        try:
            yield raw.decode()
        except UnicodeDecodeError:
            notes.repair("lines that are not UTF-8, read as Latin-1 (--encoding says another)", f"{path}:{number}")
            yield raw.decode("cp1252", "replace") if not _controls(raw) else raw.decode("latin-1")


def _controls(raw: bytes) -> bool:
    """Whether there are bytes that Windows-1252 has nothing for."""
    return any(byte in raw for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))


def _decoded(path: Path, file: IO[bytes], encoding: str) -> Iterator[str]:
    try:
        yield from io.TextIOWrapper(file, encoding, errors="replace", newline="")
    except LookupError:
        raise FileError(
            f"--encoding {encoding}: there is no such encoding; usual ones are utf-8, latin-1, cp1252"
        ) from None


class _Steps(io.RawIOBase):
    """A file that is read step by step, so that all that comes before a break is had."""

    def __init__(self, file: IO[bytes], path: Path, notes: Notes) -> None:
        self._file, self._path, self._notes = cast(io.BufferedIOBase, file), path, notes
        self._broken = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._broken:
            return 0
        try:
            data = self._file.read1(len(buffer))
        except (*_BROKEN, OSError) as error:
            self._broken = True
            words = f"the packed file is broken, and is read up to there: {error}"
            self._notes.refuse("cut_off", str(self._path), words)
            return 0
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _unpacked(path: Path, packed: IO[bytes]) -> Iterator[IO[bytes]]:
    head = packed.read(16)
    packed.seek(0)
    for magic, words in _NOT_READ.items():
        if head.startswith(magic):
            raise FileError(f"{path}: {words.format(path)}")
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(packed) as file:
            yield cast(IO[bytes], file)
    elif head.startswith(b"BZh"):
        with bz2.open(packed) as file:
            yield file
    elif head.startswith(b"\xfd7zXZ\0"):
        with lzma.open(packed) as file:
            yield cast(IO[bytes], file)
    elif head.startswith((b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")):  # whole in memory: there is no reader in steps
        codec = cramjam.zstd if head[0] == 0x28 else cramjam.lz4
        yield io.BytesIO(bytes(codec.decompress(packed.read())))
    elif head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(packed) as archive:
            names = [each for each in archive.namelist() if not each.endswith("/") and "__MACOSX" not in each]
            if "[Content_Types].xml" in names:
                raise FileError(f"{path}: this is a spreadsheet; save the sheet as CSV")
            if len(names) != 1:
                raise FileError(f"{path}: the archive has {len(names)} files; unpack it and name those that are meant")
            with archive.open(names[0]) as file:
                yield file
    else:
        yield packed
