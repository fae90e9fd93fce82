"""The schemas of the config's registry for commands that read records by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from floodmark.config.models import Config
from floodmark.decode import schemas_needed
from floodmark.records import Record, Schemas
from floodmark.runtime.registry import Registry

_BATCH = 500
"""Records whose schemas are asked for together."""


class Registered:
    """`schemas` has, by the time that a record is handed on, what it needs; None if the config names no registry."""

    def __init__(self, config: Config) -> None:
        settings = config.schema_registry
        self._registry = Registry(settings, schemas_needed) if settings is not None else None
        self.schemas: Schemas | None = self._registry.schemas if self._registry is not None else None

    def supplied(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records. Raises SchemasAwayError where the registry does not answer."""
        if self._registry is None:
            yield from records
            return
        reading = iter(records)
        with asyncio.Runner() as runner:
            try:
                while some := list(islice(reading, _BATCH)):
                    runner.run(self._registry.supply(some))
                    yield from some
            finally:
                runner.run(self._registry.__aexit__())
