"""Codes that say how something ended (`status=500`, `exit code 1`, `SQLSTATE[40001]`): their kinds, and which are bad.

A code is a category and no measure. Of which kind it is, its name says; names that say little (`status`, `code`) leave
it to the values. Pure functions; the lists are of protocols and of English, not of any one system.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple

from floodmark.detect.logs.vocabulary import UNITS
from floodmark.signals import Scalar

BAD: Final = {
    "http": "5xx answers",
    "grpc": "failed gRPC calls",
    "exit": "exits other than 0",
    "sqlstate": "SQLSTATE errors",
    "sqlcode": "SQL errors",
    "return": "codes other than 0",
    "errno": "system errors",
    "error": "error codes",
    "dns": "failed DNS answers",
    "dsn": "undelivered mails",
}
"""What the bad codes of each kind are called. Of `mix`, the kind of all others, nobody knows which are bad."""
MIX: Final = "mix"
LONGEST: Final = 40
"""Characters of a code; what is longer is none."""
_LONGEST_NAME: Final = 100
"""Characters of a field's name."""
_FITTING: Final = 0.9
"""The share of values on trial that must be codes of a kind."""
_FEW: Final = 12
"""Different values on trial beyond which they are ids, or measure something."""


class Named(NamedTuple):
    """What a name says of the codes under it: the kinds that they may be of, the likeliest first.

    `field`: what the name is called. `sure`: a value that fits the first kind is of it, whatever else comes. `words`:
    how many of its words say so.
    """

    field: str
    kinds: tuple[str, ...]
    sure: bool
    words: int = 0


_STATUS: Final = ("http", "grpc", "exit", "errno", "return", MIX)
_SURE: Final[Sequence[tuple[tuple[str, ...], str]]] = (
    (
        ("http", "grpc", MIX),
        "status code; statuscode; http status; httpstatus; http code; response code; response status; "
        "http status code; sc status; upstream status; downstream status; origin status; backend status; "
        "target status; elb status; resp status; res status",
    ),
    (("grpc", MIX), "grpc code; grpc status; grpc status code; rpc error code; rpc status; rpc code"),
    (
        ("exit",),
        "exit code; exitcode; exit status; exitstatus; exit value; exited; exited with; exited with code; exited code; "
        "exited status; exited with status; return code; returncode; retcode; ret code; termination code; "
        "terminated with code; exited with error code; exited with exit code; non zero exit status",
    ),
    (("sqlstate",), "sqlstate; sql state; sql state code; state code"),
    (("sqlcode",), "sqlcode; sql code"),
    (("errno",), "errno; err no; error no; error number"),
    (("error",), "error code; errorcode; err code; errcode; fault code; hresult; ntstatus; mysql error"),
    (("dns",), "rcode; dns rcode; dns response code"),
    (("dsn",), "dsn"),
)
_UNSURE: Final[Sequence[tuple[tuple[str, ...], str]]] = (
    (
        _STATUS,
        "status; code; with code; result code; resultcode; returned; return; ret; reason code; result",
    ),
    (
        ("http",),
        "response; responded; responded with; answered; answered with; replied; replied with; received; got; http",
    ),
    (("exit",), "rc; exit"),
    (("error",), "error; err"),
)


def _endings() -> dict[tuple[str, ...], tuple[tuple[str, ...], bool]]:
    return {
        tuple(name.split()): (kinds, sure)
        for table, sure in ((_UNSURE, False), (_SURE, True))
        for kinds, names in table
        for name in names.split("; ")
    }


_ENDINGS: Final = _endings()
_LONGEST_ENDING: Final = max(map(len, _ENDINGS))
_THINGS: Final = (
    "access airport area auth bar bin card char city color colour country coupon currency dial discount invite item "
    "key lang language locale op phone pin post postal product promo qr region sku source store tax unit verification "
    "zip"
)
_NO_CODES: Final = frozenset(_THINGS.split())
"""What a code stands for that says nothing of how anything ended: `country_code`."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def named(name: str, known: tuple[tuple[str, str], ...] = ()) -> Named | None:
    """What a name (`http.response.status_code`), or the words before a value (`exit code`), say; None if nothing.
    `known`: fields with their kinds that need no guess (`logs.code_fields`); of kind `none` are no codes."""
    return _named(name, known) if len(name) <= _LONGEST_NAME else None


@lru_cache(maxsize=4_096)
def _named(name: str, known: tuple[tuple[str, str], ...]) -> Named | None:
    for field, kind in known:
        if field == name:
            return Named(name, () if kind == "none" else (kind,), True, _LONGEST_ENDING + 1)
    words = tuple(word.lower() for word in _WORD.findall(name))[-_LONGEST_ENDING:]
    if words[-1:] == ("code",) and not _NO_CODES.isdisjoint(words):
        return None
    for first in range(len(words)):
        if (found := _ENDINGS.get(words[first:])) is not None:
            return Named(name, *found, len(words) - first)
    return None


@lru_cache(maxsize=1_024)
def named_in(names: tuple[str, ...], known: tuple[tuple[str, str], ...]) -> tuple[Named, ...]:
    """Those of the names of fields that name codes."""
    return tuple([found for name in names if (found := named(name, known)) is not None and found.kinds])


_GRPC_LINE: Final = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
)
_GRPC: Final = tuple(_GRPC_LINE.split())
"""In the order of their numbers."""
_GRPC_NAMES: Final = {name.replace("_", ""): name for name in _GRPC} | {"CANCELED": "CANCELLED"}
_GRPC_BAD: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)
"""Where the server is at fault; the others are the caller's affair, as HTTP's 4xx are."""
_DNS: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_DNS_NAMES: Final = dict(zip(("NoError", "FormErr", "ServFail", "NXDomain", "NotImp", "Refused"), _DNS, strict=True))
STATUSES: Final = frozenset({str(each.value) for each in HTTPStatus} | {"419", "430", "440", "444", "449", "450", "460"}
    | {"463", "509", "561", "598", "599", *map(str, range(494, 500)), *map(str, range(520, 531))})  # fmt: skip
"""The statuses of HTTP: the registered ones, and those of nginx, of load balancers and of Cloudflare."""
_WELL: Final = frozenset(("", "ok", "none", "null", "nil", "success", "succeeded", "no_error", "noerror", "false", "-"))
_SHAPES: Final = {
    "http": re.compile(r"[1-5]\d\d"),
    "exit": re.compile(r"-?\d{1,10}|\d{1,3}/[A-Z][A-Z0-9_+-]*"),
    "sqlstate": re.compile(r"(?=[A-Z]*\d)[0-9A-Z]{5}"),
    "return": re.compile(r"-?\d{1,5}"),
    "sqlcode": re.compile(r"-?\d{1,5}"),
    "errno": re.compile(r"-?\d{1,4}|E[A-Z0-9]{2,15}"),
    "error": re.compile(r"-?\d{1,10}|0[xX][0-9a-fA-F]{1,8}|[A-Za-z][\w.:-]*"),
    "dns": re.compile(r"\d{1,2}|[A-Z]{4,10}"),
    "dsn": re.compile(r"[245]\.\d{1,3}\.\d{1,3}"),
    MIX: re.compile(r"-?\d{1,5}|[A-Z][A-Z0-9_-]+|[A-Z][a-z]+(?:[A-Z][a-z]+)+|[A-Za-z]{1,6}-?\d{1,6}|[a-z][a-z_-]+"),
}
_LARGEST: Final = 1e12
_NOTHING: Final = re.compile(r"(?:[A-Za-z]+-|0[xX]|-)?0+")
_PLAIN_NUMBER: Final = re.compile(r"-?\d+")


def code_of(kind: str, text: str) -> str:
    """A value as a code of a kind, in one spelling; empty if it is none."""
    if len(text) > LONGEST:
        return ""
    if kind == "grpc":
        if text.isascii() and text.isdigit():
            return _GRPC[int(text)] if int(text) < len(_GRPC) else ""
        return _GRPC_NAMES.get(text.rpartition(".")[2].replace("_", "").upper(), "")
    if kind == "dns":
        text = _DNS_NAMES.get(text, text)
    elif kind == "sqlstate":
        text = text.upper()
    if _SHAPES[kind].fullmatch(text) is None:
        return ""
    if kind == "exit":
        return text.partition("/")[0]
    if kind == "dns" and text.isdigit():
        return _DNS[int(text)] if int(text) < len(_DNS) else text
    return text


def is_bad(kind: str, code: str) -> bool:
    """Whether a code says that something failed, and not by the fault of whoever asked."""
    if kind == "http":
        return code[0] == "5"
    if kind == "grpc":
        return code in _GRPC_BAD
    if kind in ("exit", "return", "errno"):
        return code.strip("-0") != ""
    if kind == "sqlstate":
        return code[:2] not in ("00", "01", "02")
    if kind == "sqlcode":
        return code[0] == "-" and code.strip("-0") != ""
    if kind == "dns":
        return code not in ("NOERROR", "NXDOMAIN")
    if kind == "dsn":
        return code[0] != "2"
    if kind == "error":
        if code in STATUSES:
            return code[0] == "5"
        return code.lower() not in _WELL and _NOTHING.fullmatch(code) is None
    return False


@lru_cache(maxsize=4_096)
def judged(kind: str, text: str) -> tuple[str, bool]:
    """A value as a code of a kind, empty if it is none, and whether that is bad."""
    code = code_of(kind, text)
    return code, code != "" and is_bad(kind, code)


def kind_of_values(kinds: Sequence[str], values: Sequence[str], *, last: bool) -> str:
    """The kind that so many values on trial are of; empty if they are of none. `last`: whether there are no more to
    come, so that they may be codes of no known kind."""
    different = set(values)
    for kind in kinds:
        if kind == "return" and 2 * sum(text == "0" for text in values) < len(values):
            continue  # only where 0 is what is usual, anything else may be bad
        if kind != MIX and sum(is_plain(kind, text, sole=len(kinds) == 1) for text in values) >= _FITTING * len(values):
            return kind if len(different) <= _FEW else ""
    few = last and MIX in kinds and len(different) <= _FEW
    return MIX if few and sum(code_of(MIX, text) != "" for text in values) >= _FITTING * len(values) else ""


def is_plain(kind: str, text: str, *, sole: bool) -> bool:
    """Whether a value is of a kind by its looks; a bare number mostly is only if the name leaves no other kind."""
    if kind == "http":
        return text in STATUSES
    if sole or kind == "return":
        return code_of(kind, text) != ""
    return _PLAIN_NUMBER.fullmatch(text) is None and kind != "error" and code_of(kind, text) != ""


def text_of(value: Scalar) -> str:
    """The value of a field as a text that may be a code."""
    if isinstance(value, str):
        return value.strip()
    if value is None or isinstance(value, bool) or not abs(value) < _LARGEST:
        return ""
    return str(int(value)) if value == int(value) else ""


def first_word(text: str) -> str:
    """The first of the values that stand at one place, without what encloses it; empty if a unit comes after it."""
    found = text.split(None, 2)
    if not found or (len(found) > 1 and found[1].strip(".,;)]") in UNITS):
        return ""
    return found[0].strip("\"'`.,:;|()[]<>")
