"""The configuration, as values: every key, its default, and what it does.

These models are the reference: `schemas/config.schema.json` and docs/configuration.md are made from them.
Unknown keys are refused. Loading YAML, secrets and line-numbered errors live in `floodmark.config.loader`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from floodmark.config.console import Console
from floodmark.config.formats import EnvelopeName, FormatName
from floodmark.config.gateway import Gateway
from floodmark.config.http import Http
from floodmark.config.mapping import Fields
from floodmark.config.notify import Notify
from floodmark.config.quantities import Budget, Clock, Duration, Moment, Pattern, Size, Timezone
from floodmark.config.section import Section
from floodmark.signals import SaidKind, SignalName


class OAuth(Section):
    """Where the token of SASL OAUTHBEARER comes from: a file, or a token server that we show our own credentials."""

    token_file: str | None = None
    """File that holds the token. It is read for every connection, so whatever renews the token just writes it there."""
    token_url: str | None = None
    """Token endpoint for the client credentials grant (RFC 6749, section 4.4), https://…; instead of token_file."""
    client_id: str | None = None
    """Who we are at token_url."""
    client_secret: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    scope: str | None = None
    """Scopes to ask for, with blanks between them (default: the token server's)."""
    ca_file: str | None = None
    """PEM file of the authority that signed the token server's certificate (default: the system's)."""


class KafkaSecurity(Section):
    """How to reach a protected cluster (the words are Kafka's)."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Kafka's security.protocol."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """Kafka's sasl.mechanism, for the SASL protocols."""
    username: str | None = None
    """SASL user name, for PLAIN and SCRAM."""
    password: SecretStr | None = None
    """SASL password, for PLAIN and SCRAM; write ${ENV_NAME} or file:/path rather than the secret itself."""
    oauth: OAuth | None = None
    """Where the token comes from, for OAUTHBEARER."""
    ca_file: str | None = None
    """PEM file of the authority that signed the brokers' certificates (default: the system's)."""
    check_hostname: bool = True
    """Whether a broker's certificate must name the host we connect to. False is Kafka's empty
    ssl.endpoint.identification.algorithm: whoever has any certificate of that authority can then pose as a broker."""
    cert_file: str | None = None
    """PEM file of our own certificate (and those between it and its authority), for mutual TLS."""
    key_file: str | None = None
    """PEM file of our own private key, for mutual TLS."""
    key_password: SecretStr | None = None
    """What key_file is encrypted with, if it is."""


class Kafka(Section):
    """Where the cluster is and who we are in it."""

    brokers: list[str] = Field(default=["localhost:9092"], min_length=1)
    """Bootstrap servers, host:port."""
    group: str = "floodmark"
    """Prefix of the consumer groups (GROUP-route, GROUP-detect, GROUP-correlate)."""
    client_id: str = "floodmark"
    """Kafka's client.id."""
    security: KafkaSecurity = KafkaSecurity()
    """TLS and SASL."""
    session_timeout: Duration = 15.0
    """Kafka's session.timeout.ms: how long the work of a process that died, and could not say so, waits for others."""
    instance_id: str | None = None
    """Static membership (KIP-345): a name that a process keeps over restarts, such as ${HOSTNAME} in a StatefulSet. A
    restart within session_timeout then moves no partition."""
    start: Literal["latest", "earliest"] = "latest"
    """Where an input without a committed offset is taken up: latest learns silently from the last `state.history` and
    alerts from now on; earliest judges all that the topic still holds, aloud."""
    commit_interval: Duration = 0.1
    """Longest time between two transactions of a task that has something to commit."""
    max_poll_records: int = Field(default=2000, ge=1)
    """Most records of one fetch handed to tasks at once."""


class Input(Section):
    """A topic to read, and what is in it."""

    topic: str = Field(min_length=1)
    """Name of the topic."""
    signal: SignalName
    """What the events are: metric, log, span, prediction, outcome, change, alert (of another tool) or action."""
    format: FormatName = "native"
    """Wire format of the messages; docs/formats.md tells what each becomes."""
    fields: Fields | None = None
    """For the format json: where the fields of an event are."""
    envelope: EnvelopeName = "none"
    """What is wrapped around the messages: connect (Kafka Connect's JSON, with or without schema; of a Debezium event
    the row after the change) or cloudevents (binary, structured or batched)."""
    rekey: bool = False
    """The producers do not key by series, so that one series comes on several partitions: bring each event through
    `topics.rekeyed` first, keyed by its series (metrics), source (logs) or service (spans). Predictions
    and outcomes always are."""


class SchemaRegistry(Section):
    """A schema registry with Confluent's API (its own, Apicurio's ccompat, Karapace, Redpanda): where the schemas of
    values are that producers framed with an id. JSON needs none."""

    url: str
    """Its address, with the path before /schemas/ids: https://registry:8081, or …/apis/ccompat/v7."""
    username: str | None = None
    """User name for HTTP's basic authentication."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    token: SecretStr | None = None
    """Bearer token, instead of a user name."""
    ca_file: str | None = None
    """PEM file of the authority that signed the registry's certificate (default: the system's)."""
    cert_file: str | None = None
    """PEM file of our own certificate, for mutual TLS."""
    key_file: str | None = None
    """PEM file of our own private key, for mutual TLS."""


class Topics(Section):
    """The topics that Floodmark itself writes."""

    anomalies: str = "floodmark.anomalies"
    """Anomalies, changes and watermarks, keyed by correlation scope."""
    alerts: str = "floodmark.alerts"
    """Incidents, keyed by incident id. This is the topic that incident tools read."""
    dead_letters: str = "floodmark.dead-letters"
    """Input that could not be used, untouched, with the reason in its headers."""
    model_events: str = "floodmark.model-events"
    """Internal: predictions and outcomes together, keyed by model, so that their order is one order."""
    rekeyed: str = "floodmark.rekeyed"
    """Internal: the events of inputs with `rekey: true`, keyed by their series, log source or service."""
    actions: str = "floodmark.actions"
    """What people do (`actions`), keyed by incident id. With unlimited retention: it is the audit trail."""
    deliveries: str = "floodmark.deliveries"
    """What has come of telling people (`notify`), compacted; as many partitions as `alerts`."""
    model_requests: str = "floodmark.model-requests"
    """What is asked to be done with models, keyed by model."""
    reports: str = "floodmark.reports"
    """How models do, and which config each process runs; compacted, the newest of each."""
    audit: str = "floodmark.audit"
    """What was done, chained by hashes (`audit`). With unlimited retention."""


class State(Section):
    """Snapshots of what was learned, from which a task goes on after a restart or on another machine."""

    store: str | None = "floodmark-state"
    """Where snapshots are kept: a folder, or the URL of an object store (s3://bucket/prefix, gs://…, az://…) when
    several machines share the work. null: none are kept, and a restart learns again from `history`."""
    options: dict[str, SecretStr] = {}
    """Settings of the object store, by obstore's names: endpoint, region, access_key_id, secret_access_key, …"""
    interval: Duration = Field(default=60.0, ge=1)
    """Time between two snapshots of a task that has taken records; a restart reads again at most about as much."""
    keep: int = Field(default=3, ge=1, le=100)
    """Snapshots kept of each task."""
    history: Duration = 21600.0
    """How far back a first start, or a detector whose parameters changed, reads to learn, silently."""


class Limits(Section):
    """Bounds on one event and on state; beyond them the event is refused or the least recently used state goes."""

    message: Size = 8_000_000
    """Largest message that is decoded."""
    events: int = Field(default=100_000, ge=1)
    """Most events of one message; a message with more is refused whole."""
    body: Size = 65_536
    """Longest log body that is looked at; the rest is cut, and counted."""
    labels: int = Field(default=64, ge=1)
    """Most labels of an event; an event with more is refused."""
    label: int = Field(default=1024, ge=16)
    """Longest label or name, in characters; an event with a longer one is refused."""
    features: int = Field(default=1000, ge=1)
    """Most features of a prediction; an event with more is refused."""
    ahead: Duration = 3600.0
    """How far an event's time may lie ahead of its Kafka timestamp; further is refused as from the future."""
    series: int = Field(default=100_000, ge=1)
    """Series of one task."""
    sources: int = Field(default=1_000, ge=1)
    """Log sources of one task."""
    templates: int = Field(default=1_000, ge=1)
    """Log templates of one source."""
    sessions: int = Field(default=10_000, ge=1)
    """Open sessions of one log source."""
    operations: int = Field(default=1_000, ge=1)
    """Operations of services, from spans, of one task."""
    spans: int = Field(default=50_000, ge=1)
    """Spans of one task whose service is remembered to learn who calls whom, and spans that wait for their parent."""
    models: int = Field(default=200, ge=1)
    """Models (and versions) of one task."""
    pending: int = Field(default=50_000, ge=1)
    """Predictions of one model that wait for their outcome, and outcomes that wait for their prediction."""


class FalseDiscoveries(Section):
    """Of the alarms of many series together, how many may be false."""

    rate: float = Field(gt=0, le=0.5)
    """The share of false alarms among the alarms of points that a group has in a day (0.1 = one in ten)."""
    over: Literal["scope", "entity"] = "scope"
    """What is a group: all series of a scope, or those of one entity; each in one partition."""


class Detect(Section):
    """What holds for every series."""

    entity: list[str] = ["service", "model", "host", "instance", "pod", "job"]
    """Labels that name the thing a series belongs to; the first that is present wins."""
    scope: list[str] = []
    """Labels whose values part the world into scopes that are correlated apart (for example: [env, region])."""
    lateness: Duration = 30.0
    """How far records of one partition may be out of order; the watermark stays this far behind the newest."""
    tick: Duration = Field(default=10.0, ge=1)
    """Event time between two watermarks; windows, silences and incidents are settled this often."""
    evidence: int = Field(default=60, ge=5, le=1000)
    """Points kept with each series to plot an anomaly."""
    entities: bool = True
    """Judge the metric series of one entity together, too: many small surprises at once. They are judged by the
    detector that matches the name `entity` and the labels that all series of the entity share."""
    false_discoveries: FalseDiscoveries | None = None
    """Beyond the budget of each series: of what it lets through, alarm only so that this rate is kept."""


Head = Literal["forecast", "range", "level", "drift", "variance", "shape", "flatline", "stale", "count"]


class Guard(Section):
    """Deviations smaller than this from what was expected are never alarms, however improbable."""

    absolute: float = Field(default=0.0, ge=0)
    """In the series' unit."""
    relative: float = Field(default=0.0, ge=0)
    """As a share of the expected value (0.1 = ten percent)."""


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Quiet(Section):
    """Hours that come again, in which no alarm opens. Points are judged all the same; what is still odd when the hours
    are over opens then."""

    days: list[Day] = Field(default=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], min_length=1)
    """Days on which the hours begin."""
    from_: Clock = Field(alias="from")
    """When they begin, by the clocks of `timezone`."""
    to: Clock
    """When they end; if that is before `from`, on the day after."""
    timezone: Timezone = "UTC"
    """Whose clocks, by its name in the timezone database: Europe/Berlin."""


class Limit(Section):
    """A value that a series must not reach. An alarm opens when it has, or when its trend says that it will."""

    above: float | None = None
    """The series must stay below this."""
    below: float | None = None
    """The series must stay above this."""
    within: Duration = 14400.0
    """How long before it is reached to be told, if the trend is clear enough by then (at most eight days)."""


class Detector(Section):
    """How the series that match are judged. The first detector of the list that matches a series has it."""

    name: str = "default"
    """Shown in each anomaly."""
    match: dict[str, str | list[str]] = {}
    """Label selectors: label → value, list of values, or glob (`http_*`). `name` is the series' name."""
    enabled: bool = True
    """False: series that match are not watched."""
    heads: list[Head] = ["forecast", "range", "level", "drift", "variance", "shape", "flatline", "stale", "count"]
    """Which built-in heads judge the series."""
    false_alarms: Budget = 1 / 86400
    """How often each series may be odd by chance. Of that an incident is made only within `correlate.false_incidents`,
    so that it may be far more often than anybody wants to be called."""
    direction: Literal["both", "up", "down"] = "both"
    """Which deviations matter."""
    warmup: int = Field(default=20, ge=5)
    """Points of a series before it can alarm."""
    min_deviation: Guard = Guard()
    """Smallest deviation that can alarm."""
    refractory: Duration = 300.0
    """Quiet time before an alarm of a series is over (and at least six of its intervals)."""
    adopt: Duration = 21600.0
    """A change that has lasted this long, and at least twelve of its intervals, becomes the new normal."""
    limit: Limit | None = None
    """What the series must not reach."""
    kpi: bool = False
    """The series say how well the business goes: an incident tells what it costs by them, and an anomaly of them how
    much has been lost."""
    kind: SaidKind | None = None
    """How the values are to be read, whatever their producer says: gauge, counter (only grows, so its rate is judged)
    or delta (an increment). Left out, it is as the producer says; if he does not, what has only grown for a day is read
    as a counter from then on, unless it has a `limit`."""
    unit: str | None = Field(default=None, min_length=1, max_length=50)
    """Unit of the values as they are sent, whatever their producer says (EUR, orders). That of a counter is of what it
    counts, so its rate is in EUR/s."""
    worse: Literal["both", "up", "down"] | None = None
    """The direction that hurts. Alarms open in both all the same (see `direction`). Left out, it is read off the
    series' label `floodmark_worse`, its name and its unit, as far as they say; a KPI of which they say nothing should
    not fall."""
    quiet: list[Quiet] = []
    """Hours in which no alarm opens."""
    model: str | None = None
    """Any River anomaly detector to run as a head of its own, by its dotted name: river.anomaly.HalfSpaceTrees."""
    parameters: dict[str, Any] = {}
    """Parameters of `model`."""
    scale: bool = True
    """Put river.preprocessing.MinMaxScaler before `model` (HalfSpaceTrees needs values between 0 and 1)."""


class Maintenance(Section):
    """A time in which no alarm opens and nothing odd is learned; what is still odd after it opens then."""

    match: dict[str, str | list[str]] = {}
    """Label selectors, as those of detectors: label → value, list of values, or glob; none: every series."""
    from_: Moment = Field(alias="from")
    """When it begins, in event time."""
    to: Moment
    """When it ends."""
    reason: str = ""
    """Why, for whoever reads the file."""


class Feedback(Section):
    """Verdicts of people on anomalies, read from a topic of their own (`floodmark feedback`)."""

    topic: str = Field(default="floodmark.feedback", min_length=1)
    """The topic, of one partition and with unlimited retention: its history is the audit trail."""
    delay: Duration = 60.0
    """Event time after which a verdict holds: longer than its way from whoever says it to every process."""


class Actions(Section):
    """What people do to incidents (`floodmark act`): read from `topics.actions`."""

    delay: Duration = 60.0
    """Event time after which a `maintain` holds: longer than its way from whoever says it to every process."""


class Audit(Section):
    """The audit trail: what people do and say, which configs are loaded and what is asked of models, as chains of
    hashes on `topics.audit` (`floodmark audit`)."""

    key: SecretStr | None = None
    """Signs each entry (HMAC-SHA256), so that whoever may write the topic can forge none; write ${ENV_NAME} or
    file:/path rather than the secret itself."""
    old_keys: list[SecretStr] = []
    """Keys of before, with which older entries are signed."""


class Mask(Section):
    """What is a value wherever it stands in a log line."""

    name: str = Field(min_length=1)
    """The kind that such parameters have."""
    pattern: Pattern
    """Regular expression (Python's, no groups but (?:…)), searched in the first line of the body."""


class Secrets(Section):
    """What of log lines and templates is masked before it leaves the engine."""

    known: bool = True
    """Mask private keys, access keys and tokens by their looks, values named password, secret, token or the like,
    credentials in URLs, e-mail addresses, and numbers of cards."""
    patterns: list[Pattern] = []
    """Mask what these match as well: regular expressions (Python's, no groups but (?:…))."""


CodeKind = Literal[
    "http", "grpc", "exit", "sqlstate", "return", "sqlcode", "errno", "error", "dns", "dsn", "mix", "none"
]


class Logs(Section):
    """How log records become series."""

    source: list[str] = ["service", "app", "host"]
    """Labels that name a log source; the first that is present wins."""
    window: Duration = Field(default=60.0, ge=1)
    """Width of the windows over which lines are counted, in event time."""
    similarity: float = Field(default=0.5, gt=0, le=1)
    """Share of tokens that must agree for a line to join a template."""
    masks: list[Mask] = []
    """Values that do not look like values, such as names of customers; the first that matches has it. Numbers, ids,
    addresses, paths and the like need none."""
    learning: Duration = 3600.0
    """A source younger than this does not report first-seen templates."""
    parameters: int = Field(default=20, ge=0, le=1000)
    """Numeric parameters of a source that are followed, such as 532 in `took 532 ms`; the first that qualify."""
    codes: int = Field(default=8, ge=0, le=1000)
    """Fields with codes of a source that are followed, such as `status` or `exit code`; beyond it the one that has not
    been heard for longest goes. 0: none."""
    code_fields: dict[str, CodeKind] = {}
    """What the codes of a field are where its name does not say it, such as `outcome: exit`; mix: of no known kind, so
    that only their mix is watched; none: it has no codes."""
    session: str | None = None
    """What says which session, request or job a line is of: an attribute, a label, or what stands before the id in the
    line (session for `session=31d4`); trace_id is that of the record. Sessions in which other things happen than in
    nearly all before are counted (`log_rare_sessions`)."""
    idle: Duration = 300.0
    """A session is over when it had no line for so long."""
    lines: int = Field(default=5, ge=1, le=100)
    """Log lines carried as evidence."""
    secrets: Secrets = Secrets()
    """What is masked in these lines, and in templates."""


class Spans(Section):
    """How spans become series."""

    window: Duration = Field(default=60.0, ge=1)
    """Width of the windows over which requests are counted, in event time."""


class ModelMonitor(Section):
    """How the prediction events of models that match are watched."""

    match: str = "*"
    """Glob over the model's name."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """auto: regression if predictions and labels are numbers without `scores`, else classification."""
    positive: str | None = None
    """The positive class for precision, recall, F1 and AUC (default: true, 1, "1" or "true"; else macro averages)."""
    window: int = Field(default=500, ge=20)
    """Labelled predictions over which performance is rolled."""
    every: Duration = Field(default=60.0, ge=1)
    """Event time between two points of a performance series."""
    report: Duration = Field(default=900.0, ge=0)
    """Event time between two reports of how each version does (`topics.reports`, for the console); 0: none."""
    join: Duration = 7 * 86400.0
    """How long a prediction waits for its outcome (and an outcome for its prediction)."""
    reference: int = Field(default=1000, ge=50)
    """First predictions of a version that serve as reference for feature and prediction drift."""
    features: int = Field(default=50, ge=0)
    """Most features watched for drift (first come, first watched; the rest is counted)."""


class Service(Section):
    """A service in the topology."""

    depends_on: list[str] = []
    """Services that it calls."""
    owner: str = ""
    """Team that has it: routes can match it, and what is told names it."""
    runbook: str = ""
    """Address of what to do when it is ill."""
    tier: int | None = Field(default=None, ge=0, le=9)
    """How much depends on it; 0 or 1 is the most."""


class Correlate(Section):
    """How anomalies become incidents."""

    false_incidents: Budget = 1 / 604800
    """The alert budget: how many incidents of each scope may be no more than chance. A group of anomalies opens one
    when groups as improbable as it come less often by chance, as far as the scope itself has shown."""
    gap: Duration = 180.0
    """What is related and begins within this of each other is one burst, and one incident; at most five thirds of it
    long. What comes later is its aftermath or another fault."""
    lifetime: Duration = 86400.0
    """No incident lives for longer than this, whatever its members do."""
    grace: Duration = 300.0
    """A resolved incident re-opens if the same series are odd again within this time."""
    hops: int = Field(default=1, ge=0, le=5)
    """Entities this many dependencies apart can share an incident."""
    labels: list[str] = []
    """Labels that relate two anomalies when their values are equal, whatever the topology says."""
    changes: Duration = 1800.0
    """Changes this recent are attached, and are causes if they hit a member."""
    members: int = Field(default=50, ge=1)
    """Members listed in an incident's message; the rest are counted."""
    open_incidents: int = Field(default=500, ge=1)
    """Open incidents of one task."""
    idle: Duration = 10.0
    """Time, by the clock on the wall, in which nothing has come to a detect task, after which it is not waited for."""
    patience: Duration = 30.0
    """Time, by the clock on the wall, in which a detect task has not been heard, after which incidents no longer wait
    for it: what it tells later is late. At most four times `kafka.session_timeout`."""


class Logging(Section):
    """Floodmark's own log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["json", "text"] = "json"
    """JSON lines for machines, text for people."""


class Config(Section):
    """A Floodmark configuration: one YAML file, or a folder of them merged by section."""

    kafka: Kafka = Kafka()
    """The cluster."""
    inputs: list[Input] = []
    """The topics to read."""
    schema_registry: SchemaRegistry | None = None
    """Where the schemas of framed values are; left out, only JSON is read of such."""
    topics: Topics = Topics()
    """The topics to write."""
    state: State = State()
    """Snapshots."""
    limits: Limits = Limits()
    """Bounds on events and on state."""
    detect: Detect = Detect()
    """What holds for every series."""
    detectors: list[Detector] = []
    """Detectors by label selectors, first match wins; a default one follows the last."""
    maintenance: list[Maintenance] = []
    """Times in which no alarm opens."""
    feedback: Feedback | None = None
    """What people say of anomalies; left out, nobody is asked."""
    actions: Actions | None = None
    """What people do to incidents; left out, the engine does not listen."""
    audit: Audit | None = None
    """The audit trail as chains of hashes; left out, none is written."""
    notify: Notify | None = None
    """Who is told of incidents (`floodmark notify`)."""
    gateway: Gateway | None = None
    """What may be said over HTTP (`floodmark gateway`)."""
    console: Console = Console()
    """The pages in a browser (`floodmark console`)."""
    logs: Logs = Logs()
    """How log records become series."""
    spans: Spans = Spans()
    """How spans become series."""
    models: list[ModelMonitor] = []
    """Model monitors by name, first match wins; a default one follows the last."""
    services: dict[str, Service] = {}
    """The topology: services and what they depend on."""
    correlate: Correlate = Correlate()
    """How anomalies become incidents."""
    http: Http = Http()
    """The endpoint of /metrics, /healthz and /readyz."""
    logging: Logging = Logging()
    """Floodmark's own log."""
