"""What no single value shows: topics that collide, security that does not fit, models that cannot be built.

Works on the located tree rather than on the models, so that it also runs when the models refuse, and everything that
is wrong is told at once. What the models refuse is none of its business: wherever the tree has another form than
expected it is silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from floodmark.config import addresses, console_checks, detector_checks, gateway_checks, notify_checks, slips
from floodmark.config.formats import CARRIES
from floodmark.config.locate import Located, absent, items, quoted, text, values
from floodmark.config.mapping import ALWAYS, OPTIONAL, REQUIRED, Fields
from floodmark.config.models import Feedback, Kafka, KafkaSecurity, Topics
from floodmark.config.problems import Path, Problem, did_you_mean, dotted
from floodmark.config.quantities import budget, duration
from floodmark.signals import SignalName

_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", re.ASCII)
"""Kafka's rule (org.apache.kafka.common.internals.Topic)."""

SESSIONS = 4
"""Session timeouts for which a silent task may be waited for, at most."""

MANY = 100.0
"""False incidents a day, from which it is doubtful that anybody wants them."""

_SECURITY: Path = ("kafka", "security")
_SASL = ("sasl_mechanism", "username", "password", "oauth")
_TLS = ("ca_file", "check_hostname", "cert_file", "key_file", "key_password")


def check(tree: Located) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings, in no particular order."""
    errors = [
        *_topics(tree),
        *_formats(tree),
        *_fields(tree),
        *_security(tree),
        *_registry(tree),
        *_http(tree),
        *detector_checks.errors(tree),
        *notify_checks.errors(tree),
        *_patience(tree),
        *addresses.errors(tree),
        *console_checks.errors(tree),
        *gateway_checks.errors(tree),
        *slips.errors(tree),
    ]
    warnings = [
        *_services(tree),
        *_idle_security(tree),
        *_open_http(tree),
        *console_checks.warnings(tree),
        *gateway_checks.warnings(tree),
        *_shadowed(tree),
        *_odd(tree),
        *_budget(tree),
    ]
    warnings += [*detector_checks.warnings(tree), *notify_checks.warnings(tree)]
    warnings += [*addresses.warnings(tree), *slips.warnings(tree)]
    return errors, sorted(warnings, key=lambda p: (p.file, p.line, p.column))


def _topics(tree: Located) -> Iterator[Problem]:
    used: dict[str, tuple[Path, Located | None]] = {}
    ours: list[tuple[Path, FieldInfo]] = [(("topics", name), info) for name, info in Topics.model_fields.items()]
    if not absent(tree, "feedback"):
        ours.append((("feedback", "topic"), Feedback.model_fields["topic"]))
    for own, info in ours:
        here = tree.at(own)
        topic = text(here) if here is not None else str(info.default)
        if topic is None:
            continue
        yield from _topic_name(here, own, topic)
        if topic in used:
            first, where = used[topic]
            at = here or where or tree
            yield at.place.problem(own, f"is the same topic as {dotted(first)}", "each needs its own")
        else:
            used[topic] = (own, here)
    for index, item in enumerate(items(tree.at(("inputs",)))):
        path: Path = ("inputs", index, "topic")
        here = item.child("topic")
        topic = text(here)
        if here is None or topic is None:
            continue
        yield from _topic_name(here, path, topic)
        if topic not in used:
            used[topic] = (path, here)
            continue
        first, where = used[topic]
        if first[0] != "inputs":
            yield here.place.problem(
                path,
                f"{quoted(here)} is a topic that Floodmark writes ({dotted(first)})",
                "read another one",
            )
        else:
            line = f" ({where.place.file}:{where.place.line})" if where else ""
            yield here.place.problem(
                path, f"{quoted(here)} is read twice; it is already {dotted(first)}{line}", "one topic, one input"
            )


def _formats(tree: Located) -> Iterator[Problem]:
    """A format that cannot hold the signal which its input is said to be of."""
    carries: dict[str, tuple[SignalName, ...]] = dict(CARRIES.items())
    signals = {signal for some in carries.values() for signal in some}
    for index, item in enumerate(items(tree.at(("inputs",)))):
        here, signal = item.child("format"), text(item.child("signal"))
        name = text(here)
        if here is None or name not in carries or signal not in signals or signal in carries[name]:
            continue
        can = [format for format, some in carries.items() if signal in some]
        words = f"{name} messages hold no {signal}s, only {' and '.join(f'{some}s' for some in carries[name])}"
        yield here.place.problem(("inputs", index, "format"), words, f"for {signal}s: {', '.join(can)}")


def _fields(tree: Located) -> Iterator[Problem]:
    """A mapping that is missing or not asked for, and fields that the signal lacks or must have."""
    signals: dict[str, SignalName] = {signal: signal for signal in get_args(SignalName)}
    for index, item in enumerate(items(tree.at(("inputs",)))):
        path: Path = ("inputs", index)
        format, fields = item.child("format"), item.child("fields")
        signal = signals.get(text(item.child("signal")) or "")
        if signal is None:
            continue
        if fields is None:
            if format is not None and text(format) == "json":
                words = f"format json needs fields that say where things are: {', '.join(sorted(REQUIRED[signal]))}"
                yield format.place.problem((*path, "format"), words)
            continue
        if text(format) != "json":
            hint = "write format: json" if format is None else ""
            yield fields.place.problem((*path, "fields"), "only an input with format: json has fields", hint)
            continue
        given = set(fields.value) if isinstance(fields.value, dict) else set()
        needed = REQUIRED[signal] - ({"name", "value"} if "values" in given else set())
        if needed - given:
            words = f"a {signal} needs {', '.join(sorted(needed - given))} as well"
            yield fields.place.problem((*path, "fields"), words)
        allowed = REQUIRED[signal] | OPTIONAL[signal] | ALWAYS
        for name in sorted(given & Fields.model_fields.keys() - allowed):
            here = fields.child(name)
            if here is not None:
                words = f"{signal}s have no {name}"
                yield here.place.problem((*path, "fields", name), words, f"they have {', '.join(sorted(allowed))}")


def _patience(tree: Located) -> Iterator[Problem]:
    """No patience would give up whoever takes a breath; and by then somebody else has long spoken for who is gone."""
    path: Path = ("correlate", "patience")
    here = tree.at(path)
    session = _seconds(tree.at(("kafka", "session_timeout")), float(Kafka.model_fields["session_timeout"].default))
    patience = _seconds(here, 0.0)
    if here is None or patience is None or session is None:
        return
    if patience <= 0:
        yield here.place.problem(path, "0 gives up every detect task that takes a breath", "write 30s")
    elif patience > SESSIONS * session:
        words = f"{patience:g} s is more than {SESSIONS} times kafka.session_timeout ({session:g} s)"
        hint = f"after a session timeout somebody else speaks for the task; write at most {SESSIONS * session:g}s"
        yield here.place.problem(path, words, f"{hint}, or raise kafka.session_timeout")


def _seconds(here: Located | None, default: float) -> float | None:
    """A duration; None if it is none."""
    if here is None:
        return default
    try:
        return duration(here.value)
    except ValueError:
        return None


def _topic_name(here: Located | None, path: Path, topic: str) -> Iterator[Problem]:
    if here is None or not topic or _TOPIC.fullmatch(topic):
        return
    rule = "use at most 249 letters, digits, dots, dashes and underscores"
    if path[0] == "inputs" and re.search(r"[*?^$|]", topic):
        rule = "topics are named one by one; `floodmark init` lists those of a cluster"
    elif path[0] == "inputs" and re.search(r"[,;]|\w\s+\w", topic):
        rule = "an input has one topic; write an item for each"
    yield here.place.problem(path, f"{quoted(here)} is not a name that Kafka takes for a topic", rule)


def _security(tree: Located) -> Iterator[Problem]:
    here = tree.at(_SECURITY)
    if here is None or not isinstance(here.value, dict):
        return
    protocol, mechanism = here.child("protocol"), here.child("sasl_mechanism")
    word = _protocol(here)
    if word.startswith("SASL_"):
        bearer = text(mechanism) == "OAUTHBEARER" or (mechanism is None and here.child("oauth") is not None)
        for key in ("sasl_mechanism", *(("oauth",) if bearer else ("username", "password"))):
            if absent(here, key):
                place = protocol.place if protocol is not None else here.place
                yield place.problem((*_SECURITY, "protocol"), f"{word} needs {key}", f"set {_dotted(key)}")
    for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        below = here.child(key)
        if below is not None and below.value is not None and absent(here, other):
            yield below.place.problem((*_SECURITY, key), f"{key} needs {other}", f"set {_dotted(other)}")
    oauth = here.child("oauth")
    if oauth is not None and isinstance(oauth.value, dict):
        yield from _token_source(oauth)


def _token_source(oauth: Located) -> Iterator[Problem]:
    path: Path = (*_SECURITY, "oauth")
    file, url = oauth.child("token_file"), oauth.child("token_url")
    if absent(oauth, "token_file") and absent(oauth, "token_url"):
        message = "nothing says where the token comes from"
        yield oauth.place.problem(path, message, "set token_file, or token_url with client_id and client_secret")
    if url is None or not url.value:
        return
    if file is not None and file.value:
        yield url.place.problem((*path, "token_url"), "the token can come from one place only; token_file is set too")
        return
    for key in ("client_id", "client_secret"):
        if absent(oauth, key):
            yield url.place.problem((*path, "token_url"), f"token_url needs {key}", f"set {_dotted('oauth', key)}")
    try:
        parts = urlsplit(str(url.value))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        yield url.place.problem((*path, "token_url"), "is not an address of the web", "write https://…")
    elif parts.username is not None:
        message = "a user and password in the address would be shown in messages"
        yield url.place.problem((*path, "token_url"), message, "set client_id and client_secret instead")


def _registry(tree: Located) -> Iterator[Problem]:
    """How the schema registry is reached."""
    here = tree.child("schema_registry")
    if here is None or not isinstance(here.value, dict):
        return
    url = here.child("url")
    if url is not None and isinstance(url.value, str):
        try:
            parts = urlsplit(url.value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        path: Path = ("schema_registry", "url")
        if not usable:
            yield url.place.problem(path, "is not an address of the web", "write https://registry:8081")
        elif parts.username is not None:
            message = "a user and password in the address would be shown in messages"
            yield url.place.problem(path, message, "set username and password instead")
    needs = (("password", "username"), ("username", "password"), ("cert_file", "key_file"), ("key_file", "cert_file"))
    for key, other in needs:
        below = here.child(key)
        if below is not None and below.value is not None and absent(here, other):
            yield below.place.problem(("schema_registry", key), f"{key} needs {other}", f"set schema_registry.{other}")
    token = here.child("token")
    if token is not None and token.value is not None and not absent(here, "username"):
        yield token.place.problem(
            ("schema_registry", "token"), "either a token or a user name", "leave one of them out"
        )


def _idle_security(tree: Located) -> Iterator[Problem]:
    """Security settings that the protocol leaves unused, or that give away a secret: somebody believes to be safe."""
    here = tree.at(_SECURITY)
    if here is None or not isinstance(here.value, dict):
        return
    word = _protocol(here)
    if word not in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        return
    mechanism = text(here.child("sasl_mechanism"))
    encrypted = word.endswith("SSL")
    for key, below in here.value.items():
        path = (*_SECURITY, key)
        if below.value is None:
            continue
        if key in _SASL and not word.startswith("SASL_"):
            yield below.place.problem(path, f"is not used with the protocol {word}", "set protocol: SASL_SSL")
        elif key in _TLS and not encrypted:
            hint = f"set protocol: {word.replace('PLAINTEXT', 'SSL')}"
            yield below.place.problem(path, f"is not used with the protocol {word}", hint)
        elif key in ("username", "password") and mechanism == "OAUTHBEARER":
            yield below.place.problem(path, "is not used with OAUTHBEARER", f"set {_dotted('oauth')}")
        elif key == "oauth" and mechanism not in (None, "OAUTHBEARER"):
            yield below.place.problem(path, f"is not used with {mechanism}", "set sasl_mechanism: OAUTHBEARER")
        elif key == "key_password" and absent(here, "key_file"):
            yield below.place.problem(path, "is not used without key_file")
        elif key == "check_hostname" and below.value is False:
            message = "whoever has a certificate of the same authority can pose as a broker"
            yield below.place.problem(path, message, "name in kafka.brokers what the certificates name")
        elif key == "sasl_mechanism" and word == "SASL_PLAINTEXT" and mechanism in ("PLAIN", "OAUTHBEARER"):
            secret = "password" if mechanism == "PLAIN" else "token"
            message = f"{mechanism} over SASL_PLAINTEXT sends the {secret} readable to the network"
            yield below.place.problem(path, message, "use SASL_SSL" + (" or a SCRAM mechanism" * (secret != "token")))
    oauth = here.child("oauth")
    if oauth is not None and isinstance(oauth.value, dict):
        yield from _idle_token_source(oauth)


def _idle_token_source(oauth: Located) -> Iterator[Problem]:
    path: Path = (*_SECURITY, "oauth")
    url = text(oauth.child("token_url")) or ""
    for key in ("client_id", "client_secret", "scope", "ca_file"):
        below = oauth.child(key)
        if below is not None and below.value is not None and not url:
            yield below.place.problem((*path, key), "is not used without token_url")
    here = oauth.child("token_url")
    if here is not None and url.startswith("http://") and not _loopback(_host(url)):
        message = "http:// sends client_secret and the token readable to the network"
        yield here.place.problem((*path, "token_url"), message, "use https://")


def _protocol(security: Located) -> str:
    here = security.child("protocol")
    return text(here) or "" if here is not None else str(KafkaSecurity.model_fields["protocol"].default)


def _http(tree: Located) -> Iterator[Problem]:
    token = tree.at(("http", "token"))
    if token is not None and token.value == "":
        yield token.place.problem(("http", "token"), "an empty token protects nothing", "set one, or leave it out")


def _open_http(tree: Located) -> Iterator[Problem]:
    """/metrics tells topics, groups and volumes; who offers them to the network should know."""
    http = tree.at(("http",))
    host, enabled = tree.at(("http", "host")), tree.at(("http", "enabled"))
    if http is None or host is None or (enabled is not None and enabled.value is False):
        return
    address = text(host)
    if address is not None and not _loopback(address) and absent(http, "token"):
        message = f"/metrics is open to whoever reaches {quoted(host)}"
        yield host.place.problem(
            ("http", "host"), message, "set http.token, or let a firewall or NetworkPolicy guard it"
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _services(tree: Located) -> Iterator[Problem]:
    """Dependencies that are named nowhere else may be meant (a database that we do not run), or may be a slip."""
    services = tree.at(("services",))
    if services is None or not isinstance(services.value, dict):
        return
    for name, service in services.value.items():
        for index, below in enumerate(items(service.child("depends_on"))):
            path: Path = ("services", name, "depends_on", index)
            other = text(below)
            if other == name:
                yield below.place.problem(path, "a service that depends on itself says nothing", "remove it")
            elif other is not None and other not in services.value:
                known = "" if below.written is not None else did_you_mean(other, services.value)
                yield below.place.problem(
                    path,
                    f"{quoted(below)} is not among the services",
                    known or "add it, or leave it as an outer service",
                )


def _shadowed(tree: Located) -> Iterator[Problem]:
    """First match wins: nothing after an entry that matches everything is ever reached."""
    everything: dict[str, Any] = {"detectors": {}, "models": "*"}
    for section, all_of in everything.items():
        entries = items(tree.at((section,)))
        for index, item in enumerate(entries[:-1]):
            match = item.child("match")
            if isinstance(item.value, dict) and (match is None or values(match) in (all_of, None)):
                message = (
                    f"matches everything, so that {dotted((section, index + 1))} and what follows is never reached"
                )
                yield item.place.problem((section, index), message, "move it to the end, or give it a match")
                break


def _budget(tree: Located) -> Iterator[Problem]:
    path: Path = ("correlate", "false_incidents")
    here = tree.at(path)
    if here is None:
        return
    try:
        a_day = budget(here.value) * 86_400
    except ValueError:
        return  # the models say so
    if a_day >= MANY:
        message = f"{a_day:,.0f} false incidents a day open one for nearly every anomaly"
        yield here.place.problem(path, message, "write what people can look at, such as 1/week or 1/day")


def _odd(tree: Located) -> Iterator[Problem]:
    if not items(tree.at(("inputs",))):
        yield tree.place.problem((), "there are no inputs: nothing will be read", "add a topic under inputs:")
    yield from _unheard(tree)
    for index, item in enumerate(items(tree.at(("inputs",)))):
        rekey, signal = item.child("rekey"), text(item.child("signal"))
        if rekey is None or rekey.value is not True:
            continue
        if signal in ("prediction", "outcome"):
            message = f"says nothing for {signal}s: they always are, by their model"
            yield rekey.place.problem(("inputs", index, "rekey"), message, "leave it out")
        elif signal == "change":
            message = "says nothing for changes: every task hears of them"
            yield rekey.place.problem(("inputs", index, "rekey"), message, "leave it out")
        elif signal in ("alert", "action"):
            message = f"says nothing for {signal}s: they go where they are heard"
            yield rekey.place.problem(("inputs", index, "rekey"), message, "leave it out")


def _unheard(tree: Located) -> Iterator[Problem]:
    """Inputs that lead nowhere as long as something else is missing."""
    signals = [item.child("signal") for item in items(tree.at(("inputs",)))]
    said = [text(signal) for signal in signals]
    judged = not {"metric", "log", "span", "prediction"}.isdisjoint(said)
    for index, signal in enumerate(signals):
        if signal is None:
            continue
        path = ("inputs", index, "signal")
        if said[index] == "alert" and not judged:
            message = "alerts become incidents only beside metrics, logs, spans or predictions: by these, time goes on"
            yield signal.place.problem(path, message, "add an input of what is measured of the same services")
        if said[index] == "action" and tree.at(("actions",)) is None:
            message = "nobody listens to actions, so that they will be refused"
            yield signal.place.problem(path, message, "add actions: {}")


def _dotted(*keys: str) -> str:
    return dotted((*_SECURITY, *keys))
