"""`floodmark mcp`: the console for assistants, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from floodmark.assistants.asking import Asking, WrongAddressError
from floodmark.cli.speaking import err, fail
from floodmark.runtime import log

_NOT_INSTALLED: Final = "Assistants need the package mcp, which is not installed: pip install 'floodmark[mcp]'."
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_TOKEN: Final = "FLOODMARK_TOKEN"


def mcp(
    console: Annotated[
        str, typer.Option(help="Address of the console that is asked.", envvar="FLOODMARK_CONSOLE")
    ] = "http://127.0.0.1:9467",
    token: Annotated[
        Path | None,
        typer.Option(help=f"File that holds the console's token; left out, {_TOKEN} of the environment.",
                     envvar="FLOODMARK_TOKEN_FILE"),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Over streamable HTTP at /mcp, instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http: the port (0: any free one).")] = 9468,
    name: Annotated[
        list[str] | None,
        typer.Option(help="With --http: a name by which it is reached, such as mcp.example.org; several may be given."),
    ] = None,
) -> None:  # fmt: skip
    """The console for assistants (Model Context Protocol): incidents, evidence, changes, models.

    An assistant starts it and speaks with it on standard input and output; with --http, many reach it over the network,
    each with a token of its own, which is passed on. All is asked of `floodmark console`, which checks what the token
    may. It only reads, unless the token names verbs; then those can be done, and are in the audit trail with its name.
    """
    try:
        from floodmark.assistants.serving import on_http, on_stdio  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "uvicorn", "starlette"):
            raise
        fail(_NOT_INSTALLED)
    try:
        Asking(console)
    except WrongAddressError as error:
        fail(f"--console: {error}", 2)
    if not http:
        asyncio.run(on_stdio(console, _token(token)))
        return
    if token is not None:
        fail("--token: over HTTP each request brings its own token, which is passed on; leave it out.", 2)
    if os.environ.get(_TOKEN):
        err.print(f"{_TOKEN} is not used: over HTTP each request brings its own token.", style="yellow", markup=False)
    if host not in _LOOPBACK and not name:
        fail(
            f"--host {host}: others than this machine reach it; say by which name, with --name mcp.example.org, and "
            "let a proxy with TLS stand before it: tokens are in each request.",
            2,
        )
    log.configure("error", "text")
    try:
        asyncio.run(on_http(console, host, port, name or (), lambda bound: _announce(host, bound, console)))
    except OSError as error:
        fail(f"{host}:{port} cannot be bound: {error.strerror or error}")


def _announce(host: str, port: int, console: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    err.print(f"assistants reach {console} at http://{shown}:{port}/mcp; Ctrl-C ends it", markup=False, soft_wrap=True)


def _token(path: Path | None) -> str | None:
    """The token: of a file, or of the environment; None if there is none."""
    if path is None:
        return os.environ.get(_TOKEN, "").strip() or None
    try:
        found = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--token {path}: {getattr(error, 'strerror', None) or 'it is no text'}")
    if not found:
        fail(f"--token {path}: there is nothing in it.")
    return found
