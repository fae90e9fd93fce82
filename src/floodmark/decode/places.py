"""Where a log line comes from, as labels: what shippers know of hosts, pods and services, under our names.

`service`, `namespace`, `pod`, `container`, `host`, `env`, `region`, `cluster`. These parts of a message are the same
for all lines of a container, so labels are found again by the bytes that they were made from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from floodmark.decode.admit import Admission
from floodmark.decode.decoder import EventError

_KNOWN: Final = 2048
"""Entries of each of the memo's two generations."""
_LONGEST: Final = 8192
"""Bytes of the parts beyond which an entry is not kept."""
_SERVICE_LABELS: Final = ("app.kubernetes.io/name", "app", "k8s-app", "app_kubernetes_io/name")

NOTHING: Final = msgspec.Raw(b"")
"""A part that the message does not have."""


class Places:
    """A memo of labels. Bounded, and no state: what it has forgotten is made again, and is the same."""

    def __init__(self, admission: Admission, make: Callable[..., Mapping[str, Any]]) -> None:
        """`make` is given the parsed parts (None for one that is missing) and gives labels."""
        self._admission = admission
        self._make = make
        self._known: dict[tuple[str | bytes, ...], dict[str, str]] = {}
        self._older: dict[tuple[str | bytes, ...], dict[str, str]] = {}

    def of(self, *parts: msgspec.Raw | str) -> dict[str, str]:
        """The labels that these parts make, the same dict for the same bytes. Raises EventError."""
        key: tuple[str | bytes, ...] = tuple(
            [b"" if part is NOTHING else part if isinstance(part, str) else bytes(part) for part in parts]
        )
        return self._known.get(key) or self._made(key)

    def _made(self, key: tuple[str | bytes, ...]) -> dict[str, str]:
        found = self._older.get(key)
        if found is None:
            try:
                parsed = [part if isinstance(part, str) else _parsed(part) for part in key]
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
                raise EventError("not_json", f"a part of the event cannot be read: {error}") from None
            made = self._make(*parsed)
            found = self._admission.labels({name: value for name, value in made.items() if _is_label(value)}, "labels")
        if sum(map(len, key)) <= _LONGEST:
            if len(self._known) >= _KNOWN:
                self._older, self._known = self._known, {}
            self._known[key] = found
        return found


def _parsed(part: bytes) -> Any:
    return msgspec.json.decode(part) if part else None


def text_of(value: object) -> str:
    """A text; empty if it is anything else."""
    return value if isinstance(value, str) else ""


def child(value: object, *names: str) -> Any:
    """What lies under names in parsed JSON; None if it does not."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def scalars(value: object) -> dict[str, Any]:
    """The plain facts of an object, which somebody has put there to be labels."""
    return {name: each for name, each in value.items() if _is_label(each)} if isinstance(value, dict) else {}


def service_of(pod_labels: object, container: object) -> object:
    """The service that a pod belongs to: Kubernetes' recommended label, the customary ones, or the container's name."""
    named = (child(pod_labels, name) for name in _SERVICE_LABELS)
    return next((name for name in named if name and isinstance(name, str)), container)


def _is_label(value: object) -> bool:
    return value is not None and value != "" and isinstance(value, str | int | float | bool)
