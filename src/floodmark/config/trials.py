"""What stands in a file of `floodmark test`: input that is recorded or described, and what is expected of it.

Times are since the test's `start`, or moments with their offset. What is described is made up by seeds, so that it is
the same on every machine.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from floodmark.actions import Verb
from floodmark.alerts import Direction, Severity
from floodmark.config.formats import FormatName
from floodmark.config.quantities import Duration, Moment, Offset
from floodmark.config.section import Section
from floodmark.signals import ChangeKind, ChangeStatus, SaidKind, SignalName

Scalar = str | int | float | bool | None


class Season(Section):
    """A wave: up by `by` and down again in each period."""

    by: float
    """How far it goes above the level, and below."""
    period: Duration = Field(default=86_400.0, gt=0)
    """How long one takes."""
    peak: Duration = 0.0
    """When it is highest, since the beginning of the period; periods begin with the test."""


class Step(Section):
    """From a time on it is otherwise. One of `by`, `times` and `to`."""

    at: Offset
    """When it begins."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """How long it lasts; left out: to the end."""
    by: float | None = None
    """So much is added."""
    times: float | None = None
    """It is so many times as high."""
    to: float | None = None
    """It is this, with its noise."""
    slowly: bool = False
    """It comes bit by bit over the time `for`, rather than at once, and stays."""


class Outage(Section):
    """A time in which nothing comes."""

    at: Offset
    """When it begins."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """How long it lasts; left out: to the end."""


class Course(Section):
    """How a value goes in time: as `values` say, or from its level, trend, seasons and noise; steps and outages change
    either."""

    values: str = ""
    """promtool's notation: '1+2x5' is 1 3 5 7 9 11, '4x3' is 4 four times, '_' and '_x3' are missing, 'stale' says that
    there is none."""
    level: float | None = None
    """What it is about, if `values` are left out."""
    trend: float = 0.0
    """By how much it grows in an hour."""
    noise: float = Field(default=0.0, ge=0)
    """Standard deviation of what chance adds."""
    season: list[Season] = []
    """Waves, such as that of a day."""
    steps: list[Step] = []
    """Times at which it changes."""
    seed: int = 0
    """Another number is another chance."""


class Sampled(Course):
    """A course that is looked at every so often."""

    every: Duration = Field(default=60.0, ge=0.1)
    """Time from one to the next."""
    at: Offset = 0.0
    """When the first comes."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """For how long; left out: as far as `values` go, or as long as the test."""
    outages: list[Outage] = []
    """Times in which nothing comes."""


class SeriesGiven(Sampled):
    """A metric series."""

    name: str = Field(min_length=1)
    """Its name, with labels as Prometheus writes them: 'latency_ms{service="checkout"}'."""
    labels: dict[str, str] = {}
    """More labels."""
    kind: SaidKind | None = None
    """What the producer says of it. Of a counter that is described by a level, this is what it grows by in a second."""
    unit: str | None = None
    """Its unit."""


class LogsGiven(Sampled):
    """Lines of a log: so many in each interval as the course says (one, if it says nothing)."""

    body: str = Field(min_length=1)
    """The line; {n} becomes a number that is another each time."""
    severity: str = "INFO"
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL."""
    labels: dict[str, str] = {}
    """Where from: service, host, …"""


class Feature(Course):
    """What a model is asked about: a number by its course, or one of `names`."""

    names: dict[str, float] = {}
    """Categories, and how often each comes."""


class Worse(Section):
    """A time in which a model errs otherwise."""

    at: Offset
    """When it begins."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """How long it lasts; left out: to the end."""
    error: float = Field(ge=0, le=1)
    """Share of its predictions that are wrong."""


class PredictionsGiven(Section):
    """A model of two classes that predicts, and the truth about it."""

    model: str = Field(min_length=1)
    """Its name."""
    version: str = "1"
    """Its version."""
    every: Duration = Field(default=10.0, ge=0.1)
    """Time from one prediction to the next."""
    at: Offset = 0.0
    """When the first comes."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """For how long; left out: as long as the test."""
    classes: list[str] = Field(default=["no", "yes"], min_length=2, max_length=2)
    """Names of the classes; the second is the positive one."""
    positive: float = Field(default=0.3, ge=0, le=1)
    """How often the second class is true."""
    error: float = Field(default=0.05, ge=0, le=1)
    """Share of predictions that are wrong."""
    worse: list[Worse] = []
    """Times in which it errs otherwise."""
    delay: Duration | None = 60.0
    """How long after a prediction its truth is known; null: never."""
    features: dict[str, Feature] = {}
    """What it is asked about."""
    groups: dict[str, str] = {}
    """Slices of all these predictions."""
    outages: list[Outage] = []
    """Times in which it predicts nothing."""
    seed: int = 0
    """Another number is another chance."""


class ChangeGiven(Section):
    """Somebody changed something."""

    at: Offset
    """When."""
    service: str = Field(min_length=1)
    """What was changed."""
    kind: ChangeKind = "deploy"
    """deploy, config, flag, rollback, scale, model or restart."""
    summary: str = ""
    """In a sentence."""
    version: str = ""
    """What is there now."""
    status: ChangeStatus = ""
    """How far it is; left out: done."""


class AlertGiven(Section):
    """Another tool says that something is wrong."""

    at: Offset
    """Since when."""
    for_: Duration | None = Field(default=None, alias="for", gt=0)
    """For how long; left out: it is not resolved."""
    source: str = "Alertmanager"
    """The tool."""
    name: str = Field(min_length=1)
    """What it calls it."""
    severity: Severity = "error"
    """How bad it says it is."""
    summary: str = ""
    """In a sentence."""
    labels: dict[str, str] = {}
    """Of what: service, host, …"""


class FileGiven(Section):
    """Recorded input, as `floodmark replay` reads it."""

    path: str = Field(min_length=1)
    """The file, beside the file of tests."""
    signal: SignalName | None = None
    """What it holds, if that cannot be told."""
    format: FormatName | None = None
    """It is a dump of messages in this wire format."""
    input: str = ""
    """It is a dump of the messages of this input (topic) of the config."""
    framing: str = "auto"
    """How messages follow each other in a dump."""
    base64: bool = False
    """Each line of a dump is in base64."""
    arrived: Moment | None = None
    """Until when the messages of a dump had come, for times without a year."""
    time: str = ""
    """Tables: the time, as a template of columns."""
    time_format: str = ""
    """Tables: strptime format of the time."""
    zone: str = "UTC"
    """Tables: zone of times without an offset."""
    body: str = ""
    """Tables of logs: the line, as a template of columns."""
    severity: str = ""
    """Tables of logs: the severity, as a template of columns."""
    labels: dict[str, str] = {}
    """Tables: labels, as templates of columns."""


class Given(Section):
    """Something that comes in: one of these."""

    series: SeriesGiven | None = None
    """A metric series."""
    logs: LogsGiven | None = None
    """Lines of a log."""
    predictions: PredictionsGiven | None = None
    """A model's predictions, and the truth."""
    change: ChangeGiven | None = None
    """Somebody changed something."""
    alert: AlertGiven | None = None
    """Another tool says that something is wrong."""
    file: FileGiven | None = None
    """Recorded input."""


class Deed(Section):
    """Something that a person does to an incident meanwhile."""

    at: Offset
    """When."""
    verb: Verb
    """What, as `floodmark act` calls it."""
    by: str = "somebody"
    """Who."""
    title: str = ""
    """To the newest incident then whose title holds this; left out: to the newest."""
    until: Offset | None = None
    """Until when it holds."""
    to: str = ""
    """assign, page: whom."""
    reason: str = ""
    """Why."""


class Counted(Section):
    """How many of what is described must come; at least one, if nothing is said."""

    count: int | None = Field(default=None, ge=0)
    """Exactly so many."""
    at_least: int = Field(default=1, ge=0)
    """So many or more."""
    at_most: int | None = Field(default=None, ge=0)
    """So many or fewer."""
    from_: Offset | None = Field(default=None, alias="from")
    """Not before."""
    to: Offset | None = None
    """Not after."""


class IncidentExpected(Counted):
    """Incidents that begin within `from` and `to`, with all that is said here. Texts: what is contained, whatever the
    case."""

    title: str = ""
    """Of its title."""
    why: str = ""
    """Of why its anomalies belong together."""
    first_cause: str = ""
    """The entity that it blames first."""
    cause: str = ""
    """Of the sentence on its first cause."""
    entities: list[str] = []
    """Entities that are in it, among others."""
    severity: list[Severity] = []
    """How bad it is at its worst: one of these."""
    change: str = ""
    """Of a change that it names."""
    told_by: Offset | None = None
    """It is told by then."""
    resolved: bool | None = None
    """Whether it is over before the input ends."""


class AnomalyExpected(Counted):
    """Anomalies that begin within `from` and `to`, with all that is said here."""

    series: str = ""
    """Of the series: its name, with labels that it has among others: 'latency_ms{service="checkout"}'; * stands for
    anything."""
    entity: str = ""
    """What it belongs to."""
    detector: str = ""
    """The detector of the config that judges it."""
    head: str = ""
    """Which head says so."""
    direction: Direction | None = None
    """up, down or none."""
    severity: list[Severity] = []
    """How bad it is at its worst: one of these."""
    summary: str = ""
    """Of its summary."""


class TellingExpected(Counted):
    """What is told within `from` and `to`, by the routes of the config. Nobody is told by a test."""

    target: str = ""
    """The target of `notify.targets`."""
    who: str = ""
    """The person who is meant."""
    event: Literal["open", "update", "resolve", "digest", "change", "request", "playbook", ""] = ""
    """What is told of it."""
    loud: bool | None = None
    """Whether it may ring."""
    title: str = ""
    """Of the incident's title."""
    reason: str = ""
    """Of why it is told now."""


class Calm(Section):
    """A time in which no incident begins."""

    from_: Offset = Field(default=0.0, alias="from")
    """From when on."""
    to: Offset | None = None
    """Until when; left out: to the end."""
    entity: str = ""
    """Only incidents in which this is; left out: any."""


class Expected(Section):
    """What must come of it. What is left out is not looked at."""

    incidents: list[IncidentExpected] | None = None
    """The incidents. An empty list: none."""
    others: int = Field(default=0, ge=0)
    """How many more incidents may come than `incidents` describe."""
    none: list[Calm] = []
    """Times in which no incident begins."""
    anomalies: list[AnomalyExpected] = []
    """Anomalies, also such as lead to no incident."""
    routes: list[TellingExpected] | None = None
    """Who is told. An empty list: nobody."""
    refused: int = Field(default=0, ge=0)
    """How many messages may be refused."""


class Trial(Section):
    """One test."""

    name: str = Field(min_length=1)
    """What it shows, in a sentence."""
    config: str = ""
    """Another config, beside the file of tests."""
    start: Moment | None = None
    """When the test begins; left out: as the file says."""
    for_: Duration = Field(default=21_600.0, alias="for", gt=0)
    """How long what is described goes on."""
    input: list[Given] = Field(min_length=1)
    """What comes in."""
    actions: list[Deed] = []
    """What people do meanwhile."""
    expect: Expected
    """What must come of it."""


class Trials(Section):
    """A file of tests."""

    config: str = ""
    """The config that is tested, beside this file; left out: what --config names."""
    start: Moment | None = None
    """When tests begin. Left out: with the first that was recorded, and what is described on Monday 2026-01-05, 00:00
    UTC."""
    tests: list[Trial] = Field(min_length=1)
    """The tests."""
