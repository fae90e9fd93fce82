"""Lines that stand for several: "message repeated 50 times: [ … ]". No state, so the line that is repeated is in them,
or what is counted is the line that says so.
"""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = re.compile(r"message repeated (\d{1,9}) times?: \[ ?(.*)\]\s*\Z", re.DOTALL)
"""rsyslog: the line is in it."""
_LAST: Final = re.compile(
    r"[-\s]*(?:last|previous|above) (?:message|line|log(?: entry)?)s? repeated (\d{1,9}) times?\b", re.IGNORECASE
)
"""syslogd, Cisco, Juniper, macOS: it is the line before."""
_MARKED: Final = re.compile(
    r"\s*[(\[](?:message |last message )?repeated (\d{1,9}) (?:more )?times?[)\]]\s*\Z", re.IGNORECASE
)
"""At the end of the line itself."""

_TAIL: Final = 64
"""Characters in which it must end."""


def repeats(body: str) -> tuple[str, int]:
    """The line, and how many times it came."""
    if (found := _WHOLE.match(body)) is not None:
        return found[2], max(1, int(found[1]))
    if (found := _LAST.match(body)) is not None:
        return body, max(1, int(found[1]))
    at = body.rfind("epeated")
    if len(body) - at < _TAIL and (found := _MARKED.search(body, max(0, at - 32))) is not None:
        return body[: found.start()], max(1, int(found[1]))
    return body, 1
