"""An AsyncAPI 3.0 document of the topics that we read natively and write: `schemas/asyncapi.json`.

Bodies are described by the JSON Schemas beside it. What it says of topics is what the config's models say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from floodmark import __version__
from floodmark.config.models import Feedback, Topics
from floodmark.decode import native_schemas
from floodmark.events import TYPES, body_schemas
from floodmark.letters import HEADERS

FEEDBACK: Final = "feedback"
DEAD_LETTERS: Final = "dead_letters"
_FORMAT: Final = "application/schema+json;version=2020-12"
_KAFKA: Final = "0.5.0"
"""Version of AsyncAPI's bindings for Kafka."""
_STEMS: Final = {"change": "change-notice", "config": "config-loaded"}
"""Messages whose schema is called otherwise."""
_FOR_EVER: Final = {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1}
_NEWEST: Final = {"cleanup.policy": ["compact"]}


class _Channel(NamedTuple):
    """What is not said by the config's models. `writes`, `reads`: who does so beside `floodmark run`."""

    key: str
    messages: Sequence[str]
    retention: str
    configuration: dict[str, Any]
    writes: str
    reads: str


_CHANNELS: Final = {
    "alerts": _Channel(
        "The incident's id.",
        ["incident"],
        "The newest revision of an incident says everything, so it may be compacted; keep it for as long as incidents "
        "are to be looked up.",
        {},
        "`floodmark run` (correlate)",
        "`floodmark notify`, `floodmark incidents`, `floodmark.client`, your own tools",
    ),
    "anomalies": _Channel(
        "Of anomalies the scope, of watermarks the task, of changes the service. Watermarks, changes and actions go to "
        "every partition.",
        ["anomaly", "change", "dependencies", "watermark", "absence", "series-sample", "action"],
        "Hours are enough for the engine; keep it for as long as incidents are to be looked at with their points.",
        {},
        "`floodmark run` (detect, route, correlate)",
        "`floodmark run` (correlate), `floodmark incidents show`, `floodmark notify` (changes)",
    ),
    "actions": _Channel(
        "The incident's id; of what is about none (a silence, an override) its own id.",
        ["action", "action-outcome"],
        "Unlimited: it is the audit trail, and who begins to listen reads all of it.",
        _FOR_EVER,
        "`floodmark act`, `floodmark gateway`, `floodmark.client`, your own tools; outcomes: `floodmark run`",
        "`floodmark run`, `floodmark notify`, `floodmark incidents`, `floodmark actions`",
    ),
    "deliveries": _Channel(
        "What was told, and to whom.",
        ["delivery"],
        "Compacted: the newest of each key holds.",
        _NEWEST,
        "`floodmark notify`",
        "`floodmark notify`, at its start",
    ),
    "model_requests": _Channel(
        "The model.",
        ["model-request"],
        "As long as a request may wait for who carries it out.",
        {},
        "`floodmark models`, your own tools",
        "`floodmark notify`, Airflow, your own tools",
    ),
    "reports": _Channel(
        "The model and its version as MODEL@VERSION, or the process as config:PROCESS.",
        ["model-report", "config"],
        "Compacted: the newest of each key holds.",
        _NEWEST,
        "`floodmark run`",
        "`floodmark console`, your own tools",
    ),
    "audit": _Channel(
        "The chain: GROUP/TOPIC/PARTITION of what is audited.",
        ["audit-entry"],
        "Unlimited: it is what was done. One partition, or few.",
        _FOR_EVER,
        "`floodmark run` (audit)",
        "`floodmark run` (audit), at its start; `floodmark audit`",
    ),
    DEAD_LETTERS: _Channel(
        "The key that the input had.",
        ["dead-letter"],
        "As long as somebody may mend a producer and send them again.",
        {},
        "`floodmark run`",
        "`floodmark dead-letters`, `floodmark top`",
    ),
    "model_events": _Channel(
        "The model.",
        ["prediction", "inference", "outcome", "watermark"],
        "Internal. Longer than `models[].join` and `state.history`.",
        {},
        "`floodmark run` (route)",
        "`floodmark run` (detect)",
    ),
    "rekeyed": _Channel(
        "The series, log source or service.",
        ["metric", "histogram", "log", "span"],
        "Internal. Longer than `state.history`.",
        {},
        "`floodmark run` (route)",
        "`floodmark run` (detect)",
    ),
}


def asyncapi() -> dict[str, Any]:
    """The document."""
    fields = Topics.model_fields
    channels: dict[str, Any] = {
        name: _channel(name, str(fields[name].default), str(fields[name].description), _CHANNELS[name])
        for name in fields
    }
    channels[FEEDBACK] = _feedback()
    inputs = native_schemas()
    channels |= {f"input-{signal}": _input(signal) for signal in inputs}
    operations: dict[str, Any] = {}
    for name in channels:
        if name in _CHANNELS:
            operations[f"write-{name}"] = _operation("send", name, f"Written by {_CHANNELS[name].writes}.")
        if name == FEEDBACK:
            operations[f"write-{name}"] = _operation("send", name, "Written by `floodmark feedback`, `floodmark act`.")
        if name != DEAD_LETTERS:
            who = _CHANNELS[name].reads if name in _CHANNELS else "`floodmark run`"
            operations[f"read-{name}"] = _operation("receive", name, f"Read by {who}.")
    schemas = body_schemas()
    messages = {_short(kind): _event(kind, body, schemas) for kind, body in TYPES.items()}
    messages["dead-letter"] = _dead_letter()
    messages["feedback"] = _plain("feedback", "What somebody says of the anomalies of a series", "feedback.schema.json")
    for signal in inputs:
        title = f"A {signal}, or an array of them, in the native format"
        messages[f"input-{signal}"] = _plain(f"input-{signal}", title, f"input-{signal}.schema.json")
    return {
        "asyncapi": "3.0.0",
        "id": "urn:floodmark:topics",
        "info": {
            "title": "Floodmark's topics",
            "version": __version__,
            "description": "What Floodmark reads in its native format and what it writes, over Apache Kafka. Addresses "
            "are the defaults; `topics` in the config names others. Events are CloudEvents 1.0 in Kafka's binary mode. "
            "New fields may come with any release, so a reader ignores what it does not know.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(name: str, address: str, description: str, channel: _Channel) -> dict[str, Any]:
    configuration = {"topicConfiguration": channel.configuration} if channel.configuration else {}
    return {
        "address": address,
        "title": name.replace("_", " ").capitalize(),
        "description": f"{description}\n\nRetention: {channel.retention}\n\nWritten by {channel.writes}. "
        f"Read by {channel.reads}.\n\nKey: {channel.key}",
        "messages": _references(channel.messages),
        "bindings": {"kafka": {"topic": address, **configuration, "bindingVersion": _KAFKA}},
    }


def _feedback() -> dict[str, Any]:
    address = str(Feedback.model_fields["topic"].default)
    partitions = {"partitions": 1, "topicConfiguration": _FOR_EVER}
    return {
        "address": address,
        "title": "Feedback",
        "description": "What people say of anomalies, if the config has `feedback`.\n\nRetention: unlimited, since its "
        "history is the audit trail.\n\nKey: none; the topic has one partition.",
        "messages": _references(["feedback"]),
        "bindings": {"kafka": {"topic": address, **partitions, "bindingVersion": _KAFKA}},
    }


def _input(signal: str) -> dict[str, Any]:
    return {
        "address": None,
        "title": f"Input: {signal}",
        "description": f"A topic of `inputs` with `signal: {signal}` and `format: native`, whatever it is called. "
        "Other formats are described in docs/formats.md.\n\nKey: of one series always the same, or `rekey: true`.",
        "messages": _references([f"input-{signal}"]),
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _references(names: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _event(kind: str, body: type, schemas: dict[str, Any]) -> dict[str, Any]:
    """A message of ours. Bodies of internal topics have no schema: they may change with any release."""
    name = _short(kind)
    stem = _STEMS.get(name, name)
    described = (body.__doc__ or "").strip()
    text = {"type": "string"}
    message: dict[str, Any] = {
        "name": kind,
        "title": described.split("\n\n")[0].replace("\n    ", " "),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": {**text, "description": "Unique for its source; a record that comes again has the same."},
                "ce_source": {
                    **text,
                    "description": "The task that made it, or the way by which it came.",
                },
                "ce_type": {"type": "string", "const": kind},
                "ce_time": {"type": "string", "format": "date-time", "description": "Event time."},
                "ce_subject": {**text, "description": "What it is about."},
                "content-type": {"type": "string", "const": "application/json"},
            },
        },
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _KAFKA}},
    }
    if stem in schemas:
        message["payload"] = _schema(f"{stem}.schema.json")
    else:
        message["payload"] = {"type": "object", "description": "Internal: it may change with any release."}
    return message


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "dead-letter",
        "title": "Input that could not be used, untouched",
        "description": "Key, value and headers are those of the input; of an element of an array the value is that.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": said} for name, said in HEADERS.items()},
        },
    }


def _plain(name: str, title: str, schema: str) -> dict[str, Any]:
    return {"name": name, "title": title, "contentType": "application/json", "payload": _schema(schema)}


def _schema(file: str) -> dict[str, Any]:
    return {"schemaFormat": _FORMAT, "schema": {"$ref": f"./{file}"}}


def _short(kind: str) -> str:
    """dev.floodmark.change.v1 → change"""
    return kind.removeprefix("dev.floodmark.").rpartition(".")[0]
