"""What people write who know other tools, and how it is written here: hints for values and keys that do not fit.

A hint is exact where the meaning is plain ("write 5m"), and shows the form where it is not. No hint repeats a value
that may be secret: whoever asks passes none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from floodmark.config.forms import FORMS, NUMBER
from floodmark.config.locate import Located, values
from floodmark.config.problems import nearest
from floodmark.config.promql import as_yaml as _flow
from floodmark.config.promql import selector_as_mapping
from floodmark.config.quantities import pattern

_TRUTH: Final[Mapping[str, str]] = {
    **dict.fromkeys(("yes", "y", "on", "1", "enabled", "enable"), "true"),
    **dict.fromkeys(("no", "n", "off", "0", "disabled", "disable"), "false"),
}
_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("metrics", "timeseries", "series", "gauge", "counter"), "metric"),
    **dict.fromkeys(("logs", "logging", "line", "lines", "syslog"), "log"),
    **dict.fromkeys(("trace", "traces", "tracing", "spans"), "span"),
    **dict.fromkeys(("deploy", "deploys", "deployment", "deployments", "release", "releases", "changes"), "change"),
    **dict.fromkeys(("alerts", "alarm", "alarms", "notification", "notifications"), "alert"),
    **dict.fromkeys(("actions", "acks", "acknowledgement", "button", "buttons"), "action"),
    **dict.fromkeys(("inference", "inferences", "predictions"), "prediction"),
    **dict.fromkeys(("truth", "label", "labels", "ground_truth", "outcomes"), "outcome"),
    **dict.fromkeys(("increase", "rise", "rising", "above", "high", "higher", "upper", "upwards"), "up"),
    **dict.fromkeys(("decrease", "fall", "falling", "below", "low", "lower", "downwards"), "down"),
    **dict.fromkeys(("any", "all", "either", "none", "updown"), "both"),
    **dict.fromkeys(("warn", "warnings"), "warning"),
    **dict.fromkeys(("trace_level", "verbose"), "debug"),
    **dict.fromkeys(("fatal", "critical", "err"), "error"),
    **dict.fromkeys(("console", "plain", "pretty", "human", "logfmt"), "text"),
    **dict.fromkeys(("newest", "end", "now", "latest_offset"), "latest"),
    **dict.fromkeys(("oldest", "beginning", "smallest", "start"), "earliest"),
    **dict.fromkeys(("tls", "mtls"), "SSL"),
    **dict.fromkeys(("sasl", "sasl_tls", "sasl-ssl"), "SASL_SSL"),
    **dict.fromkeys(("plain_text", "none_"), "PLAINTEXT"),
    **dict.fromkeys(("scram", "scram_sha_256", "scram-sha256", "scram256"), "SCRAM-SHA-256"),
    **dict.fromkeys(("scram_sha_512", "scram-sha512", "scram512"), "SCRAM-SHA-512"),
    **dict.fromkeys(("oauth", "oauth2", "oidc"), "OAUTHBEARER"),
    **dict.fromkeys(("debezium", "kafka_connect", "kafka-connect", "jsonconverter"), "connect"),
    **dict.fromkeys(("cloudevent", "ce"), "cloudevents"),
    **dict.fromkeys(("weekdays", "workdays"), "mon, tue, wed, thu, fri"),
    **dict.fromkeys(("weekend", "weekends"), "sat, sun"),
}
"""What people call what is one of a few words here; only those that are allowed where it stands are named."""
_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("otel", "opentelemetry", "open_telemetry", "otlp", "opentelemetry_collector"), "otlp"),
    **dict.fromkeys(("prometheus", "prom", "remote_write", "remotewrite", "openmetrics"), "prometheus"),
    **dict.fromkeys(("influx", "influxdb", "line_protocol", "telegraf"), "telegraf"),
    **dict.fromkeys(("collectd",), "collectd"),
    **dict.fromkeys(("graphite",), "graphite"),
    **dict.fromkeys(("vector", "vector_dev"), "vector"),
    **dict.fromkeys(("fluentd", "fluent", "fluent_bit", "td_agent"), "fluent"),
    **dict.fromkeys(("beats", "beat", "elastic", "ecs", "logstash"), "beat"),
    **dict.fromkeys(("syslogng", "syslog_ng", "rsyslog", "rfc5424", "rfc3164"), "syslog"),
    **dict.fromkeys(("docker", "containerd", "kubernetes", "k8s"), "cri"),
}
_KEYS: Final[Mapping[str, str]] = {
    "bootstrapservers": "brokers", "bootstrap": "brokers", "servers": "brokers", "hosts": "brokers",
    "brokerlist": "brokers", "groupid": "group", "consumergroup": "group", "autooffsetreset": "start",
    "sessiontimeoutms": "session_timeout", "groupinstanceid": "instance_id", "maxpollrecords": "max_poll_records",
    "securityprotocol": "protocol", "saslmechanism": "sasl_mechanism", "user": "username", "saslusername": "username",
    "saslpassword": "password", "ssl": "security", "tls": "security", "sasl": "security", "sslcafile": "ca_file",
    "cafile": "ca_file", "ca": "ca_file", "cert": "cert_file", "key": "key_file", "sslcertfile": "cert_file",
    "type": "signal", "kind": "signal", "data": "signal", "codec": "format", "decoder": "format", "parser": "format",
    "encoding": "format", "mapping": "fields", "path": "store", "dir": "store", "directory": "store",
    "folder": "store", "bucket": "store", "url": "store", "retention": "history", "lookback": "history",
    "selector": "match", "selectors": "match", "matchers": "match", "labels": "match", "where": "match",
    "threshold": "limit", "thresholds": "limit", "above": "limit", "below": "limit", "upper": "above", "lower": "below",
    "max": "above", "maximum": "above", "min": "below", "minimum": "below", "message": "body", "msg": "body",
    "text": "body", "level": "severity", "time": "timestamp", "ts": "timestamp", "date": "timestamp",
    "timeformat": "timestamp_format", "dateformat": "timestamp_format", "tz": "timezone", "metric": "name",
    "sensitivity": "false_alarms", "budget": "false_alarms", "alarms": "false_alarms", "pvalue": "false_alarms",
    "alpha": "false_alarms", "cooldown": "refractory", "learningrate": "adopt", "trend": "direction",
    "params": "parameters", "algorithm": "model", "detector": "model", "dependencies": "depends_on",
    "depends": "depends_on", "calls": "depends_on", "upstream": "depends_on", "loglevel": "level",
    "listen": "host", "address": "host", "bind": "host", "tags": "labels", "dimensions": "labels",
}  # fmt: skip
"""Keys of other tools, without dashes, dots and underscores, and ours; only those of the section are named."""
_LIMITS: Final = dict.fromkeys(("max", "min", "maximum", "minimum", "upper", "lower"), "limit")
_SECTIONS: Final[Mapping[str, str]] = {
    "topics": "inputs", "sources": "inputs", "consumers": "inputs", "detection": "detectors", "rules": "detectors",
    "alerts": "correlate", "storage": "state", "snapshots": "state", "server": "http", "metrics": "http",
    "log": "logging", "topology": "services", "dependencies": "services",
}  # fmt: skip


def of_value(here: Located, key: str, quantity: str | None, known: Sequence[str], wanted: str) -> str:
    """How a value that does not fit is written; empty if nobody can say.

    `known`: the words that are allowed, or the keys of the section that is expected. `wanted`: what is, in words.
    """
    value, section = here.value, "a section" in wanted
    if isinstance(value, str):
        if known and not section:
            hint = _choice(value, known)
        elif quantity in FORMS:
            hint = FORMS[quantity](value)
        else:
            hint = _text(value.strip(), key, wanted)
        return "" if hint == f"write {value.strip()}" else hint
    if isinstance(value, dict):
        return _mapping(value, key, wanted)
    if isinstance(value, list):
        return _list(here, key, wanted, "depends_on" in known)
    if value is True and section:
        return f"write {key}: {{}}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if quantity == "budget":
        return f"say in which time, as in {value}/week" if value >= 1 else ""
    if section and key in _ALONE:
        return f"write {key}: {_ALONE[key].format(value)}"
    if quantity == "clock" and value in range(25):
        return f'write "{value:02d}:00"'
    if re.search(r"(?:≤|<|to) (?:1|0\.5|1\.0)$", wanted) and 1 < value <= 100:
        return f"write {value / 100:g} for {value:g} %"
    return ""


def of_key(key: str, known: Sequence[str], parent: str = "") -> str:
    """What a key that is not known may be meant to be; empty if nobody can say. `parent`: the key of the section."""
    if key.startswith("-") and key[1:] in known:
        return "put a blank after the dash: - " + key[1:]
    if key in ("workers", "processes", "threads"):
        return "it is an option: floodmark run --workers N"
    if "\u00a0" in key:
        return "the line is indented with no-break spaces; use plain ones"
    if found := meant(key, known):
        return f"here it is {found!r}"
    first, dot, rest = key.partition(".")
    if dot and first in known:
        return f"write {first}: and below it, indented, {rest}:"
    if dot and first == parent and rest in known:
        return f"write {rest}: it stands in {parent} already"
    return ""


def meant(key: str, known: Sequence[str]) -> str | None:
    """The key of ours that another tool's stands for, if the section has it."""
    flat = re.sub(r"[-_. ]", "", key).lower()
    same = next((name for name in known if name.replace("_", "") == flat), None)
    found = (
        same
        or _KEYS.get(flat)
        or (_LIMITS.get(flat) if "limit" in known else None)
        or (_SECTIONS.get(flat) if "inputs" in known else None)
    )
    return found if found in known else None


def _choice(value: str, choices: Sequence[str]) -> str:
    word = value.strip().lower()
    if "earliest" in choices and re.match(r"-?\d", word):
        return "earliest judges all that is there; how far back is learned from is state.history"
    if word in ("gssapi", "kerberos"):
        return "Kerberos is not spoken here"
    found = _WORDS.get(word) or _WORDS.get(word.replace("-", "_"))
    if found is not None and all(part in choices for part in found.split(", ")):
        return f"write {found}"
    if "up" in choices and (trend := re.match(r"(increas|rais|grow|ris)|(decreas|drop|shrink|fall|lower)", word)):
        return f"write {'up' if trend[1] else 'down'}"
    days = [choice for choice in choices if len(choice) == 3 and word.startswith(choice)]
    if days and word.isalpha():
        return f"write {days[0]}"
    family = _FAMILIES.get(re.sub(r"[- .]", "_", word))
    some = [choice for choice in choices if family and family in choice] or [
        choice for choice in choices if len(word) > 2 and choice.startswith(word)
    ]
    if some:
        return f"write {' or '.join(some)}"
    if "native" in choices:
        return "docs/formats.md has the formats; auto tells which it is, json takes any JSON by a mapping"
    near = nearest(value, choices)
    return f"did you mean {near!r}?" if near else ""


_ALONE: Final[Mapping[str, str]] = {
    "limit": "{{above: {0}}} or {{below: {0}}}",
    "min_deviation": "{{absolute: {0}}}, in the unit of the series, or {{relative: {0}}} (1 is 100 %)",
    "false_discoveries": "{{rate: {0}}}",
    "http": "{{port: {0}}}",
}
"""What a number alone may mean where a section is expected."""


def _text(value: str, key: str, wanted: str) -> str:
    """A text where something else is expected."""
    if wanted.startswith("true or false"):
        truth = _TRUTH.get(value.lower())
        return f"write {truth}" if truth else ""
    if "number" in wanted:
        return _number(value, wanted)
    if "list" in wanted:
        return _text_for_list(value, key, wanted)
    if re.match(r"[\w.-]+:\S", value) and ("section" in wanted or "mapping" in wanted):
        return "put a blank after the colon"
    if "a section" in wanted and key == "masks":
        return _mask(value)
    if "mapping" in wanted and key == "match":
        plain = re.fullmatch(r"[\w.*?-]+", value)
        return selector_as_mapping(value) or (f"write match: {{name: {_flow(value)}}}" if plain else "")
    if "mapping" in wanted and key == "labels":
        return f"write labels: {{{value}: {value}}}"
    if "a section" in wanted and key == "inputs":
        return f"write - topic: {value}, and below it signal: …"
    if "a section" in wanted and key == "feedback":
        return f"write feedback: {{topic: {value}}}"
    return ""


_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _mask(value: str) -> str:
    """A regular expression where a mask is expected, which has a name; and what is wrong with it itself."""
    try:
        pattern(value)
    except ValueError as error:
        return f"a mask is written - name: …, pattern: …, and in this one {str(error).partition('expression: ')[2]}"
    return f"write - name: …, and below it pattern: {value!r}"


def _number(value: str, wanted: str) -> str:
    if share := re.fullmatch(rf"{NUMBER}\s*%", value):
        return f"write {float(share[1].replace(',', '.')) / 100:g} for {value}, or the number in the unit of the series"
    plain = value.replace("_", "").replace(" ", "")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        return f"write {plain.replace(',', '')}"
    if re.fullmatch(r"-?\d+,\d+", plain):
        return f"write {plain.replace(',', '.')}"
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([kKMG])", plain):
        return f"write {float(found[1]) * {'k': 1e3, 'm': 1e6, 'g': 1e9}[found[2].lower()]:.0f}"
    if found := re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*([^\d\s]\S*)", value):
        counts = "it counts, and has no unit" if "whole" in wanted else "in the unit in which the series is sent"
        return f"write the number alone, {counts}"
    return ""


def _text_for_list(value: str, key: str, wanted: str) -> str:
    if key == "masks":
        return _mask(value)
    if key == "heads" and value.lower() in ("all", "*", "any", "default"):
        return "leave heads out for all of them"
    if hours := re.fullmatch(r"(\d{1,2}:\d\d)\s*(?:-|\u2013|to)\s*(\d{1,2}:\d\d)", value):
        return f'write {key}: [{{from: "{hours[1]}", to: "{hours[2]}"}}]'
    if key == "inputs":
        return f"write - topic: {value}, and below it signal: …"
    if "section" in wanted or wanted == "a list":
        return f"begin each item of {key} with a dash: - key: value"
    days = re.fullmatch(r"([a-z]{3})[a-z]*\s*(?:-|\u2013|to)\s*([a-z]{3})[a-z]*", value.lower())
    if days and days[1] in _WEEK and days[2] in _WEEK:
        first, count = _WEEK.index(days[1]), (_WEEK.index(days[2]) - _WEEK.index(days[1])) % 7 + 1
        return f"write {key}: [{', '.join((_WEEK * 2)[first : first + count])}]"
    if value.lower() in _WORDS and "mon" in wanted:
        return f"write {key}: [{_WORDS[value.lower()]}]"
    parts = [part for part in re.split(r"[,;\s]+", value) if part]
    return f"write {key}: [{', '.join(parts)}]"


def _mapping(value: Mapping[str, Located], key: str, wanted: str) -> str:
    if wanted.startswith("text or a list of text"):
        return "labels stand directly below match, as label: value"
    if key == "masks":
        return f"write - name: {next(iter(value), 'x')}, and below it pattern: …"
    if key == "depends_on":
        return "write the name alone"
    if key == "brokers":
        return "write host:port, as in brokers: [kafka:9092]"
    if "list" in wanted:
        first = next(iter(value), "")
        if first.startswith("-"):
            return f"put a blank after the dash: - {first.lstrip('-').strip()}"
        if len(value) and all(isinstance(below.value, dict) for below in value.values()):
            name = "topic" if key == "inputs" else "name"
            return f"a list of items, each with a dash; its name goes into it: - {name}: {first}"
        return f"begin each item with a dash: - {first}: …" if first else ""
    return ""


def _list(here: Located, key: str, wanted: str, service: bool) -> str:
    items = values(here)
    plain = bool(items) and all(isinstance(item, str | int | float) for item in items)
    if key == "topic" and plain:
        return f"an input has one topic; write an item for each: - topic: {items[0]}"
    if wanted.startswith("one of"):
        both = key == "direction" and sorted(map(str, items)) == ["down", "up"]
        return "write both" if both else f"an input has one {key}; write an item for each" if key == "signal" else ""
    if key == "match":
        return f"write match: {{name: [{', '.join(map(_flow, map(str, items)))}]}}" if plain else "remove the dash"
    if key == "labels" and plain:
        return f"write labels: {{{', '.join(f'{item}: {item}' for item in items)}}}"
    if key == "services" and not plain:
        return "each service is a key: web: {depends_on: [db]}"
    if wanted == "a mapping" and plain:
        return f"write each as a key: {items[0]}: {{}}"
    if service and plain:
        return f"write {key}: {{depends_on: [{', '.join(map(str, items))}]}}"
    if "a section" in wanted:
        return f"{key} is one section, no list: remove the dash{'es' * (len(items) != 1)}"
    return ""
