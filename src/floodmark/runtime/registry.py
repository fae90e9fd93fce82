"""The schemas of a registry, asked for before a task is given the records that need them: a task itself asks nobody.

What an id stands for never changes, so a schema is asked for once. The API is Confluent's, which Apicurio, Karapace and
Redpanda have too: GET /schemas/ids/ID, /schemas/guids/UUID, /subjects/SUBJECT/versions/VERSION.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import orjson

from floodmark.config.models import SchemaRegistry
from floodmark.records import Record, Schema
from floodmark.runtime.errors import SchemasAwayError
from floodmark.runtime.protoc import CompileError, compiled

ANSWER_SECONDS: Final = 10.0
"""How long the registry may take to answer."""
AGAIN_SECONDS: Final = 60.0
"""After this an id that the registry did not know is asked for again."""
MOST: Final = 10_000
"""Schemas that are kept; the oldest go."""
_LARGEST: Final = 10_000_000
_DEEPEST: Final = 50
"""Schemas that one refers to, and these to others."""


class Registry:
    """`schemas` has what was asked for, or in words why that cannot be had. Enter it to close its connections."""

    def __init__(
        self,
        settings: SchemaRegistry,
        needed: Callable[[Iterable[Record]], set[int | str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`needed`: the ids of the schemas that records need."""
        self.schemas: dict[int | str, Schema | str] = {}
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._needed = needed
        self._clock = clock
        self._refused: dict[int | str, float] = {}
        self._turn = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def supply(self, records: Sequence[Record]) -> None:
        """Ask for the schemas that these records need and that are not here. Raises SchemasAwayError."""
        lacking = [identity for identity in self._needed(records) if self._lacks(identity)]
        if not lacking:
            return
        async with self._turn:  # partitions need the same ones at the same time
            for identity in lacking:
                if self._lacks(identity):
                    self._keep(identity, await self._schema(identity))

    def _lacks(self, identity: int | str) -> bool:
        found = self.schemas.get(identity)
        if isinstance(found, str):
            return self._clock() - self._refused.get(identity, float("-inf")) >= AGAIN_SECONDS
        return found is None

    def _keep(self, identity: int | str, found: Schema | str) -> None:
        if identity not in self.schemas and len(self.schemas) >= MOST:
            oldest = next(iter(self.schemas))
            del self.schemas[oldest]
            self._refused.pop(oldest, None)
        self.schemas[identity] = found
        if isinstance(found, str):
            self._refused[identity] = self._clock()

    async def _schema(self, identity: int | str) -> Schema | str:
        """The schema of an id, or why there is none. Raises SchemasAwayError."""
        where = f"/schemas/ids/{identity}" if isinstance(identity, int) else f"/schemas/guids/{identity}"
        try:
            found = await self._get(where)
            kind = found.get("schemaType", "AVRO")
            if kind == "JSON":
                return Schema("JSON")
            text = found.get("schema")
            if kind not in ("AVRO", "PROTOBUF") or not isinstance(text, str):
                return f"the registry at {self._url} has no schema that can be read here under it ({str(kind)[:40]})"
            others = await self._others(found, {})
            if kind == "AVRO":
                return Schema("AVRO", (*(each.encode() for each in others.values()), text.encode()))
            return Schema("PROTOBUF", await compiled(text, others))
        except LookupError as error:
            return str(error.args[0])
        except CompileError as error:
            return f"its Protobuf does not compile: {error}"

    async def _others(self, found: dict[str, Any], others: dict[str, str]) -> dict[str, str]:
        """The texts of the schemas that a schema needs, by the names it has for them; those that others need first."""
        for reference in found.get("references") or ():
            name, subject = str(reference.get("name")), str(reference.get("subject"))
            if name in others:
                continue
            if len(others) >= _DEEPEST:
                raise LookupError(f"it refers to more than {_DEEPEST} other schemas")
            others[name] = ""  # begun: a circle ends here
            other = await self._get(f"/subjects/{quote(subject, safe='')}/versions/{reference.get('version')}")
            await self._others(other, others)
            others[name] = others.pop(name) or str(other.get("schema"))
        return others

    async def _get(self, path: str) -> dict[str, Any]:
        """What the registry answers. Raises LookupError, in words, if it has no such thing; SchemasAwayError."""
        try:
            async with self._connected().get(self._url + path) as answer:
                content = await answer.content.read(_LARGEST)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or "no answer in time"
            raise SchemasAwayError(f"the schema registry at {self._url} does not answer: {reason}") from error
        if status == 404:
            raise LookupError(f"the registry at {self._url} does not know it ({path})")
        if status in (401, 403):
            words = f"the schema registry at {self._url} refuses us ({status}): see schema_registry.username or token"
            raise SchemasAwayError(words)
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            found = None
        if status != 200 or not isinstance(found, dict):
            raise SchemasAwayError(f"the schema registry at {self._url} answers {path} with {status}, and no schema")
        return found

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            own = self._settings
            headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
            if own.token is not None:
                headers["Authorization"] = f"Bearer {own.token.get_secret_value()}"
            if own.username is not None:
                secret = own.password.get_secret_value() if own.password is not None else ""
                told = base64.b64encode(f"{own.username}:{secret}".encode()).decode()
                headers["Authorization"] = f"Basic {told}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_trusted(own)) if self._url.startswith("https") else None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            )
        return self._session


def _trusted(settings: SchemaRegistry) -> ssl.SSLContext:
    """Raises SchemasAwayError: certificates may be renewed."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one too
        words = f"the certificates of schema_registry cannot be read: {error.strerror or error}"
        raise SchemasAwayError(words) from error
    return context
