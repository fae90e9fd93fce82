"""What no single value of `gateway` shows: sources that prove nothing, topics that nobody reads, open secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from floodmark.config.gateway import Gateway
from floodmark.config.http import Http
from floodmark.config.locate import Located, absent, items, text
from floodmark.config.models import Topics
from floodmark.config.problems import Path, Problem, dotted

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}", re.ASCII)
_TAKEN: Final = ("healthz", "metrics", "readyz")
_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", re.ASCII)
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_SHORT: Final = 16
"""A shorter secret can be guessed."""
_ONLY_SIGN: Final = ("mlflow", "pagerduty", "slack")

_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "alertmanager": ("alertmanager", "alert"),
    "argocd": ("argocd", "change"),
    "docker": ("docker_event", "change"),
    "gitlab": ("gitlab", "change"),
    "grafana": ("alertmanager", "alert"),
    "jenkins": ("jenkins", "change"),
    "jira": ("jira", "action"),
    "kibana": ("kibana", "alert"),
    "mlflow": ("mlflow", "change"),
    "newrelic": ("newrelic", "alert"),
    "openlineage": ("openlineage", "change"),
    "opsgenie": ("opsgenie", "action"),
    "pagerduty": ("pagerduty", "action"),
    "prometheus_remote_write": ("prometheus_remote_write", "metric"),
    "slack": ("slack", "action"),
    "wandb": ("wandb", "change"),
}
"""The format and the signal of an input that reads what a kind sends."""
_ANY: Final = ("auto", "json", "native")
"""Formats that may fit whatever is sent, since its sender can be given a template."""


def errors(tree: Located) -> Iterator[Problem]:
    here = tree.child("gateway")
    if here is None or not isinstance(here.value, dict):
        return
    for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        below = here.child(key)
        if below is not None and below.value is not None and absent(here, other):
            yield below.place.problem(("gateway", key), f"{key} needs {other}", f"set gateway.{other}")
    port = here.child("port")
    if port is not None and port.value and port.value == _port(tree):
        message = "the endpoint of /metrics of the engine has this port too"
        yield port.place.problem(("gateway", "port"), message, "write another one, such as 9465")
    ours = {text(tree.at(("topics", name))) or info.default: name for name, info in Topics.model_fields.items()}
    if not absent(tree, "feedback"):
        ours[text(tree.at(("feedback", "topic"))) or "floodmark.feedback"] = ""
    for name, source in _sources(here):
        path: Path = ("gateway", "sources", name)
        place = here.child("sources").keys.get(name, source.place)  # type: ignore[union-attr]
        if not _NAME.fullmatch(name) or name in _TAKEN:
            message = "is a path of the gateway itself" if name in _TAKEN else "cannot be a path: it becomes /NAME"
            yield place.problem(path, message, "use letters, digits, dots and dashes, as in gitlab or team-a.jira")
        opened = source.child("open")
        if _nothing(source, "secret") and not (opened is not None and opened.value is True):
            message = "takes what anybody posts: it has no secret"
            yield place.problem(path, message, "set secret, or open: true where something before it checks")
        previous = source.child("previous")
        if previous is not None and previous.value and _nothing(source, "secret"):
            yield previous.place.problem((*path, "previous"), "previous needs secret", f"set {dotted(path)}.secret")
        header = source.child("header")
        written = text(header)
        if header is not None and written is not None and not _HEADER.fullmatch(written):
            yield header.place.problem((*path, "header"), "is no name of a header", "write one such as X-Api-Key")
        topic = source.child("topic")
        word = text(topic)
        if topic is None or word is None:
            continue
        if word in ours:
            owner = f" (topics.{ours[word]})" if ours[word] else ""
            message = f"{word!r} is a topic that Floodmark writes{owner}" if topic.written is None else "is one of ours"
            yield topic.place.problem((*path, "topic"), message, "what is posted needs a topic of its own")
        elif word and not _TOPIC.fullmatch(word):
            rule = "use at most 249 letters, digits, dots, dashes and underscores"
            yield topic.place.problem((*path, "topic"), "is not a name that Kafka takes for a topic", rule)


def warnings(tree: Located) -> Iterator[Problem]:
    here = tree.child("gateway")
    if here is None or not isinstance(here.value, dict):
        return
    host = here.child("host")
    if host is not None and not _loopback(text(host) or ""):
        if absent(here, "cert_file"):
            message = "tokens and bodies cross the network readable, unless a proxy before it does TLS"
            yield host.place.problem(("gateway", "host"), message, "set cert_file and key_file, or bind loopback")
        if absent(tree.child("http") or here, "token"):
            message = "/metrics of the gateway is open to whoever reaches it"
            yield host.place.problem(("gateway", "host"), message, "set http.token")
    inputs = {text(each.child("topic")): each for each in items(tree.at(("inputs",)))}
    for name, source in _sources(here):
        path: Path = ("gateway", "sources", name)
        yield from _odd_proof(source, path)
        kind, topic = text(source.child("kind")), source.child("topic")
        format, signal = _FORMATS.get(kind or "", ("native", "change"))
        if topic is None or text(topic) is None:
            continue
        read = inputs.get(text(topic))
        if read is None:
            hint = f"add under inputs: {{topic: {text(topic)}, signal: {signal}, format: {format}}}"
            yield topic.place.problem((*path, "topic"), "nobody reads this topic", hint)
            continue
        found = text(read.child("format")) or "native"
        if kind in _FORMATS and found not in (format, *_ANY):
            message = f"its input has the format {found}, and {kind} sends {format}"
            yield topic.place.problem((*path, "topic"), message, f"write format: {format} in the input")
        rekey = read.child("rekey")
        if kind == "prometheus_remote_write" and (rekey is None or rekey.value is not True):
            message = "remote write has no keys, so one series would come on several partitions"
            yield topic.place.problem((*path, "topic"), message, "write rekey: true in the input")


def _odd_proof(source: Located, path: Path) -> Iterator[Problem]:
    """Settings that say nothing, and secrets that protect little. No secret is shown."""
    secret, previous, opened = source.child("secret"), source.child("previous"), source.child("open")
    if opened is not None and opened.value is True and not _nothing(source, "secret"):
        yield opened.place.problem((*path, "open"), "with open: true the secret is not asked for", "leave open out")
    for key, here in (("secret", secret), ("previous", previous)):
        if here is not None and isinstance(here.value, str) and 0 < len(here.value) < _SHORT:
            message = f"is shorter than {_SHORT} characters: it can be guessed"
            yield here.place.problem((*path, key), message, "make one: openssl rand -hex 32")
    if secret is not None and previous is not None and secret.value and secret.value == previous.value:
        yield previous.place.problem((*path, "previous"), "is the secret that there is", "remove it")
    kind = text(source.child("kind"))
    if kind in _ONLY_SIGN:
        for key in ("username", "header"):
            below = source.child(key)
            if below is not None and below.value is not None:
                yield below.place.problem((*path, key), f"says nothing: {kind} signs", "remove it")


def _sources(here: Located) -> Iterator[tuple[str, Located]]:
    sources = here.child("sources")
    if sources is not None and isinstance(sources.value, dict):
        yield from ((name, source) for name, source in sources.value.items() if isinstance(source.value, dict))


def _nothing(source: Located, key: str) -> bool:
    here = source.child(key)
    return here is None or here.value in (None, "")


def _port(tree: Located) -> object:
    """The engine's own port; None if that endpoint is off, or at another address."""
    enabled = tree.at(("http", "enabled"))
    if enabled is not None and enabled.value is False:
        return None
    hosts = {
        text(tree.at((name, "host"))) or str(model.model_fields["host"].default)
        for name, model in (("http", Http), ("gateway", Gateway))
    }
    port = tree.at(("http", "port"))
    return (port.value if port is not None else Http.model_fields["port"].default) if len(hosts) == 1 else None


def _loopback(host: str) -> bool:
    try:
        return host in ("localhost", "") or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
