"""The clocks of sources: events of one whose clock is wrong are judged in its own time, set right by how wrong it is.

A source is known by the labels of its machine and of what it belongs to. How far its times lie ahead of when its
records were here is its *lead*. One that is beyond the tolerance is a time that cannot be: Kafka's stands for it. From
the third in a row on the clock has an offset, which is the same for all its events until they say otherwise, so that
intervals and rates stay as they are. A clock that is slow has one when all events of ten minutes lag by the same.

No time that leaves here is later than its record by more than the tolerance. It must never touch a time that can be.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from floodmark.alerts import Anomaly, Evidence
from floodmark.config.models import Config
from floodmark.detect import anomalies
from floodmark.detect.series import Finding, Series, label_entity, label_scope, series_key

Signal = Literal["metric", "log", "prediction", "span"]

_TOLERANCE: Final = 10.0
"""Seconds by which an event may be ahead of its record, and never more than the lateness."""
_MACHINE: Final = ("host", "hostname", "instance", "node", "device", "pod")
"""Labels of what has a clock of its own."""
_RUN: Final = 3
"""Records in a row that make an offset, and that end one."""
_DRIFT: Final = 30.0
"""Seconds by which a clock may be further ahead than its offset and still be the same."""
_MENDED: Final = (20, 60.0)
"""Records, and seconds, for which a clock must be right before it counts as mended."""
_SLOW: Final = (20, 600.0)
"""Records, and seconds, for which all must lag alike before a clock counts as slow."""
_LAG: Final = 60.0
"""Seconds, at least, that a slow clock is behind, and behind the newest event of its partition: where all lag, none
does."""
_SLOWEST: Final = 86_400.0
"""A greater lag is no clock's, but that of old events."""
_DOUBTED: Final = 3600.0
_KEPT: Final = 86_400.0
"""Seconds after its last event for which a source is kept: one with wrong events only, and one with an offset."""
_STAYS: Final = 7_200.0
"""A clock that stays wrong for so long is an anomaly: until then it may yet be set by whatever keeps the time there."""
_TOLD: Final = 20
"""Clocks that are told of, the most wrong first."""
_REMARKS: Final = 20
"""Sentences that wait for the operator's log, at most."""
_P_VALUE: Final = 1e-5
_BUDGET: Final = 1e-4

_Identity = tuple[tuple[str, str], ...]


class Clock(Struct):
    """What is known of the clock of a source: only of those that were wrong of late.

    `low`, `high`, `run`, `since`: the leads of the records in a row that do not fit the offset, how many, and when the
    first of them was here. `good`, `good_since`: the same of those that are right by themselves.
    """

    offset: float = 0.0
    low: float = 0.0
    high: float = 0.0
    run: int = 0
    since: float = 0.0
    good: int = 0
    good_since: float = 0.0
    last: float = 0.0
    wrong_since: float = 0.0
    recent: float = float("-inf")
    n_recent: int = 0
    remarked: bool = False
    told: Anomaly | None = None


class Clocks:
    """The clocks of at most `limits.sources` sources that are wrong; the least recently heard goes first.

    Counts: clock:wild (events that got Kafka's time), clock:fast and clock:slow (events that were set right),
    clock:mended and clock:forgotten (sources).
    """

    def __init__(self, config: Config) -> None:
        self._detect = config.detect
        own = (*config.detect.entity, *config.logs.source, "service", "model", *config.detect.scope)
        self._names = tuple(dict.fromkeys((*_MACHINE, *own)))
        self._most = config.limits.sources
        self._lateness = max(config.detect.lateness, 1.0)
        self.tolerance = min(_TOLERANCE, self._lateness)
        self._clocks: OrderedDict[_Identity, Clock] = OrderedDict()
        self._lag = max(_LAG, self._lateness)
        self._newest = float("-inf")
        self._waiting: list[Anomaly] = []
        self._remarks: list[str] = []
        self._counts: Counter[str] = Counter()

    def right(self, low: float, high: float, earliest: float, latest: float) -> bool:
        """Whether no event has to be looked at: all clocks are right, and the events' times, from `low` to `high`, are
        near those at which their records were here, from `earliest` to `latest`."""
        if self._clocks or not (high <= earliest + self.tolerance and low >= latest - self._lag):
            return False
        self._newest = max(self._newest, high)
        return True

    def near(self, time: float, arrival: float) -> bool:
        """Whether an event has not to be looked at: see `right`, for one."""
        lead = time - abs(arrival)
        if self._clocks or not -self._lag <= lead <= self.tolerance:
            return False
        self._newest = max(self._newest, time)
        return True

    def time(self, signal: Signal, labels: Mapping[str, str], time: float, arrival: float) -> float:
        """The time that an event is to be judged at. `arrival`: when its record was here, negative if it is only known
        that it was no later, NaN if nothing is."""
        judged = self._judged(signal, labels, time, arrival)
        self._newest = max(self._newest, judged)
        return judged

    def back(self, time: float) -> None:
        """No event was later than this, whatever was judged before."""
        self._newest = min(self._newest, time)

    def _judged(self, signal: Signal, labels: Mapping[str, str], time: float, arrival: float) -> float:
        here = abs(arrival)
        lead = time - here
        fast = lead > self.tolerance
        slow = arrival > 0 and -_SLOWEST <= lead < -self._lag and time < self._newest - self._lag
        if not (fast or slow or self._clocks):
            return time
        identity = tuple((name, labels[name]) for name in self._names if labels.get(name))
        clock = self._clocks.get(identity)
        if clock is None:
            if not (fast or slow):
                return time
            clock = self._clocks[identity] = Clock()
            self._shrink()
        else:
            self._clocks.move_to_end(identity)
        clock.last = here
        set_right = self._wrong if clock.offset else self._new
        judged = set_right(clock, time, here, fast=fast, slow=slow)
        if clock.offset:
            self._tell(signal, identity, clock, here, max(self._newest, judged))
        elif not clock.run:
            del self._clocks[identity]
            self._close(clock)
        return judged

    def advance(self, watermark: float) -> list[Anomaly]:
        """What has become known of clocks by `watermark`. Those that are heard no more are let go: as long as there are
        any, every event is looked at."""
        while self._clocks:
            identity, clock = next(iter(self._clocks.items()))
            if clock.last >= watermark - (_KEPT if clock.offset else _DOUBTED):
                break
            del self._clocks[identity]
            self._close(clock)
        if not self._waiting:
            return []
        ready = [each for each in self._waiting if each.updated_at.timestamp() <= watermark]
        self._waiting = [each for each in self._waiting if each.updated_at.timestamp() > watermark]
        return ready

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def skews(self) -> list[tuple[str, float]]:
        """Sources whose clocks are wrong and by how many seconds, fast ones above zero: the most wrong ones first."""
        found = [(_name(identity), clock.offset) for identity, clock in self._clocks.items() if clock.offset]
        return sorted(found, key=lambda each: (-abs(each[1]), each[0]))[:_TOLD]

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"skewed_sources": sum(clock.offset != 0.0 for clock in self._clocks.values())}

    def state(self) -> object:
        return self._clocks, self._newest, self._waiting

    def restore(self, state: tuple[OrderedDict[_Identity, Clock], float, list[Anomaly]]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently heard go, and are counted."""
        self._clocks, self._newest, self._waiting = state
        self._shrink()

    def _new(self, clock: Clock, time: float, here: float, *, fast: bool, slow: bool) -> float:
        """An event of a source whose clock has no offset. One that is right ends the run, and the clock is let go."""
        lead = time - here
        if fast:
            if self._goes_on(clock, lead, here, 60.0) < _RUN:
                self._counts["clock:wild"] += 1
                return here
            self._set(clock, clock.high, here)
            self._counts["clock:fast"] += 1
            return time - clock.offset
        if slow:
            records, seconds = _SLOW
            if self._goes_on(clock, lead, here, self.tolerance) >= records and here - clock.since >= seconds:
                self._set(clock, clock.high, here)
                self._counts["clock:slow"] += 1
                return time - clock.offset
            return time
        clock.run = 0
        return time

    def _wrong(self, clock: Clock, time: float, here: float, *, fast: bool, slow: bool) -> float:
        """An event of a source whose clock has an offset."""
        offset = clock.offset
        lead = time - here
        if not (fast if offset > 0 else slow or fast):
            return self._right(clock, time, here)
        clock.good = 0
        if lead - offset > self.tolerance + _DRIFT:  # it is not this offset
            self._counts["clock:wild"] += 1
            if self._goes_on(clock, lead, here, 60.0) < _RUN:
                return here
            self._set(clock, clock.high, here)
        elif lead - offset > self.tolerance:
            clock.offset = lead - self.tolerance  # not `lead`: time would go back
            clock.run = 0
        else:
            clock.run = 0
            self._ease(clock, lead)
        self._counts["clock:fast" if offset > 0 else "clock:slow"] += 1
        return time - clock.offset

    def _right(self, clock: Clock, time: float, here: float) -> float:
        """An event that is right by itself, of a source whose clock had an offset."""
        clock.good += 1
        if clock.good == 1:
            clock.good_since = here
        records, seconds = _MENDED
        if clock.good >= records and here - clock.good_since >= seconds:
            clock.offset, clock.run = 0.0, 0
            self._counts["clock:mended"] += 1
            return time
        shifted = time - clock.offset
        # What would come late is of another clock with the same labels, and of one that is right.
        if clock.good >= _RUN or clock.offset < 0 or shifted < self._newest - self._lateness:
            return time
        return shifted

    def _ease(self, clock: Clock, lead: float) -> None:
        """An offset that no lead of late comes near is too large."""
        clock.recent = max(clock.recent, lead)
        clock.n_recent += 1
        if clock.n_recent >= _MENDED[0]:
            if clock.recent < clock.offset - self._lateness:
                clock.offset = clock.recent
            clock.recent, clock.n_recent = float("-inf"), 0

    def _goes_on(self, clock: Clock, lead: float, here: float, spread: float) -> int:
        """How many records in a row have such a lead, within `spread` seconds or a tenth of it."""
        low, high = min(clock.low, lead), max(clock.high, lead)
        if not clock.run or high - low > max(spread, 0.1 * abs(high)) or low * high < 0:
            clock.low, clock.high, clock.run, clock.since = lead, lead, 0, here
        else:
            clock.low, clock.high = low, high
        clock.run += 1
        return clock.run

    def _set(self, clock: Clock, offset: float, here: float) -> None:
        if not clock.offset:
            clock.wrong_since = clock.since
        clock.offset, clock.run, clock.good = offset, 0, 0
        clock.recent, clock.n_recent = float("-inf"), 0

    def _tell(self, signal: Signal, identity: _Identity, clock: Clock, here: float, now: float) -> None:
        """Say once, for the log, that the clock is wrong, and once as an anomaly that it stays so."""
        lasted = here - clock.wrong_since
        if not clock.remarked and lasted >= _DRIFT:
            clock.remarked = True
            if len(self._remarks) < _REMARKS:
                self._remarks.append(_say(_name(identity), clock.offset))
        if clock.told is None and lasted >= _STAYS:
            finding = self._finding(signal, identity, clock, now)
            clock.told = anomalies.of_finding(finding, "clocks", _BUDGET, now)
            self._waiting.append(clock.told)

    def _finding(self, signal: Signal, identity: _Identity, clock: Clock, now: float) -> Finding:
        labels = dict(identity)
        series = Series(
            key=series_key("clock_skew_seconds", labels),
            name="clock_skew_seconds",
            labels=labels,
            entity=label_entity(labels, self._detect.entity, _name(identity)),
            scope=label_scope(labels, self._detect.scope),
            signal=signal,
            unit="s",
        )
        facts: dict[str, float | str] = {"clock.offset_seconds": round(clock.offset, 3)}
        way: Literal["up", "down"] = "up" if clock.offset > 0 else "down"
        summary = _say(_name(identity), clock.offset)
        low, high = -self._lateness, self.tolerance
        return Finding(
            series, now, "clock", _P_VALUE, way, clock.offset, 0.0, low, high, summary, Evidence(facts=facts)
        )

    def _shrink(self) -> None:
        while len(self._clocks) > self._most:
            _, gone = self._clocks.popitem(last=False)
            self._counts["clock:forgotten"] += 1
            self._close(gone)

    def _close(self, clock: Clock) -> None:
        """It is right again, or not watched any more."""
        if clock.told is not None:
            now = max(self._newest, clock.told.updated_at.timestamp() + anomalies.MOMENT)
            self._waiting.append(anomalies.closed(clock.told, clock.told, now, now, []))


def _name(identity: _Identity) -> str:
    """What a person calls the source: the machine if there is one."""
    return identity[0][1] if identity else "a source without labels"


def _say(name: str, offset: float) -> str:
    size = anomalies.span(60 * round(abs(offset) / 60) if abs(offset) >= 90 else abs(offset))
    if offset > 0:
        return (
            f"{name}'s clock is {size} fast: its events are judged {size} earlier; "
            "check what keeps the time there (NTP, chrony)"
        )
    return (
        f"{name}'s clock is {size} slow, or all that it sends comes {size} late: its events are judged {size} later; "
        "check what keeps the time there (NTP, chrony)"
    )


def spans(shares: Sequence[tuple[int, int]], arrivals: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The arrivals of samples, and of histograms. `shares`: how many each record gave, see `Samples`."""
    if not shares:
        return arrivals, ()
    rows = list(zip(shares, arrivals, strict=True))
    return (
        [arrival for (samples, _), arrival in rows for _ in range(samples)],
        [arrival for (_, histograms), arrival in rows for _ in range(histograms)],
    )
