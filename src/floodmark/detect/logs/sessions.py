"""What happens within a session (or a trace, a request): the set of templates that its lines have, and how rare it is.

It must never judge: a session whose set is rare among all before it is counted in the window in which it is over, and
the core judges the count. A payment without an order is found so, although there are as many of both as ever.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from floodmark.config.models import Limits, Logs
from floodmark.detect.logs import evidence
from floodmark.detect.logs.miner import Match, Template
from floodmark.detect.logs.owner import Owner
from floodmark.detect.series import Sample
from floodmark.signals import Log

_RARE: Final = 0.01
"""A set is rare if it was that of fewer of the sessions so far."""
_ENOUGH: Final = 200
"""Sessions before any set is rare."""
_MEMORY: Final = 20_000
"""Sessions after which all that was counted counts half."""
_SETS: Final = 1_000
"""Sets that are remembered; the least recently seen goes."""
_TEMPLATES: Final = 32
"""Templates of a set, the first of a session."""
_TOLD: Final = 3
"""Rare sessions of a window that the evidence names."""


class RareSession(NamedTuple):
    """A session with a rare set: what it has that the commonest similar set has not, and what it lacks."""

    id: str
    more: list[Template]
    less: list[Template]


class Sessions:
    """The open sessions of one source, at most `limits.sessions`, and the sets of those that are over."""

    __slots__ = ("_counts", "_limits", "_logs", "_number", "_open", "_series", "_sets", "_where")

    def __init__(self, owner: Owner, logs: Logs, limits: Limits) -> None:
        self._logs = logs
        self._limits = limits
        self._series = owner.series("log_rare_sessions", "count", "sessions", worse="up")
        self._open: OrderedDict[str, _Session] = OrderedDict()
        self._sets: OrderedDict[tuple[str, ...], _Set] = OrderedDict()
        self._number = 0.0
        self._where: dict[Template, int] = {}
        self._counts: Counter[str] = Counter()

    def take(self, log: Log, match: Match) -> None:
        """A line, if it says which session it is of."""
        name = self._logs.session
        if not name or not (identity := self._identity(name, log, match)):
            return
        session = self._open.get(identity)
        if session is None:
            session = self._open[identity] = _Session()
        session.last = max(session.last, log.time)
        self._open.move_to_end(identity)
        if len(session.templates) < _TEMPLATES and match.template not in session.templates:
            session.templates.append(match.template)
        while len(self._open) > self._limits.sessions:
            self._open.popitem(last=False)
            self._counts["evicted:log_session"] += 1

    def close(self, time: float, *, learning: bool) -> list[Sample]:
        """The sample of the window that ends at `time`: how many sessions with rare sets were over by then."""
        if not self._logs.session:
            return []
        rare: list[RareSession] = []
        number = 0
        while self._open:
            identity, session = next(iter(self._open.items()))
            if session.last > time - self._logs.idle:
                break
            del self._open[identity]
            templates = {each.id: each for each in map(Template.current, session.templates) if not each.forgotten}
            key = tuple(sorted(templates))
            known = self._sets.get(key)
            if self._number >= _ENOUGH and (known.count if known else 0.0) < _RARE * self._number:
                number += 1
                if len(rare) < _TOLD:
                    rare.append(self._compared(identity, templates))
            self._learn(key, templates)
        if learning:
            return []
        return [Sample(self._series, time, number, partial(evidence.of_sessions, self._logs.secrets, rare, number))]

    def settle(self) -> None:
        """Forget where templates that are no more say their session."""
        for template in [each for each in self._where if each.forgotten or each.into is not None]:
            del self._where[template]

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def __len__(self) -> int:
        return len(self._open)

    def _identity(self, name: str, log: Log, match: Match) -> str:
        if name == "trace_id" and log.trace_id:
            return log.trace_id
        said = log.attributes.get(name)
        if said is None:
            said = log.labels.get(name)
        if said is not None:
            return str(said)
        place = self._where.get(match.template)
        if place is None:
            tokens = match.template.form.tokens
            places = (i for i, token in enumerate(tokens[:-1], 1) if token == name or token.endswith(f".{name}"))
            place = self._where[match.template] = next(places, -1)
        return match.at([place])[0].text if place >= 0 else ""

    def _learn(self, key: tuple[str, ...], templates: Mapping[str, Template]) -> None:
        if key not in self._sets:
            self._sets[key] = _Set(list(templates.values()))
        self._sets[key].count += 1
        self._sets.move_to_end(key)
        self._number += 1
        if len(self._sets) > _SETS:
            self._sets.popitem(last=False)
        if self._number >= _MEMORY:
            self._number /= 2
            for each in self._sets.values():
                each.count /= 2

    def _compared(self, identity: str, templates: Mapping[str, Template]) -> RareSession:
        """Beside the commonest of the most similar sets that are not rare."""
        usual = [(key, each) for key, each in self._sets.items() if each.count >= _RARE * self._number]
        similar = [(len(templates.keys() ^ set(key)), -each.count, key) for key, each in usual]
        nearest = min(similar, default=(0, 0.0, tuple(templates)))[2]
        less = [each for each in self._sets[nearest].templates if each.id not in templates] if usual else []
        return RareSession(identity, [each for key, each in templates.items() if key not in nearest], less)


class _Session:
    """An open session: the time of its newest line, and its templates in the order in which they came."""

    __slots__ = ("last", "templates")

    def __init__(self) -> None:
        self.last = float("-inf")
        self.templates: list[Template] = []


class _Set:
    """A set of templates, and how many sessions had it."""

    __slots__ = ("count", "templates")

    def __init__(self, templates: list[Template]) -> None:
        self.count = 0.0
        self.templates = templates
