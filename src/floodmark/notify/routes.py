"""Which route has an incident: the first that matches. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from floodmark.alerts import SEVERITIES, Incident
from floodmark.config.models import Config, Service
from floodmark.config.notify import Route

FACTS: Final = ("scope", "entity", "owner", "tier", "signal", "severity")
"""What selectors can ask for besides the labels of an incident."""

Facts = Mapping[str, Sequence[str]]
"""By name, all the values that an incident has of something."""


def facts_of(incident: Incident, services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    """What selectors are held against. Owners and tiers are those of all services that are affected, or to blame."""
    entities = tuple(dict.fromkeys((*incident.entities, *(cause.entity for cause in incident.causes[:1]))))
    known = [services[entity] for entity in entities if entity in services]
    found = {name: (value,) for name, value in incident.labels.items()}
    return found | {
        "scope": (incident.scope,),
        "entity": entities,
        "owner": tuple(dict.fromkeys(each.owner for each in known if each.owner)),
        "tier": tuple(dict.fromkeys(str(each.tier) for each in known if each.tier is not None)),
        "signal": tuple(dict.fromkeys(member.signal for member in incident.members)),
        "severity": (incident.severity,),
    }


def fits(match: Mapping[str, str | list[str]], facts: Facts) -> bool:
    """Whether of each selector one of its values, or the only one, fits one of the facts as a glob. What an incident
    does not have is the empty text."""
    return all(
        any(
            fnmatchcase(fact, pattern)
            for fact in (facts.get(name) or ("",))
            for pattern in ([wanted] if isinstance(wanted, str) else wanted)
        )
        for name, wanted in match.items()
    )


def at_least(severity: str, least: str) -> bool:
    """Whether a severity is as bad as another, or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def route_of(incident: Incident, config: Config) -> Route | None:
    """The route that has it; None if none does."""
    if config.notify is None:
        return None
    facts = facts_of(incident, config.services)
    for route in config.notify.routes:
        if at_least(incident.severity, route.severity) and fits(route.match, facts):
            return route
    return None


def service_of(incident: Incident, services: Mapping[str, Service]) -> Service | None:
    """The service whose team has to look first: that of the first cause, else the first that is affected."""
    entities = (*(cause.entity for cause in incident.causes[:1]), *incident.entities)
    return next((services[entity] for entity in entities if entity in services), None)
