"""Values that are not in the file: ${NAME} from the environment, and `file:` for secrets. Never shows what it put in.

Both are put into scalars after the YAML was parsed, so that what they hold can never become YAML.

- `${NAME}` anywhere in a value; `${NAME:-default}` if NAME is not set or empty; `$${` for a literal `${`.
- `file:PATH` as the whole of a secret (a password) reads that file, without the newline at its end; a relative
  path is seen from the folder of the configuration file. It must stand in the YAML: a variable whose value begins
  with `file:` is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath

_NAME = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
_LONGEST = 65_536


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """The text with its ${NAME}s replaced. Raises LookupError, in words for a person that show no value."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match[1], match[2]
        if name is None:
            raise LookupError("'${' must begin ${NAME} or ${NAME:-default}; write $${ for the characters themselves")
        value = environ.get(name)
        if value or (value is not None and default is None):
            return value
        if default is not None:
            return default
        raise LookupError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")

    return _NAME.sub(replace, text)


def read_secret(name: str, folder: FilePath, shown: str) -> str:
    """What the secret file holds, without the newline at its end.

    `shown` is how messages name the file. Raises LookupError, in words for a person.
    """
    path = folder / FilePath(name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LookupError(f"the secret's file {shown} cannot be read: {reason}") from None
    if len(content) > _LONGEST:
        raise LookupError(f"the secret's file {shown} has more than {_LONGEST} bytes")
    try:
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise LookupError(f"the secret's file {shown} is not UTF-8 text") from None
    if not secret:
        raise LookupError(f"the secret's file {shown} is empty")
    return secret
