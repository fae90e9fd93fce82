"""What a run is handed of the request that it comes of."""

from __future__ import annotations

from floodmark.notify.wording import cut, printable
from floodmark.requests import ModelRequest

_NAME = 200
_VALUE = 2_000
"""Characters; environments and forms have limits of their own."""


def conf(request: ModelRequest) -> dict[str, str]:
    """The request as flat text, for those who read parameters by name; its own parameters beside it."""
    known = {
        "request": request.id,
        "kind": request.kind,
        "model": request.model,
        "version": request.version,
        "why": request.why,
        "by": request.by,
        "incident": request.incident,
    }
    found = {**request.parameters, **{name: value for name, value in known.items() if value}}
    return {printable(cut(name, _NAME)): printable(cut(value, _VALUE)) for name, value in found.items() if name.strip()}


def variables(request: ModelRequest) -> dict[str, str]:
    """The same as names of environment variables: FLOODMARK_REQUEST, FLOODMARK_MODEL, …"""
    return {f"FLOODMARK_{name.upper()}": value for name, value in conf(request).items()}
