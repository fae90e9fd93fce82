"""`floodmark test`: unit tests of a config, as promtool and Vector have them. No Kafka, and nobody is told anything."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from floodmark.cli.speaking import ConfigPath, err, fail, out
from floodmark.config.loader import ConfigError, load
from floodmark.config.locate import Located
from floodmark.config.models import Config
from floodmark.config.problems import Path as Place
from floodmark.config.trials import Trial, Trials
from floodmark.runtime import RunError
from floodmark.trials.judging import Failure, judge
from floodmark.trials.junit import Result, xml
from floodmark.trials.reading import beside, found_in, read

_NAME: Final = "floodmark.test.yaml"


class _Job(NamedTuple):
    """A test, and what it is run with."""

    file: Path
    number: int
    test: Trial
    tree: Located
    config: Path
    start: float | None

    def place(self, path: Place) -> str:
        """Where in the file something stands; where it does not, what is around it."""
        whole: Place = ("tests", self.number, *path)
        while whole and self.tree.at(whole) is None:
            whole = whole[:-1]
        found = self.tree.at(whole) or self.tree
        return f"{self.file}:{found.place.line}:{found.place.column}"

    @property
    def line(self) -> int:
        found = self.tree.at(("tests", self.number))
        return found.place.line if found is not None else 0


def test(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of tests, or folders of *.test.yaml. Left out: those beside the config, and in tests/ there."
        ),
    ] = None,
    config: ConfigPath = Path("floodmark.yaml"),
    only: Annotated[
        list[str] | None, typer.Option("--only", "-k", help="Only tests of this name (* stands for anything).")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write what became of them here, as JUnit's XML.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing of tests that pass.")] = False,
) -> None:
    """Run unit tests of a config: input that is recorded or described, and what must come of it.

    Nothing is asked of Kafka, nobody is told anything, and the same test gives the same answer on every machine:

    `floodmark test --config floodmark.yaml --junit out.xml`

    Exit codes: 0 all is as expected, 1 something is not, or cannot be run, 2 wrong usage.
    """
    paths = _paths(files, config)
    jobs = [job for job in _jobs(paths, config) if not only or any(fnmatchcase(job.test.name, each) for each in only)]
    if not jobs:
        fail(f"--only {', '.join(only or [])}: no test has such a name.", 2)
    configs: dict[Path, Config | str] = {}
    results = []
    for job in jobs:
        result = _run(job, configs)
        results.append(result)
        _show(job, result, quiet=quiet)
    if junit is not None:
        try:
            junit.parent.mkdir(parents=True, exist_ok=True)
            junit.write_bytes(xml(results))
        except OSError as error:
            fail(f"--junit {junit}: it cannot be written: {error.strerror}")
    bad = sum(not each.ok for each in results)
    said = f"{len(results) - bad:,} of {len(results):,} {'test' if len(results) == 1 else 'tests'} passed"
    (err if bad else out).print(said, style="bold red" if bad else "bold green", markup=False)
    if bad:
        raise typer.Exit(1)


def _paths(files: list[Path] | None, config: Path) -> list[Path]:
    if not files:
        found = beside(config)
        if not found:
            folder = config if config.is_dir() else config.parent
            where = f"neither *.test.yaml in {folder} nor in {folder / 'tests'}"
            fail(f"There are no tests: {where}. Write {_NAME}; see docs/testing-configs.md.", 2)
        return found
    paths = [each for path in files for each in found_in(path)]
    if not paths:
        fail(f"{', '.join(map(str, files))}: there is no *.test.yaml in it.", 2)
    return list(dict.fromkeys(paths))


def _jobs(paths: list[Path], config: Path) -> list[_Job]:
    """All tests of all files; ends the command with every problem of every file."""
    jobs: list[_Job] = []
    problems = 0
    for path in paths:
        try:
            file, tree = read(path)
        except ConfigError as error:
            problems += len(error.problems)
            for problem in error.problems:
                err.print(str(problem), markup=False, soft_wrap=True)
            continue
        jobs += [_job(path, number, test, file, tree, config) for number, test in enumerate(file.tests)]
    if problems:
        fail(f"{problems} problem{'s' * (problems > 1)} in {', '.join(map(str, paths))}; no test was run.")
    return jobs


def _job(path: Path, number: int, test: Trial, file: Trials, tree: Located, config: Path) -> _Job:
    own = test.config or file.config
    start = file.start if test.start is None else test.start
    return _Job(path, number, test, tree, path.parent / own if own else config, start)


def _run(job: _Job, configs: dict[Path, Config | str]) -> Result:
    from floodmark.cli.tested import TrialError, run  # noqa: PLC0415 - brings the engine; problems of files come first

    began = time.perf_counter()
    failures: list[Failure] = []
    wrong = ""
    settings = _config(job.config, configs)
    if isinstance(settings, str):
        wrong = settings
    else:
        home = job.config if job.config.is_dir() else job.config.parent
        try:
            failures = judge(job.test.expect, run(job.test, settings, job.file.parent, job.start, home))
        except (TrialError, RunError) as error:
            wrong = f"{job.place(())}: it cannot be run: {error}"
    said = [_words(job, each) for each in failures]
    return Result(str(job.file), job.line, job.test.name, time.perf_counter() - began, said, wrong)


def _words(job: _Job, failure: Failure) -> str:
    """A failure with its place, and below it what came instead."""
    lines = [f"{job.place(('expect', *failure.path))}: {failure.words}", *(f"  {line}" for line in failure.instead)]
    return "\n".join(lines)


def _config(path: Path, configs: dict[Path, Config | str]) -> Config | str:
    """The config of a path, or all that is wrong with it."""
    if path not in configs:
        try:
            configs[path] = load(path)
        except ConfigError as error:
            configs[path] = f"the config cannot be used:\n{error}"
    return configs[path]


def _show(job: _Job, result: Result, *, quiet: bool) -> None:
    if result.ok:
        if not quiet:
            out.print(f"passed  {job.test.name}", markup=False, soft_wrap=True)
        return
    err.print(f"FAILED  {job.test.name}", style="red", markup=False, soft_wrap=True)
    for words in (*result.failures, *([result.error] if result.error else [])):
        for line in words.splitlines():
            err.print(f"  {line}", markup=False, soft_wrap=True)
