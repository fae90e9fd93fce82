"""Well-formed native events to signals: what is plausible, within the limits, and what is repaired on the way.

Each method takes one wire event and gives its signal, or raises `EventError` with the reason. Repairs are counted,
never silent. Nothing here knows JSON; nothing here is called for an event that is not well formed.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from floodmark.actions import Action, Arguments
from floodmark.alerts import content_id, utc
from floodmark.config.models import Limits
from floodmark.decode import wire
from floodmark.decode.bodies import facts, plain, repeated
from floodmark.decode.decoder import EventError
from floodmark.decode.phases import Grade, alert_status_of, grade_of, status_of
from floodmark.decode.repeats import repeats
from floodmark.decode.severities import severity
from floodmark.decode.timestamps import EARLIEST, LATEST, arrival, ended, latest, parse
from floodmark.records import Record, bound
from floodmark.signals import Alert, Change, Log, Metric, Outcome, Prediction, Scalar, Signal, SignalName, Span

_NUMBER = re.compile(r"\s*[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?\s*", re.ASCII)
_NO_NUMBER = {"nan", "+nan", "-nan", "null", "none", ""}
_MOST_REPEATS = 1_000_000
"""Lines that one record can stand for."""
_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


class Admission:
    """The judge of one input's events. `counts` are the repairs so far:

    no_value (a null or NaN metric, prediction or label), number_as_text, labels_dropped (null ones), body_as_json,
    body_cut, colours_removed, repeats (records that stand for several), count_cut, attributes_cut,
    attributes_not_finite, severity_unknown, not_utf8, features_not_finite (NaN ones, now missing),
    scores_dropped (null or NaN ones), summary_cut, time_of_arrival (no time of its own: Kafka's), status_unknown,
    text_cut (of changes, alerts and actions: what is only read by people).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ahead = limits.ahead
        self._kafkas = math.nan
        self._stamp = -1
        self.counts: Counter[str] = Counter()

    def begin(self, record: Record) -> float:
        """The next events are of this message: the latest plausible time of them, in epoch seconds."""
        self._stamp = stamp = record.timestamp
        seconds = stamp / 1000
        if EARLIEST <= seconds < LATEST and bound(record) < 0:  # as nearly always
            self._kafkas = seconds
            return seconds + self._ahead
        self._kafkas = arrival(record)
        return latest(record, self._ahead)

    def of(self, signal: SignalName) -> Callable[[Any, float], Signal]:
        """The method for a signal: (wire event, latest plausible epoch seconds) → signal."""
        methods: dict[SignalName, Callable[[Any, float], Signal]] = {
            "metric": self.metric,
            "log": self.log,
            "prediction": self.prediction,
            "outcome": self.outcome,
            "change": self.change,
            "span": self.span,
            "alert": self.alert,
            "action": self.action,
        }
        return methods[signal]

    def metric(self, event: wire.MetricEvent, latest: float) -> Metric:
        time = self.time(event.timestamp, latest)
        value = self._number(event.value) if isinstance(event.value, str) else event.value
        if value is None:
            self.counts["no_value"] += 1
        elif not math.isfinite(value):
            if math.isinf(value):
                raise EventError("infinite", "value is infinite")
            value = None
            self.counts["no_value"] += 1
        if len(event.name) > self._limits.label:
            raise self._too_long("name", event.name)
        unit = event.unit or ""
        if len(unit) > self._limits.label:
            raise self._too_long("unit", unit)
        return Metric(time, event.name, value, self.labels(event.labels, "labels"), event.kind or "untyped", unit)

    def log(self, event: wire.LogEvent, latest: float) -> Log:
        time = self.time(event.timestamp, latest)
        body = event.body
        if not isinstance(body, str):
            body = self.text(body)
        level = ""
        if event.severity is not None:
            level = severity(event.severity)
            if not level and event.severity != "":
                self.counts["severity_unknown"] += 1
        if not level:
            level = facts(body).severity
        labels = self.labels(event.labels, "labels")
        attributes = self.attributes(event.attributes) if event.attributes else {}
        count = repeated(event.count) or 1
        return self.line(time, body, level, labels, attributes, event.trace_id or "", count=count)

    def line(
        self,
        time: float,
        body: str,
        level: str,
        labels: dict[str, str],
        attributes: dict[str, Scalar],
        trace: str = "",
        *,
        partial: bool = False,
        count: int = 1,
    ) -> Log:
        """A log record of which time, severity, labels and attributes have been judged. It stands for `count`."""
        if len(trace) > self._limits.label:
            raise self._too_long("trace_id", trace)
        if "\x1b" in body:
            bare = plain(body)
            if len(bare) < len(body):
                body = bare
                self.counts["colours_removed"] += 1
        if "repeated" in body:
            body, more = repeats(body)
            count = max(count, more)
        if count > 1:
            if count > _MOST_REPEATS:
                count = _MOST_REPEATS
                self.counts["count_cut"] += 1
            self.counts["repeats"] += 1
        if len(body) * 4 > self._limits.body:
            body = self._cut(body, "body_cut")
        return Log(time, body, level, labels, attributes, trace, partial, count)

    def text(self, body: object) -> str:
        """What is not text, as JSON text."""
        self.counts["body_as_json"] += 1
        return _compact(body)

    def body(self, value: object) -> str:
        """The text of a line, which may have come as its bytes (journald's) or as something else, without its end."""
        if isinstance(value, str):
            return value.rstrip("\r\n") if value[-1:] == "\n" else value
        if isinstance(value, list) and value and all(type(each) is int and 0 <= each <= 255 for each in value):
            return self.utf8(bytes(value)).rstrip("\r\n")
        return self.text(value)

    def utf8(self, value: bytes) -> str:
        """What should be UTF-8, with U+FFFD where it is not; `not_utf8`."""
        try:
            return value.decode()
        except UnicodeDecodeError:
            self.counts["not_utf8"] += 1
            return value.decode(errors="replace")

    def prediction(self, event: wire.PredictionEvent, latest: float) -> Prediction:
        return Prediction(
            self.time(event.timestamp, latest),
            self.named("model", event.model),
            self.named("version", str(event.version)),
            self.named("prediction_id", str(event.prediction_id)),
            self.features(event.features),
            self.answer("prediction", event.prediction),
            self.scores(event.scores) if event.scores else {},
            self.labels(event.groups, "groups"),
        )

    def features(self, features: dict[str, Scalar]) -> dict[str, Scalar]:
        """The features of a row, without what is not finite. Changes the dict. Raises EventError."""
        limit = self._limits.label
        if len(features) > self._limits.features:
            raise EventError(
                "too_many_features",
                f"{len(features)} features are more than limits.features ({self._limits.features})",
            )
        for name, value in features.items():
            if len(name) > limit:
                raise self._too_long("the name of a feature", name)
            if type(value) is float:
                if not math.isfinite(value):
                    if math.isinf(value):
                        raise EventError("infinite", f"feature {name!r} is infinite")
                    features[name] = None
                    self.counts["features_not_finite"] += 1
            elif type(value) is str and len(value) > limit:
                raise self._too_long(f"feature {name!r}", value)
        return features

    def scores(self, scores: Mapping[str, float | None]) -> dict[str, float]:
        """The scores of a row by class. Raises EventError."""
        if len(scores) > self._limits.features:
            raise EventError(
                "too_many_features",
                f"{len(scores)} scores are more than limits.features ({self._limits.features})",
            )
        kept: dict[str, float] = {}
        for name, score in scores.items():
            if len(name) > self._limits.label:
                raise self._too_long("the class of a score", name)
            if score is None or math.isnan(score):
                self.counts["scores_dropped"] += 1
            elif math.isinf(score):
                raise EventError("infinite", f"the score of {name!r} is infinite")
            else:
                kept[name] = score
        return kept

    def outcome(self, event: wire.OutcomeEvent, latest: float) -> Outcome:
        return Outcome(
            self.time(event.timestamp, latest),
            self.named("model", event.model),
            self.named("prediction_id", str(event.prediction_id)),
            self.answer("label", event.label),
        )

    def change(self, event: wire.ChangeEvent, latest: float) -> Change:
        summary = event.summary
        if len(summary) > self._limits.label:
            summary = summary[: self._limits.label]
            self.counts["summary_cut"] += 1
        time = self.time(event.timestamp, latest)
        status = status_of(event.status)
        if event.status and not status:
            self.counts["status_unknown"] += 1
        return Change(
            time,
            self.named("service", event.service),
            event.kind,
            summary,
            id=self._short_id(event.id),
            status=status,
            version=self._read("" if event.version is None else str(event.version), 200),
            environment=self._read(event.environment, 200),
            url=self._link(event.url),
            actor=self._read(event.actor, 200),
        )

    def alert(self, event: wire.AlertEvent, latest: float) -> Alert:
        time = self.time(event.timestamp, latest)
        status = alert_status_of(event.status)
        if status is None:
            raise EventError("wrong_type", f"status is {_short(event.status)}, which is neither firing nor resolved")
        grade: Grade = ""
        if event.severity is not None and event.severity != "":
            grade = grade_of(event.severity)
            if not grade:
                self.counts["severity_unknown"] += 1
        started = ended(event.started)
        labels = self.labels(event.labels, "labels")
        fingerprint = self._short_id(event.fingerprint)
        if not fingerprint:
            fingerprint = content_id("alert", event.name, *(f"{name}={labels[name]}" for name in sorted(labels)))
        value = self._number(event.value) if isinstance(event.value, str) else event.value
        return Alert(
            time,
            self.named("source", event.source),
            fingerprint,
            self.named("name", event.name),
            status,
            min(started, latest),
            ended(event.ended) if status == "resolved" else 0.0,
            grade,
            self._read(event.summary, self._limits.label),
            labels,
            self._link(event.url),
            value if value is not None and math.isfinite(value) else None,
        )

    def action(self, event: wire.ActionEvent, latest: float) -> Action:
        until = ended(event.until)
        priority = (event.priority or "").lower()
        return Action(
            id=self._short_id(event.id) or self.named("id", ""),
            verb=event.verb,
            by=self._read(self.named("by", event.by), 200),
            at=utc(self.time(event.timestamp, latest)),
            incident=self._read(event.incident, 200),
            scope=self._read(event.scope, 200),
            seen=max(0, event.seen or 0),
            via=self._read(event.via, 40) or "topic",
            reason=self._read(event.reason, 4_000),
            args=Arguments(
                to=self._read(event.to, 200),
                text=self._read(event.text, 4_000),
                url=self._link(event.url),
                priority=cast("Any", priority if priority in ("p1", "p2", "p3", "p4", "p5") else ""),
                until=utc(until) if until else None,
                playbook=self._read(event.playbook, 200),
            ),
        )

    def _short_id(self, given: str | int | None) -> str:
        """An id that fits: a longer one is known by its digest."""
        text = "" if given is None else str(given)
        return text if len(text) <= 200 else content_id("long", text)

    def _read(self, text: str | None, most: int) -> str:
        """What is only read by people: cut rather than refused."""
        text = text or ""
        if len(text) > most:
            self.counts["text_cut"] += 1
            text = text[:most]
        return text

    def _link(self, url: str | None) -> str:
        """An address that can be followed; anything else is none."""
        if not url or len(url) > 2_000 or not url.startswith(("https://", "http://")):
            return ""
        return url

    def span(self, event: wire.SpanEvent, latest: float) -> Span:
        if not math.isfinite(event.duration):
            raise EventError("infinite", "duration is not finite")
        if event.duration < 0:
            raise EventError("wrong_type", "duration is below zero")
        limit = self._limits.label
        ids = {name: getattr(event, name) or "" for name in ("trace_id", "span_id", "parent_id", "peer")}
        for name, text in ids.items():
            if len(text) > limit:
                raise self._too_long(name, text)
        return Span(
            self.time(event.timestamp, latest),
            event.duration,
            self.named("service", event.service),
            self.named("operation", event.operation),
            event.kind or "server",
            event.error or False,
            **ids,
            labels=self.labels(event.labels, "labels"),
        )

    @property
    def kafkas(self) -> float | None:
        """Kafka's own time of the message, in epoch seconds; None if it is not known or cannot be."""
        return None if math.isnan(self._kafkas) else self._kafkas

    def arrival(self) -> float:
        """Kafka's own time of the message, for an event that says none. Raises EventError if it is not known."""
        if math.isnan(self._kafkas):
            if self._stamp < 0:
                words = "is not known, or not to be believed"
            else:
                words = f"({self._stamp} ms) is not between 1973 and 2100"
            raise EventError("missing_field", f"the event has no time, and Kafka's time of the message {words}")
        self.counts["time_of_arrival"] += 1
        return self._kafkas

    def time(self, timestamp: int | float | str, latest: float) -> float:
        """Epoch seconds, no later than `latest`. Raises EventError."""
        time = parse(timestamp)
        if time > latest:
            ahead = time - latest + self._limits.ahead
            what = "what came before it" if math.isnan(self._kafkas) else "Kafka's own time of the message"
            raise EventError(
                "from_the_future",
                f"timestamp {str(timestamp)[:60]!r} is {_span(ahead)} later than {what} "
                f"(limits.ahead allows {_span(self._limits.ahead)})",
            )
        return time

    def labels(self, labels: Mapping[str, str | int | float | bool | None] | None, field: str) -> dict[str, str]:
        """Labels as text, within the limits. Raises EventError."""
        if not labels:
            return {}
        if len(labels) > self._limits.labels:
            raise EventError(
                "too_many_labels", f"{len(labels)} {field} are more than limits.labels ({self._limits.labels})"
            )
        limit = self._limits.label
        kept: dict[str, str] = {}
        for name, value in labels.items():
            if type(value) is str:
                text = value
            elif value is None:
                self.counts["labels_dropped"] += 1
                continue
            elif type(value) is bool:
                text = "true" if value else "false"
            else:
                text = str(value)
            if len(name) > limit or len(text) > limit:
                raise self._too_long(f"one of the {field}", name if len(name) > limit else text)
            kept[name] = text
        return kept

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Scalar]:
        """Attributes are evidence, not identity: what is beyond the limits is cut, not a reason to lose the record."""
        kept: dict[str, Scalar] = {}
        for name, value in attributes.items():
            if len(name) > self._limits.label or len(kept) >= self._limits.labels:
                self.counts["attributes_cut"] += 1
            elif isinstance(value, bool) or value is None:
                kept[name] = value
            elif isinstance(value, int | float):
                number = _finite(value)
                kept[name] = number
                if number is None:
                    self.counts["attributes_not_finite"] += 1
            else:
                kept[name] = self._cut(value if isinstance(value, str) else _compact(value), "attributes_cut")
        return kept

    def answer(self, field: str, value: wire.Value) -> Scalar:
        """A prediction or a label. Raises EventError."""
        if type(value) is float and not math.isfinite(value):
            if math.isinf(value):
                raise EventError("infinite", f"{field} is infinite")
            value = None
        if value is None:
            self.counts["no_value"] += 1
        elif type(value) is str and len(value) > self._limits.label:
            raise self._too_long(field, value)
        return value

    def named(self, field: str, text: str) -> str:
        """A name or id, which must be there. Raises EventError."""
        if not text:
            raise EventError("missing_field", f"{field} is empty")
        if len(text) > self._limits.label:
            raise self._too_long(field, text)
        return text

    def _number(self, text: str) -> float | None:
        word = text.strip().lower() if len(text) < 32 else text
        if word in _NO_NUMBER:
            return None
        if word in _INFINITE:
            raise EventError("infinite", f"value is {text!r}")
        if not _NUMBER.fullmatch(text):
            raise EventError("wrong_type", f"value is the text {_short(text)}, which is not a number")
        self.counts["number_as_text"] += 1
        return float(text)

    def _cut(self, text: str, counter: str) -> str:
        """At most limits.body bytes of UTF-8, never half a character."""
        limit = self._limits.body
        if len(text) * 4 <= limit or (len(text) <= limit and text.isascii()):
            return text
        encoded = text[:limit].encode()
        if len(text) <= limit and len(encoded) <= limit:
            return text
        self.counts[counter] += 1
        return encoded[:limit].decode(errors="ignore")

    def _too_long(self, field: str, text: str) -> EventError:
        limit = self._limits.label
        words = f"{field} has {len(text)} characters, more than limits.label ({limit}): {_short(text)}"
        return EventError("too_long", words)


def _compact(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise EventError("not_json", "the event is nested too deeply") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise EventError("infinite", f"a number in the event is too large: {error}") from None


def _finite(value: int | float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _span(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + unit
    return f"{seconds:g}s"
