"""`floodmark console`: the pages in a browser, and what their sign-in needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import ExitStack
from getpass import getpass
from pathlib import Path
from typing import Annotated

import structlog
import typer

from floodmark.cli.speaking import ConfigPath, err, fail, out, read_config
from floodmark.config.diff import diff
from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Config
from floodmark.runtime import RunError, log
from floodmark.runtime.stopping import stop_on_signals
from floodmark.runtime.watching import fingerprint, reload_on_hangup, watching

logger = structlog.get_logger(__name__)

_AT_RESTART = ("host", "port", "url", "cert_file", "key_file", "store", "engines")

console = typer.Typer(
    help="Incidents, anomalies, models, who is on call and how the engine does, as pages in a browser.",
    invoke_without_command=True,
    add_completion=False,
)


@console.callback()
def pages(
    context: typer.Context,
    config: ConfigPath = Path("floodmark.yaml"),
    opened: Annotated[bool, typer.Option("--open", help="Open a browser at it.")] = False,
) -> None:
    """Serve the pages, until SIGTERM or Ctrl-C.

    It reads the topics as any other reader: no group, nothing committed, and the engine does not know that it is there.
    What it shows is kept in a file (`console.store`) that can be deleted: it is made again from the topics. What
    people do in it is an action on the topic of actions, as with `floodmark act`. The people and tokens of a changed
    config are taken up as it runs, at once on SIGHUP.
    """
    if context.invoked_subcommand is not None:
        return
    seen = fingerprint(config)
    settings = read_config(config)
    log.configure(settings.logging.level, settings.logging.format)
    try:
        asyncio.run(_run(settings, config, seen, opened=opened))
    except (RunError, OSError) as error:
        _end(settings, str(error))
    except Exception:
        logger.exception("the console has ended by a bug in Floodmark, please report it")
        raise typer.Exit(1) from None


@console.command()
def token() -> None:
    """Make a token for a program: it is shown once, and the config has only its hash."""
    from floodmark.console.auth.passwords import new_token  # noqa: PLC0415

    secret, digest = new_token()
    err.print("The token; nobody can show it again:", style="dim")
    typer.echo(secret)
    err.print("For the config, below `console.auth.tokens`:", style="dim")
    err.print(f"- {{name: NAME, sha256: {digest}, grants: [{{role: viewer}}]}}", markup=False, soft_wrap=True)


@console.command()
def password() -> None:
    """Hash a password for `console.auth.users`; it is asked for, or read from standard input."""
    from floodmark.console.auth.passwords import hashed  # noqa: PLC0415

    given = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(given) < 8:
        fail("A password has eight characters or more.", 2)
    out.print(hashed(given), markup=False, soft_wrap=True)


def _end(config: Config, sentence: str) -> None:
    """Say why it ends in the form that its log has. Leaves."""
    if config.logging.format == "text":
        fail(sentence)
    logger.critical(sentence)
    raise typer.Exit(1)


async def _run(config: Config, path: Path, seen: bytes, *, opened: bool) -> None:
    from floodmark.console.service import serve  # noqa: PLC0415 - it brings the web server

    def serving(url: str) -> None:
        err.print(f"The console: {url}", markup=False, soft_wrap=True)
        if opened:
            typer.launch(url)

    with ExitStack() as entered:
        stop = entered.enter_context(stop_on_signals())
        asked = entered.enter_context(reload_on_hangup())
        await serve(config, stop=stop, reloads=_reloads(watching(path, seen, asked), path, config), serving=serving)


async def _reloads(changes: AsyncIterable[str], path: Path, running: Config) -> AsyncIterator[Config | None]:
    """For each of `changes`, which say why, the config to go on with; None if it is refused."""
    async for why in changes:
        try:
            loaded = await asyncio.to_thread(load_with_warnings, path)
        except ConfigError as error:
            for problem in error.problems:
                logger.error(str(problem))
            logger.error("the new config is refused; the one before it stays in use", reason=why)
            yield None
            continue
        for change in diff(running, loaded.config):
            if change.path.startswith("console."):
                later = change.path.removeprefix("console.").split(".")[0] in _AT_RESTART
                logger.info(f"{change}{' (at the next restart)' * later}")
        logger.info("config reloaded", reason=why)
        before = running.console
        auth = loaded.config.console.auth.model_copy(update={"kind": before.auth.kind, "oidc": before.auth.oidc})
        kept = loaded.config.console.model_copy(
            update={**{name: getattr(before, name) for name in _AT_RESTART}, "auth": auth}
        )
        running = loaded.config.model_copy(update={"console": kept, "kafka": running.kafka, "topics": running.topics})
        yield running
