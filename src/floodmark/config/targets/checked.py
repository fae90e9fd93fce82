"""Values of targets that would make every delivery fail. What is wrong is said without showing what is secret."""

from __future__ import annotations

import base64
import re
from email.utils import parseaddr
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

from floodmark.config.problems import SaidError

_BASE64: Final = "whsec_"
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_ADDRESS: Final = re.compile(r"https?://[^/?#]")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MAILBOX: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")


def mailbox(text: str) -> str:
    """An address of mail, with or without a name before it."""
    _, spec = parseaddr(text)
    if not text.isprintable() or not _MAILBOX.fullmatch(spec):
        raise SaidError("it is no address of mail; write ann@example.org, or Ann <ann@example.org>")
    return text


def signing_secret(secret: SecretStr) -> SecretStr:
    """Any text, or base64 behind whsec_."""
    words = secret.get_secret_value().split()
    if not words:
        raise SaidError("it is empty, so that anybody could sign; leave it out, or give whsec_… or any text")
    if all(word.startswith(_BASE64) for word in words):
        for word in words:
            try:
                base64.b64decode(word.removeprefix(_BASE64), validate=True)
            except ValueError:
                raise SaidError("what follows whsec_ is no base64; copy the secret whole") from None
    return secret


def headers(values: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Names and values that HTTP can carry."""
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise SaidError(f"{name!r} is no name of a header")
        text = value.get_secret_value()
        if not text.isascii() or not text.isprintable():
            raise SaidError(f"the value of {name} is no header: it has line ends in it, or more than ASCII")
    return values


def token(secret: SecretStr) -> SecretStr:
    """What goes into a header as it is."""
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise SaidError("it cannot be sent in a header: it is empty, or has blanks, line ends or more than ASCII in it")
    return secret


def labels(values: dict[str, str]) -> dict[str, str]:
    """Labels of Prometheus, of which all releases of Alertmanager take the names."""
    for name in values:
        if not _LABEL.fullmatch(name):
            raise SaidError(f"{name!r} is no name of a label; write letters, digits and _, and no digit first")
    return values


def address(text: str) -> str:
    """An address that HTTP can go to."""
    if not text.isascii() or not text.isprintable() or " " in text or not _ADDRESS.match(text):
        raise SaidError("it is no address; write it whole, with https:// (or http://) before it")
    return text


def secret_address(secret: SecretStr) -> SecretStr:
    """An address that is a secret."""
    address(secret.get_secret_value())
    return secret


def digits(text: str) -> str:
    """A number that is a name."""
    if not (text.isascii() and text.isdecimal()):
        raise SaidError("it is no id: these have digits only")
    return text


Address = Annotated[str, AfterValidator(address)]
SecretAddress = Annotated[SecretStr, AfterValidator(secret_address)]
Digits = Annotated[str, AfterValidator(digits)]
Mailbox = Annotated[str, AfterValidator(mailbox)]
Headers = Annotated[dict[str, SecretStr], AfterValidator(headers)]
Token = Annotated[SecretStr, AfterValidator(token)]
Labels = Annotated[dict[str, str], AfterValidator(labels)]
