"""What every target must hold to, whoever made it: the cases, and what they are tried with.

A target joins by a file `tests/notify/targets/NAME/case.py` that has `CASES`, a list of `Case`s, and by a
`schema.json` beside it, in which every request that it can send is described (see `Described`). `test_targets.py` does
the rest. What only one vendor does is tested beside its case, in `test_NAME.py`.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import jsonschema
from pydantic import BaseModel, SecretStr

from floodmark.config.notify import Target
from floodmark.notify.secrets import Guarded, Secrets, masking
from floodmark.notify.sink import LATER, Answer, Delivered, Exchange, Later, Refused, Request, Sink, UnansweredError
from floodmark.notify.targets import build

HERE = Path(__file__).parent
Kinds = tuple[type, ...]


class Vendor(Protocol):
    """A pretended vendor. It answers as its documents say that the real one does."""

    def __call__(self, request: Request) -> Answer: ...

    def standing(self) -> Sequence[tuple[str, bool]] | None:
        """The things (tickets, alerts) that it holds, each by what identifies it, and whether it is open. None: the
        real one does not tell two messages of one thing from two things."""
        ...


@dataclass
class Taker:
    """A vendor that takes all, and keeps nothing."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        return Answer(self.status, self.headers, self.body)

    def standing(self) -> None:
        return None


def said(status: int, request: Request) -> Kinds:
    """What may come of an answer with that status, if the vendor's documents say nothing else."""
    if 200 <= status < 300:
        return (Delivered, Later, Refused)  # what it means without a body is the target's matter: no exception
    return (Later,) if status in LATER or status >= 500 else (Refused,)


def nothing(_: Request) -> None:
    """No more to check."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A target, and what is particular about it.

    `section`: of `notify.targets.NAME`; its secrets must be unlike any word. `vendor` makes a pretended one. `hosts`:
    all that requests may go to (host, or host:port). `identity`: what tells a vendor that a request is of a thing, or a
    message, that it has; None: not in this request (a question; a note). It must be the same when a message is told
    again. `most`: bytes of a body. `expect`: what may come of a delivery one of whose requests got a status of 300 or
    more. `loses`: without what it remembers of a thing it cannot find it again (a chat without search), so that a
    restart may show it twice. `contract`: the file of the vendor's own OpenAPI below FLOODMARK_CONTRACTS, and `path`
    where in it a request's path begins. `check`: what a schema cannot say. `markup`: pieces of `tellings.MARKUP` that
    mean something to this vendor, so that no request may have them as they are.
    """

    kind: str
    section: Mapping[str, Any]
    hosts: frozenset[str]
    vendor: Callable[[], Vendor] = Taker
    name: str = ""
    identity: Callable[[Request], str | None] = lambda _: None
    most: int = 1 << 20
    expect: Callable[[int, Request], Kinds] = said
    loses: bool = False
    contract: str = ""
    path: Callable[[str], str] = lambda path: path
    check: Callable[[Request], None] = nothing
    markup: tuple[str, ...] = ()
    retry_after: bool = True
    """Whether a Retry-After is what the sink tells; not of what is no HTTP."""
    make: Callable[[Any, Exchange], Sink] | None = None
    """Makes the sink, where `sink(settings, exchange)` of its module does not speak HTTP."""
    schema: Path = Path()
    """Filled in: the schema.json beside the case."""

    def target(self) -> Target:
        return Target.model_validate({self.kind: dict(self.section)})

    def secrets(self) -> Secrets:
        return Secrets(getattr(self.target(), self.kind))

    def secret_texts(self) -> set[str]:
        """Its secrets as the config has them, and what comes after the host of those that are addresses: found without
        the help of what hides them."""
        found, todo = set[str](), [getattr(self.target(), self.kind)]
        while todo:
            each = todo.pop()
            if isinstance(each, SecretStr):
                text = each.get_secret_value()
                parts = urlsplit(text)
                found |= {parts.path, parts.query} - {"", "/"} if parts.scheme in ("http", "https") else {text}
            elif isinstance(each, BaseModel):
                todo += [getattr(each, name) for name in type(each).model_fields]
            elif isinstance(each, dict):
                todo += each.values()
        return found

    def sink(self, exchange: Exchange) -> Sink:
        """The sink as `floodmark notify` has it."""
        if self.make is None:
            return build(self.target(), exchange)
        secrets = self.secrets()
        return Guarded(self.make(getattr(self.target(), self.kind), masking(exchange, secrets)), secrets)


class Described:
    """The requests that a target may send, as its `schema.json` has them.

    {"requests": [{"method": "POST", "path": regular expression of the whole path, "query": schema of an object of
    texts, "headers": the same, "form": true if the body is a form, "body": schema, "body": null for none}],
    "$defs": {…}}. The first whose method and path fit is what the request has to be; a body that it does not name is
    not looked into.
    """

    def __init__(self, path: Path) -> None:
        whole = json.loads(path.read_text())
        self.file = path
        self._requests: list[dict[str, Any]] = []
        for each in whole["requests"]:
            made = dict(each)
            for part in ("query", "headers", "body"):
                if isinstance(made.get(part), dict):
                    schema = {**made[part], "$defs": whole.get("$defs", {})}
                    jsonschema.Draft202012Validator.check_schema(schema)
                    made[part] = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
            self._requests.append(made)

    def problems(self, request: Request) -> list[str]:
        parts = urlsplit(request.url)
        for each in self._requests:
            if each["method"] == request.method and re.fullmatch(each["path"], parts.path):
                return list(self._wrong(each, request, parts.query))
        return [f"{request.method} {parts.path} is in no request of {self.file}"]

    @staticmethod
    def _wrong(each: dict[str, Any], request: Request, query: str) -> Iterator[str]:
        given: dict[str, Any] = {
            "query": dict(parse_qsl(query, keep_blank_values=True)),
            "headers": {name.lower(): value for name, value in request.headers.items()},
        }
        if each.get("form"):
            given["body"] = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        elif isinstance(each.get("body"), jsonschema.Draft202012Validator):
            given["body"] = json.loads(request.body)
        elif "body" in each and request.body:
            yield f"a body where none is wanted: {request.body[:100]!r}"
        for part, value in given.items():
            if part in each and isinstance(each[part], jsonschema.Draft202012Validator):
                for error in each[part].iter_errors(value):
                    yield f"{part} {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def texts(request: Request) -> Iterator[str]:
    """All texts in the body of a request: of JSON all its names and values, else the lines."""
    try:
        value = json.loads(request.body)
    except ValueError:
        yield request.body.decode("utf-8", "surrogateescape")
        return
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            todo += [*each, *each.values()]
        elif isinstance(each, list):
            todo += each


class Wire:
    """An exchange that checks every request, remembers it, and lets a pretended vendor answer.

    `strange(number, request)` may answer in its place, or raise; the number counts the requests from 0.
    """

    def __init__(
        self,
        case: Case,
        vendor: Vendor,
        strange: Callable[[int, Request], Answer | None] | None = None,
        look: bool = True,
    ) -> None:
        self.case, self.vendor, self.strange, self.look = case, vendor, strange, look
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Answer:
        number = len(self.requests)
        self.requests.append(request)
        if self.look:
            self.check(request)
        answer = self.strange(number, request) if self.strange is not None else None
        return self.vendor(request) if answer is None else answer

    def check(self, request: Request) -> None:
        case, parts = self.case, urlsplit(request.url)
        assert parts.scheme in ("http", "https", "smtp"), parts.scheme
        assert parts.netloc in case.hosts, f"a request to {parts.netloc}"
        assert request.url.isascii(), request.url
        assert request.url.isprintable(), request.url
        assert " " not in request.url, request.url
        for name, value in request.headers.items():
            assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name), name
            assert value.isascii(), (name, value)
            assert value.isprintable(), (name, value)
            assert len(value) <= 8_000, (name, len(value))
        assert len(request.body) <= case.most, f"{len(request.body):,} bytes"
        assert not (problems := described(case.schema).problems(request)), problems
        for text in texts(request):
            text.encode()  # no half of a pair
            assert "\x00" not in text, text[:200]
            for piece in case.markup:
                assert piece not in text, f"{piece} as it is: {text[:300]}"
        case.check(request)

    def identities(self) -> list[str]:
        found = (self.case.identity(each) for each in self.requests)
        return [each for each in found if each is not None]


_described: dict[Path, Described] = {}


def described(path: Path) -> Described:
    if path not in _described:
        _described[path] = Described(path)
    return _described[path]


def lost(at: int, heard: Callable[[Request], Answer] | None = None) -> Callable[[int, Request], Answer | None]:
    """What makes the request with that number unanswered; after the vendor heard it, if `heard` is the vendor."""

    def strange(number: int, request: Request) -> Answer | None:
        if number != at:
            return None
        if heard is not None:
            heard(request)
        raise UnansweredError("no answer within 10 s")

    return strange


def cases() -> list[Case]:
    """The cases of all folders beside this file."""
    sys.path[:0] = [str(HERE)] if str(HERE) not in sys.path else []
    found = []
    for path in sorted(HERE.glob("*/case.py")):
        spec = importlib.util.spec_from_file_location(f"case_of_{path.parent.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found += [replace(case, schema=path.with_name("schema.json")) for case in module.CASES]
    return found


def named(case: Case) -> str:
    return f"{case.kind}-{case.name}" if case.name else case.kind
