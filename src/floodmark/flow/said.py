"""What other systems and people say, as events of ours: changes, alerts of other tools, and actions.

Pure functions of what was said, the config and when the record was here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from floodmark.actions import Action
from floodmark.alerts import Anomaly, ChangeNotice, Evidence, content_id, utc
from floodmark.config.models import Config, Detect, Maintenance
from floodmark.detect.series import Series, label_entity, label_scope, series_key
from floodmark.detect.upkeep import Upkeep
from floodmark.detect.watchlist import matches
from floodmark.signals import Alert, Change

ALERT: Final = "alert"
"""The signal, the head and the name of the series of what other tools say."""
OURS: Final = re.compile(r"inc-[0-9a-f]{16}")
"""How an incident's id looks."""
_OURS: Final = frozenset({"FloodmarkIncident", "FloodmarkStorm"})
"""What alerts are called that tell of incidents of ours, or of how many there are."""
_NAMED: Final = ("incident", "floodmark_incident", "floodmark.incident", "dedup_key", "alias")
"""Labels in which our own alerts have the id of their incident."""


def notice(change: Change, here: float = float("inf")) -> ChangeNotice:
    """A change as every partition of the anomalies hears of it: it names a service, which any scope may have.

    What has an id is one change, however often it is told of. `here`: when the record was here, epoch seconds. A change
    that is later is a plan, or a clock that is ahead: whoever waits for that time would wait for nothing.
    """
    if change.id:
        identity = content_id("chg", change.service, change.kind, change.id)
    else:
        identity = content_id("chg", change.service, change.kind, f"{change.time:.3f}", change.summary)
    return ChangeNotice(
        id=identity,
        scope="",
        time=utc(here if change.time > here else change.time),
        service=change.service,
        kind=change.kind,
        summary=change.summary,
        status=change.status,
        version=change.version,
        environment=change.environment,
        url=change.url,
        actor=change.actor,
    )


def is_ours(alert: Alert) -> bool:
    """Whether we have raised it ourselves: another tool tells it back."""
    if alert.name in _OURS:
        return True
    named = (alert.fingerprint, *(alert.labels.get(label, "") for label in _NAMED))
    return any(OURS.fullmatch(each) for each in named)


def anomaly(alert: Alert, detect: Detect, here: float) -> Anomaly:
    """Another tool's alert as an anomaly. How improbable it is nobody knows yet: that shows where alerts meet, by how
    often it fires.

    It has no watermark: what is said late is attached late. `here`: when the record was here; NaN if that is not known.
    """
    labels = {**alert.labels, "alertname": alert.name, "source": alert.source}
    if (own := alert.labels.get("source")) and own != alert.source:
        labels["exported_source"] = own
    said = here if alert.time > here else alert.time
    started = min(alert.started or said, said)
    over = alert.status == "resolved"
    ended = min(alert.ended or said, said) if over else None
    entity = label_entity(labels, detect.entity, alert.name)
    words = f"{alert.source}: {alert.name} on {entity}" + (f": {alert.summary}" if alert.summary else "")
    facts: dict[str, float | str] = {"source": alert.source, "fingerprint": alert.fingerprint}
    if alert.url:
        facts["url"] = alert.url
    return Anomaly(
        id=content_id("alr", alert.source, alert.fingerprint, f"{alert.started:.3f}"),
        event="closed" if over else "opened",
        scope=label_scope(labels, detect.scope),
        entity=entity,
        signal="alert",
        series=series_key(ALERT, labels),
        name=alert.name,
        labels=labels,
        unit="",
        started_at=utc(started),
        updated_at=utc(said),
        ended_at=None if ended is None else utc(max(ended, started)),
        head=ALERT,
        direction="none",
        observed=alert.value,
        expected=None,
        low=None,
        high=None,
        p_value=1.0,
        severity=alert.severity or "warning",
        summary=words,
        detector=alert.source,
        evidence=Evidence(facts=facts),
        level=1.0,
    )


def is_maintained(odd: Anomaly, windows: Sequence[Maintenance], upkeep: Upkeep) -> bool:
    """Whether an alert was said in a time in which no alarm opens: by the config, or by what people have announced.
    What is still firing after it is said again then."""
    if odd.event == "closed":
        return False
    said = odd.updated_at.timestamp()
    if not windows and not upkeep.standing_at(said):
        return False
    series = Series(odd.series, odd.name, odd.labels, odd.entity, odd.scope, "alert")
    configured = any(window.from_ <= said < window.to and matches(window.match, series) for window in windows)
    return configured or upkeep.holds(series, said)


def people(config: Config) -> Mapping[str, str]:
    """What other systems call people, in lower case, and what we call them."""
    if config.notify is None:
        return {}
    return {identity.lower(): name for name, person in config.notify.people.items() for identity in person.identities}


def accounts(config: Config) -> frozenset[str]:
    """The accounts in whose name we do something elsewhere, in lower case: what they do is told back to us."""
    targets = config.notify.targets.values() if config.notify is not None else ()
    return frozenset(each.jira.email.lower() for each in targets if each.jira is not None and each.jira.email)


def by_name(action: Action, known: Mapping[str, str]) -> Action:
    """The action, by the person as we know them. `slack:U123` is known by that, or by what follows the colon."""
    said = action.by.lower()
    found = known.get(said) or known.get(said.partition(":")[2])
    return replace(action, by=found) if found else action
