"""What a run is handed of the request that it comes of."""

from __future__ import annotations

from floodmark.requests import ModelRequest


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
    return {**request.parameters, **{name: value for name, value in known.items() if value}}


def variables(request: ModelRequest) -> dict[str, str]:
    """The same as names of environment variables: FLOODMARK_REQUEST, FLOODMARK_MODEL, …"""
    return {f"FLOODMARK_{name.upper()}": value for name, value in conf(request).items()}
