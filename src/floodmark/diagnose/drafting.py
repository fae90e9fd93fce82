"""A commented config from what was guessed of topics, and the template that needs no cluster. Text only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from floodmark.config.models import Input, Kafka
from floodmark.diagnose.contents import Contents

_PLAIN: Final = re.compile(r"[A-Za-z_/][\w./-]*(?:\[\d+\])?")
_WORDS: Final = ("true", "false", "null", "yes", "no", "on", "off", "~")

_TAIL: Final = """
# Snapshots of what was learned: after a restart a task goes on exactly where it was.
state:
  store: floodmark-state          # a folder; s3://bucket/prefix, gs://… or az://… where several machines share the work
  # history: 6h                   # how far back a first start reads, silently, to learn

# How often each series may be odd by chance, and which deviations matter. The first detector that matches a series has
# it; a default one (1/day, both directions) follows the last.
# detectors:
#   - name: errors
#     match: {name: ["*error*", "*fail*"]}   # label: value, a list, or globs; name is the series' name
#     direction: up
#   - name: disks
#     match: {name: "*disk*used*percent*"}
#     limit: {above: 90}                     # told before it is reached, if the trend is clear

# Who calls whom, as far as spans do not say it: causes are ranked along it.
# services:
#   web: {depends_on: [checkout]}
#   checkout: {depends_on: [payment]}

correlate:
  false_incidents: 1/week         # the alert budget: how many incidents may be no more than chance

# /metrics, /healthz and /readyz on 127.0.0.1:9464; in a container:
# http: {host: 0.0.0.0, token: "${FLOODMARK_HTTP_TOKEN}"}

# Every key: docs/configuration.md
"""

_EXAMPLES: Final = """\
inputs:
  - topic: metrics
    signal: metric                # metric, log, span, prediction, outcome, change, alert or action
    format: auto                  # or its name: otlp_proto, telegraf_influx, … (docs/formats.md)
    # rekey: true                 # if the producers do not key by series
  - topic: logs
    signal: log
    format: auto
  # - topic: orders               # JSON of your own: say where things are
  #   signal: metric
  #   format: json
  #   fields:
  #     timestamp: created_at     # a path; left out, Kafka's time
  #     values: {orders_total: total}
  #     labels: {service: =shop, region: address.region}
  # - topic: deploys              # deploys, configuration, flags: the usual first question of an incident
  #   signal: change
"""


class Drafted(NamedTuple):
    """A topic and what becomes of it: an input with what it was seen to hold, or the reason why there is none."""

    topic: str
    source: Input | None
    found: Contents | None = None
    reason: str = ""
    remarks: Sequence[str] = ()


def draft(kafka: Kafka, secured: Sequence[str], topics: Sequence[Drafted]) -> str:
    """The config. `secured`: the lines of kafka.security, with ${NAME} where a secret is."""
    lines = [
        *_head("Written by `floodmark init` from what the topics held. Read it, mend what was guessed wrong, then:")
    ]
    lines += _kafka(kafka, secured)
    watched = [each for each in topics if each.source is not None]
    left = [each for each in topics if each.source is None]
    lines += ["", "# What to read. Each was tried on the newest records of its topic."]
    lines += ["inputs:"] if watched else ["inputs: []", "# Nothing could be guessed; see below."]
    for each in watched:
        assert each.source is not None
        lines += [f"  # {line}" for line in each.remarks]
        lines += _input(each.source)
    if left:
        lines += ["", "  # Not read, and why. Take out the #, and say what they hold, if you know:"]
    for each in left:
        lines += [
            f"  # {each.topic}: {each.reason}",
            f"  # - topic: {_scalar(each.topic)}",
            "  #   signal: …",
            "  #   format: …",
        ]
    return "\n".join(lines) + "\n" + _TAIL


def template(kafka: Kafka) -> str:
    """A config for who has no cluster at hand."""
    head = _head("A starting point, written by `floodmark init`. Name your topics, then:")
    return "\n".join([*head, *_kafka(kafka, ()), "", "# What to read."]) + "\n" + _EXAMPLES + _TAIL


def _head(first: str) -> list[str]:
    return [
        f"# {first}",
        "#",
        "#   floodmark check             every mistake at once, with its line",
        "#   floodmark topics create     the topics that Floodmark writes",
        "#   floodmark doctor            whether cluster, rights and inputs are as they should be",
        "#   floodmark run",
        "#",
        "# Durations are written 30s, 5m, 2h, 1d; budgets 1/week, 3/day; secrets ${NAME} or file:/run/secrets/name.",
        "",
    ]


def _kafka(kafka: Kafka, secured: Sequence[str]) -> list[str]:
    lines = ["kafka:", f"  brokers: [{', '.join(map(_scalar, kafka.brokers))}]"]
    lines.append(f"  group: {_scalar(kafka.group):<24}# prefix of the consumer groups")
    if secured:
        return [*lines, "  security:", *(f"    {line}" for line in secured)]
    return [
        *lines,
        "  # security:                   # for a protected cluster; the words are Kafka's",
        "  #   protocol: SASL_SSL",
        "  #   sasl_mechanism: SCRAM-SHA-512",
        "  #   username: floodmark",
        "  #   password: ${FLOODMARK_KAFKA_PASSWORD}",
    ]


def _input(source: Input) -> list[str]:
    lines = [f"  - topic: {_scalar(source.topic)}", f"    signal: {source.signal}"]
    if source.format != "native":
        lines.append(f"    format: {source.format}")
    if source.envelope != "none":
        lines.append(f"    envelope: {source.envelope}")
    if source.rekey:
        lines.append("    rekey: true                   # the producer does not key by series")
    if source.fields is not None:
        lines.append("    fields:                       # where things are in an event")
        for name, value in source.fields.model_dump(exclude_defaults=True).items():
            lines += _field(name, value)
    return lines


def _field(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"      {name}:", *(f"        {_scalar(key)}: {_scalar(str(path))}" for key, path in value.items())]
    return [f"      {name}: {_scalar(str(value))}"]


def _scalar(text: str) -> str:
    """As YAML: plain if that is plainly text, else in double quotes, in which JSON's escapes are YAML's."""
    plain = _PLAIN.fullmatch(text) or re.fullmatch(r"=?[A-Za-z][\w.-]*|[\w.-]+:\d+", text)
    if plain and text.lower() not in _WORDS and "${" not in text:
        return text
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)
