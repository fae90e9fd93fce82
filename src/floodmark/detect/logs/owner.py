"""Whose a series is: what all series of one log source have in common. It must never count or judge."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from floodmark.detect.series import Series, SeriesKind, series_key


class Owner(NamedTuple):
    """One log source, as its series name it."""

    labels: Mapping[str, str]
    entity: str
    scope: str

    def series(
        self,
        name: str,
        kind: SeriesKind,
        unit: str,
        more: Mapping[str, str] = MappingProxyType({}),
        worse: Literal["both", "up"] = "both",
    ) -> Series:
        """One of its series; `more` are labels that tell it from its sisters."""
        labels = dict(sorted({**self.labels, **more}.items()))
        return Series(
            key=series_key(name, labels),
            name=name,
            labels=labels,
            entity=self.entity,
            scope=self.scope,
            signal="log",
            kind=kind,
            unit=unit,
            worse=worse,
        )
