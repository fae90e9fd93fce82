"""Reports for the API: of the view, for whoever asks with which parameters. It blocks; a server calls it in a thread.

GET /reports/weekly?audience=&week=&format=json|html|md   -> Reports.weekly
GET /incidents/{id}/postmortem?format=md|html|json        -> Reports.postmortem
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from floodmark.config.models import Config
from floodmark.console.reporting.answering import Answer, postmortem_answer, weekly_answer
from floodmark.console.reporting.reading import Known
from floodmark.console.reporting.viewed import known_of, postmortem_of
from floodmark.console.reporting.weeks import Week
from floodmark.console.store import View

_FRESH: Final = 60.0
"""Seconds for which a report of a week is given again: it is made of all of two weeks."""
_HELD: Final = 24


class Reports:
    """Reports of a view. `series` says how many series are watched, None if nobody knows."""

    def __init__(self, view: View, series: Callable[[], float | None] = lambda: None) -> None:
        self._view = view
        self._series = series
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, ...], tuple[float, Answer]] = OrderedDict()

    def weekly(self, config: Config, params: Mapping[str, str], now: datetime) -> Answer:
        """The report of a week, at most a minute old. Raises NotAskedWellError."""
        key = tuple(params.get(each, "") for each in ("audience", "week", "format"))
        with self._lock:
            made = self._made.get(key)
        if made is not None and 0 <= now.timestamp() - made[0] < _FRESH:
            return made[1]

        def known(week: Week) -> Known:
            with self._view.reading() as db:
                return known_of(db, config, week, self._series())

        answer = weekly_answer(known, params, now)
        with self._lock:
            self._made[key] = (now.timestamp(), answer)
            self._made.move_to_end(key)
            while len(self._made) > _HELD:
                self._made.popitem(last=False)
        return answer

    def postmortem(self, config: Config, incident: str, params: Mapping[str, str], now: datetime) -> Answer | None:
        """The post-mortem of an incident; None if there is none. Raises NotAskedWellError."""
        with self._view.reading() as db:
            report = postmortem_of(db, config, incident, now)
        return postmortem_answer(report, incident, params) if report is not None else None
