"""What a process says of the config that it has loaded, or of one that it has refused. Pure; it shows no secret."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from floodmark import __version__
from floodmark.config.models import Config, Detector
from floodmark.reports import ConfigLoaded, DetectorReport, ServiceReport

_USER: Final = re.compile(r"(?<=://)[^/@\s]*@")
"""Who may read an address, before its host."""
_LONGEST: Final = 250_000
"""Characters of a config's text that go out with it."""
_PROBLEMS: Final = 50
_WEEK: Final = 604_800.0


def meant(config: Config) -> str:
    """The config as it is meant, as JSON: defaults filled in, keys sorted, secrets left out."""
    return json.dumps(_plain(config), sort_keys=True, separators=(",", ":"), default=str)


def report(
    config: Config,
    process: str,
    at: datetime,
    files: Sequence[str] = (),
    previous: str = "",
    problems: Sequence[str] = (),
) -> ConfigLoaded:
    """What is said of a config that goes on from now on; with `problems`, in place of a newer one that has them."""
    text = meant(config)
    return ConfigLoaded(
        process=process,
        version=__version__,
        at=at,
        hash=hashlib.sha256(text.encode()).hexdigest(),
        previous=previous,
        text=text if len(text) <= _LONGEST else "",
        files=list(files),
        problems=list(problems[:_PROBLEMS]),
        detectors=[
            DetectorReport(name=each.name, match=dict(each.match), false_alarms=each.false_alarms * _WEEK)
            for each in (*config.detectors, Detector())
            if each.enabled
        ],
        false_incidents=config.correlate.false_incidents * _WEEK,
        services={
            name: ServiceReport(
                depends_on=list(each.depends_on), owner=each.owner or "", runbook=each.runbook or "", tier=each.tier
            )
            for name, each in config.services.items()
        },
    )


def _plain(value: Any) -> Any:
    """A value without its secrets."""
    if isinstance(value, BaseModel):
        names = {name: info.alias or name for name, info in type(value).model_fields.items()}
        return {names[name]: _plain(each) for name, each in value if not isinstance(each, SecretStr)}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if not isinstance(each, SecretStr)}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(each) for each in items if not isinstance(each, SecretStr)]
    return _USER.sub("", value) if isinstance(value, str) else value
