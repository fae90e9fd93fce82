"""A mapping (`fields`) for somebody else's JSON, guessed from what its members are called and what they hold.

A guess is only proposed: whoever asks tries it on the same events. Names are compared without case, dots and dashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from floodmark.config.mapping import Fields
from floodmark.decode.decoder import EventError
from floodmark.decode.phases import kind_of
from floodmark.decode.severities import severity, syslog_severity
from floodmark.decode.timestamps import parse
from floodmark.signals import SignalName

_PINO: Final = (10, 20, 30, 40, 50, 60)
"""Levels as pino and bunyan number them."""
_DEEP: Final = 3
_MANY: Final = 40
"""Members of an event that become values, labels or attributes, at most, each."""
_TIME: Final = (
    "timestamp", "@timestamp", "time", "ts", "@t", "eventtime", "eventtimestamp", "datetime", "date", "createdat",
    "occurredat", "loggedat", "timestampms", "timemillis", "epochmillis", "epoch", "when", "utctime", "asctime", "t",
    "_time",
)  # fmt: skip
_BODY: Final = (
    "message", "msg", "body", "@m", "renderedmessage", "shortmessage", "log", "text", "logmessage", "eventmessage",
    "textpayload", "line", "content", "raw", "event", "description", "@mt", "reason", "error",
)  # fmt: skip
_LEVEL: Final = (
    "level", "severity", "lvl", "loglevel", "levelname", "severitytext", "@l", "logseverity", "priority", "levelvalue",
)  # fmt: skip
_NAME: Final = (
    "name", "metric", "metricname", "measurement", "series", "key", "sensor", "tagname", "point", "kpi", "counter",
)  # fmt: skip
_VALUE: Final = (
    "value", "val", "v", "reading", "measurement", "metricvalue", "amount", "gauge", "avg", "mean", "doublevalue",
)  # fmt: skip
_UNIT: Final = ("unit", "units", "uom")
_TRACE: Final = ("traceid", "trace", "dd.traceid", "xb3traceid")
_KNOWN: Final[Mapping[str, str]] = {
    "service": "service servicename app application appname program component facilityname",
    "host": "host hostname machine server node nodename device deviceid hostip",
    "instance": "instance instanceid", "pod": "pod podname", "container": "container containername",
    "namespace": "namespace", "env": "env environment stage", "region": "region zone datacenter dc site",
    "job": "job jobname", "logger": "logger loggername", "cluster": "cluster clustername", "tenant": "tenant customer",
}  # fmt: skip
_LABELS: Final[Mapping[str, str]] = {other: ours for ours, others in _KNOWN.items() for other in others.split()}
"""Our labels by what others call them."""
_PREDICTION: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model", "modelname", "modelid"),
    "version": ("version", "modelversion"),
    "prediction_id": ("predictionid", "requestid", "inferenceid", "id", "uuid", "correlationid"),
    "prediction": ("prediction", "predicted", "output", "predictedclass", "score", "result"),
    "features": ("features", "inputs", "input", "data"),
    "label": ("label", "truth", "actual", "groundtruth", "target", "outcome"),
}
_CHANGE: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": ("kind", "type", "changetype"),
    "summary": ("summary", "message", "description", "title", "msg"),
    "id": ("id", "deploymentid", "deployid", "changeid", "releaseid", "runid", "buildid"),
    "status": ("status", "state", "result", "outcome", "phase"),
    "version": ("version", "release", "tag", "revision", "commit", "sha"),
    "environment": ("environment", "env", "stage"),
    "url": ("url", "link", "htmlurl", "weburl"),
    "actor": ("actor", "user", "author", "username", "by", "deployedby"),
}
_MORE: Final = ("id", "status", "version", "environment", "url", "actor")
"""Fields of a change that may be missing."""
_FORMS: Final = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%b %d %Y %H:%M:%S", "%d %b %Y %H:%M:%S",
    "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip


class Proposal(NamedTuple):
    signal: SignalName
    fields: Fields


class _Member(NamedTuple):
    """A plain member of the events: its path as a source, its name in lower case, and its values."""

    source: str
    flat: str
    values: list[Any]

    def numbers(self) -> bool:
        return bool(self.values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    def numeric(self) -> bool:
        """Numbers, also as text."""
        return bool(self.values) and all(_is_number(v) for v in self.values)

    def texts(self) -> bool:
        return bool(self.values) and all(isinstance(v, str) for v in self.values)

    def labelling(self) -> bool:
        """Short texts of which there are few."""
        if not all(isinstance(v, str | bool) for v in self.values) or any(len(str(v)) > 80 for v in self.values):
            return False
        distinct = len(set(map(str, self.values)))
        return distinct <= max(8, len(self.values) // 3)


def proposals(values: Sequence[bytes], topic: str = "") -> list[Proposal]:
    """Mappings that may fit messages, those first that say most; none if they are not JSON objects."""
    where, events = _events(values)
    if not events:
        return []
    members = list(_members(events))
    base: dict[str, Any] = {"events": where} if where else {}
    base |= _time(members, len(events))
    used = {base.get("timestamp")}
    found = [
        *_changes(members, base, topic), *_outcomes(members, base), *_predictions(members, events, base),
        *_metrics(members, base, used), *_logs(members, base, used, topic),
    ]  # fmt: skip
    said = [(signal, {name: value for name, value in fields.items() if value}) for signal, fields in found]
    return [Proposal(signal, Fields.model_validate(fields)) for signal, fields in said]


def _events(values: Sequence[bytes]) -> tuple[str, list[dict[str, Any]]]:
    """The events of messages, and the path at which they are if they are in an array of each."""
    documents: list[Any] = []
    for value in values:
        try:
            documents.append(orjson.loads(value))
        except ValueError:
            try:
                documents += [json.loads(line) for line in value.splitlines() if line.strip()]
            except (ValueError, RecursionError):
                continue
    objects = [each for d in documents for each in (d if isinstance(d, list) else [d]) if isinstance(each, dict)]
    if len(objects) < max(1, len(values) // 2):
        return "", []
    for name in objects[0]:
        inner = [each.get(name) for each in objects]
        if all(isinstance(i, list) and i and all(isinstance(e, dict) for e in i) for i in inner):
            return _source((name,)), [e for i in inner for e in i or () if isinstance(e, dict)]
    return "", objects


def _members(events: list[dict[str, Any]]) -> Iterator[_Member]:
    """Plain members that at least half of the events have, by path."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for event in events:
        for path, value in _leaves(event, ()):
            found.setdefault(path, []).append(value)
    for path, values in found.items():
        held = [value for value in values if value is not None]
        if len(held) >= max(1, len(events) // 2):
            yield _Member(_source(path), re.sub(r"[-_. ]", "", ".".join(path)).lower(), held)


def _leaves(event: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in event.items():
        here = (*path, name)
        if isinstance(value, dict):
            if len(here) < _DEEP:
                yield from _leaves(value, here)
        elif not isinstance(value, list):
            yield here, value


def _source(path: tuple[str, ...]) -> str:
    """As a mapping writes it."""
    steps = [name if re.fullmatch(r"[^\s.\"\[\]=?]+", name) else f'"{name}"' for name in path]
    return ".".join(steps)


def _called(members: Sequence[_Member], names: Sequence[str]) -> Iterator[_Member]:
    """Members by name, in the order of the names; then those whose last part has the name."""
    for name in names:
        flat = re.sub(r"[-_. ]", "", name)
        yield from (member for member in members if member.flat == flat)
    for name in names:
        flat = re.sub(r"[-_. ]", "", name)
        yield from (
            m
            for m in members
            if m.flat != flat and re.split(r"[.]", m.source)[-1].strip('"').replace("_", "").lower() == flat
        )


def _time(members: Sequence[_Member], count: int) -> dict[str, str]:
    for member in (*_called(members, _TIME), *(m for m in members if "time" in m.flat or "date" in m.flat)):
        if len(member.values) < count:
            continue
        if all(_plain_time(value) for value in member.values):
            return {"timestamp": member.source}
        for form in _FORMS:
            if all(isinstance(value, str) and _of_form(value, form) for value in member.values):
                return {"timestamp": member.source, "timestamp_format": form}
    return {}


def _plain_time(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and parse(value) > 946_684_800  # a plain count is no time: after 2000
    except (EventError, TypeError, ValueError):
        return False


def _of_form(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _labels(members: Sequence[_Member], used: set[str | None]) -> dict[str, str]:
    """Known ones by our names, then other short texts of which there are few."""
    labels: dict[str, str] = {}
    for member in members:
        last = member.source.split(".")[-1].strip('"')
        ours = _LABELS.get(member.flat) or _LABELS.get(re.sub(r"[-_]", "", last).lower())
        if (
            member.source not in used
            and ours
            and ours not in labels
            and all(isinstance(v, str | int) for v in member.values)
        ):
            labels[ours] = member.source
            used.add(member.source)
    return labels


def _others(members: Sequence[_Member], used: set[str | None], *, numbers: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for member in members:
        if member.source in used or len(found) >= _MANY or _plain_ids(member):
            continue
        if member.labelling() or (numbers and member.numbers()):
            found[member.source.replace('"', "").replace(".", "_")] = member.source
            used.add(member.source)
    return found


_Found = Iterator[tuple[SignalName, dict[str, Any]]]


def _plain_ids(member: _Member) -> bool:
    last = member.source.split(".")[-1].strip('"').lower()
    return last in ("id", "uuid", "guid", "offset", "seq", "sequence", "version", "@version") or last.endswith(
        ("_id", "id.keyword")
    )


def _metrics(members: Sequence[_Member], base: dict[str, Any], taken: set[str | None]) -> _Found:
    used = set(taken)
    value = next((m for m in _called(members, _VALUE) if m.numeric() and m.source not in used), None)
    name = next((m for m in _called(members, _NAME) if m.texts() and m.labelling() and m.source not in used), None)
    if value is not None and name is not None:
        used |= {value.source, name.source}
        fields = {**base, "name": name.source, "value": value.source}
        unit = next((m for m in _called(members, _UNIT) if m.texts()), None)
        if unit is not None:
            fields["unit"] = unit.source
            used.add(unit.source)
        fields["labels"] = {**_labels(members, used), **_others(members, used, numbers=False)}
        yield "metric", fields
        return
    numbers = [m for m in members if m.numbers() and m.source not in used and not _plain_ids(m) and not _plain_times(m)]
    numbers = [m for m in numbers if m.flat not in (*_LABELS, *_LEVEL, "pid", "tid", "line", "lineno", "port")]
    worded = any(
        m.texts() and sum(" " in v for v in m.values) > len(m.values) / 2 for m in members if m.source not in used
    )
    if numbers and not worded:
        used |= {m.source for m in numbers}
        fields = {**base, "values": {m.source.replace('"', "").replace(".", "_"): m.source for m in numbers[:_MANY]}}
        fields["labels"] = {**_labels(members, used), **_others(members, used, numbers=False)}
        yield "metric", fields


def _plain_times(member: _Member) -> bool:
    named = re.search(r"(?:^|[._])(?:ts|at)(?:[._]|$)|time|date|epoch|stamp", member.source.lower())
    return named is not None and all(map(_plain_time, member.values))


def _logs(members: Sequence[_Member], base: dict[str, Any], taken: set[str | None], topic: str) -> _Found:
    used = set(taken)
    body = next((m for m in _called(members, _BODY) if m.texts() and m.source not in used), None)
    if body is None:  # the longest text that has blanks
        worded = [m for m in members if m.texts() and m.source not in used and any(" " in v for v in m.values)]
        body = max(worded, key=lambda m: sum(map(len, m.values)), default=None)
    if body is None:
        return
    used.add(body.source)
    fields = {**base, "body": body.source}
    level = next((m for m in _called(members, _LEVEL) if m.source not in used and all(map(_is_level, m.values))), None)
    if level is not None:
        fields["severity"] = level.source
        used.add(level.source)
    trace = next((m for m in _called(members, _TRACE) if m.texts()), None)
    if trace is not None:
        fields["trace_id"] = trace.source
        used.add(trace.source)
    fields["labels"] = _labels(members, used)
    if not fields["labels"].keys() & {"service", "host"}:  # else all lines of all such topics are one source
        fields["labels"]["service"] = f"={topic}"
    fields["attributes"] = _others(members, used, numbers=True)
    yield "log", fields


def _is_level(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return value in _PINO or bool(severity(value) or syslog_severity(value))


def _first(members: Sequence[_Member], names: Sequence[str]) -> str | None:
    return next((member.source for member in _called(members, names)), None)


def _predictions(members: Sequence[_Member], events: list[dict[str, Any]], base: dict[str, Any]) -> _Found:
    first = events[0]
    features = next((n for n in first if isinstance(first[n], dict) and n.lower() in _PREDICTION["features"]), None)
    found = {name: _first(members, _PREDICTION[name]) for name in ("model", "version", "prediction_id", "prediction")}
    if features and found["model"] and found["prediction_id"] and found["prediction"]:
        yield (
            "prediction",
            {**base, **found, "version": found["version"] or "=1", "features": {"*": _source((features,))}},
        )


def _outcomes(members: Sequence[_Member], base: dict[str, Any]) -> _Found:
    found = {name: _first(members, _PREDICTION[name]) for name in ("model", "prediction_id", "label")}
    if all(found.values()):
        yield "outcome", {**base, **found}


def _changes(members: Sequence[_Member], base: dict[str, Any], topic: str) -> _Found:
    if not re.search(r"deploy|release|change|rollout|flag", topic.lower()):
        return
    service = next((m.source for m in members if _LABELS.get(m.flat) == "service"), None)
    summary = _first(members, _CHANGE["summary"])
    if service and summary:
        kinds = next((m for m in _called(members, _CHANGE["kind"]) if all(map(kind_of, m.values))), None)
        more = {name: found for name in _MORE if (found := _first(members, _CHANGE[name]))}
        kind = kinds.source if kinds else "=deploy"
        yield "change", {**base, "service": service, "kind": kind, "summary": summary, **more}
