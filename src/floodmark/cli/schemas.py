"""`floodmark schemas`: JSON Schema of the config, the native inputs and the outputs, and an AsyncAPI document of the
topics, made from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from floodmark.cli.asyncapi import asyncapi
from floodmark.cli.speaking import fail, out
from floodmark.config.reference import json_schema, markdown_reference
from floodmark.config.trials import Trials
from floodmark.console.openapi import openapi
from floodmark.decode import native_schemas
from floodmark.events import body_schemas


def schemas(
    write: Annotated[Path | None, typer.Option(help="Write the files into this folder.")] = None,
    check: Annotated[Path | None, typer.Option(help="Fail unless this folder holds exactly these files.")] = None,
    reference: Annotated[bool, typer.Option(help="Print the reference of every config key, as Markdown.")] = False,
) -> None:
    """Write, check or list the JSON Schemas (draft 2020-12) of everything that goes in and comes out.

    For editor completion of a config, put this first:
    `# yaml-language-server: $schema=schemas/config.schema.json`

    and of a file of `floodmark test` the same with `tests.schema.json`.
    """
    files = all_schemas()
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (write / name).write_bytes(text)
    if check is not None:
        stale = [name for name, text in files.items() if not _same(check / name, text)]
        stale += [path.name for path in sorted(check.glob("*.json")) if path.name not in files]
        if stale:
            fail(f"Not what the code says: {', '.join(stale)}. Run: floodmark schemas --write {check}")
    if reference:
        out.print(markdown_reference(), markup=False, soft_wrap=True)
    elif write is None and check is None:
        for name in files:
            out.print(name)


def all_schemas() -> dict[str, bytes]:
    """Every schema, and the description of the topics, by file name, as it is committed."""
    tests = json_schema(Trials, "tests", "Tests of a Floodmark configuration")
    found = {
        "config": json_schema(),
        "tests": tests,
        **{f"input-{k}": v for k, v in native_schemas().items()},
        **body_schemas(),
    }
    files = {f"{stem}.schema.json": schema for stem, schema in found.items()}
    files |= {"asyncapi.json": asyncapi(), "openapi.json": openapi()}
    written = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {name: orjson.dumps(document, option=written) for name, document in files.items()}


def _same(path: Path, text: bytes) -> bool:
    return path.is_file() and path.read_bytes() == text
