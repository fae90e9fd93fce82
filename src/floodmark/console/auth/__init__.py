"""Who asks. `Doorkeeper` finds the person of a request; the kinds of sign-in are a module each."""

from __future__ import annotations

from floodmark.console.auth.doorkeeper import Doorkeeper, TurnedAwayError

__all__ = ["Doorkeeper", "TurnedAwayError"]
