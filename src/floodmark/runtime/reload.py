"""What a run is handed when its configuration has changed. The stream of these is made by the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from floodmark.runtime.group import Route


class Reload(NamedTuple):
    """The outcome of one reload.

    `routes` are the work from now on. If they are the very object that the run has, there is nothing to do, and the
    reload has succeeded. None: the new configuration was refused, the run keeps what it has, and the reload failed.
    """

    routes: Sequence[Route] | None
    reason: str
    """Why it was read again or what is wrong with it, in words for a log: never a value of the configuration."""
