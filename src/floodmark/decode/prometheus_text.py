"""What Prometheus scrapes, as text: its own exposition format (0.0.4) and OpenMetrics. A message is as many lines
as it likes.

The two differ in the unit of a time, which its size tells, and in what OpenMetrics has besides: units, exemplars, and
`_created`, which says since when a histogram counts. A bad line refuses itself and no other.

Source: Prometheus's "Exposition formats" and the OpenMetrics specification 1.0. The parsers of `prometheus_client` give
up at the first bad line, and OpenMetrics's at a family that is not told in one piece.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.decode.buckets import MOST_BUCKETS
from floodmark.decode.counters import by_name
from floodmark.decode.decoder import EventError
from floodmark.decode.mending import lines
from floodmark.decode.points import Origins, PointDecoder, Points, number
from floodmark.signals import Histogram, MetricKind

_LINE: Final = re.compile(
    r'(?P<name>[^\s{}"#]*+)\s*+(?:\{(?P<labels>(?:[^"{}]|"(?:[^"\\]|\\.)*+")*+)\})?\s*+'
    r"(?P<value>[^\s#{}\"]++)(?:\s++(?P<time>[^\s#]++))?(?P<exemplar>\s++#\s*+\{.*+)?\s*+"
)
_LABEL: Final = re.compile(r'\s*+(?:([^\s="{},]++|"(?:[^"\\]|\\.)*+")\s*+=\s*+)?"((?:[^"\\]|\\.)*+)"\s*+(?:,|\Z)')
_ABOUT: Final = re.compile(r'#\s++(TYPE|UNIT)\s++(?:"((?:[^"\\]|\\.)*+)"|(\S++))\s*+(.*)')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SUFFIX: Final = re.compile("_(?:total|created|count|sum|bucket|gcount|gsum|info)$")
_KINDS: Final[dict[str, MetricKind]] = {"gauge": "gauge", "info": "gauge", "stateset": "gauge", "counter": "counter"}
_PARTS: Final = {
    "histogram": {"bucket": "bucket", "count": "count", "sum": "sum", "created": "created"},
    "gaugehistogram": {"bucket": "bucket", "gcount": "count", "gsum": "sum", "count": "count", "sum": "sum"},
}
"""Of what is put together: what a suffix says."""


class _Family(NamedTuple):
    """What is told of a family: its name, type and unit."""

    name: str
    type: str = ""
    unit: str = ""


class _Sample(NamedTuple):
    """A line; `time` as it was written."""

    name: str
    labels: dict[str, str]
    value: float
    time: str | None


class _Parts:
    """What the lines of a histogram tell, as far as they are read."""

    def __init__(self, family: _Family, labels: dict[str, str], time: str | None) -> None:
        self.family = family
        self.labels = labels
        self.time = time
        self.buckets: dict[float, float] = {}
        self.told: dict[str, float] = {}


class PrometheusTextDecoder(PointDecoder):
    """Decodes lines. One without a time has Kafka's. Counts also exemplars_unread and created_unread (of counters and
    summaries)."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._origins = Origins(limits)

    def _read(self, value: bytes, points: Points) -> None:
        families: dict[str, _Family] = {}
        histograms: dict[tuple[object, ...], _Parts] = {}
        for line in lines(value, points.counts):
            if line[0] == "#":
                if about := _ABOUT.fullmatch(line):
                    _tell(about, families)
                continue
            points.expect(1)
            with points:
                self._sample(line, families, histograms, points)
        for parts in histograms.values():
            with points:
                points.add_histogram(_whole(parts, points))

    def _sample(
        self, line: str, families: dict[str, _Family], histograms: dict[tuple[object, ...], _Parts], points: Points
    ) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            raise EventError("malformed", f"the line {line[:60]!r} is no name, labels, value and time")
        raw = line[: match.start("value")]
        known = self._origins.family("", 0)
        family = families.get(match["name"]) or families.get(_SUFFIX.sub("", match["name"])) if match["name"] else None
        key = (raw, family)
        origin = known.get(key)
        if match["exemplar"]:
            points.counts["exemplars_unread"] += 1
        if origin is not None:
            points.add(origin, points.time(match["time"]), _real(match["value"]))
            return
        sample = _parsed(match)
        family = _family(sample.name, families)
        suffix = sample.name[len(family.name) + 1 :]
        if family.type in _PARTS:
            if (part := _PARTS[family.type].get(suffix)) is not None:
                _put(part, sample, family, histograms)
                return
        elif suffix == "created":
            points.counts["created_unread"] += 1
            return
        unit = family.unit if suffix in ("", "total", "sum") else ""
        origin = points.origin(sample.name, sample.labels, _kind(sample.name, suffix, family.type), unit)
        if match["name"]:
            self._origins.remember(known, key, origin, len(raw))
        points.add(origin, points.time(sample.time), sample.value)


def _tell(about: re.Match[str], families: dict[str, _Family]) -> None:
    name = about[3] or _text(about[2])
    told = families.get(name) or _Family(name)
    word = about[4].strip()
    families[name] = told._replace(type=word.lower()) if about[1] == "TYPE" else told._replace(unit=word)


def _family(name: str, families: dict[str, _Family]) -> _Family:
    return families.get(name) or families.get(_SUFFIX.sub("", name)) or _Family(name)


def _kind(name: str, suffix: str, type_: str) -> MetricKind:
    """Of a summary the quantiles are gauges, the rest has grown since its start."""
    if type_ in ("summary", "histogram"):
        return "counter" if suffix else "gauge"
    return "gauge" if type_ == "gaugehistogram" else _KINDS.get(type_) or by_name(name)


def _parsed(match: re.Match[str]) -> _Sample:
    labels: dict[str, str] = {}
    name = match["name"]
    for label, text in _pairs(match["labels"] or ""):
        if label in labels:
            raise EventError("malformed", f"the label {label!r:.60} is told twice")
        if label:
            labels[label] = text
        elif name:
            raise EventError("malformed", f"a label of {name!r:.60} has no name")
        else:
            name = text  # in quotes, since it has characters that no name had before
    return _Sample(name, labels, _real(match["value"]), match["time"])


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        match = _LABEL.match(text, at)
        if match is None:
            raise EventError("malformed", f"the labels {text[at : at + 60]!r} cannot be read")
        label = match[1] or ""
        yield (_text(label[1:-1]) if label[:1] == '"' else label), _text(match[2])
        at = match.end()


def _text(quoted: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], quoted) if "\\" in quoted else quoted


def _real(text: str) -> float:
    if "_" in text:  # which Python allows between digits
        raise EventError("wrong_type", f"{text[:60]!r} is no number")
    return number(text)


def _put(part: str, sample: _Sample, family: _Family, histograms: dict[tuple[object, ...], _Parts]) -> None:
    """Keep what a line tells of a histogram. Raises EventError."""
    labels = dict(sample.labels)
    bound = labels.pop("le", None) if part == "bucket" else ""
    key = (family.name, tuple(sorted(labels.items())), sample.time)
    parts = histograms.get(key)
    if parts is None:
        parts = histograms[key] = _Parts(family, labels, sample.time)
    if bound is None:
        raise EventError("missing_field", f"a bucket of {family.name!r:.60} has no label le")
    if part == "bucket":
        upper = _real(bound)
        if math.isnan(upper):
            raise EventError("wrong_type", f"a bucket of {family.name!r:.60} ends at {bound!r:.60}")
        told: dict[Any, float] = parts.buckets
        where: float | str = upper
    else:
        told, where = parts.told, part
    if where in told:
        raise EventError("malformed", f"{sample.name!r:.60} is told twice at the same time")
    told[where] = sample.value


def _whole(parts: _Parts, points: Points) -> Histogram:
    """The histogram of which the lines were parts. Raises EventError."""
    if len(parts.buckets) > MOST_BUCKETS:
        words = f"{parts.family.name!r:.99} has {len(parts.buckets)} buckets, more than {MOST_BUCKETS}"
        raise EventError("too_many_buckets", words)
    below = sorted(parts.buckets.items())
    count = parts.told.get("count", below[-1][1] if below else math.nan)
    if math.isnan(count):
        raise EventError("missing_field", f"the histogram {parts.family.name!r:.99} has no count and no buckets")
    bounds = [bound for bound, _ in below if bound < math.inf]
    sums = [0.0, *(number for bound, number in below if bound < math.inf), parts.buckets.get(math.inf, count)]
    total = parts.told.get("sum", math.nan)
    origin = points.origin(parts.family.name, parts.labels, "gauge", parts.family.unit)
    created = parts.told.get("created", 0.0)
    return Histogram(
        time=points.time(parts.time),
        name=origin.name,
        count=count,
        total=total if math.isfinite(total) else None,
        bounds=tuple(bounds),
        counts=tuple(b - a for a, b in pairwise(sums)) if below else (),
        labels=origin.labels,
        unit=origin.unit,
        start=created if math.isfinite(created) else 0.0,
        cumulative=parts.family.type == "histogram",
    )
