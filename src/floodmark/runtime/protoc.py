"""Protobuf's own compiler, for schemas that come as text: in a process of its own, on files in a folder of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

_SECONDS: Final = 30.0
_NAME: Final = "schema.proto"
_META: Final = """syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
"""
_KNOWN: Final = {
    "confluent/meta.proto": _META,
    "confluent/type/decimal.proto": 'syntax = "proto3"; package confluent.type; '
    "message Decimal { bytes value = 1; int32 precision = 2; int32 scale = 3; }",
}
"""What a registry has built in, and schemas may import without a reference."""


class CompileError(Exception):
    """A schema that is no Protobuf, or that cannot be compiled here; in words."""


async def compiled(text: str, others: Mapping[str, str]) -> tuple[bytes, ...]:
    """The descriptors of a schema and of those that it imports, these first (FileDescriptorProto). Raises CompileError.

    `others`: the texts of what it imports, by the names by which it does.
    """
    if importlib.util.find_spec("grpc_tools") is None:
        raise CompileError("Protobuf's compiler is not installed; install floodmark[protobuf]")
    with TemporaryDirectory(prefix="floodmark-") as folder:
        files = {**_KNOWN, **others, _NAME: text}
        await asyncio.to_thread(_write, Path(folder), files)
        out = Path(folder, "descriptors")
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", "--include_imports"]
        process = await asyncio.create_subprocess_exec(
            *command,
            f"--descriptor_set_out={out}",
            _NAME,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                _, said = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise CompileError(f"the compiler took more than {_SECONDS:.0f} s") from None
        if process.returncode:
            raise CompileError(said.decode(errors="replace").strip()[:300] or "for no reason that is known")
        found = FileDescriptorSet.FromString(await asyncio.to_thread(out.read_bytes))
    return tuple(file.SerializeToString() for file in found.file)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Raises CompileError for a name that leads out of the folder."""
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise CompileError(f"it imports {name[:80]!r}, which is no name of a file")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
