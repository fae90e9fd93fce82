"""The targets of a config, ready to be told things."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import aiohttp

from floodmark.config.notify import Notify, Target
from floodmark.notify import targets
from floodmark.notify.elsewhere import Ask
from floodmark.notify.exchange import HttpExchange
from floodmark.notify.sink import Event, Sink
from floodmark.notify.targets import alertmanager
from floodmark.runtime.errors import RunError


class TargetError(RunError):
    """A target of the config cannot be made."""


def make(config: Notify, session: aiohttp.ClientSession) -> dict[str, Sink]:
    """Each target's sink, by the target's name. Raises TargetError, in words without secrets."""
    return {name: _sink(name, target, session) for name, target in config.targets.items()}


def takes(sinks: Mapping[str, Sink]) -> dict[str, frozenset[Event]]:
    """Which events each target can be told, by its name."""
    return {name: sink.takes for name, sink in sinks.items()}


def silences(config: Notify, session: aiohttp.ClientSession) -> dict[str, Ask]:
    """How to ask those targets for silences whose silences are heeded, by the target's name."""
    found: dict[str, Ask] = {}
    for name, target in config.targets.items():
        if target.alertmanager is not None and target.alertmanager.silences:
            exchange = HttpExchange(session, target.timeout, target.alertmanager.ca_file)
            found[name] = partial(alertmanager.silenced, target.alertmanager, exchange)
    return found


def _sink(name: str, target: Target, session: aiohttp.ClientSession) -> Sink:
    kind = target.kind()
    module = f"floodmark.notify.targets.{kind}"
    try:
        exchange = HttpExchange(session, target.timeout, getattr(getattr(target, kind), "ca_file", None))
    except OSError as error:
        raise TargetError(f"notify.targets.{name}.{kind}.ca_file cannot be used: {error.strerror}") from None
    try:
        return targets.build(target, exchange)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise TargetError(f"notify.targets.{name}: {kind} needs the package {error.name}; install it") from None
        raise TargetError(f"notify.targets.{name}: this release cannot tell anything to {kind} yet") from None
