"""What is told, as Jira writes it: a document of nodes in the cloud (ADF), wiki text in the Data Center edition."""

from __future__ import annotations

import re
from typing import Any, Final

from floodmark.notify import wording
from floodmark.notify.links import address
from floodmark.notify.sink import Message

_MOST: Final = 20_000
"""Characters of a description or a comment: Jira takes 32,767, and escaped text is longer."""
_LINES: Final = 60
"""Lines below a heading: what is longer nobody reads."""
_SPECIAL: Final = frozenset("{}[]()*_+^~|!#?-@%")
"""What wiki text may read as markup, and takes with a backslash before it as itself."""
_AT_BEGIN: Final = re.compile(r"(h[1-6]|bq)\.")


def document(message: Message) -> dict[str, Any]:
    """An ADF document. A node of text is never empty, for Jira refuses such."""
    content: list[dict[str, Any]] = [_paragraph(wording.title(message))]
    room = _MOST
    for part in wording.parts(message):
        lines = [line for line in (wording.line(each, wording.LINE) for each in part.lines) if line]
        lines = lines[: _fitting(lines, room)]
        room -= sum(map(len, lines))
        if not lines:
            continue
        content.append({"type": "heading", "attrs": {"level": 4}, "content": [_text(part.heading)]})
        items = [{"type": "listItem", "content": [_paragraph(line)]} for line in lines]
        content.append({"type": "bulletList", "content": items})
    return {"type": "doc", "version": 1, "content": content}


def wiki(message: Message) -> str:
    """Wiki text in which nothing that was told is markup."""
    blocks, room = [escaped(wording.title(message))], _MOST
    for part in wording.parts(message):
        lines = [escaped(line) for each in part.lines if (line := wording.line(each, wording.LINE))]
        lines = lines[: _fitting(lines, room)]
        room -= sum(map(len, lines))
        if lines:
            blocks.append("\n".join([f"h4. {escaped(part.heading)}", *(f"* {line}" for line in lines)]))
    return "\n\n".join(blocks)


def escaped(text: str) -> str:
    """A line as wiki text: addresses stay as they are, so that they can be followed."""
    words = (word if address(word) == word and _plain(word) else _escaped(word) for word in text.split(" "))
    return _AT_BEGIN.sub(r"\1&#46;", " ".join(words), count=1) if _AT_BEGIN.match(text) else " ".join(words)


def _plain(word: str) -> bool:
    return not set(word) & set("{}[]*^~|!\\<>")


def _escaped(word: str) -> str:
    return "".join("&#92;" if c == "\\" else f"\\{c}" if c in _SPECIAL else c for c in word.replace("&", "&amp;"))


def _fitting(lines: list[str], room: int) -> int:
    """How many of the lines there is room for."""
    for count, line in enumerate(lines[:_LINES]):
        room -= len(line)
        if room < 0:
            return count
    return min(len(lines), _LINES)


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [_text(text)]}


def _text(text: str) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": text}
    _, colon, target = text.partition(": ")
    if colon and (link := address(target)) and link == target:
        node["marks"] = [{"type": "link", "attrs": {"href": link}}]
    return node
