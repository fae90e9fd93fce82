"""Whether a request proves that it comes from its source. Pure: the time is an argument, and nothing is ever raised.

A sender signs (an HMAC over the body, most with a time), or shows a secret in a header. What its kind can do is tried
by the headers that it sent; one proof is enough, but what is signed and late is refused whatever else it shows. Secrets
are compared in constant time, and no sentence here holds one, nor the value of a header.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from floodmark.config.gateway import Source, SourceKind

Reason = Literal["unproven", "forged", "late"]
"""unproven: it shows nothing. forged: what it shows is wrong. late: right once, but older than `tolerance`."""


class Accepted(NamedTuple):
    """Who sent it is proven. `by` says how; `id` is what a repetition of it has too, empty if nothing is known by."""

    by: Literal["signature", "token", "open"]
    id: str


class Refusal(NamedTuple):
    """It is not, in words."""

    reason: Reason
    words: str


class _Request(NamedTuple):
    source: Source
    headers: Mapping[str, str]
    body: bytes
    now: float
    secrets: tuple[bytes, ...]

    def header(self, name: str) -> str:
        return self.headers.get(name) or ""


_Way = Callable[[_Request], Accepted | Refusal | None]
"""One way to prove it; None if the request does not try that one."""

_MILLISECONDS: Final = 100_000_000_000
"""A time beyond this many seconds (the year 5138) is one in milliseconds."""
_TIME: Final = re.compile(r"[0-9]{1,13}", re.ASCII)
_PARTS: Final = 20
"""Most signatures of one header that are looked at: a list has two while a secret is being changed."""
_PREFIX: Final = "whsec_"


def verify(source: Source, headers: Mapping[str, str], body: bytes, now: float) -> Accepted | Refusal:
    """Whether the request is proven. `headers` are asked by lower-case name; `now` counts seconds since the epoch."""
    if source.open:
        return Accepted("open", _told_id(source.kind, headers))
    secrets = tuple(_bytes(secret) for secret in _written(source) if secret)
    request = _Request(source, headers, body, now, secrets)
    first: Refusal | None = None
    accepted: Accepted | None = None
    for way in _WAYS[source.kind]:
        outcome = way(request)
        if isinstance(outcome, Refusal):
            if outcome.reason == "late":
                return outcome
            first = first or outcome
        else:
            accepted = accepted or outcome
    return accepted or first or Refusal("unproven", f"the request proves nothing: {_expected(source)}")


def _written(source: Source) -> Iterator[str]:
    for secret in (source.secret, source.previous):
        if secret is not None:
            yield secret.get_secret_value()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _macs(keys: Sequence[bytes], signed: bytes) -> list[bytes]:
    return [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]


def _any(shown: Sequence[bytes], right: Sequence[bytes]) -> bool:
    """Whether one of those that are shown is right. Looks at all of them, whatever comes out."""
    found = False
    for one in shown:
        for other in right:
            found |= hmac.compare_digest(one, other)
    return found


def _digest(*parts: bytes) -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def _mac_of(text: str) -> bytes:
    """An HMAC as it is written in a header, in hex or base64; empty if it is neither."""
    if len(text) != 64:
        return _of_base64(text)
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _of_base64(text: str) -> bytes:
    """What is written so; empty if it is not, or not as an encoder would write it, which leaves no bit open."""
    try:
        found = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return found if base64.b64encode(found) == _bytes(text) else b""


def _told_id(kind: SourceKind, headers: Mapping[str, str]) -> str:
    """What the sender says a delivery is known by; believed where the sender is."""
    for name in _IDS.get(kind, ()):
        if told := headers.get(name):
            return f"{name}:{told[:200]}"
    return ""


def _when(request: _Request, name: str) -> tuple[str, Refusal | None]:
    """The time that a header says, as it is written, and what is wrong with it."""
    text = request.header(name)
    if not text:
        return "", Refusal("unproven", f"{name} is missing")
    if not _TIME.fullmatch(text):
        return "", Refusal("forged", f"{name} is no time in seconds")
    seconds = int(text)
    seconds = seconds // 1000 if seconds > _MILLISECONDS else seconds
    off = request.now - seconds
    if abs(off) > request.source.tolerance:
        words = f"{name} is {abs(off):.0f} s {'old' if off > 0 else 'ahead of our clock'}"
        return text, Refusal("late", f"{words}; the most is {request.source.tolerance:.0f} s")
    return text, None


def _settled(
    request: _Request, name: str, shown: Sequence[str], keys: Sequence[bytes], signed: bytes
) -> Refusal | None:
    """What is wrong with the signatures that a header shows; None if one of them is right."""
    found = [mac for mac in map(_mac_of, shown[:_PARTS]) if mac]
    if _any(found, _macs(keys, signed)):
        return None
    return Refusal("forged", f"the signature in {name} is not that of this body and our secret")


def _body_signed(name: str, prefix: str = "", *, known: bool = True) -> _Way:
    """HMAC of the body alone. `prefix` comes before each signature of the list; `known`: a body is never sent twice."""

    def way(request: _Request) -> Accepted | Refusal | None:
        text = request.header(name)
        if not text:
            return None
        parts = [part.strip() for part in text.split(",")]
        shown = [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]
        wrong = _settled(request, name, shown, request.secrets, request.body)
        return wrong or Accepted("signature", _digest(request.body) if known else "")

    return way


def _slack(request: _Request) -> Accepted | Refusal | None:
    """v0= HMAC of v0:time:body."""
    name = "x-slack-signature"
    text = request.header(name)
    if not text:
        return None
    time, wrong = _when(request, "x-slack-request-timestamp")
    if time:
        signed = b"v0:" + time.encode() + b":" + request.body
        shown = [text.removeprefix("v0=")] if text.startswith("v0=") else []
        wrong = _settled(request, name, shown, request.secrets, signed) or wrong
    return wrong or Accepted("signature", _digest(time.encode(), request.body))


def _grafana(request: _Request) -> Accepted | Refusal | None:
    """HMAC of the body, or of time:body where a header for the time is set up."""
    name = "x-grafana-alerting-signature"
    text = request.header(name)
    if not text:
        return None
    at = next((each for each in _GRAFANA_TIMES if request.header(each)), "")
    if not at:
        wrong = _settled(request, name, [text.strip()], request.secrets, request.body)
        return wrong or Accepted("signature", _digest(request.body))
    time, wrong = _when(request, at)
    if time:
        wrong = _settled(request, name, [text.strip()], request.secrets, time.encode() + b":" + request.body) or wrong
    return wrong or Accepted("signature", _digest(time.encode(), request.body))


def _identified(name: str, id: str, at: str, separator: str | None = None) -> _Way:
    """Standard Webhooks: v1, and the base64 of the HMAC of id.time.body. `separator` parts a list of them."""

    def way(request: _Request) -> Accepted | Refusal | None:
        text = request.header(name)
        if not text:
            return None
        told = request.header(id)
        if not told:
            return Refusal("unproven", f"{id} is missing")
        time, wrong = _when(request, at)
        if time:
            parts = text.split(separator) if separator else [text]
            shown = [part.strip().removeprefix("v1,") for part in parts if part.strip().startswith("v1,")]
            keys = [key for secret in request.secrets for key in _keys(secret)]
            signed = _bytes(told) + b"." + time.encode() + b"." + request.body
            wrong = _settled(request, name, shown, keys, signed) or wrong
        return wrong or Accepted("signature", f"{id}:{_digest(_bytes(told))}")

    return way


def _keys(secret: bytes) -> list[bytes]:
    """The key that a secret is: itself, and if it is written as whsec_… what that is in base64."""
    if secret.startswith(_PREFIX.encode()):
        try:
            return [base64.b64decode(secret[len(_PREFIX) :], validate=True), secret]
        except binascii.Error:
            return [secret]
    return [secret]


def _gitlab_signed(request: _Request) -> Accepted | Refusal | None:
    """Standard Webhooks, where GitLab has a signing token that we know; else the header says nothing to us."""
    if not any(secret.startswith(_PREFIX.encode()) for secret in request.secrets):
        return None
    return _STANDARD(request)


def _shown(name: str) -> _Way:
    """The secret itself in a header."""

    def way(request: _Request) -> Accepted | Refusal | None:
        text = request.header(name)
        if not text:
            return None
        if _any([_bytes(text.strip())], request.secrets):
            return Accepted("token", _told_id(request.source.kind, request.headers))
        return Refusal("forged", f"{name} does not show our secret")

    return way


def _own_header(request: _Request) -> Accepted | Refusal | None:
    name = request.source.header
    return _shown(name.lower())(request) if name else None


def _authorization(request: _Request) -> Accepted | Refusal | None:
    """Bearer, or Basic where a user name is set (RFC 6750, RFC 7617)."""
    scheme, _, given = request.header("authorization").partition(" ")
    given = given.strip()
    if not scheme:
        return None
    accepted = Accepted("token", _told_id(request.source.kind, request.headers))
    if scheme.lower() in ("bearer", "geniekey", "token"):
        if _any([_bytes(given)], request.secrets):
            return accepted
        return Refusal("forged", "the token in authorization is not our secret")
    if scheme.lower() != "basic":
        return Refusal("unproven", "authorization is neither Bearer nor Basic")
    if request.source.username is None:
        return Refusal("unproven", "authorization is Basic, and this source has no username in the config")
    user = _bytes(request.source.username)
    if _any([_of_base64(given)], [user + b":" + secret for secret in request.secrets]):
        return accepted
    return Refusal("forged", "user name and password in authorization are not ours")


_GRAFANA_TIMES: Final = ("x-grafana-alerting-timestamp", "x-grafana-alerting-signature-timestamp")
"""Grafana lets the header of the time be named; these are the names that its own documentation has."""
_STANDARD: Final = _identified("webhook-signature", "webhook-id", "webhook-timestamp", " ")
_SHOWN: Final = (_own_header, _authorization)
_HUB: Final = (_body_signed("x-hub-signature", "sha256="), _body_signed("x-hub-signature-256", "sha256="))

_WAYS: Final[Mapping[SourceKind, tuple[_Way, ...]]] = {
    "alertmanager": _SHOWN,
    "argocd": _SHOWN,
    "docker": _SHOWN,
    "generic": (_STANDARD, *_HUB, *_SHOWN),
    "gitlab": (_gitlab_signed, _shown("x-gitlab-token"), *_SHOWN),
    "grafana": (_grafana, *_SHOWN),
    "jenkins": _SHOWN,
    "jira": (*_HUB, *_SHOWN),
    "kibana": _SHOWN,
    "mlflow": (_identified("x-mlflow-signature", "x-mlflow-delivery-id", "x-mlflow-timestamp"),),
    "newrelic": _SHOWN,
    "openlineage": _SHOWN,
    "opsgenie": _SHOWN,
    "pagerduty": (_body_signed("x-pagerduty-signature", "v1="),),
    "prometheus_remote_write": _SHOWN,
    "slack": (_slack,),
    # Its body is a template: two moves of an alias to and fro may well be the same body, and are no repetition.
    "wandb": (_body_signed("x-wandb-signature", known=False), *_SHOWN),
}
_IDS: Final[Mapping[SourceKind, tuple[str, ...]]] = {
    "generic": ("webhook-id", "idempotency-key"),
    "gitlab": ("idempotency-key", "webhook-id"),
    "jira": ("x-atlassian-webhook-identifier",),
    "mlflow": ("x-mlflow-delivery-id",),
    "pagerduty": ("x-webhook-id",),
}
"""Headers that are the same when a delivery is tried again."""

SIGNED: Final[Mapping[SourceKind, str]] = {
    "generic": "webhook-signature (Standard Webhooks), x-hub-signature-256",
    "gitlab": "x-gitlab-token, webhook-signature",
    "grafana": "x-grafana-alerting-signature",
    "jira": "x-hub-signature",
    "mlflow": "x-mlflow-signature",
    "pagerduty": "x-pagerduty-signature",
    "slack": "x-slack-signature",
    "wandb": "x-wandb-signature",
}
"""The headers by which a kind proves itself in its own way."""
ONLY_SIGNED: Final = frozenset(kind for kind, ways in _WAYS.items() if _authorization not in ways)
"""Kinds that cannot show a token."""


def _expected(source: Source) -> str:
    names = [SIGNED[source.kind]] if source.kind in SIGNED else []
    if source.kind not in ONLY_SIGNED:
        names += [source.header.lower()] if source.header else []
        names.append("authorization")
    return f"expected is {' or '.join(names)}"
