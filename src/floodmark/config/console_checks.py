"""What the section `console` means, held against itself and the rest: who could get in, and whether they should."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import ValidationError

from floodmark.actions import VERBS
from floodmark.config.console import Console
from floodmark.config.locate import Located
from floodmark.config.problems import Path, Problem


def errors(tree: Located) -> Iterator[Problem]:
    """What could not be meant, each at its key, or at the section where the key is missing."""
    here = tree.child("console")
    if here is None or not isinstance(here.value, dict):
        return
    try:
        console = Console.model_validate(_plain(here))
    except ValidationError:
        return  # said by whoever reads the values
    for path, message in _problems(console):
        found, place = path, tree.at(path)
        while place is None and len(found) > 1:
            found = found[:-1]
            place = tree.at(found)
        yield (place or here).place.problem(path, message)


def warnings(tree: Located) -> Iterator[Problem]:
    """What is meant, but should not be."""
    here = tree.child("console")
    if here is None or not isinstance(here.value, dict):
        return
    try:
        console = Console.model_validate(_plain(here))
    except ValidationError:
        return
    if console.auth.kind == "none" or console.cert_file is not None or console.url.startswith("https://"):
        return  # TLS is done here, or by what is before it
    if not _loopback(console.host):
        place = here.child("host") or here
        yield place.place.problem(
            ("console", "host"),
            f"whoever signs in on {console.host} is heard by the network: there is no TLS",
            "set cert_file and key_file, or url to the https:// address of the proxy before it",
        )


def _plain(node: Located) -> object:
    if isinstance(node.value, dict):
        return {name: _plain(each) for name, each in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(each) for each in node.value]
    return node.value


def _problems(console: Console) -> Iterator[tuple[Path, str]]:
    """Each with the path of the key that it is about."""
    auth = console.auth
    at: Path = ("console", "auth")
    if auth.kind == "none" and not _loopback(console.host):
        yield (
            ("console", "host"),
            (
                f"`auth.kind: none` lets everybody in, so it is served on loopback only, not on {console.host}; choose "
                "token, basic, oidc or proxy"
            ),
        )
    if console.url and not _host(console.url):
        yield ("console", "url"), "it begins with https:// or http://, and names a host"
    elif console.url.count("/") > 2 and console.url.rstrip("/").count("/") > 2:
        yield ("console", "url"), "it has no path: the console is at the root of its host"
    if auth.kind == "token" and not auth.tokens:
        yield (*at, "kind"), "nobody could sign in: `tokens` is empty (`floodmark console token` makes one)"
    if auth.kind == "basic" and not auth.users:
        yield (*at, "kind"), "nobody could sign in: `users` is empty (`floodmark console password` makes what it needs)"
    if auth.kind == "oidc":
        if auth.oidc is None:
            yield (*at, "kind"), "`oidc` is missing: issuer, client_id and grants"
        elif not console.url:
            yield (*at, "kind"), "`console.url` is missing: the provider sends people back there"
        elif not _proves(auth.oidc.issuer):
            yield (*at, "oidc", "issuer"), "it begins with https://: its answers say who people are"
    if auth.kind == "proxy" and auth.proxy is None:
        yield (*at, "kind"), "`proxy` is missing: the addresses from which its header is believed"
    for number, address in enumerate(auth.proxy.addresses if auth.proxy is not None else []):
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            yield (*at, "proxy", "addresses", number), f"{address!r} is no address and no network such as 10.0.0.0/8"
    names: set[str] = set()
    for number, token in enumerate(auth.tokens):
        if token.name in names:
            yield (
                (*at, "tokens", number, "name"),
                f"there are two tokens {token.name!r}: the audit could not tell them apart",
            )
        names.add(token.name)
        for place, verb in enumerate(token.verbs or []):
            if verb not in VERBS:
                yield (
                    (*at, "tokens", number, "verbs", place),
                    f"there is no verb {verb!r}; there are: {', '.join(VERBS)}",
                )
    for name, user in auth.users.items():
        if not user.scrypt.get_secret_value().startswith("scrypt$"):
            yield (*at, "users", name, "scrypt"), "this is no hash; `floodmark console password` makes it"
    for number, engine in enumerate(console.engines):
        if not _host(engine):
            yield ("console", "engines", number), "it begins with https:// or http://, and names a host"
    if console.key_file is not None and console.cert_file is None:
        yield ("console", "key_file"), "a key without `cert_file` serves nothing"


def _host(url: str) -> str:
    """The host of an address of the web; empty if it is none."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme in ("https", "http") else ""
    except ValueError:
        return ""


def _proves(issuer: str) -> bool:
    """Whether its answers are its own: by https, or from this machine. The host is read, for `http://localhost.example.org`
    begins as an address of this machine does."""
    host = _host(issuer)
    return bool(host) and (issuer.startswith("https://") or _loopback(host))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
