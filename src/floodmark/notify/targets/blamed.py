"""Which service, and which change of it, an incident is taken to come of: what a playbook is run for."""

from __future__ import annotations

from floodmark.alerts import ChangeNotice, Incident


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
