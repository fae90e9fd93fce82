"""Who calls whom, learned from spans: the service of a parent span calls that of its child.

A child mostly arrives before its parent, which ends later, so either waits for the other. A client or producer span
that names its peer is a call as well. It must never judge, and holds no more than its bounds say.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Final

from floodmark.signals import Span

AGAIN: Final = 3600.0
"""Seconds after which a call that is still made is told again."""
KEPT: Final = 86_400.0
"""Seconds for which a call is remembered that nobody makes."""
_MOST: Final = 10_000
"""Calls that are remembered; further ones are counted."""
_CHILDREN: Final = 8
"""Services that wait for one parent."""

Call = tuple[str, str]
"""Caller and called."""
SpanKey = tuple[str, str]
"""Trace id and span id."""


class Calls:
    """The calls of one task. `most` spans are remembered, and as many parents waited for; the oldest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._services: OrderedDict[SpanKey, str] = OrderedDict()
        self._waiting: OrderedDict[SpanKey, tuple[str, ...]] = OrderedDict()
        self._heard: set[Call] = set()
        self._told: dict[Call, float] = {}
        self._counts: Counter[str] = Counter()

    def observe(self, span: Span) -> None:
        """Join one span with its parent and its children."""
        service = span.service
        if span.peer and span.kind in ("client", "producer"):
            self._hear(service, span.peer)
        if not span.trace_id:
            return
        if span.span_id:
            key = span.trace_id, span.span_id
            self._services[key] = service
            self._services.move_to_end(key)
            for child in self._waiting.pop(key, ()):
                self._hear(service, child)
        if span.parent_id and span.kind in ("server", "consumer"):  # the others' parents are of their own service
            parent = span.trace_id, span.parent_id
            if (caller := self._services.get(parent)) is not None:
                self._services.move_to_end(parent)
                self._hear(caller, service)
            elif service not in (waiting := self._waiting.get(parent, ())) and len(waiting) < _CHILDREN:
                self._waiting[parent] = (*waiting, service)
        self._shrink()

    def advance(self, watermark: float) -> list[Call]:
        """What is to be told at `watermark` (seconds), in order: calls that are new, or were last told an hour ago."""
        if self._heard:
            for call in [call for call, told in self._told.items() if watermark - told > KEPT]:
                del self._told[call]
        due = [call for call in sorted(self._heard) if watermark - self._told.get(call, float("-inf")) >= AGAIN]
        self._heard.clear()
        new = [call for call in due if call not in self._told]
        beyond = set(new[max(0, _MOST - len(self._told)) :])
        self._counts["calls:beyond"] += len(beyond)
        telling = [call for call in due if call not in beyond]
        self._told.update(dict.fromkeys(telling, watermark))
        return telling

    def back(self, tick: float) -> None:
        """Nothing was told later than at `tick`."""
        self._told = {call: min(told, tick) for call, told in self._told.items()}

    def state(self) -> object:
        return self._services, self._waiting, self._heard, self._told

    def restore(
        self,
        state: tuple[OrderedDict[SpanKey, str], OrderedDict[SpanKey, tuple[str, ...]], set[Call], dict[Call, float]],
    ) -> None:
        """Go on from what `state` gave; beyond a smaller bound the oldest go."""
        self._services, self._waiting, self._heard, self._told = state
        self._shrink()

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {
            "span_services": len(self._services),
            "spans_waiting": len(self._waiting),
            "calls": len(self._told),
        }

    def _hear(self, caller: str, called: str) -> None:
        if caller == called or (caller, called) in self._heard:
            return
        if len(self._heard) < _MOST:
            self._heard.add((caller, called))
        else:
            self._counts["calls:beyond"] += 1

    def _shrink(self) -> None:
        while len(self._services) > self._most:
            self._services.popitem(last=False)
            self._counts["evicted:span"] += 1
        while len(self._waiting) > self._most:
            self._waiting.popitem(last=False)
            self._counts["evicted:waiting_span"] += 1
