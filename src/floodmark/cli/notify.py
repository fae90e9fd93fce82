"""`floodmark notify`: from incidents to people, and to the systems around."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
import structlog
import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark.actions import Action
from floodmark.alerts import Incident
from floodmark.cli.dead_letters import printable
from floodmark.cli.deliveries import FAILED, newest
from floodmark.cli.reloading import configs
from floodmark.cli.speaking import ConfigPath, err, fail, out, read_config
from floodmark.config.calendars import read_calendars
from floodmark.config.loader import load_with_warnings
from floodmark.config.models import Config
from floodmark.config.notify import Notify
from floodmark.notify import examples, exchange, sinks
from floodmark.notify.runner import Reloaded, run
from floodmark.notify.sink import Event
from floodmark.runtime import RunError, log
from floodmark.runtime.stopping import stop_on_signals
from floodmark.runtime.watching import fingerprint, reload_on_hangup, watching
from floodmark.terminal.words import safe

T = TypeVar("T")
logger = structlog.get_logger(__name__)

_LACKING: Final = "it has no `notify`: nobody is to be told of anything"

AsJson = Annotated[bool, typer.Option("--json", help="One JSON a line.")]

notify = typer.Typer(
    help="Tell people of incidents, as `notify` of the config says, until SIGTERM or Ctrl-C.",
    invoke_without_command=True,
    add_completion=False,
)


@notify.callback()
def run_(context: typer.Context, config: ConfigPath = Path("floodmark.yaml")) -> None:
    """Tell people of incidents, as `notify` of the config says, until SIGTERM or Ctrl-C.

    Reads topics.alerts with a consumer group of its own, so more processes share the work. What is told is kept in
    topics.deliveries (`floodmark topics create` makes it): a restart goes on where it was. A config that changes is
    taken up as it runs, at once on SIGHUP. /metrics, /healthz and /readyz are where notify.http says.
    """
    if context.invoked_subcommand is not None:
        return
    seen = fingerprint(config)
    settings = read_config(config)
    log.configure(settings.logging.level, settings.logging.format)
    if settings.notify is None:
        _end(settings, f"{config} is not for this command: {_LACKING}. See docs/notify.md.")
    try:
        asyncio.run(_run(settings, config, seen))
    except RunError as error:
        _end(settings, str(error))
    except Exception:
        logger.exception("the notifier has ended by a bug in Floodmark, please report it")
        raise typer.Exit(1) from None


@notify.command("test")
def try_(
    target: Annotated[list[str] | None, typer.Option(help="Only this target of notify.targets.")] = None,
    route: Annotated[list[str] | None, typer.Option(help="All whom this route of notify.routes can tell.")] = None,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Send an example, marked as one, to targets (all, if none is named), and say what came of it.

    Where something is opened by it, it is resolved at once. Exit code 1 if a target did not take it.
    """
    settings = read_config(config)
    section = _section(settings)
    if unknown := [name for name in target or [] if name not in section.targets]:
        fail(f"--target {', '.join(unknown)}: there is none in notify.targets; there is {', '.join(section.targets)}.")
    routes = {each.name: each for each in section.routes}
    if unknown := [name for name in route or [] if name not in routes]:
        fail(f"--route {', '.join(unknown)}: there is none in notify.routes; there is {', '.join(routes)}.")
    names = dict.fromkeys(target or [])
    for name in route or []:
        names |= dict.fromkeys(examples.reached(section, routes[name]))
    if not names:
        names = dict.fromkeys(section.targets)
    if not names:
        fail("There are no targets: see notify.targets in docs/notify.md.")
    failed = False
    for sent in _do(examples.send(settings, list(names))):
        failed |= not sent.ok
        console = out if sent.ok else err
        console.print(f"{sent.target:<20} {sent.event:<9} {sent.words}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@notify.command("dry-run")
def dry_run(
    file: Annotated[
        Path, typer.Argument(help="Incidents as JSON lines, as `demo --save` and `incidents --json` write.")
    ],
    actions: Annotated[Path | None, typer.Option(help="What people did meanwhile: actions as JSON lines.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Say of saved incidents who would have been told when, and why. Tells nobody."""
    from floodmark.notify.dry_run import dry_run as told_of  # noqa: PLC0415 - only here

    settings = read_config(config)
    _section(settings)
    done = list(_lines(actions, Action)) if actions is not None else []
    try:
        calendars = read_calendars(settings, _folder(config))
    except (OSError, ValueError) as error:
        fail(f"A calendar of notify.schedules cannot be read: {error}")
    told = told_of(settings, list(_lines(file, Incident)), done, _do(_takes(settings)), calendars)
    if as_json:
        for each in told:
            body = {"at": each.at, "target": each.target, "who": each.who, "message": each.message}
            typer.echo(msgspec.json.encode(body).decode())
        return
    table = Table(
        Column("at (UTC)", no_wrap=True), "target", "who", "event", "loud",
        Column("incident", no_wrap=True), Column("what, and why now", overflow="fold"), box=None, header_style="bold",
    )  # fmt: skip
    for each in told:
        message = each.message
        cells = (_time(each.at), each.target, each.who, message.event, "yes" if message.loud else "", message.key)
        what = message.incident.title if message.event == "open" and message.incident is not None else ""
        why = ": ".join(each for each in (what, message.reason) if each)
        table.add_row(*(Text(safe(cell)) for cell in (*cells, why)))
    out.print(table if table.row_count else "Nobody would have been told of anything.")


@notify.command()
def deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only what was refused, or given up.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what was delivered, or dropped.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """What was not delivered, to whom, and why."""
    settings = read_config(config)
    _section(settings)
    found = _do(newest(settings, lambda words: err.print(words, style="yellow", markup=False, soft_wrap=True)))
    wanted = FAILED if failed else ("waiting", *FAILED)
    shown = [each for each in found if everything or each.result in wanted]
    if as_json:
        for each in shown:
            typer.echo(msgspec.json.encode(each).decode())
        return
    table = Table(
        Column("at (UTC)", no_wrap=True), "target", Column("of", no_wrap=True), "event", "result", "tries",
        Column("again at", no_wrap=True), Column("why", overflow="fold"), box=None, header_style="bold",
    )  # fmt: skip
    for each in shown:
        due = _time(each.due) if each.due is not None and each.result == "waiting" else ""
        cells = (_time(each.at), each.target, each.key, each.event, each.result, str(each.attempts), due, each.reason)
        table.add_row(*(Text(printable(cell, 400)) for cell in cells))
    out.print(table if table.row_count else "All that was to be told is delivered." if not everything else "Nothing.")


async def _run(config: Config, path: Path, seen: bytes) -> None:
    with ExitStack() as entered:
        stop = entered.enter_context(stop_on_signals())
        asked = entered.enter_context(reload_on_hangup())
        await run(
            config,
            stop=stop,
            folder=_folder(path),
            reloads=_reloads(config, path, watching(path, seen, asked)),
            create_with=f"floodmark topics create --config {path}",
        )


async def _reloads(config: Config, path: Path, changes: AsyncIterator[str]) -> AsyncIterator[Reloaded]:
    lacking: Callable[[Config], str] = lambda new: "" if new.notify is not None else _LACKING  # noqa: E731
    async for taken in configs(changes, lambda: load_with_warnings(path), config, lacking):
        yield Reloaded(taken.config)


async def _takes(config: Config) -> dict[str, frozenset[Event]]:
    async with exchange.session() as session:
        return sinks.takes(sinks.make(_section(config), session))


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _lines(path: Path, kind: type[T]) -> Iterable[T]:
    """What a file of JSON lines holds. Ends the command at the first line that is not of its kind."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield decoder.decode(line)
                except msgspec.MsgspecError as error:
                    fail(f"{path}:{number}: this is no {kind.__name__.lower()}: {error}")
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}")


def _section(config: Config) -> Notify:
    if config.notify is None:
        fail(f"The config is not for this command: {_LACKING}. See docs/notify.md.")
    return config.notify


def _end(config: Config, sentence: str) -> NoReturn:
    """Say why it ends in the form that its log has. Leaves."""
    if config.logging.format == "text":
        fail(sentence)
    logger.critical(sentence)
    raise typer.Exit(1)


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
