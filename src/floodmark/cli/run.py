"""`floodmark run`: the engine on a Kafka cluster, in this process or in several."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer

from floodmark import runtime
from floodmark.cli.reloading import reloads
from floodmark.cli.speaking import ConfigPath, fail, read_config
from floodmark.config.loaded import report
from floodmark.config.loader import ConfigError, Loaded, files_of, load_with_warnings
from floodmark.config.models import Config
from floodmark.config.quantities import duration
from floodmark.events import encode
from floodmark.records import Output, Schemas
from floodmark.runtime import Route, RunError, log
from floodmark.runtime.announcing import Announcing
from floodmark.runtime.chains import resume
from floodmark.runtime.registry import Registry
from floodmark.runtime.stopping import stop_on_signals
from floodmark.runtime.watching import fingerprint, reload_on_hangup, watching
from floodmark.runtime.workers import REFUSED, commands, for_worker, stop_with_parent, supervise

if TYPE_CHECKING:
    from floodmark.detect.feedback import Feedback
    from floodmark.detect.upkeep import Upkeep
    from floodmark.flow.actions import ActionsListener
    from floodmark.flow.feedback import FeedbackListener

logger = structlog.get_logger(__name__)


def run(
    config: ConfigPath = Path("floodmark.yaml"),
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the work on this machine.")] = 1,
    shadow: Annotated[
        Path | None,
        typer.Option(help="Do not run: watch the same input by this config, and tell what it would have told."),
    ] = None,
    since: Annotated[str, typer.Option(help="With --shadow: begin so long ago, to learn first: 6h.")] = "",
    difference: Annotated[
        Path | None, typer.Option("--out", help="With --shadow: the difference as JSON, into this file.")
    ] = None,
    worker: Annotated[int | None, typer.Option(hidden=True, help="The number of this process among them.")] = None,
) -> None:
    """Watch the topics of the config and publish incidents, until SIGTERM or Ctrl-C.

    Reads with consumer groups, so more processes share the partitions: --workers uses the cores of this machine, and
    on one more machine it is the same command again. A broker that is not there is waited for. A config that changes
    is taken up as it runs, at once on SIGHUP. Logs go to standard error; /metrics, /healthz and /readyz are served
    where the config's `http` says, each worker on a port of its own from there on. SIGTERM finishes what is in flight,
    commits and leaves; a second one exits at once.

    With --shadow it is no engine: it reads the inputs beside the one that runs, judges them by the other config, writes
    nothing to Kafka, and says every ten minutes and at the end which incidents only one of the two told.
    """
    seen = fingerprint(config)
    settings = read_config(config)
    if shadow is not None:
        _beside(settings, shadow, since, difference)
        return
    if worker is not None:
        settings = for_worker(settings, worker)
        structlog.contextvars.bind_contextvars(worker=worker)
    log.configure(settings.logging.level, settings.logging.format)
    if not settings.inputs:
        _end(settings, f"{config} names no `inputs`: there is nothing to watch. See deploy/floodmark.example.yaml.")
    if workers > 1 and worker is None:
        _supervise(settings, config, workers)
    try:
        asyncio.run(_run(settings, config, seen, worker))
    except RunError as error:
        _end(settings, str(error), 1 if worker is None else REFUSED)
    except Exception:
        logger.exception("the run has ended by a bug in Floodmark, please report it")
        raise typer.Exit(1) from None


def _beside(live: Config, shadow: Path, since: str, difference: Path | None) -> None:
    """Watch by another config. A process of its own, so that it can neither slow nor endanger the engine."""
    from floodmark.cli.shadowed import watch  # noqa: PLC0415

    other = read_config(shadow)
    log.configure("warning", "text")
    try:
        start = time.time() - duration(since) if since else None
        asyncio.run(watch(live, other, difference, start))
    except ValueError as error:
        fail(f"--since: {error}", 2)
    except RunError as error:
        fail(str(error))


def _end(config: Config, sentence: str, code: int = 1) -> NoReturn:
    """Say why the run ends in the form that its log has: JSON is read by machines to the last line. Leaves."""
    if config.logging.format == "text":
        fail(sentence, code)
    logger.critical(sentence)
    raise typer.Exit(code)


def _supervise(config: Config, path: Path, workers: int) -> None:
    last = config.http.port + workers - 1
    if config.http.enabled and config.http.port and last > 65535:
        _end(
            config,
            f"http.port {config.http.port} leaves no ports for {workers} workers: the last one would have {last}.",
        )
    raise typer.Exit(asyncio.run(supervise(commands(workers, ["run", "--config", str(path)]))))


async def _run(config: Config, path: Path, seen: bytes, worker: int | None) -> None:
    """`seen` is the fingerprint of the config's files from before they were loaded."""
    with ExitStack() as entered:
        stop = entered.enter_context(stop_on_signals())
        asked = entered.enter_context(reload_on_hangup())
        if worker is not None:
            entered.enter_context(stop_with_parent(stop))
        verdicts, actions = _verdicts(config), _actions(config)
        feedback = verdicts.feedback if verdicts is not None else None
        upkeep = actions.upkeep if actions is not None else None
        registry = _registry(config)
        schemas = registry.schemas if registry is not None else None
        work = routes(config, feedback, schemas, upkeep)
        told = Announcing(config.kafka, config.topics.reports)
        saying = asyncio.create_task(told.run(), name="announcing")
        entered.callback(saying.cancel)
        loading = Loading(path, worker, config, told.say)
        # Each record is an object that lives for milliseconds: at Python's own threshold the collector would walk the
        # state of all series some hundred times a second, and find nothing.
        gc.set_threshold(100_000, 20, 20)
        logger.info("series core loaded", seconds=round(_prepare(config), 1))
        await runtime.run(
            config.kafka,
            work,
            config.topics,
            config.http,
            state=config.state,
            idle=config.correlate.idle,
            patience=config.correlate.patience,
            stop=stop,
            create_with=f"floodmark topics create --config {path}",
            reloads=reloads(
                watching(path, seen, asked),
                loading,
                config,
                work,
                lambda new: routes(new, feedback, schemas, upkeep),
            ),
            listeners=[listener for listener in (verdicts, actions) if listener is not None],
            hide=_hiding(config),
            registry=registry,
        )


class Loading:
    """Called, it loads the config at a path again, as this process has it, and says so; the first has been said then.

    `say` may be called from any thread.
    """

    def __init__(self, path: Path, worker: int | None, first: Config, say: Callable[[Output], None]) -> None:
        self._path, self._worker, self._say = path, worker, say
        self._running = first
        self._process = f"{first.kafka.group}/{socket.gethostname()}" + (f"/{worker}" if worker is not None else "")
        self._hash = self._report()

    def __call__(self) -> Loaded:
        """Raises ConfigError."""
        try:
            loaded = load_with_warnings(self._path)
        except ConfigError as error:
            self._report([str(problem) for problem in error.problems])
            raise
        if self._worker is not None:
            loaded = Loaded(for_worker(loaded.config, self._worker), loaded.warnings)
        if not loaded.config.inputs:
            self._report([f"{self._path}: it names no inputs"])
        elif loaded.config != self._running:
            before, self._running = self._hash, loaded.config
            self._hash = self._report(previous=before)
        return loaded

    def _report(self, problems: Sequence[str] = (), previous: str = "") -> str:
        """Say which config goes on; its hash."""
        files = [str(file) for file in files_of(self._path)[0]]
        now = datetime.now(UTC)
        body = report(self._running, self._process, now, files, previous, problems)
        self._say(encode(body, source=self._process, key=body.key()))
        return body.hash


def _prepare(config: Config) -> float:
    from floodmark.flow import prepare  # noqa: PLC0415 - as in `routes`

    return prepare(config)


def _hiding(config: Config) -> Callable[[str], str]:
    from floodmark.detect.logs.secrets import masked  # noqa: PLC0415 - as in `routes`

    return partial(masked, secrets=config.logs.secrets)


def _verdicts(config: Config) -> FeedbackListener | None:
    from floodmark.flow.feedback import FeedbackListener  # noqa: PLC0415 - as in `routes`

    return FeedbackListener(config.feedback) if config.feedback is not None else None


def _actions(config: Config) -> ActionsListener | None:
    from floodmark.flow.actions import ActionsListener  # noqa: PLC0415 - as in `routes`

    return ActionsListener(config.topics.actions, config.actions) if config.actions is not None else None


def _registry(config: Config) -> Registry | None:
    from floodmark.decode import schemas_needed  # noqa: PLC0415 - as in `routes`

    return Registry(config.schema_registry, schemas_needed) if config.schema_registry is not None else None


def routes(
    config: Config,
    feedback: Feedback | None = None,
    schemas: Schemas | None = None,
    upkeep: Upkeep | None = None,
) -> list[Route]:
    """The config's work as the runtime takes it: a route for each consumer group."""
    from floodmark.flow import audit, groups  # noqa: PLC0415 - the engine itself, which a parent of workers never needs

    work = groups(config, feedback, schemas, upkeep)

    def route(group: str) -> Route:
        factories = work[group]
        return Route(group, tuple(factories), lambda topic, partition, tasks: factories[topic](topic, partition, tasks))

    found = [route(group) for group in work]
    if sources := audit.tasks(config):
        chained = audit.resuming(config, partial(resume, config.kafka, config.topics.audit))
        found.append(Route(audit.GROUP, tuple(sources), lambda topic, *more: sources[topic](topic, *more), chained))
    return found
