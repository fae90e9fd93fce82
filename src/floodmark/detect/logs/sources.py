"""Log records as series: lines, errors, templates and novelty of each source, by window of event time.

It must never judge (the series core does), and never take the end of the stream for the silence of a source.

A window is closed by the watermark. Each source known is counted in each window, with zero where it was silent, for a
day after its last line; so is each of its templates once the source has been learned. One whose name was made up, as a
pod's, is not counted while others of its kind go on without it. A longer stretch without a line of any source is a stop
of the stream, and its windows are skipped. A line that comes after its window was closed is counted as late; it is
still mined, and shows in the novelty and the evidence of the oldest open window. A line of a stack trace is part of the
line before it and not counted as another.

A burst of errors is shown before its window is over: the count can only grow. With the first severity of a source its
errors begin, with zeros for the windows before; only these samples are older than others that were made before them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from functools import partial
from math import floor
from typing import Final

from msgspec.structs import replace

from floodmark.alerts import Evidence
from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect.kin import fleeting
from floodmark.detect.logs import evidence
from floodmark.detect.logs.categories import Categories
from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.measures import Measures
from floodmark.detect.logs.miner import Template, TemplateMiner
from floodmark.detect.logs.mix import Mix
from floodmark.detect.logs.owner import Owner
from floodmark.detect.logs.partial import Line, PartialLines
from floodmark.detect.logs.secrets import masked
from floodmark.detect.logs.sessions import Sessions
from floodmark.detect.logs.traces import Traces
from floodmark.detect.logs.windows import Tally, Window
from floodmark.detect.mean import FadingMean
from floodmark.detect.sampling import Identity, SeriesSampler
from floodmark.detect.series import Finding, Sample, Series, label_entity, label_scope, series_key
from floodmark.signals import Log

_STOPPED: Final = 10
"""More windows than this without a line of any source, all passed at once: the stream had stopped."""
_SILENCE: Final = 86_400.0
"""Seconds after its last line for which a source or a template is counted with zeros."""
_FEW: Final = 10
"""Lines of a window below which an error ratio says nothing."""

_PLAIN: Final = 5
"""Errors that a window must have to be looked at before it is over."""
_REPEATS: Final = 100_000
"""Lines that a record stands for at most ("message repeated 50 times"); what is beyond is counted and left out."""
_UNGRADED: Final = 60
"""Windows, the newest, that are known to have had no error once a source shows a severity for the first time."""

LINES: Final = "log_lines"
"""The series that every source has."""

SourceIdentity = tuple[str, str, tuple[str, ...]]
"""Label, its value, and the values of the scope labels."""


class LogSources:
    """A `Maker[Log]`. Holds at most `limits.sources` sources with `limits.templates` templates each.

    The least recently heard source goes first, and is counted. A source holds as many open windows as the watermark
    lags behind the newest line.
    """

    def __init__(self, logs: Logs, limits: Limits, detect: Detect, sampler: SeriesSampler | None = None) -> None:
        self._logs = logs
        self._limits = limits
        self._detect = detect
        self._memos = Lines([(mask.name, mask.pattern) for mask in logs.masks])
        self._sampler = sampler or SeriesSampler()
        self._sources: OrderedDict[SourceIdentity, _Source] = OrderedDict()
        self._partial = PartialLines(limits.sources, limits.body)
        self._heard: set[int] = set()
        self._next: int | None = None
        self._counts: Counter[str] = Counter()

    def observe(self, signal: Log) -> list[Sample | Finding]:
        """Count and mine one line. Nothing is known before its window closes: the list is empty."""
        if signal.partial or self._partial:
            for line in self._partial.take(signal):
                self._count(line)
        else:
            self._count(signal)
        return []

    def _count(self, signal: Log) -> None:
        if not 1 <= signal.count <= _REPEATS:
            self._counts["capped:log_repeats"] += 1
            signal = replace(signal, count=min(max(signal.count, 1), _REPEATS))
        source = self._source(signal.labels)
        window = floor(signal.time / self._logs.window)
        late = False
        if self._next is not None and window < self._next:
            late, window = True, self._next
            self._counts["late:log"] += 1
        self._heard.add(window)
        source.take(signal, window, late=late)

    def advance(self, watermark: float) -> list[Sample | Finding]:
        """Close the windows that end at or before `watermark`, oldest first; in each, series by their key. Then what
        the errors of those that are open have come to."""
        for line in self._partial.expire(watermark):
            self._count(line)
        made = self._closed(floor(watermark / self._logs.window))
        last = floor((watermark + self._detect.lateness) / self._logs.window)
        early = [sample for source in self._sources.values() for sample in source.early(last)]
        return made + sorted(early, key=lambda sample: (sample.time, sample.series.key))

    def _closed(self, stop: int) -> list[Sample | Finding]:
        """Close the windows before `stop`."""
        if self._next is None:
            self._next = min((*self._heard, stop))
        if stop <= self._next:
            return []
        made: list[Sample | Finding] = []
        done = self._next
        for heard in [*sorted(window for window in self._heard if window < stop), None]:
            until = stop if heard is None else heard
            if until - done > _STOPPED:
                self._counts["skipped:empty_window"] += until - done
            else:
                for window in range(done, until):
                    made += self._close(window)
            if heard is not None:
                made += self._close(heard)
                self._heard.discard(heard)
                done = heard + 1
        self._next = stop
        return made

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: its windows are open again, and those beyond `limit` never were."""
        last = floor(limit / self._logs.window)
        if self._next is not None:
            self._next = min(self._next, floor(tick / self._logs.window))
        self._heard = {window for window in self._heard if window <= last}
        for source in self._sources.values():
            self._counts["late:log"] += source.back(last)

    def counts(self) -> Mapping[str, int]:
        total = Counter(self._counts)
        total.update(self._partial.counts())
        for source in self._sources.values():
            total.update(source.counts())
        return total

    def sizes(self) -> Mapping[str, int]:
        return {
            "log_sources": len(self._sources),
            "partial_lines": len(self._partial),
            "log_templates": sum(len(source.miner) for source in self._sources.values()),
            "log_sessions": sum(source.sessions for source in self._sources.values()),
        }

    def templates(self) -> list[tuple[str, str, int]]:
        """Source, text without secrets and number of lines of every template held, most lines first within a source."""
        return sorted(
            (
                (source.name, masked(template.text, self._logs.secrets), template.lines)
                for source in self._sources.values()
                for template in source.miner
            ),
            key=lambda row: (row[0], -row[2], row[1]),
        )

    @property
    def memos(self) -> Lines:
        """What all miners share: no state, since it changes no answer."""
        return self._memos

    def state(self) -> object:
        return self._sources, self._heard, self._next, self._partial.state()

    def restore(
        self, state: tuple[OrderedDict[SourceIdentity, _Source], set[int], int | None, OrderedDict[Line, Log]]
    ) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._sources, self._heard, self._next, partial = state
        for source in self._sources.values():
            source.resize(self._limits.templates)
        self._evict()
        for line in self._partial.restore(partial):
            self._count(line)

    def _evict(self) -> None:
        while len(self._sources) > self._limits.sources:
            _, gone = self._sources.popitem(last=False)
            self._counts.update(gone.counts())
            self._counts["evicted:log_source"] += 1

    def heard(self, identity: Identity) -> float:
        """End of the newest window in which a source had a line, -inf if it is not known."""
        source = self._sources.get(identity)
        return source.heard if source is not None else float("-inf")

    def _source(self, labels: Mapping[str, str]) -> _Source:
        identity = source_of(labels, self._logs.source, self._detect.scope)
        source = self._sources.get(identity)
        if source is not None:
            self._sources.move_to_end(identity)
            return source
        own = source_labels(identity, self._logs.source, self._detect.scope)
        name = identity[1] or "unknown"
        source = _Source(own, name, self._logs, self._limits, self._detect, self._memos)
        self._sources[identity] = source
        self._sampler.add(source.key, identity)
        self._evict()
        return source

    def _close(self, window: int) -> list[Sample]:
        heard = {source.kind for source in self._sources.values() if source.last >= window}
        made: list[Sample] = []
        for source in self._sources.values():
            # Where the lines of its kind go on without it, it was replaced or scaled down, and has not fallen silent.
            ended = source.last < window and source.kind is not None and source.kind in heard
            if ended and not source.ended:
                self._counts["ended:log_source"] += 1
            source.ended = ended
            if not ended:
                made += source.close(window)
        return sorted(made, key=lambda sample: sample.series.key)


def source_of(labels: Mapping[str, str], names: Sequence[str], scope: Sequence[str]) -> SourceIdentity:
    """The source that a line with these labels is of: the first of `names` (`logs.source`) that is present, its value,
    and the values of the `scope` labels (`detect.scope`)."""
    name = next((name for name in names if labels.get(name)), "")
    return name, labels.get(name, "") if name else "", tuple(labels.get(label, "") for label in scope)


def source_labels(source: SourceIdentity, names: Sequence[str], scope: Sequence[str]) -> dict[str, str]:
    """The labels that the series of a source have."""
    name, value, values = source
    own = {label: value for label, value in zip(scope, values, strict=True) if value}
    own[name or next(iter(names), "source")] = value or "unknown"
    return own


def source_key(labels: Mapping[str, str], names: Sequence[str], scope: Sequence[str]) -> str:
    """The key of the series log_lines of the source that a line is of: one text for each source."""
    return series_key(LINES, source_labels(source_of(labels, names, scope), names, scope))


class _Source:
    """One log source: its templates, its open windows, and its series."""

    def __init__(
        self, labels: dict[str, str], name: str, logs: Logs, limits: Limits, detect: Detect, memos: Lines
    ) -> None:
        self.name = name
        self.miner = TemplateMiner(logs.similarity, limits.templates, memos)
        self._owner = Owner(labels, label_entity(labels, detect.entity, name), label_scope(labels, detect.scope))
        self._measures = Measures(self._owner, logs)
        self._mix = Mix(self._owner, logs)
        self._codes = Categories(self._owner, logs, memos)
        self._sessions = Sessions(self._owner, logs, limits)
        self._logs = logs
        self._most = limits.templates
        self._width = logs.window
        self._windows: dict[int, Window] = {}
        self._traces = Traces()
        self._newest: tuple[Window, Template] | None = None
        self._templates: dict[str, _Followed] = {}
        self._number = 0
        self._more = 0
        self._since: int | None = None
        self._last = 0
        self.ended = False
        self._graded = False
        self._ungraded: deque[tuple[float, int]] = deque(maxlen=_UNGRADED)
        series = self._owner.series
        self._lines = series(LINES, "count", "lines")
        self.kind = fleeting(self._lines)
        self._errors = series("log_errors", "count", "lines", worse="up")
        self._ratio = series("log_error_ratio", "ratio", "", worse="up")
        self._new = series("log_new_templates", "count", "templates", worse="up")
        self._rare = series("log_rare_templates", "count", "templates", worse="up")

    def resize(self, most: int) -> None:
        """Keep at most so many templates from now on."""
        self._most = most
        self.miner.resize(most)

    @property
    def key(self) -> str:
        """What names the source among all series: the key of its log_lines."""
        return self._lines.key

    @property
    def last(self) -> int:
        """The newest window with a line."""
        return self._last

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    @property
    def heard(self) -> float:
        """End of the newest window with a line."""
        return (self._last + 1) * self._width

    def take(self, log: Log, window: int, *, late: bool) -> None:
        if self._traces.goes_on(log.body) and self._number:
            self._more += 1
            if self._newest is not None:
                self._newest[0].append(self._newest[1], self._number, log.body)
            return
        self._number += 1
        self._since = window if self._since is None else min(self._since, window)
        self._last = max(self._last, window)
        self._graded = self._graded or bool(log.severity)
        match = self.miner.match(log.body)
        template = match.template
        template.lines += log.count - 1
        tally = self._windows.get(window)
        if tally is None:
            tally = self._windows[window] = Window(self._logs.lines, self._most)
        self._newest = tally, template
        tally.add(template, self._number, log.body, log.severity, log.count, is_new=match.is_new, late=late)
        if not late:
            if log.attributes or self._codes.readers.get(template) != []:
                self._codes.take(log, match, window)
            self._measures.take(match, window)
            self._sessions.take(log, match)
        followed = self._templates.get(template.id)
        if followed is None or followed.template is not template:
            if len(self._templates) >= 2 * self._most:
                self._settle()
            series = self._owner.series("log_template", "count", "lines", {"template": template.id})
            self._templates[template.id] = _Followed(template, series, window)
        else:
            if not late and (window - followed.last) * self._width > _SILENCE:
                tally.came_back(template, log.body)
            followed.heard(window)

    def early(self, last: int) -> list[Sample]:
        """The errors so far of the open windows up to `last`: a burst of them need not wait for the end of its window.

        What is later than that is not yet believed: its clock may be ahead.
        """
        made = []
        for window, tally in self._windows.items():
            if tally.errors.count >= _PLAIN and window <= last:
                tally.templates = tally.settled()
                of_errors = partial(
                    evidence.of_errors, self._logs.secrets, self._width, tally, _commonest(tally.templates, "errors")
                )
                made += self._errorless()
                made.append(Sample(self._errors, window * self._width, tally.errors.count, of_errors, early=True))
        return made + self._codes.early(self._width, last)

    def back(self, last: int) -> int:
        """No window after `last` was ever open: how many lines were counted in such ones."""
        wrong = [window for window in self._windows if window > last]
        lines = sum(self._windows.pop(window).all.count for window in wrong)
        self._newest = None if wrong else self._newest
        self._codes.back(last)
        self._last = min(self._last, last)
        until = (last + 1) * self._width
        self._ungraded = deque((each for each in self._ungraded if each[0] <= until), maxlen=_UNGRADED)
        self._since = None if self._since is None else min(self._since, last)
        for followed in self._templates.values():
            followed.first, followed.last = min(followed.first, last), min(followed.last, last)
        return lines

    def _errorless(self) -> list[Sample]:
        """The windows before a source showed a severity for the first time: if it is an error, they had none."""
        passed, self._ungraded = self._ungraded, deque(maxlen=_UNGRADED)
        made = [Sample(self._errors, time, 0, Evidence) for time, _ in passed]
        return made + [Sample(self._ratio, time, 0.0, Evidence) for time, lines in passed if lines >= _FEW]

    def close(self, window: int) -> list[Sample]:
        """The samples of one window, which is over; its time is its end."""
        if self._since is None or window < self._since or (window - self._last) * self._width > _SILENCE:
            return []
        time, secrets = (window + 1) * self._width, self._logs.secrets
        tally = self._windows.pop(window, None)
        if tally is None:
            tally = Window(0, 0)
        elif self._newest is not None and self._newest[0] is tally:
            self._newest = None  # it has been told: what comes later can change nothing
        templates = tally.settled()
        made = [
            *self._measures.close(window, time, templates),
            *self._mix.close(time, templates),
            *self._codes.close(window, self._width),
            Sample(
                self._lines,
                time,
                tally.all.count,
                partial(evidence.of_lines, secrets, self._width, tally, _commonest(templates, "count")),
            ),
        ]
        if not self._graded:
            self._ungraded.append((time, tally.all.count))
        else:
            of_errors = partial(evidence.of_errors, secrets, self._width, tally, _commonest(templates, "errors"))
            made += self._errorless()
            made.append(Sample(self._errors, time, tally.errors.count, of_errors))
            if tally.all.count >= _FEW:
                made.append(Sample(self._ratio, time, tally.errors.count / tally.all.count, of_errors))
        learning = (window - self._since) * self._width < self._logs.learning
        made += self._sessions.close(time, learning=learning)
        if learning:
            return made
        of_new = partial(evidence.of_novel, secrets, "new", tally.births, tally.born)
        of_rare = partial(evidence.of_novel, secrets, "rare", tally.returns, tally.returned)
        made += [Sample(self._new, time, tally.born, of_new), Sample(self._rare, time, tally.returned, of_rare)]
        self._settle()
        for followed in self._templates.values():
            if followed.first <= window and (window - followed.last) * self._width <= _SILENCE:
                mine = templates.get(followed.template)
                if mine is not None:
                    followed.severity = mine.severity
                count, before = mine.count if mine else 0, followed.usual.value
                of_template = partial(
                    evidence.of_template, secrets, self._width, followed.template, mine, followed.severity, before
                )
                followed.usual.update(count)
                made.append(Sample(followed.series, time, count, of_template))
        return made

    def counts(self) -> Mapping[str, int]:
        return {
            **self.miner.counts(),
            **self._measures.counts(),
            **self._codes.counts(),
            **self._sessions.counts(),
            "joined:log_line": self._more,
        }

    def _settle(self) -> None:
        """Follow joined templates into one, and evicted ones no more."""
        self._measures.settle()
        self._codes.settle()
        self._sessions.settle()
        for identity, followed in list(self._templates.items()):
            current = followed.template.current()
            if current is followed.template and not current.forgotten:
                continue
            del self._templates[identity]
            joined = self._templates.get(current.id)
            if joined is not None and joined.template is current:
                joined.heard(followed.first)
                joined.heard(followed.last)


class _Followed:
    """A template that has a series: since which window, when it was last heard, and how many lines it usually has."""

    __slots__ = ("first", "last", "series", "severity", "template", "usual")

    def __init__(self, template: Template, series: Series, window: int) -> None:
        self.template = template
        self.series = series
        self.first = window
        self.last = window
        self.severity = ""
        self.usual = FadingMean(0.02, warm=50)

    def heard(self, window: int) -> None:
        self.first = min(self.first, window)
        self.last = max(self.last, window)


def _commonest(templates: dict[Template, Tally], what: str) -> Template | None:
    """The template with the most lines (`count`) or `errors`; the first seen of equals; None if all have none."""
    best, most = None, 0
    for template, tally in templates.items():
        number = tally.count if what == "count" else tally.errors
        if number > most:
            best, most = template, number
    return best
