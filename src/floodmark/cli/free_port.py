"""A port that nobody has."""

from __future__ import annotations

import socket


def free_port(wanted: int = 0) -> int:
    """The one that is wanted, if it is free on loopback, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(found.getsockname()[1])
    raise OSError("there is no free port on 127.0.0.1")
