"""Where codes stand in the lines of a template: found once, from its first line, and then only read.

By the words before a place (`exit code <*>`), by the name of a field (`status=<*>`, also in JSON), or by looks that
are unmistakable (a request and then its status). It never decides whether they are codes indeed.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from floodmark.detect.logs.bodies import SLOT, Text
from floodmark.detect.logs.codes import STATUSES, Named, code_of, first_word, named
from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.tokens import ANY, VALUE, Form

_MOST: Final = 8
"""Codes that are read in one line."""
_BEFORE: Final = 4
"""Tokens before a place that may name what stands there."""
_TRIAL: Final = 20
"""Lines after which it is known which word of a request's line is its status."""
_FITTING: Final = 0.9
_ENTERS: Final = re.compile(r"""[ \t]?[=:>(\["'#]*[ \t]?["'\[(]*""")
"""What may stand between a name and its code."""
_WITHIN: Final = re.compile(r"[ \t]|:[ \t]?|=|[ \t]?\(")
"""What may stand between the words of a name."""
_STATUS: Final = Named("status", ("http",), True)
_SYSTEMD: Final = Named("exit status", ("exit",), True)
_REASONS: Final = (
    "OK|Created|Accepted|No Content|Partial Content|Moved Permanently|Found|See Other|Not Modified|Temporary Redirect|"
    "Permanent Redirect|Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Gone|"
    "Unprocessable (?:Entity|Content)|Too Many Requests|Internal Server Error|Not Implemented|Bad Gateway|"
    "Service (?:Temporarily )?Unavailable|Gateway Time-?[Oo]ut"
)
_LOOKS: Final = (
    # After the protocol's name, with or without the quote that ends the request; after a request, before its size;
    # before its reason; as Squid has it.
    (_STATUS, re.compile(r"""\b(?:HTTP|SIP|RTSP)/\d(?:\.\d)?["']?[\s,;|]{1,4}["']?([1-5]\d\d)(?![\w.])""")),
    (_STATUS, re.compile(r"""["']\s([1-5]\d\d)\s(?:\d+|-)(?=\s|$)""")),
    (_STATUS, re.compile(rf"(?<![\w.])([1-5]\d\d) (?:{_REASONS})\b")),
    (_STATUS, re.compile(r"\b(?:TCP|UDP|NONE|TAG)_[A-Z_]{2,40}/([1-5]\d\d)\b")),
    (_SYSTEMD, re.compile(r"\bstatus=(\d{1,3})/[A-Z]")),
    (Named("Oracle error", ("error",), True), re.compile(r"\b((?:ORA|TNS|PLS|RMAN)-\d{4,5})\b")),
    (Named("HRESULT", ("error",), False), re.compile(r"(?<!\w)(0x(?:8[0-9A-Fa-f]|[Cc]0)[0-9A-Fa-f]{6})(?!\w)")),
    (Named("errno", ("errno",), True), re.compile(r"\((\d{1,3}): [A-Z][a-z]+ ?[a-z]")),  # (111: Connection refused)
)
_METHOD: Final = re.compile(r"(?<![\w/.-])(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)(?![\w.-])")


class Reader(NamedTuple):
    """Where a code stands. `how`: slot (a field of a structured body, named by `text`), look (`at`, one of the looks)
    or place (`at`, a token of the form: a value, or a word of it that is a code)."""

    named: Named
    how: str
    at: int
    text: str = ""

    def read(self, body: str, text: Text, form: Form, lines: Lines) -> str:
        """The value in a line of which `text` is what is mined and `form` the template's; empty if there is none."""
        if self.how == "slot":
            return _slot(text, self.text) or first_word(lines.at(body, self.at))
        if self.how == "look":
            found = _LOOKS[self.at][1].search(text.text)
            return found[1] if found else ""
        token = form.tokens[self.at]
        return first_word(lines.at(body, self.at)) if token in (VALUE, ANY) else token


class Request:
    """The words of a request's line that may be its status, on trial: the first that nearly always is one is read.

    `over`: none is.
    """

    __slots__ = ("_at", "_hits", "_seen", "over")
    named = _STATUS

    def __init__(self, text: str) -> None:
        self._hits = {i: 0 for i, word in enumerate(text.split()) if _bare(word) in STATUSES}
        self._seen = 0
        self._at = -1
        self.over = not self._hits

    def read(self, body: str, text: Text, form: Form, lines: Lines) -> str:
        """The status in a line; empty while that is on trial."""
        words = text.text.split()
        if self._at >= 0:
            return _bare(words[self._at]) if len(words) > self._at else ""
        self._seen += 1
        for i in self._hits:
            self._hits[i] += len(words) > i and _bare(words[i]) in STATUSES
        if self._seen == _TRIAL:
            self._at = next((i for i, hits in self._hits.items() if hits >= _FITTING * _TRIAL), -1)
            self.over = self._at < 0
        return ""


def readers(form: Form, text: Text, known: tuple[tuple[str, str], ...]) -> list[Reader | Request]:
    """What is to be read in the lines of a template, by its form and its first line. `known`: see `codes.named`."""
    found = [reader for i in range(len(form.tokens)) if (reader := _at(form, i, text, known)) is not None]
    for i, (name, look) in enumerate(_LOOKS):
        if name is _SYSTEMD and look.search(text.text):  # its `status` is no other code
            found = [each for each in found if each.named.field != _STATUS.field]
        if look.search(text.text) and all(each.named.field != name.field for each in found):
            found.append(Reader(name, "look", i))
    wanted: list[Reader | Request] = [each for each in found[:_MOST] if (each.named.field, "none") not in known]
    if not text.slots and _METHOD.search(text.text) and all(each.named.kinds[0] != "http" for each in found):
        request = Request(text.text)
        wanted += [] if request.over or (_STATUS.field, "none") in known else [request]
    return wanted


def _at(form: Form, i: int, text: Text, known: tuple[tuple[str, str], ...]) -> Reader | None:
    """The reader of one token, if what stands before it names a code."""
    token, tokens, between = form.tokens[i], form.tokens, form.separators
    if not i or not between[i] or not _ENTERS.fullmatch(between[i]) or _is_counted(form, i):
        return None
    best: Named | None = None
    for j in range(i - 1, max(i - 1 - _BEFORE, -1), -1):
        if tokens[j] in (VALUE, ANY):
            break
        said = named(" ".join(tokens[j:i]), known)
        if said is not None and (best is None or said.words > best.words):  # as few as say what it is
            best = said
        if not _WITHIN.fullmatch(between[j]):
            break
    if best is None or not best.kinds:
        return None
    if token not in (VALUE, ANY):
        word = best.kinds[0] in ("grpc", "errno", "dns") and token[0].isupper() and code_of(best.kinds[0], token)
        return Reader(best, "place", i) if word else None
    key = tokens[i - 1]
    if text.slots and f" {key}={SLOT}" in f" {text.text}":
        return Reader(best, "slot", i, f"{key}={SLOT}")
    return Reader(best, "place", i)


def _is_counted(form: Form, i: int) -> bool:
    """Whether a plural comes after a place: `returned 35 rows` is a number of them, `sqlstate=00000 rows=1` is none."""
    after = form.tokens[i + 1] if i + 1 < len(form.tokens) and form.separators[i + 1] == " " else ""
    if not (
        len(after) > 2 and after.isalpha() and after.islower() and after.endswith("s") and not after.endswith("ss")
    ):
        return False
    return "=" not in form.separators[i + 2]


def _bare(word: str) -> str:
    return word.strip("|,;\"'[]()")


def _slot(text: Text, key: str) -> str:
    """The value of a field of a structured body; empty if it has none."""
    at = f" {text.text}".find(f" {key}")
    if at < 0:
        return ""
    before = text.text.count(SLOT, 0, at)
    return text.slots[before][0].strip() if before < len(text.slots) else ""
