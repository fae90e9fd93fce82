"""What went to the dead letters, in the operator's log: the first of each kind at once, then one a minute.

The topic has every one of them. A line a record would drown the log in the very hour in which somebody looks at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from floodmark.letters import reason
from floodmark.records import Output

log = structlog.get_logger(__name__)

QUIET_SECONDS: Final = 60.0
"""Refusals of one topic for one reason are told once in this time; the next line says how many were left out."""
SAMPLE: Final = 120
"""Characters of a record that the line shows."""


class Refusals:
    """Tells of dead letters once they are written. Bounded by the topics of the config and the reasons there are.

    `hide` takes secrets out of a text; without it no record is shown, only where it lies.
    """

    def __init__(self, hide: Callable[[str], str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.hide = hide
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def hear(self, letter: Output) -> None:
        """A dead letter has been written."""
        said = reason(letter.headers)
        kind = (said.topic, said.error)
        now = self._clock()
        since, left_out = self._told.get(kind, (-QUIET_SECONDS, 0))
        if now - since < QUIET_SECONDS:
            self._told[kind] = (since, left_out + 1)
            return
        self._told[kind] = (now, 0)
        place = {"topic": said.topic, "partition": said.partition, "offset": said.offset, "index": said.element}
        facts = {name: str(each) for name, each in place.items() if each not in ("", None)}
        facts["error"] = said.error
        if self.hide is not None and letter.value:
            facts["sample"] = _short(self.hide(letter.value[: 4 * SAMPLE].decode(errors="replace")))
        if left_out:
            facts["more"] = f"{left_out} like it since the last line"
        log.warning(f"sent to the dead letters: {said.message or 'no reason is given'}", **facts)


def _short(text: str) -> str:
    return text if len(text) <= SAMPLE else text[: SAMPLE - 1] + "…"
