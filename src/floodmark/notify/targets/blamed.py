"""Which service, and which change of it, an incident is taken to come of: what a playbook is run for."""

from __future__ import annotations

import re
from typing import Final

from floodmark.alerts import ChangeNotice, Incident

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


def change_of(incident: Incident) -> ChangeNotice | None:
    """The change that is the first cause; None if that is none."""
    first = incident.causes[0].change if incident.causes else None
    return next((each for each in incident.changes if each.id == first), None)


def service_of(incident: Incident) -> str:
    """The service of the first cause; empty if there is none."""
    change = change_of(incident)
    if change is not None:
        return change.service
    return incident.causes[0].entity if incident.causes else ""


def named(pattern: str, incident: Incident) -> str | None:
    """A name with the service of the first cause put in for {service}; None if Kubernetes has no such names (RFC 1123):
    it would be an address of something else."""
    name = pattern.replace("{service}", service_of(incident))
    return name if _NAME.fullmatch(name) else None
