"""Passwords and tokens as they are kept: never themselves."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from floodmark.config.console import Token

_N, _R, _P = 2**15, 8, 1
_MEMORY: Final = 128 * _N * _R * 2
_LONGEST: Final = 1_000


def hashed(password: str) -> str:
    """A password as `users[].scrypt` has it: scrypt$N$r$p$salt$hash (RFC 7914), salt and hash in base64."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_scrypt(password, salt, _N, _R, _P))}"


def fits(password: str, kept: str) -> bool:
    """Whether a password is the one; a hash that is none fits nothing. It takes some 80 ms, whatever the answer."""
    try:
        kind, n, r, p, salt, known = kept.split("$")
        if kind != "scrypt" or len(password) > _LONGEST:
            return False
        found = _scrypt(password, base64.b64decode(salt, validate=True), int(n), int(r), int(p))
        return hmac.compare_digest(found, base64.b64decode(known, validate=True))
    except (ValueError, binascii.Error, OverflowError, MemoryError):
        return False


def new_token() -> tuple[str, str]:
    """A token, and what the config has of it."""
    token = f"fm_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()


def token_of(given: str, tokens: Sequence[Token]) -> Token | None:
    """The one that is meant; each is compared, in a time that says nothing."""
    digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).hexdigest()
    found = None
    for each in tokens:
        if hmac.compare_digest(each.sha256, digest):
            found = each
    return found


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


NOBODY: Final = hashed(secrets.token_hex(16))
"""What the password of somebody who is not known is held against, so that they cannot be told from those who are."""
