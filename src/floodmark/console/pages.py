"""The files of the pages: read once, packed once, told apart by their hash. And what is served without any of them: the
form to sign in, which needs no script."""

from __future__ import annotations

import gzip
import hashlib
import html
from importlib import resources
from typing import Final, NamedTuple

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer says, so that a text that got where it should not does nothing there."""


class Page(NamedTuple):
    body: bytes
    packed: bytes
    kind: str
    tag: str


def pages() -> dict[str, Page]:
    """All files, by their path below static/."""
    found: dict[str, Page] = {}
    todo = [("", resources.files("floodmark.console").joinpath("static"))]
    while todo:
        prefix, folder = todo.pop()
        if not folder.is_dir():
            continue
        for each in folder.iterdir():
            name = f"{prefix}{each.name}"
            if each.is_dir():
                todo.append((f"{name}/", each))
                continue
            kind = _TYPES.get(f".{each.name.rpartition('.')[2]}")
            if kind is not None:
                body = each.read_bytes()
                found[name] = Page(
                    body, gzip.compress(body, 9, mtime=0), kind, f'"{hashlib.sha256(body).hexdigest()[:24]}"'
                )
    return found


def sign_in(kind: str, to: str, words: str) -> str:
    """The form to sign in. `to`: where the person wanted to go; `words`: what is wrong."""
    wrong = f'<p role="alert" class="wrong">{html.escape(words)}</p>' if words else ""
    where = html.escape(to, quote=True)
    if kind == "oidc":
        fields = '<button class="btn go" type="submit">Sign in</button>'
    else:
        name = (
            '<label for="name">Name</label><input id="name" name="name" autocomplete="username" required autofocus>'
            if kind == "basic"
            else ""
        )
        secret = "Password" if kind == "basic" else "Token"
        fields = (
            f'{name}<label for="secret">{secret}</label>'
            '<input id="secret" name="secret" type="password" autocomplete="current-password" required>'
            '<button class="btn go" type="submit">Sign in</button>'
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in · Floodmark</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/css/sign-in.css"></head><body><main><h1>Floodmark</h1>'
        f'{wrong}<form method="post" action="/login"><input type="hidden" name="to" value="{where}">{fields}</form>'
        "</main></body></html>"
    )
