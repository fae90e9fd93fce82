"""Log templates, mined online: which lines are the same sentence with other values in it.

Never reads a clock or a random number, and never answers differently for a line it has just been taught. The idea of a
tree over token counts and leading tokens is Drain's (He et al. 2017, "Drain: an online log parsing approach with fixed
depth tree"). What differs is when words become wildcards. Tokens that look like values are wildcards from the start
(`tokens`); a word becomes one only once several words have been seen in its place, so that "paused" and "resumed",
or "permission denied" and "no such file", stay two templates, while user names become one. Until then the lines are
templates of their own, and when they are joined the oldest of them stays, with its id.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, count
from operator import ne
from typing import Final

from floodmark.alerts import content_id
from floodmark.detect.logs.lines import Line, Lines
from floodmark.detect.logs.parameters import Parameter
from floodmark.detect.logs.tokens import ANY, VALUE, Form
from floodmark.detect.logs.vocabulary import is_state

_EVIDENCE: Final = 4
"""Distinct words in a place before it is a wildcard."""
_EVIDENCE_SHORT: Final = 8
"""The same where fewer than two words of the line agree: short lines look alike by chance."""
_EVIDENCE_FIRST: Final = 16
"""The same for the first token, which mostly names the action; with a dot in it, it names who acts: any other token."""
_WORTH: Final = {VALUE: 3, ANY: _EVIDENCE_FIRST}
"""Evidence that a place varies: a word counts one; where digit-bearing values stand, one word beside them will do."""
_NAME: Final = re.compile(r"[_#-]|[a-z][A-Z]")
"""A word with the looks of a name, which few words that say something have. It counts twice."""
_COMPARED: Final = 256
"""Templates, the newest of those with the same separators, that a new one is compared with."""
_PLACES: Final = 32
"""Sets of differing places that are tried, the smallest first, when a new template might be joined with others."""
_REMEMBERED: Final = 2_048
"""Lines in each of the two generations of the memo in front of the search."""


class Memo(dict[Line, "tuple[Template, int]"]):
    """The template of a line, and the version of its node then. It is not written into snapshots."""

    __slots__ = ()


class Template:
    """A sentence of a log. `id` is fixed at birth; `text` may gain wildcards (`<*>`).

    `into` is the template that this one was joined with, if it was; `forgotten` says that it was evicted. `lines`
    counts those that matched.
    """

    __slots__ = ("_node", "forgotten", "form", "id", "into", "lines")

    def __init__(self, born: Form, node: _Node) -> None:
        self.id = content_id("tpl", *born.separators, *born.tokens)
        self.form = born
        self.into: Template | None = None
        self.forgotten = False
        self.lines = 0
        self._node = node

    @property
    def text(self) -> str:
        """The sentence with `<*>` for what varies."""
        return self.form.text()

    @property
    def node(self) -> _Node:
        """Where in the tree it is kept."""
        return self._node

    def current(self) -> Template:
        """The template that this one is part of now: itself, unless it was joined."""
        template = self
        while template.into is not None:
            template = template.into
        return template


class Match:
    """What a line turned out to be. `is_new` says that no template knew it."""

    __slots__ = ("_body", "_lines", "is_new", "template")

    def __init__(self, template: Template, is_new: bool, body: str, lines: Lines) -> None:
        self.template = template
        self.is_new = is_new
        self._body = body
        self._lines = lines

    @property
    def parameters(self) -> list[Parameter]:
        """What the line has at each `<*>` of the template as it is now, in order. Worked out when asked for."""
        return self.at([i for i, token in enumerate(self.template.form.tokens) if token in (VALUE, ANY)])

    def at(self, places: Sequence[int]) -> list[Parameter]:
        """What the line has at these tokens of the template, in order."""
        return self._lines.parameters(self._body, places)


class _Node:
    """The templates with the same separators (and so the same number of tokens), by birth and by first token.

    `version` counts the changes, so that a remembered answer can be told from an outdated one.
    """

    __slots__ = ("by_first", "separators", "templates", "version")

    def __init__(self, separators: tuple[str, ...]) -> None:
        self.separators = separators
        self.templates: list[Template] = []
        self.by_first: dict[str, list[Template]] = {}
        self.version = 0

    def search(self, tokens: tuple[str, ...]) -> Template | None:
        """The template with the most words among those that the tokens satisfy; the oldest of equals."""
        best, most = None, -1
        first = tokens[0] if tokens else ""
        for candidates in (self.by_first.get(first, ()), self.by_first.get(ANY, ()) if first != ANY else ()):
            for template in candidates:
                agreed = 0
                for mine, its in zip(template.form.tokens, tokens, strict=True):
                    if mine == its:
                        agreed += 1
                    elif mine != ANY or is_state(its):
                        break
                else:
                    if agreed > most:
                        best, most = template, agreed
        return best

    def add(self, template: Template) -> None:
        self.templates.append(template)
        self.by_first.setdefault(_first(template), []).append(template)
        self.version += 1

    def remove(self, template: Template) -> None:
        self.templates.remove(template)
        siblings = self.by_first[_first(template)]
        siblings.remove(template)
        if not siblings:
            del self.by_first[_first(template)]
        self.version += 1

    def widen(self, template: Template, places: tuple[int, ...]) -> None:
        """Put wildcards at some places of a template."""
        tokens = list(template.form.tokens)
        for place in places:
            tokens[place] = ANY
        siblings = self.by_first[_first(template)]
        siblings.remove(template)
        if not siblings:
            del self.by_first[_first(template)]
        template.form = Form(tuple(tokens), template.form.separators)
        self.by_first.setdefault(_first(template), []).append(template)
        self.version += 1


class TemplateMiner:
    """Mines the templates of one log source.

    `similarity`: the share of a line's words that must agree with those of other templates for them to be joined.
    `capacity`: templates kept; beyond it the least recently matched goes, and is counted. `lines` may be shared
    between miners. Which memo still holds what never changes an answer.
    """

    def __init__(self, similarity: float, capacity: int, lines: Lines | None = None) -> None:
        self._similarity = similarity
        self._capacity = capacity
        self._lines = Lines() if lines is None else lines
        self._nodes: dict[tuple[str, ...], _Node] = {}
        self._templates: OrderedDict[str, Template] = OrderedDict()
        self._memo = Memo()
        self._older = Memo()
        self._joined = 0
        self._evicted = 0

    def __len__(self) -> int:
        return len(self._templates)

    def __iter__(self) -> Iterator[Template]:
        """The templates, least recently matched first."""
        return iter(self._templates.values())

    def resize(self, capacity: int) -> None:
        """Keep at most so many templates from now on."""
        self._capacity = capacity
        while len(self._templates) > capacity:
            self._evict()

    def counts(self) -> Mapping[str, int]:
        """Templates joined with an older one, and evicted, so far."""
        return {"joined:log_template": self._joined, "evicted:log_template": self._evicted}

    def match(self, body: str) -> Match:
        """The template of a body, learned from it if need be. Any text will do; only its beginning is looked at."""
        line = self._lines.of(body)
        known = self._memo.get(line)
        if known is not None and known[1] == known[0].node.version:
            template = known[0]
            self._templates.move_to_end(template.id)
            template.lines += 1
            return Match(template, False, body, self._lines)
        found, is_new = self._found(line)
        self._templates.move_to_end(found.id)
        found.lines += 1
        if len(self._memo) >= _REMEMBERED:
            self._older, self._memo = self._memo, Memo()
        self._memo[line] = (found, found.node.version)
        return Match(found, is_new, body, self._lines)

    def _found(self, line: Line) -> tuple[Template, bool]:
        """The template of a line, and whether it was born for it."""
        known = self._older.get(line)
        if known is not None and known[1] == known[0].node.version:
            return known[0], False
        node = self._nodes.get(line.form.separators)
        if node is None:
            node = self._nodes[line.form.separators] = _Node(line.form.separators)
        found = node.search(line.form.tokens)
        if found is not None:
            return found, False
        born = Template(line.form, node)
        node.add(born)
        self._templates[born.id] = born
        found = self._join(node, born)
        if len(self._templates) > self._capacity:
            self._templates.move_to_end(found.id)
            self._evict()
        return found, found is born

    def _join(self, node: _Node, born: Template) -> Template:
        """Join a template just born with those that differ from it where enough words have been seen.

        Returns the oldest of those joined, which now stands for all of them, or `born`.
        """
        tokens = born.form.tokens
        said = sum(token != VALUE for token in tokens)
        most = len(tokens) * (1 - self._similarity)
        alike: dict[tuple[int, ...], list[Template]] = {}
        for other in node.templates[-_COMPARED - 1 : -1]:
            its = other.form.tokens
            places = tuple(compress(count(), map(ne, tokens, its)))
            if len(places) > most:
                continue  # most pairs end here
            agreed = said - sum(tokens[place] != VALUE for place in places)
            if agreed < self._similarity * (agreed + len(places)):
                continue
            if not any(is_state(tokens[i]) or is_state(its[i]) for i in places):
                alike.setdefault(places, []).append(other)
        for places in sorted(alike, key=lambda places: (len(places), places))[:_PLACES]:
            within = set(places)
            family = [t for some, templates in alike.items() if within.issuperset(some) for t in templates]
            if all(self._varies(place, family, born, len(places)) for place in places):
                return self._unite(node, [t for t in node.templates if t in family or t is born], places)
        return born

    def _varies(self, place: int, family: list[Template], born: Template, places: int) -> bool:
        """Whether enough different words stand at a place of alike templates for it to be a wildcard."""
        tokens = born.form.tokens
        if place == 0 and "." not in tokens[0]:
            needed = _EVIDENCE_FIRST
        elif sum(token != VALUE for token in tokens) - places < 2:
            needed = _EVIDENCE_SHORT
        else:
            needed = _EVIDENCE
        seen = {template.form.tokens[place] for template in family} | {tokens[place]}
        name = 2 if place else 1
        return sum(_WORTH.get(token) or (name if _NAME.search(token) else 1) for token in seen) >= needed

    def _unite(self, node: _Node, family: list[Template], places: tuple[int, ...]) -> Template:
        """Let the first of a family, which is in the order of birth, stand for all of it."""
        oldest, *others = family
        for template in others:
            node.remove(template)
            del self._templates[template.id]
            template.into = oldest
            oldest.lines += template.lines
        node.widen(oldest, places)
        self._joined += len(others)
        return oldest

    def _evict(self) -> None:
        _, template = self._templates.popitem(last=False)
        template.forgotten = True
        node = template.node
        node.remove(template)
        if not node.templates:
            del self._nodes[node.separators]
        self._evicted += 1


def _first(template: Template) -> str:
    """The token by which a template is found; an empty line has none."""
    tokens = template.form.tokens
    return tokens[0] if tokens else ""
