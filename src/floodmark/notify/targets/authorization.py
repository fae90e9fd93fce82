"""What proves to a target who we are, as the value of a header."""

from __future__ import annotations

from base64 import b64encode

from pydantic import SecretStr


def bearer(token: SecretStr) -> dict[str, str]:
    """RFC 6750."""
    return {"authorization": f"Bearer {token.get_secret_value()}"}


def basic(username: str, password: SecretStr) -> dict[str, str]:
    """RFC 7617."""
    return {"authorization": f"Basic {b64encode(f'{username}:{password.get_secret_value()}'.encode()).decode()}"}
