"""Codes in log lines as series: of each field the bad ones, their share, and the mix of all of them.

It must never judge. A field is known by its name, or by the words before the code, across all templates and attributes
of a source. Where these do not say enough, the first values do: they must be few, and look like codes. A line of a
template without codes, as most are, costs a look-up.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from floodmark.config.models import Logs
from floodmark.detect.logs import evidence
from floodmark.detect.logs.codes import BAD, LONGEST, Named, is_plain, judged, kind_of_values, named_in, text_of
from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.miner import Match, Template
from floodmark.detect.logs.mix import Proportions
from floodmark.detect.logs.owner import Owner
from floodmark.detect.logs.readers import Reader, Request, readers
from floodmark.detect.logs.windows import Codes
from floodmark.detect.mean import FadingMean
from floodmark.detect.series import Sample, Series
from floodmark.signals import Log

_TRIALS: Final = (20, 60)
"""Values after which it is seen of which kind they are; with the last of them, whether of any."""
_CODES: Final = 32
"""Different codes of a field that are told apart."""
_OTHERS: Final = "others"
_LINES: Final = 10
"""Codes that make a share, at least."""
_EXPECTED: Final = 2.0
"""Bad ones that they ought to have: of fewer the share is chance. Windows with fewer are joined."""
_JOINED: Final = 10
"""Windows that are joined at most; where bad codes are rarer, they are only counted."""
_MANY: Final = 10
"""Bad codes of one window that make a share in any case."""
_PLAIN: Final = 5
"""Bad codes that a window must have to be looked at before it is over."""
_PASSED: Final = 60
"""Windows, the newest, that are known to have had no bad code once a field is heard for the first time."""
_SILENCE: Final = 86_400.0
"""Seconds after its last code for which a field is counted with zeros."""
_NAMELESS: Final = 4
"""Fields on trial, or refused, for each that may have series."""


class Categories:
    """The codes of one source. At most `logs.codes` fields have series; the least recently heard goes.

    Counts: evicted:log_code (fields that had series), left_out:log_code (fields for which a window
    had no room).
    """

    __slots__ = ("_counts", "_fields", "_known", "_lines", "_logs", "_owner", "_passed", "readers")

    def __init__(self, owner: Owner, logs: Logs, lines: Lines) -> None:
        self._owner = owner
        self._logs = logs
        self._lines = lines
        self._known = tuple(sorted(logs.code_fields.items()))
        self._fields: dict[str, _Field] = {}
        self._passed: deque[float] = deque(maxlen=_PASSED)
        self._counts: Counter[str] = Counter()
        self.readers: dict[Template, list[Reader | Request]] = {}
        """What is to be read in the lines of a template. Those for which that is nothing need not be taken, unless they
        have attributes."""

    def take(self, log: Log, match: Match, window: int) -> None:
        """Read the codes of one line."""
        if not self._logs.codes:
            self.readers[match.template] = []
            return
        names = named_in(tuple(log.attributes), self._known) if log.attributes else ()
        wanted = self.readers.get(match.template)
        if wanted == [] and not names:
            return
        said = {name.field: (name, text_of(log.attributes[name.field])) for name in names}
        if wanted is None or wanted:
            text, form = self._lines.prepared(log.body), match.template.form
            if wanted is None:
                wanted = self.readers[match.template] = readers(form, text, self._known)
            for reader in wanted:
                if reader.named.field not in said:
                    said[reader.named.field] = reader.named, reader.read(log.body, text, form, self._lines)
        refused = [name.field for name, value in said.values() if value and not self._say(name, value, log, window)]
        if wanted and (refused or any(type(each) is Request and each.over for each in wanted)):
            self.readers[match.template] = [
                each for each in wanted if each.named.field not in refused and not (type(each) is Request and each.over)
            ]

    def _say(self, name: Named, value: str, log: Log, window: int) -> bool:
        """Take a value of a field; whether more of them are wanted."""
        field = self._fields.get(name.field)
        if field is None:
            field = self._fields[name.field] = _Field(name, window)
            self._shrink()
        field.last = max(field.last, window)
        if not field.kind and field.tried(value, window, log.count):
            self._follow(field, window)
        if field.kind:
            field.add(value, window, log.count, self._logs.lines, log.body)
        return not field.refused

    def early(self, width: float, last: int) -> list[Sample]:
        """The bad codes so far of the open windows up to `last`: a burst need not wait for the end of its window."""
        made = []
        for field in self._fields.values():
            for window, codes in field.windows.items():
                if field.series is not None and codes.bad >= _PLAIN and window <= last and field.is_graded:
                    made += field.zeros()
                    of_codes = partial(evidence.of_codes, self._logs.secrets, codes, field.usual.value, width)
                    made.append(Sample(field.series.errors, window * width, codes.bad, of_codes, early=True))
        return made

    def close(self, window: int, width: float) -> list[Sample]:
        """The samples of a window, which is over."""
        made: list[Sample] = []
        for field in self._fields.values():
            codes = field.windows.pop(window, None)
            if field.series is not None and (window - field.last) * width <= _SILENCE and window >= field.since:
                made += self._closed(field.series, field, codes or Codes(0), (window + 1) * width)
        self._passed.append((window + 1) * width)
        return made

    def _closed(self, series: _OfField, field: _Field, codes: Codes, time: float) -> list[Sample]:
        secrets, before, made = self._logs.secrets, field.usual.value, []
        if field.is_graded:
            made += field.zeros()
            of_codes = partial(evidence.of_codes, secrets, codes, before, self._logs.window)
            made.append(Sample(series.errors, time, codes.bad, of_codes))
            if (block := field.joined(codes)) is not None:
                of_share = partial(evidence.of_codes, secrets, block, before, None)
                made.append(Sample(series.share, time, block.bad / block.count, of_share))
            if codes.count:
                field.usual.update(codes.bad / codes.count)
        if (shift := field.proportions.close(codes.counts, str)) is not None:
            of_mix = partial(evidence.of_code_mix, secrets, shift.changes, codes, shift.lines)
            made.append(Sample(series.mix, time, shift.distance, of_mix))
        return made

    def settle(self) -> None:
        """Forget the places of templates that were evicted or joined with another."""
        for template in [each for each in self.readers if each.forgotten or each.into is not None]:
            del self.readers[template]

    def back(self, last: int) -> None:
        """No window after `last` was ever open."""
        for field in self._fields.values():
            field.windows = {window: codes for window, codes in field.windows.items() if window <= last}
            field.last, field.since = min(field.last, last), min(field.since, last)

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def _follow(self, field: _Field, window: int) -> None:
        """Give a field series, if need be in the place of one that is no longer heard."""
        followed = [each for each in self._fields.values() if each.series is not None]
        if len(followed) >= self._logs.codes:
            oldest = min(followed, key=lambda each: each.last)
            if oldest.last >= window - 1:
                self._counts["left_out:log_code"] += 1
                field.wait(window)
                return
            del self._fields[oldest.name.field]
            self._counts["evicted:log_code"] += 1
        field.begin(self._owner, window, [time for time in self._passed if time <= field.since * self._logs.window])

    def _shrink(self) -> None:
        others = [each for each in self._fields.values() if each.series is None]
        if len(others) > _NAMELESS * self._logs.codes:
            del self._fields[min(others, key=lambda each: each.last).name.field]


class _OfField(NamedTuple):
    """The series of a field."""

    errors: Series
    share: Series
    mix: Series


class _Field:
    """A field of codes: on trial, refused, or with series. `since`, `last`: the first and the newest window with it."""

    __slots__ = (
        "_block",
        "_different",
        "_joined",
        "_trial",
        "_waits",
        "_zeros",
        "kind",
        "last",
        "name",
        "proportions",
        "refused",
        "series",
        "since",
        "usual",
        "windows",
    )

    def __init__(self, name: Named, window: int) -> None:
        self.name = name
        self.kind = ""
        self.refused = False
        self.since = self.last = window
        self.series: _OfField | None = None
        self.windows: dict[int, Codes] = {}
        self.proportions: Proportions[str] = Proportions(novel=True)
        self.usual = FadingMean(0.02, warm=50)
        self._trial: list[tuple[int, str, int]] = []
        self._different: set[str] = set()
        self._waits: int | None = None
        self._block: Codes | None = None
        self._joined = 0
        self._zeros: list[float] = []

    @property
    def is_graded(self) -> bool:
        """Whether some of its codes are bad, as far as anybody knows."""
        return self.kind in BAD

    def tried(self, value: str, window: int, times: int) -> bool:
        """Take one value on trial; whether it is known by now of which kind they are. The value is not counted yet."""
        if self.refused or window == self._waits:
            return False
        kinds = self.name.kinds
        if self.name.sure and is_plain(kinds[0], value, sole=True):
            self.kind = kinds[0]
            return True
        self._trial.append((window, value[: LONGEST + 1], times))
        if len(self._trial) in _TRIALS:
            last = len(self._trial) == _TRIALS[-1]
            self.kind = kind_of_values(kinds, [value for _, value, _ in self._trial], last=last)
            self.refused = last and not self.kind
            if self.kind:
                self._trial.pop()
        if self.refused:
            self._trial = []
        return bool(self.kind)

    def wait(self, window: int) -> None:
        """There is no room for it in this window."""
        self.kind, self._waits, self._trial = "", window, []

    def begin(self, owner: Owner, window: int, passed: list[float]) -> None:
        """It has series from now on; `passed` are the ends of the windows that it was not in."""
        labels = {"field": self.name.field}
        bad = labels | {"codes": BAD.get(self.kind, "")}
        self.series = _OfField(
            owner.series("log_code_errors", "count", "lines", bad, worse="up"),
            owner.series("log_code_error_ratio", "ratio", "", bad, worse="up"),
            owner.series("log_code_mix", "gauge", "", labels, worse="up"),
        )
        self._zeros = passed
        for then, value, times in self._trial:
            if then == window:
                self.add(value, window, times)
        self._trial = []

    def joined(self, codes: Codes) -> Codes | None:
        """Close a window: its codes, with those of the windows before it if they are needed, once they are enough."""
        block, self._block, joined, self._joined = self._block, None, self._joined + 1, 0
        if codes.count >= _LINES and codes.bad >= _MANY:
            return codes
        codes = codes if block is None else block.merged(codes)
        if codes.count >= _LINES and codes.count * self.usual.value >= _EXPECTED:
            return codes
        if joined < _JOINED:
            self._block, self._joined = codes, joined
        return None

    def zeros(self) -> list[Sample]:
        """The windows before it was heard for the first time, told once: they had no bad code."""
        times, self._zeros = self._zeros, []
        return [Sample(self.series.errors, time, 0) for time in times] if self.series is not None else []

    def add(self, value: str, window: int, times: int, lines: int = 0, body: str = "") -> None:
        """Count one value, of a line that stands for so many."""
        code, bad = judged(self.kind, value)
        if not code:
            return
        if code not in self._different:
            if len(self._different) < _CODES:
                self._different.add(code)
            else:
                code = _OTHERS
        codes = self.windows.get(window)
        if codes is None:
            codes = self.windows[window] = Codes(lines)
        codes.add(code, times, body if bad else "", bad=bad)
