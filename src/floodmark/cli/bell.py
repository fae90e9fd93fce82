"""`floodmark demo --notify`: what the demo finds, told to an Alertmanager, and looked for there."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from floodmark.alerts import Incident
from floodmark.cli.free_port import free_port
from floodmark.config import targets
from floodmark.config.models import Config
from floodmark.config.notify import Notify, Route, Storm, Target
from floodmark.notify.desk import Desk, Job
from floodmark.notify.exchange import session
from floodmark.notify.sink import Delivered, Later, Outcome, Sink, UnansweredError
from floodmark.notify.sinks import make, takes
from floodmark.runtime.errors import RunError

_PROGRAMS: Final = ("alertmanager", "prometheus-alertmanager")
_CONFIG: Final = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
_START_SECONDS: Final = 20.0
_LAST_SECONDS: Final = 10.0
"""How long what is still to be told at the end may take."""
_LOOK: Final = 0.2


class MissingAlertmanagerError(RunError):
    """There is no Alertmanager to tell."""


class Rung(NamedTuple):
    """What came of it: how many incidents were told there, and how many were told to be over; by its own word, of how
    many it showed an alert at one time or another, and how many it shows at the end. `failed`: the last reason, if
    something was not taken."""

    url: str
    told: int
    resolved: int
    seen: int
    firing: int
    failed: str

    def __str__(self) -> str:
        told = f"was told {self.told} incidents, and of {self.resolved} that they are over"
        shown = f"it showed {self.seen} of them while they were open, and shows {self.firing} now"
        last = f" Not taken: {self.failed}." if self.failed else ""
        return f"Alertmanager at {self.url} {told}; {shown}.{last}"


@asynccontextmanager
async def alertmanager() -> AsyncIterator[str]:
    """The address of an Alertmanager: that of FLOODMARK_ALERTMANAGER, else one that is started here and ends with us.

    Raises MissingAlertmanagerError.
    """
    if url := os.environ.get("FLOODMARK_ALERTMANAGER"):
        yield url
        return
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise MissingAlertmanagerError(
            "No Alertmanager is installed (Debian: apt-get install prometheus-alertmanager). Or name one that runs: "
            "FLOODMARK_ALERTMANAGER=http://localhost:9093 floodmark demo --notify"
        )
    with tempfile.TemporaryDirectory(prefix="floodmark-demo-") as folder:
        config = Path(folder, "alertmanager.yml")
        config.write_text(_CONFIG)
        url = f"http://127.0.0.1:{free_port()}"
        log = Path(folder, "log")
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                program, f"--config.file={config}", f"--storage.path={folder}/data",
                f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address=",
                stdout=said, stderr=said,
            )  # fmt: skip
        try:
            await _ready(url, process, log)
            yield url
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@asynccontextmanager
async def ringing(url: str, incidents: Sequence[Incident]) -> AsyncIterator[list[Rung]]:
    """Tell what is appended to `incidents` for as long as the context lasts; then the list has what came of it."""
    config = _config(url)
    found: list[Rung] = []
    if config.notify is None:
        raise RuntimeError("the demo's notify section is missing")
    async with session() as http:
        sinks = make(config.notify, http)
        bell = _Bell(Desk(config, takes(sinks)), sinks, http, url)
        ringing = asyncio.create_task(bell.ring(incidents))
        try:
            yield found
        finally:
            bell.last = True
            with suppress(TimeoutError):
                await asyncio.wait_for(ringing, _LAST_SECONDS)
            found.append(await bell.rung())


class _Bell:
    """A desk whose records are kept by nobody: the demo ends with what it has found."""

    def __init__(self, desk: Desk, sinks: Mapping[str, Sink], http: aiohttp.ClientSession, url: str) -> None:
        self.last = False
        self._desk, self._sinks, self._http, self._url = desk, sinks, http, url
        self._told: set[str] = set()
        self._resolved: set[str] = set()
        self._seen: set[str] = set()
        self._failed = ""

    async def ring(self, incidents: Sequence[Incident]) -> None:
        heard = 0
        while True:
            last, news = self.last, incidents[heard:]
            heard += len(news)
            for incident in news:  # one by one: what opens and is over within a second of ours is told both
                self._desk.revise(incident, time.time())
                await self._send()
                self._seen |= await self._firing()
            await self._send()
            if last and not news and not self._desk.sizes()["pending"]:
                return
            await asyncio.sleep(_LOOK)

    async def _send(self) -> None:
        while jobs := self._desk.ready(time.time()):
            self._desk.changed()
            outcomes = await asyncio.gather(*map(self._deliver, jobs))
            for job, outcome in zip(jobs, outcomes, strict=True):
                self._settle(job, outcome)

    async def rung(self) -> Rung:
        firing = await self._firing()
        return Rung(
            self._url, len(self._told), len(self._resolved), len(self._seen & self._told), len(firing), self._failed
        )

    async def _deliver(self, job: Job) -> Outcome | UnansweredError:
        try:
            outcome: Outcome = await self._sinks[job.target].deliver(job.message, job.memory)
        except UnansweredError as error:
            return error
        return outcome

    def _settle(self, job: Job, outcome: Outcome | UnansweredError) -> None:
        if isinstance(outcome, Delivered):
            (self._resolved if job.message.event == "resolve" else self._told).add(job.message.key)
        else:
            self._failed = str(outcome) if isinstance(outcome, UnansweredError) else outcome.reason
        self._desk.settle(job, Later(str(outcome)) if isinstance(outcome, UnansweredError) else outcome, time.time())

    async def _firing(self) -> set[str]:
        """The incidents that it shows now."""
        try:
            async with self._http.get(f"{self._url}/api/v2/alerts", timeout=aiohttp.ClientTimeout(5)) as answer:
                alerts = await answer.json()
        except (aiohttp.ClientError, OSError, ValueError):
            return set()
        return {alert["labels"].get("incident", "") for alert in alerts} - {""}


def _config(url: str) -> Config:
    """One route, to one target, at once: simulated days pass in seconds."""
    target = Target(alertmanager=targets.Alertmanager(url=url), burst=10_000, every=0.01)
    notify = Notify(
        hold=0.0, settle=0.0, targets={"alertmanager": target}, routes=[Route(targets=["alertmanager"])],
        storm=Storm(incidents=10_000),
    )  # fmt: skip
    return Config(notify=notify)


async def _ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    async with session() as http:
        while True:
            with suppress(aiohttp.ClientError, OSError):
                async with http.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            if process.returncode is not None or time.monotonic() > until:
                last = " ".join(log.read_text(errors="replace").splitlines()[-1:])
                raise MissingAlertmanagerError(f"Alertmanager did not start: {last}")
            await asyncio.sleep(_LOOK)
