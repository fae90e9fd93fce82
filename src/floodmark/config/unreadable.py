"""Why a text is no YAML, in plain words and where it begins to be wrong. Repeats no value: it may be secret.

YAML's own messages name what the parser met, often many lines after the slip: a quote that nobody closed ends at the
next one, a line that is a blank too deep belongs to the value above it.
"""

from __future__ import annotations

import re
import warnings
from typing import Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_KEY: Final = re.compile(r"\s*+(?:- +)*([\w.-]++|\"[^\"]*\"|'[^']*')\s*+:(?:\s|$)")
_OPENED: Final = re.compile(r"(?:^\s*+|[:\[{,-]\s++)([\"'])")
"""A quote where a value or a key may begin."""
_TRIED: Final = 20
"""Quotes that are tried, at most: each means to read the text anew."""
_CLOSERS: Final = {"[": "]", "{": "}"}
_NO_BEGINNING: Final = re.compile(r"found character '(.)' that cannot start any token")
_ESCAPE: Final = re.compile(r"found unknown escape character")


class Slip(NamedTuple):
    """`line` and `column` count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


def explain(error: MarkedYAMLError, text: str) -> Slip | None:
    """What is wrong with `text`, which YAML refused with `error`; None if the error has no place."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return None
    lines = text.splitlines()
    at = min(mark.line, len(lines) - 1)
    here = lines[at] if lines else ""
    line, column = mark.line + 1, mark.column + 1
    problem, context = str(error.problem or "").strip(), str(error.context or "").strip()
    opened = error.context_mark
    for number, each in enumerate(lines):
        if re.match(r"(?:<{7}|={7}|>{7})(?:\s|$)", each):
            return Slip(number + 1, 1, "the mark of a merge that was not finished", "keep one of the two versions")
    tabbed = _tab(lines, at)
    if tabbed is not None:
        return tabbed
    if (quote := _open_quote(text, lines, mark.line)) is not None:
        return quote
    if "quoted scalar" in context and "end of stream" in problem and opened is not None:
        return Slip(opened.line + 1, opened.column + 1, "the quote that opens here is never closed")
    if "${" in here and ("flow" in context or "mapping values" in problem):
        return Slip(line, column, "${…} cannot stand here as it is", "put quotes around ${…} inside of { } and [ ]")
    if "flow" in context and opened is not None and opened.line < len(lines):
        return _flow(error, lines, Slip(line, column, problem))
    if "mapping values are not allowed" in problem:
        return _second_colon(lines, at, column)
    if found := _NO_BEGINNING.search(problem):
        return Slip(line, column, f"a value cannot begin with {found[1]}", "put it in quotes")
    if "alias" in problem or "alias" in context:
        hint = 'a text that begins with a star must be in quotes, as in "*error*"'
        start = opened if opened is not None and "alias" in context else mark
        return Slip(start.line + 1, start.column + 1, "* at the beginning names an alias, and there is none", hint)
    if "anchor" in context:
        return Slip(line, column, "& at the beginning marks an anchor, and has no name", "put the text in quotes")
    if "block scalar" in context and opened is not None:
        sign = lines[opened.line][opened.column : opened.column + 1]
        return Slip(opened.line + 1, opened.column + 1, f"{sign} at the beginning opens a block", "put it in quotes")
    if _ESCAPE.search(problem):
        hint = "write the backslash twice, or use single quotes, in which it is a plain character"
        return Slip(line, column, "a backslash in double quotes begins an escape, and this is none", hint)
    if "sequence entries are not allowed" in problem:
        return Slip(
            line, column, "a list cannot begin after its key", "put each - on a line of its own, or write [a, b]"
        )
    if "expected the node content" in problem:
        return Slip(line, column, f"a value cannot begin with {here[column - 1 : column]}", "put it in quotes")
    if "expected a single document" in problem:
        return Slip(line, column, "--- begins a second document, and a file holds a single document", "remove the ---")
    if "could not find expected ':'" in problem and opened is not None:
        return Slip(opened.line + 1, opened.column + 1, "there is no colon after the key", "write key: value")
    if text.lstrip().startswith("%"):
        return Slip(1, 1, "a line that begins with % is a directive of YAML", "put the text in quotes")
    if "<block end>" in problem or "<document start>" in problem:
        return _out_of_line(lines, at, column, problem)
    return Slip(line, column, f"not valid YAML: {problem}{f' ({context})' if context else ''}")


def _tab(lines: list[str], at: int) -> Slip | None:
    for number in range(at, max(-1, at - 2), -1):
        blanks = lines[number][: len(lines[number]) - len(lines[number].lstrip())] if number < len(lines) else ""
        if "\t" in blanks:
            column = blanks.index("\t") + 1
            return Slip(number + 1, column, "a tab cannot indent; use spaces", "two blanks for each level")
    return None


def _open_quote(text: str, lines: list[str], last: int) -> Slip | None:
    """A quote up to the line `last` without which, or with its end, the text would be read further."""
    reached = _reached(text)
    tried = 0
    for number, line in enumerate(lines[: last + 1]):
        begun = _unclosed(line)
        if begun is None or tried == _TRIED:
            continue
        tried += 1
        column, quote = begun
        mended = "\n".join([*lines[:number], line.rstrip() + quote, *lines[number + 1 :]]) + "\n"
        if _reached(mended) > max(reached, number):
            return Slip(number + 1, column + 1, "the quote that opens here is not closed on its line", "close it")
    line = lines[last] if last < len(lines) else ""
    for found in _OPENED.finditer(line):
        if found[1] == "'" and line.count("'") > 2 and re.search(r"\w'\w", line):
            hint = "write it twice ('it''s'), or use double quotes"
            return Slip(last + 1, found.end(), "an apostrophe ends what is in single quotes", hint)
    return None


def _unclosed(line: str) -> tuple[int, str] | None:
    """Where on a line a quote opens that does not close on it, and which."""
    at = 0
    while found := _OPENED.search(line, at):
        start, quote = found.end() - 1, found[1]
        at = start + 1
        while at < len(line) and line[at] != quote:
            at += 2 if quote == '"' and line[at] == "\\" else 1
        if at >= len(line):
            return start, quote
        at += 1
    return None


def _reached(text: str) -> int:
    """The line at which YAML gives up, counted from 0; more than there are if it does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor may be used again
            YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What ends with the text began to be wrong where it opened.
        if error.context_mark is not None and "end of stream" in str(error.problem):
            mark = error.context_mark
        return mark.line if mark is not None else -1
    except (YAMLError, ValueError, RecursionError):
        return -1
    return text.count("\n") + 2


def _flow(error: MarkedYAMLError, lines: list[str], met: Slip) -> Slip:
    """In [ ] or { }: it is not closed, or something in it has no comma before it."""
    opened = error.context_mark
    sign = lines[opened.line][opened.column : opened.column + 1]
    closer = _CLOSERS.get(sign, "]")
    if met.line > opened.line + 1 or "stream end" in met.message:
        return Slip(
            opened.line + 1, opened.column + 1, f"the {sign} that opens here is not closed", f"close it with {closer}"
        )
    words = f"between {sign} and {closer} there is no comma here, or a quote, colon or bracket too many"
    return Slip(met.line, met.column, words, "part the items with commas, and put texts with : { } [ ] in quotes")


def _second_colon(lines: list[str], at: int, column: int) -> Slip:
    """A colon after a value: of the same line, or of the line above, to which this one then belongs."""
    here = lines[at]
    key = _KEY.match(here)
    if key is None or key.end(1) + 1 < column - (len(here) - len(here.rstrip())):
        first = here.find(":")
        if first + 1 < column:
            hint = "put the value in quotes, or the second key on a line of its own"
            return Slip(at + 1, column, "a second colon on the line", hint)
    above = next((n for n in range(at - 1, -1, -1) if lines[n].strip() and not lines[n].lstrip().startswith("#")), None)
    if above is None:
        return Slip(at + 1, column, "a colon stands where none can", "write key: value")
    mine, its = _indent(here), _indent(lines[above])
    if _KEY.match(lines[above]) is None:
        if lines[above].lstrip().startswith("-"):
            return Slip(
                at + 1,
                mine + 1,
                "this key continues an item of the list above that is plain text",
                "write - key: value",
            )
        return Slip(above + 1, its + 1, "there is no colon and blank after the key", "write key: value")
    inner = _inner(lines[above])
    words = f"this line is indented by {mine} blanks, the one above, which has a value of its own, by {inner}"
    return Slip(at + 1, mine + 1, words, "indent keys of one section alike, or leave the value above empty")


def _out_of_line(lines: list[str], at: int, column: int, problem: str) -> Slip:
    """A block ended too early: the line is in no column that is open, or something follows a value."""
    here = lines[at] if at < len(lines) else ""
    mine = _indent(here)
    if column - 1 > mine and here[: column - 1].strip(" -") != "":
        sign = here[column - 1 : column]
        if sign in "]}":
            return Slip(at + 1, column, f"this {sign} closes nothing", "remove it")
        words = "something follows the closing quote of a value"
        return Slip(at + 1, column, words, "put quotes around the whole value, and none within")
    open_ones = sorted(
        {_inner(line) for line in _ancestors(lines, at, mine)} | {_indent(line) for line in _ancestors(lines, at, mine)}
    )
    said = " or ".join(map(str, open_ones)) or "0"
    what = "this item of a list" if "sequence" in problem or here.lstrip().startswith("-") else "this line"
    words = f"{what} is indented by {mine} blank{'s' * (mine != 1)}, and what is open above by {said}"
    return Slip(at + 1, mine + 1, words, "indent what belongs together alike")


def _ancestors(lines: list[str], at: int, mine: int) -> list[str]:
    """The lines before this one that are still open there: each less deep than those that follow it."""
    found: list[str] = []
    least: int | None = None
    for line in reversed(lines[:at]):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = _indent(line)
        if least is None or indent < least:
            found.append(line)
            least = indent
        if least == 0:
            break
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _inner(line: str) -> int:
    """The column of the key of a line, after the dash of a list."""
    rest = line.lstrip(" ")
    while rest.startswith("- "):
        rest = rest[2:].lstrip(" ")
    return len(line) - len(rest)
