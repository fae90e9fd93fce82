"""What proves to a target who we are, as the value of a header."""

from __future__ import annotations

from base64 import b64encode

from pydantic import SecretStr


def bearer(token: SecretStr) -> dict[str, str]:
    """RFC 6750."""
    return {"authorization": f"Bearer {token.get_secret_value()}"}


def basic(username: str, password: SecretStr | None) -> dict[str, str]:
    """RFC 7617. Without a password it is the empty one."""
    shown = f"{username}:{password.get_secret_value() if password is not None else ''}"
    return {"authorization": f"Basic {b64encode(shown.encode()).decode()}"}
