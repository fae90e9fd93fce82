"""The configuration of `floodmark notify`: who is told of what, when and by which way. See docs/notify.md."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from floodmark.config import targets
from floodmark.config.http import Http
from floodmark.config.quantities import Clock, Duration, Moment, Timezone
from floodmark.config.section import Section

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Level = Literal["info", "warning", "error", "critical"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Section):
    """Hours that come again every week."""

    days: list[Day] = Field(default=list(DAYS), min_length=1)
    """Days on which the hours begin."""
    from_: Clock = Field(alias="from")
    """When they begin."""
    to: Clock
    """When they end; if that is before `from`, on the day after."""
    timezone: Timezone | None = None
    """Whose clocks; left out, those of the person, else UTC."""


class Target(Section):
    """Something that can be told. Exactly one of its sections says of what kind it is."""

    alertmanager: targets.Alertmanager | None = None
    """Prometheus Alertmanager."""
    pagerduty: targets.PagerDuty | None = None
    """PagerDuty."""
    opsgenie: targets.Opsgenie | None = None
    """Opsgenie or Jira Service Management."""
    jira: targets.Jira | None = None
    """Jira."""
    slack: targets.Slack | None = None
    """Slack."""
    teams: targets.Teams | None = None
    """Microsoft Teams."""
    gitlab_alerts: targets.GitlabAlerts | None = None
    """GitLab's alerts."""
    keep: targets.Keep | None = None
    """Keep."""
    newrelic: targets.NewRelic | None = None
    """New Relic."""
    elasticsearch: targets.Elasticsearch | None = None
    """Elasticsearch or OpenSearch."""
    grafana: targets.Grafana | None = None
    """Grafana's annotations."""
    email: targets.Email | None = None
    """Mail."""
    webhook: targets.Webhook | None = None
    """A signed webhook."""
    airflow: targets.Airflow | None = None
    """Airflow (requests)."""
    mlflow: targets.Mlflow | None = None
    """MLflow (requests)."""
    jenkins: targets.Jenkins | None = None
    """Jenkins (requests)."""
    gitlab_pipeline: targets.GitlabPipeline | None = None
    """GitLab pipelines (requests)."""
    argo_workflows: targets.ArgoWorkflows | None = None
    """Argo Workflows (requests)."""
    wandb: targets.Wandb | None = None
    """Weights & Biases (requests)."""
    argocd: targets.ArgoCd | None = None
    """Argo CD (playbooks)."""
    kubernetes: targets.Kubernetes | None = None
    """Kubernetes (playbooks)."""
    timeout: Duration = Field(default=10.0, gt=0, le=300)
    """How long an answer is waited for."""
    burst: int = Field(default=10, ge=1)
    """Messages at once, before `every` holds; what resolves is never held up by it."""
    every: Duration = 30.0
    """Time in which one more message may go."""

    def kind(self) -> str:
        """The name of the section that it has."""
        return next(name for name in KINDS if getattr(self, name) is not None)


KINDS: tuple[str, ...] = tuple(name for name in Target.model_fields if name not in ("timeout", "burst", "every"))
"""What targets there are, by the name of their section."""


class Undisturbed(Hours):
    """Hours in which somebody is not to be disturbed by less than `below`."""

    below: Level = "critical"
    """What is less severe waits, and comes as one message at the end."""


class Person(Section):
    """Somebody who can be told."""

    targets: list[str] = Field(min_length=1)
    """How: names of `notify.targets`."""
    timezone: Timezone = "UTC"
    """Whose clocks the person lives by."""
    quiet: list[Undisturbed] = []
    """When the person is not to be disturbed."""
    identities: list[str] = []
    """What other systems call the person: slack:U0123, pagerduty:PABC, ann@example.org."""


class Layer(Section):
    """A rotation within a schedule; later layers go before earlier ones where they have hours."""

    rotation: list[str] = Field(min_length=1)
    """People who take turns."""
    every: Duration = 604800.0
    """How long a turn is."""
    start: Moment | None = None
    """When the first turn began; left out, the first `handoff` of 2024."""
    handoff: str = "mon 09:00"
    """When turns change, by the clocks of the schedule: mon 09:00, or 09:00 for daily ones."""
    hours: list[Hours] = []
    """Only in these hours; none: always."""


class Override(Section):
    """Somebody else for a while."""

    person: str
    """Who is on call."""
    from_: Moment = Field(alias="from")
    """From when on."""
    to: Moment
    """Until when."""


class Schedule(Section):
    """Who is on call, and when: rotations, or a calendar file."""

    timezone: Timezone = "UTC"
    """Whose clocks."""
    rotation: list[str] = []
    """People who take turns; for more than one rotation, `layers`."""
    every: Duration = 604800.0
    """How long a turn is."""
    start: Moment | None = None
    """When the first turn began; left out, the first `handoff` of 2024."""
    handoff: str = "mon 09:00"
    """When turns change: mon 09:00, or 09:00 for daily ones."""
    layers: list[Layer] = []
    """Rotations, the last one that has somebody goes."""
    overrides: list[Override] = []
    """Somebody else for a while; goes before all layers."""
    ics: str | None = None
    """A calendar file (RFC 5545), instead of rotations: who is on call is the summary, or the attendee, of its events.
    A relative path is seen from the folder of the configuration file."""


class Step(Section):
    """One step of a chain."""

    notify: list[str] = Field(min_length=1)
    """Schedules, people or targets."""
    wait: Duration = 300.0
    """How long until the next step, if nobody has acknowledged."""


class Chain(Section):
    """Who is paged, one after the other, until somebody acknowledges, snoozes or resolves."""

    steps: list[Step] = Field(min_length=1)
    """The steps."""
    repeat: int = Field(default=1, ge=1, le=20)
    """How often all steps are gone through."""
    fallback: list[str] = []
    """Schedules, people or targets that are told when all that has come to nothing."""


class Route(Section):
    """Who is told of which incidents. The first route that matches has an incident."""

    name: str = "default"
    """Shown in what is told of it."""
    match: dict[str, str | list[str]] = {}
    """Selectors, as those of detectors, over scope, entity, owner, tier, signal, and the labels of an incident."""
    severity: Level = "info"
    """Only what is at least so severe."""
    targets: list[str] = []
    """Who is told of each incident, from its beginning to its end."""
    chain: str | None = None
    """Who is paged, from `page` on; left out, nobody."""
    page: Level = "error"
    """The least severity that pages."""
    active: list[Hours] = []
    """Only in these hours; what comes outside of them waits, unless it is critical. None: always."""
    fallback: list[str] = []
    """Targets that are told as well when one of `targets` has not taken a message for `notify.fallback`."""
    playbooks: list[str] = []
    """Playbooks that are proposed, or run, for its incidents."""


class Requests(Section):
    """Who is handed requests about models."""

    match: str = "*"
    """Glob over the model's name."""
    kinds: list[Literal["retrain", "rollback", "evaluate", "label"]] = ["retrain"]
    """Which requests."""
    targets: list[str] = Field(min_length=1)
    """Names of `notify.targets`."""


class Changes(Section):
    """Who is told of changes."""

    match: dict[str, str | list[str]] = {}
    """Selectors over service, kind, environment and status."""
    targets: list[str] = Field(min_length=1)
    """Names of `notify.targets`."""


class Playbook(Section):
    """A first response that a route may propose, or run."""

    target: str
    """What does it: a target of the kinds webhook, argocd or kubernetes."""
    mode: Literal["propose", "run"] = "propose"
    """propose: it waits for a person's `floodmark act approve`. run: it runs by itself."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""
    services: list[str] = []
    """Services that it may be run for, globs allowed; none: none."""
    severity: Level = "error"
    """Only for what is at least so severe."""
    cause: list[Literal["deploy", "config", "flag", "rollback", "scale", "model", "any"]] = ["deploy"]
    """Only if the first cause is such a change; any: whatever the cause."""
    cooldown: Duration = 3600.0
    """Least time between two runs for one service."""
    per_hour: int = Field(default=2, ge=1)
    """Most runs in an hour, for all services together."""
    expires: Duration = 3600.0
    """How long a proposal can be approved."""
    parameters: dict[str, str] = {}
    """Handed on to the target; {service}, {incident} and {version} are put in."""


class Storm(Section):
    """When so many incidents come that each one alone helps nobody."""

    incidents: int = Field(default=10, ge=2)
    """More new incidents of a route than this …"""
    within: Duration = 300.0
    """… in this time become one message that is kept up to date. Critical ones are told all the same."""
    every: Duration = 60.0
    """How often it is."""


class NotifyHttp(Http):
    """The endpoint of `floodmark notify`: /metrics, /healthz and /readyz."""

    port: int = Field(default=9466, ge=0, le=65535)
    """Port (0: any free one)."""


class Notify(Section):
    """`floodmark notify`: from incidents to people."""

    link: str | None = None
    """Address of the page of an incident, with {incident} in it: https://floodmark.example.org/incidents/{incident}."""
    hold: Duration = 30.0
    """How long an incident may grow before it is first told. Critical ones are not held."""
    ack: Duration = 1800.0
    """How long an acknowledgement stands, if it says nothing itself."""
    fallback: Duration = 900.0
    """After so long a target that takes nothing is given up for `routes[].fallback`, and tried on."""
    dead: Duration = 86400.0
    """After so long a message is not tried any more."""
    settle: Duration = 120.0
    """How long another first cause must stand before it is told."""
    storm: Storm = Storm()
    """When one message stands for many."""
    targets: dict[str, Target] = {}
    """What can be told, by name."""
    people: dict[str, Person] = {}
    """Who can be told, by name."""
    schedules: dict[str, Schedule] = {}
    """Who is on call, by name."""
    chains: dict[str, Chain] = {}
    """Who is paged after whom, by name."""
    routes: list[Route] = []
    """Who is told of what; the first that matches."""
    requests: list[Requests] = []
    """Who is handed requests about models; all that match."""
    changes: list[Changes] = []
    """Who is told of changes; all that match."""
    playbooks: dict[str, Playbook] = {}
    """First responses, by name."""
    http: NotifyHttp = NotifyHttp()
    """Its endpoint of /metrics, /healthz and /readyz."""
