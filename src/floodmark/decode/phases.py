"""Words that other systems have for how far a change is, of what kind it is, and how grave an alert is.

One table for all formats: whatever spells it so means the same. What is not known gives nothing, and whoever asks
counts that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from floodmark.decode.severities import severity
from floodmark.signals import AlertStatus, ChangeKind, ChangeStatus

Grade = Literal["", "info", "warning", "error", "critical"]

_STATUSES: Final[Mapping[ChangeStatus, str]] = {
    "started": "started start starting begin began begun running run progressing inprogress pending queued queuing "
    "created scheduled deploying syncing waiting waitingforresource preparing initiated triggered accepted updating "
    "terminating active open opened other",
    "succeeded": "succeeded success successful complete completed done finished finish passed pass ok deployed synced "
    "healthy stable fixed released backtonormal ready applied resolved closed enabled normal",
    "failed": "failed failure fail failing error errored errors fault unhealthy degraded broken brokenpipeline "
    "unstable timedout timeout crashed crash stillfailing oomkilled rejected exhausted",
    "cancelled": "cancelled canceled cancel canceling cancelling aborted abort skipped killed stopped notbuilt "
    "superseded dismissed withdrawn rolledback",
}
_KINDS: Final[Mapping[ChangeKind, str]] = {
    "deploy": "deploy deployment deployed deploying release released rollout build install upgrade update sync publish",
    "config": "config configuration configure setting settings configmap secret infrastructure",
    "flag": "flag featureflag feature toggle featuretoggle experiment killswitch",
    "rollback": "rollback revert reverted rolledback undo downgrade",
    "scale": "scale scaling scaled autoscale autoscaling resize replicas hpa",
    "model": "model modelversion modeldeploy retrain training alias registered promote promotion",
    "restart": "restart restarted reboot rebooted recreate bounce",
}
_ALERTS: Final[Mapping[AlertStatus, str]] = {
    "firing": "firing fire fired alerting active activated open opened problem trigger triggered new created create "
    "down raised raise warning critical error nodata acknowledged ongoing started reopened unhealthy failed",
    "resolved": "resolved resolve ok okay closed close recovered recovery inactive cleared clear normal up expired "
    "healthy ended done deactivated success",
}
_GRADES: Final[Mapping[Grade, str]] = {
    "critical": "critical crit p1 sev1 s1 sev0 p0 disaster urgent page blocker fatal emergency highest",
    "error": "error p2 sev2 s2 high major severe",
    "warning": "warning warn p3 sev3 s3 medium moderate average minor elevated",
    "info": "info information informational p4 p5 sev4 sev5 s4 s5 low lowest none debug notice ok notclassified",
}
_BY_STATUS: Final = {word: status for status, words in _STATUSES.items() for word in words.split()}
_BY_KIND: Final = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_BY_ALERT: Final = {word: status for status, words in _ALERTS.items() for word in words.split()}
_BY_GRADE: Final = {word: grade for grade, words in _GRADES.items() for word in words.split()}
_OF_LOGS: Final[Mapping[str, Grade]] = {
    "TRACE": "info", "DEBUG": "info", "INFO": "info", "WARN": "warning", "ERROR": "error", "FATAL": "critical",
}  # fmt: skip


def status_of(said: object) -> ChangeStatus:
    """How far a change is; empty if that is not known, or nothing is said."""
    return _BY_STATUS.get(_bare(said), "")


def kind_of(said: object) -> ChangeKind | None:
    """Of what kind a change is."""
    return _BY_KIND.get(_bare(said))


def alert_status_of(said: object) -> AlertStatus | None:
    """Whether an alert is on."""
    return _BY_ALERT.get(_bare(said))


def grade_of(said: object) -> Grade:
    """How grave it is; empty if that is not known. A bare number may be of any scale, and is none."""
    if not isinstance(said, str) or said.strip().isdecimal():
        return ""
    return _BY_GRADE.get(_bare(said)) or _OF_LOGS.get(severity(said), "")


def _bare(said: object) -> str:
    """Its letters and figures: "IN_PROGRESS", "In progress" and "inProgress" are one word."""
    return re.sub(r"[^a-z0-9]", "", said[:64].lower()) if isinstance(said, str) else ""
