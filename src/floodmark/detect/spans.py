"""Spans as series: requests, errors and latency of each operation of a service, by window of event time.

It must never judge (the series core does). A service's requests are its server and consumer spans, and internal ones
without a parent (a batch job); client and producer spans tell who calls whom (`calls`), and are no series: what they
wait for is another service's request.

Windows are closed by the watermark, as those of logs are: an operation counts zero requests for a day after its last
one, and a longer stretch without any span is a stop of the stream and skipped. A span that comes after its window was
closed is counted as late, and only tells of calls.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import lru_cache, partial
from math import floor
from typing import Any, Final

from floodmark.alerts import Evidence
from floodmark.config.models import Detect, Limits, Spans
from floodmark.detect.calls import Call, Calls
from floodmark.detect.latencies import Latencies
from floodmark.detect.series import Finding, Sample, Series, SeriesKind, label_entity, label_scope, series_key
from floodmark.signals import Span

_STOPPED: Final = 10
"""More windows than this without a span, all passed at once: the stream had stopped."""
_SILENCE: Final = 86_400.0
"""Seconds after its last request for which an operation is counted with zeros."""
_FEW: Final = 10
"""Requests of a window below which an error ratio says nothing."""
_MEDIAN: Final = 5
_P99: Final = 20
"""Requests of a window below which these quantiles say nothing."""
_EXAMPLES: Final = 3
"""Traces of each sort that an anomaly names."""
_LONGEST: Final = 200
"""Characters of an operation's name."""

_TOKEN = re.compile(r"[^/\s&=:,;()]+")
_HEX = re.compile(r"[0-9a-fA-F-]{8,}")

Identity = tuple[tuple[str, ...], str, str]
"""The values of the scope labels, service, operation."""


class SpanSeries:
    """A `Maker[Span]`. Holds at most `limits.operations` operations; the least recently used goes, and is counted."""

    def __init__(self, spans: Spans, limits: Limits, detect: Detect) -> None:
        self._width = spans.window
        self._limits = limits
        self._detect = detect
        self._calls = Calls(limits.spans)
        self._operations: OrderedDict[Identity, _Operation] = OrderedDict()
        self._heard: set[int] = set()
        self._next: int | None = None
        self._counts: Counter[str] = Counter()

    def observe(self, signal: Span) -> list[Sample | Finding]:
        """Count one span. Nothing is known before its window closes: the list is empty."""
        self._calls.observe(signal)
        if signal.kind not in ("server", "consumer") and (signal.kind != "internal" or signal.parent_id):
            return []
        window = floor(signal.time / self._width)
        if self._next is not None and window < self._next:
            self._counts["late:span"] += 1
            return []
        self._heard.add(window)
        self._operation(signal).take(signal, window)
        return []

    def advance(self, watermark: float) -> list[Sample | Finding]:
        """Close the windows that end at or before `watermark`, oldest first; in each, series by their key."""
        stop = floor(watermark / self._width)
        if self._next is None:
            self._next = min((*self._heard, stop))
        made: list[Sample | Finding] = []
        while self._next < stop:
            until = min((*self._heard, stop))
            if until - self._next > _STOPPED:
                self._next = until
            else:
                closed = [each for operation in self._operations.values() for each in operation.close(self._next)]
                made += sorted(closed, key=lambda sample: sample.series.key)
                self._heard.discard(self._next)
                self._next += 1
        return made

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: its windows are open again, and those beyond `limit` never were."""
        last = floor(limit / self._width)
        if self._next is not None:
            self._next = min(self._next, floor(tick / self._width))
        self._heard = {window for window in self._heard if window <= last}
        for operation in self._operations.values():
            self._counts["late:span"] += operation.back(last)
        self._calls.back(tick)

    def calls(self, watermark: float) -> list[Call]:
        """The calls between services that are to be told at `watermark`."""
        return self._calls.advance(watermark)

    def counts(self) -> Mapping[str, int]:
        return self._counts + Counter(self._calls.counts())

    def sizes(self) -> Mapping[str, int]:
        return {"operations": len(self._operations), **self._calls.sizes()}

    def state(self) -> tuple[Any, ...]:
        return self._operations, self._heard, self._next, self._calls.state()

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._operations, self._heard, self._next, calls = state
        self._calls.restore(calls)
        self._evict()

    def _operation(self, span: Span) -> _Operation:
        labels = {**span.labels, "service": span.service}
        scope = tuple(labels.get(name, "") for name in self._detect.scope)
        identity = scope, span.service, folded(span.operation)
        if (known := self._operations.get(identity)) is not None:
            self._operations.move_to_end(identity)
            return known
        own = {label: value for label, value in zip(self._detect.scope, scope, strict=True) if value}
        own |= {"service": span.service, "operation": identity[2]}
        operation = self._operations[identity] = _Operation(own, self._detect, self._width)
        self._evict()
        return operation

    def _evict(self) -> None:
        while len(self._operations) > self._limits.operations:
            self._operations.popitem(last=False)
            self._counts["evicted:operation"] += 1


@lru_cache(4096)
def folded(operation: str) -> str:
    """An operation's name without what changes from request to request: the query, numbers, and parts that look like
    ids (three digits or more, or eight hex digits with one among them) are `<*>`."""
    return _TOKEN.sub(_fold, operation.partition("?")[0])[:_LONGEST]


def _fold(match: re.Match[str]) -> str:
    token = match[0]
    digits = sum(char.isdigit() for char in token)
    is_id = digits and (digits >= 3 or digits == len(token) or _HEX.fullmatch(token))
    return "<*>" if is_id else token


class _Tally:
    """What is counted of one operation in one window."""

    __slots__ = ("count", "errors", "failed", "latencies", "slowest")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.latencies = Latencies()
        self.slowest: list[tuple[float, int, str]] = []
        self.failed: list[str] = []

    def add(self, span: Span) -> None:
        self.count += 1
        self.latencies.add(span.duration)
        self.errors += span.error
        if not span.trace_id:
            return
        if span.error and len(self.failed) < _EXAMPLES:
            self.failed.append(span.trace_id)
        insort(self.slowest, (-span.duration, self.count, span.trace_id))
        del self.slowest[_EXAMPLES:]


class _Operation:
    """One operation of a service: its open windows, and its series."""

    __slots__ = ("_first", "_last", "_series", "_width", "_windows")

    def __init__(self, labels: dict[str, str], detect: Detect, width: float) -> None:
        self._width = width
        self._windows: dict[int, _Tally] = {}
        self._first: int | None = None
        self._last = 0
        labels = dict(sorted(labels.items()))
        entity, scope = label_entity(labels, detect.entity, labels["service"]), label_scope(labels, detect.scope)
        kinds: dict[str, tuple[SeriesKind, str]] = {
            "span_requests": ("count", "requests"),
            "span_errors": ("count", "requests"),
            "span_error_ratio": ("ratio", ""),
            "span_latency_p50": ("gauge", "s"),
            "span_latency_p99": ("gauge", "s"),
        }
        self._series = {
            name: Series(
                key=series_key(name, labels),
                name=name,
                labels=labels,
                entity=entity,
                scope=scope,
                signal="span",
                kind=kind,
                unit=unit,
                worse="both" if name == "span_requests" else "up",
            )
            for name, (kind, unit) in kinds.items()
        }

    def take(self, span: Span, window: int) -> None:
        self._first = window if self._first is None else min(self._first, window)
        self._last = max(self._last, window)
        tally = self._windows.get(window)
        if tally is None:
            tally = self._windows[window] = _Tally()
        tally.add(span)

    def back(self, last: int) -> int:
        """No window after `last` was ever open: how many requests were counted in such ones."""
        requests = sum(self._windows.pop(window).count for window in [each for each in self._windows if each > last])
        self._last = min(self._last, last)
        self._first = None if self._first is None else min(self._first, last)
        return requests

    def close(self, window: int) -> list[Sample]:
        """The samples of one window, which is over; its time is its end."""
        if self._first is None or window < self._first or (window - self._last) * self._width > _SILENCE:
            return []
        tally = self._windows.pop(window, None) or _Tally()
        values: dict[str, float] = {"span_requests": tally.count, "span_errors": tally.errors}
        if tally.count >= _FEW:
            values["span_error_ratio"] = tally.errors / tally.count
        if tally.count >= _MEDIAN:
            values["span_latency_p50"] = tally.latencies.quantile(0.5)
        if tally.count >= _P99:
            values["span_latency_p99"] = tally.latencies.quantile(0.99)
        time, evidence = (window + 1) * self._width, partial(_evidence, tally, self._width)
        return [Sample(self._series[name], time, value, evidence) for name, value in values.items()]


def _evidence(tally: _Tally, width: float) -> Evidence:
    """Counts of the window of `width` seconds, and traces to look at: the slowest first, and the first that failed."""
    facts: dict[str, float | str] = {
        "requests_in_window": tally.count,
        "errors_in_window": tally.errors,
        "window_seconds": width,
    }
    for i, (negative, _, trace) in enumerate(tally.slowest, start=1):
        facts[f"slowest_trace_{i}"] = trace
        facts[f"slowest_seconds_{i}"] = -negative
    for i, trace in enumerate(tally.failed, start=1):
        facts[f"failed_trace_{i}"] = trace
    return Evidence(facts=facts)
