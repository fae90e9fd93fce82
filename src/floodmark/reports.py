"""What the engine says of models and of itself that is no anomaly: the topic `topics.reports`, compacted. `schemas/` is
generated from this module.

A report replaces the last one of its key, so whoever begins to read the topic has the newest of each; a console keeps
those before, too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field


class Bins(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often which values came: of a number, `counts` between `edges` (one more than counts); of a category,
    `counts` of `names`. At most 32; the last name is `…` where there are more."""

    counts: list[float]
    edges: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class ModelMetric(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A metric of a model over its window. `reference`: the same over the reference; None where there is none yet.
    `low`, `high`: its 95 % interval, where one is known. `count`: of how many labelled predictions it is made."""

    name: str
    value: float
    count: int
    reference: float | None = None
    low: float | None = None
    high: float | None = None
    better: Literal["higher", "lower"] = "higher"


class FeatureReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a feature (or the prediction itself, named `prediction`) is distributed now and in the reference. `statistic`
    says what `value` is (psi, ks, …); `p_value` is how often chance brings as much."""

    name: str
    kind: Literal["number", "category"]
    statistic: str
    value: float
    p_value: float
    odd: bool
    missing: float = 0.0
    reference: Bins | None = None
    current: Bins | None = None


class GroupReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the predictions of a group (`by` is the feature that makes groups, `value` the group): confusion
    counts of a positive class, or for any other task `right` of `count`."""

    by: str
    value: str
    count: int
    right: int = 0
    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0


class ModelReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a version of a model does, at `time` (event time), over the last `window` seconds. Keyed `model@version`.

    `predictions` and `labelled` are counts since the last report; `pending` is how many wait for their label, `expired`
    how many did so for too long. `delays`: seconds until a label came, by its quantile ("p50", "p90", "p99").
    `reference` is how full the reference is, 0 to 1.
    """

    model: str
    version: str
    scope: str
    task: str
    time: datetime
    window: float
    predictions: int
    labelled: int
    pending: int
    expired: int = 0
    reference: float = 0.0
    delays: dict[str, float] = field(default_factory=dict)
    metrics: list[ModelMetric] = field(default_factory=list)
    features: list[FeatureReport] = field(default_factory=list)
    groups: list[GroupReport] = field(default_factory=list)

    def key(self) -> str:
        return f"{self.model}@{self.version}"


class ServiceReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the config says of a service."""

    depends_on: list[str] = field(default_factory=list)
    owner: str = ""
    runbook: str = ""
    tier: int | None = None


class DetectorReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A detector of the config: its name, what it is for, and how many false alarms a series may have in a week."""

    name: str
    match: dict[str, str | list[str]] = field(default_factory=dict)
    false_alarms: float = 0.0


class ConfigLoaded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process has loaded a config. Keyed `config:PROCESS`, so that the newest of each process stays.

    `hash`: SHA-256 of the config as it is meant (defaults filled in, keys sorted, secrets left out), hexadecimal.
    `text` is that, as JSON. `previous`: the hash of the one before in this process; empty at its start. `problems`: why
    a newer one was refused, each "file:line:column: sentence"; the hash is that of the one that goes on.
    `false_incidents`: how many incidents of each scope may be no more than chance in a week.
    """

    process: str
    version: str
    at: datetime
    hash: str
    previous: str = ""
    text: str = ""
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    detectors: list[DetectorReport] = field(default_factory=list)
    false_incidents: float = 0.0
    services: dict[str, ServiceReport] = field(default_factory=dict)

    def key(self) -> str:
        return f"config:{self.process}"
