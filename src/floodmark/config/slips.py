"""What the models accept and nobody can have meant: forms of other tools, wrong units, placeholders.

An error where what is written can do nothing useful, a warning where it may be meant after all. As `checks`, it works
on the located tree, and leaves to the models what they refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from floodmark.config.locate import Located, items, put_in, quoted, text
from floodmark.config.models import Config
from floodmark.config.problems import Path, Problem
from floodmark.config.promql import selector_as_mapping, shown_globs
from floodmark.config.quantities import budget
from floodmark.config.shape import ROOT, Shape

OFTEN: Final = 86_400 / 3_600
"""False alarms of one series a day, from which it is doubtful that anybody wants them."""

_LABEL: Final = re.compile(r"[^={}~!\"]+")
_FOREIGN: Final = re.compile(r"(?:re|regex|regexp|pcre|glob|wildcard)[:=]|=~|!~|!=|==")
_PLAIN_REGEX: Final = re.compile(r"^\^|(?<!\\)\$$|\.\+|\\[dwsb.]|\([^()]*\|[^()]*\)|\[[^\]]+\]\+")
_DOTTED: Final = ("name", "host", "hostname", "instance", "node", "fqdn", "domain", "class", "logger")
"""Labels whose values have dots, so that `.*` may be a glob's after a dot."""
_NOTHING: Final = ("none", "nil", "off", "no", "false", "disabled", "nothing", "undefined")
_UNFILLED: Final = re.compile(r"\{\{.*\}\}|<%.*%>|\$[A-Za-z_]\w*|\$\([A-Za-z_]\w*\)|%\([A-Za-z_]\w*\)s|^%[A-Z_]{2,}%$")
_EXAMPLE: Final = re.compile(r"^<[\w .:-]+>$|^(?:change-?me|todo|xxx+|your[-_ ].*)$", re.I)
_QUOTES: Final = "\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"


def errors(tree: Located) -> list[Problem]:
    return [*_bare_budgets(tree), *_selectors(tree), *_paths(tree)]


def warnings(tree: Located) -> list[Problem]:
    found = [*_odd_selectors(tree), *_guards(tree), *_limits(tree)]
    return [
        *found,
        *_often(tree),
        *_milliseconds(tree),
        *_texts(tree),
        *_topics(tree),
        *_models(tree),
        *_nameless(tree),
    ]


def _scalars(here: Located, shape: Shape | None, path: Path = ()) -> Iterator[tuple[Path, Located, Shape]]:
    """Every scalar of which it is known what is expected."""
    if shape is None:
        return
    if isinstance(here.value, dict):
        for name, below in here.value.items():
            yield from _scalars(below, shape.child(name), (*path, name))
    elif isinstance(here.value, list):
        for index, below in enumerate(here.value):
            yield from _scalars(below, shape.child(index), (*path, index))
    else:
        yield path, here, shape


def _bare_budgets(tree: Located) -> Iterator[Problem]:
    """A probability or a threshold, which other tools ask for; whole numbers the models refuse themselves."""
    for path, here, shape in _scalars(tree, ROOT):
        if shape.meant() == "budget" and isinstance(here.value, float) and 0 < here.value < 1:
            words = f"{quoted(here)} of what? A budget is how many in which time, and neither a share nor a probability"
            yield here.place.problem(path, words, "write 1/week, 3/day or 0.5/month")


def _matches(tree: Located) -> Iterator[tuple[Path, Located]]:
    for section in ("detectors", "maintenance"):
        for index, item in enumerate(items(tree.at((section,)))):
            match = item.child("match")
            if match is not None and isinstance(match.value, dict):
                yield (section, index, "match"), match


def _models(tree: Located) -> Iterator[Problem]:
    for index, item in enumerate(items(tree.at(("models",)))):
        here = item.child("match")
        word = text(here)
        if here is not None and word is not None and here.written is None and _looks_like_regex("model", word):
            words = f"{quoted(here)} looks like a regular expression; it is matched as a glob (* ? [abc])"
            yield here.place.problem(("models", index, "match"), words, f"write {shown_globs(word)}")


def _patterns(match: Located, path: Path) -> Iterator[tuple[Path, str, Located, str]]:
    """Path, label, where, and text of each value of the selectors."""
    for label, below in (match.value if isinstance(match.value, dict) else {}).items():
        several = items(below)
        for index, here in enumerate(several or [below]):
            word = text(here)
            if word is not None and here.written is None:
                yield ((*path, label, index) if several else (*path, label)), label, here, word


def _selectors(tree: Located) -> Iterator[Problem]:
    for path, match in _matches(tree):
        assert isinstance(match.value, dict)
        for label, below in match.value.items():
            if _LABEL.fullmatch(label):
                continue
            sign = re.match(r"\s*[\w.]+\s*(?:=~|!~|!=|==?)\s*", label)
            bare = sign is not None and sign.end() == len(label) and isinstance(below.value, str) and not put_in(below)
            hint = selector_as_mapping(f'{label}"{below.value}"' if bare else label) if sign else ""
            words = f"{label!r} is no label: a selector of PromQL is not understood"
            yield match.keys[label].problem((*path, label), words, hint or 'write label: value, as in service: "web*"')
        for at, _, here, word in _patterns(match, path):
            if found := _FOREIGN.match(word.strip()):
                negated = found[0].startswith("!")
                hint = (
                    "give the others a detector of their own before this one"
                    if negated
                    else f"write {shown_globs(word)}"
                )
                words = f"{quoted(here)} is matched as a glob, to which {found[0]} are plain characters"
                yield here.place.problem(at, words, hint)
            elif at[3] == "name" and re.search(r"\{\s*[\w.]+\s*(?:=|!)", word):
                words = f"{quoted(here)} has a selector of PromQL in the name"
                yield here.place.problem(at, words, selector_as_mapping(word))


def _odd_selectors(tree: Located) -> Iterator[Problem]:
    for path, match in _matches(tree):
        assert isinstance(match.value, dict)
        for label in ("__name__", "metric", "metric_name"):
            if label in match.value and "name" not in match.value:
                words = f"only series that have a label {label} match"
                yield match.keys[label].problem((*path, label), words, "for the name of a series write name:")
        for at, label, here, word in _patterns(match, path):
            if _FOREIGN.match(word.strip()) or re.search(r"\{\s*[\w.]+\s*(?:=|!)", word):
                continue
            if _looks_like_regex(label, word):
                words = f"{quoted(here)} looks like a regular expression; it is matched as a glob (* ? [abc])"
                yield here.place.problem(at, words, f"write {shown_globs(word)}")
            elif braces := re.search(r"\{([^{}]*,[^{}]*)\}", word):
                some = (
                    f"{word[: braces.start()]}{part.strip()}{word[braces.end() :]}" for part in braces[1].split(",")
                )
                hint = f"write [{', '.join(map(shown_globs, some))}]"
                yield here.place.problem(at, f"{quoted(here)}: braces are plain characters in a glob", hint)
            elif "%" in word and "*" not in word and not re.search(r"\d%|%[0-9A-Fa-f]{2}", word):
                yield here.place.problem(
                    at, f"{quoted(here)}: % is a plain character", f"write {shown_globs(word.replace('%', '*'))}"
                )
            elif re.fullmatch(r"[\w*.-]+(?:\s*,\s*[\w*.-]+)+|[\w*.-]+(?:\s*\|\|?\s*[\w*.-]+)+", word):
                parts = ", ".join(shown_globs(part) for part in re.split(r"\s*(?:,|\|\|?)\s*", word))
                yield here.place.problem(
                    at, f"{quoted(here)} is one value, with a sign in it", f"for several write [{parts}]"
                )
            elif word.startswith("!") and len(word) > 1:
                hint = "give the others a detector of their own before this one"
                yield here.place.problem(at, f"{quoted(here)}: ! is a plain character; there is no `not`", hint)


def _looks_like_regex(label: str, word: str) -> bool:
    if _PLAIN_REGEX.search(word) or re.fullmatch(r"/.*[.*+^$|\\].*/", word):
        return True
    if word == ".*" or word.startswith(".*"):
        return True
    before, found, _ = word.partition(".*")
    return bool(found) and (before.endswith(("_", "-")) or (label not in _DOTTED and "." not in before))


def _guards(tree: Located) -> Iterator[Problem]:
    for index, item in enumerate(items(tree.at(("detectors",)))):
        path: Path = ("detectors", index, "min_deviation", "relative")
        here = item.at(("min_deviation", "relative"))
        if here is None or isinstance(here.value, bool) or not isinstance(here.value, int | float) or here.value <= 1:
            continue
        share = here.value
        words = (
            f"{share:g} is {share * 100:,.0f} %: only what is {share + 1:g} times the expected alarms, and no fall ever"
        )
        yield here.place.problem(path, words, f"write {share / 100:g} for {share:g} %")


def _limits(tree: Located) -> Iterator[Problem]:
    for index, item in enumerate(items(tree.at(("detectors",)))):
        limit, direction = item.child("limit"), item.child("direction")
        word = text(direction)
        if limit is None or direction is None or not isinstance(limit.value, dict):
            continue
        for key, other in (("above", "down"), ("below", "up")):
            here = limit.child(key)
            if here is not None and here.value is not None and word == other:
                fits = "up" if key == "above" else "down"
                words = f"a limit {key} alarms when the series goes {fits}, whatever direction: {word} says of the rest"
                hint = f"write direction: {fits}, or limit: {{{'below' if key == 'above' else 'above'}: …}}"
                yield here.place.problem(("detectors", index, "limit", key), words, hint)


def _often(tree: Located) -> Iterator[Problem]:
    for index, item in enumerate(items(tree.at(("detectors",)))):
        here = item.child("false_alarms")
        try:
            a_day = budget(here.value) * 86_400 if here is not None and isinstance(here.value, str) else 0.0
        except ValueError:
            continue  # the models say so
        if here is not None and a_day > OFTEN:
            words = f"{a_day:,.0f} false alarms a day of each series make nearly everything odd"
            yield here.place.problem(
                ("detectors", index, "false_alarms"), words, "write what chance may bring, such as 1/day"
            )


def _milliseconds(tree: Located) -> Iterator[Problem]:
    """A bare number a thousand times what is usual: milliseconds, which most other tools count."""
    for path, here, shape in _scalars(tree, ROOT):
        value = here.value
        if shape.meant() != "duration" or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        usual = _default(path)
        if (
            value >= 1000
            and value % 500 == 0
            and usual
            and usual / 20 <= value / 1000 <= usual * 20
            and value > usual * 20
        ):
            words = f"{value:g} is counted in seconds: {_long(value)}"
            yield here.place.problem(path, words, f"write {value / 1000:g}s if milliseconds are meant, else a unit")
        yield from _bare_seconds(path, here, value, usual)


def _bare_seconds(path: Path, here: Located, value: float, usual: float) -> Iterator[Problem]:
    """A bare number that is far less than is usual: days, hours or minutes were meant."""
    if 0 < value <= 60 and usual >= 60 and value < usual / 10:
        words = f"{value:g} is counted in seconds, and usual are {_long(usual)}"
        yield here.place.problem(
            path, words, f"write {value:g}s if it is meant, else {value:g}m, {value:g}h or {value:g}d"
        )


def _paths(tree: Located) -> Iterator[Problem]:
    """JSONPath, of which `$` would be the name of a member."""
    for path, here, shape in _scalars(tree, ROOT):
        word = text(here)
        if shape.meant() == "source" and word is not None and here.written is None and re.match(r"\$[.\[]", word):
            yield here.place.problem(path, f"{quoted(here)} is a JSONPath", f"write {word[1:].lstrip('.')}")


def _nameless(tree: Located) -> Iterator[Problem]:
    """A detector whose name was meant as a selector."""
    for index, item in enumerate(items(tree.at(("detectors",)))):
        name = item.child("name")
        word = text(name)
        if name is None or word is None or name.written is not None or (item.child("match") is not None):
            continue
        if re.fullmatch(r"[\w.*?]*[_.*][\w.*?]*", word) and not re.match(
            r"every|all|any|catch|rest|other|default", word.lower()
        ):
            words = f"{quoted(name)} is only shown in anomalies: without a match this judges every series"
            yield name.place.problem(("detectors", index, "name"), words, f"write match: {{name: {shown_globs(word)}}}")


def _default(path: Path) -> float:
    model: Any = Config
    for part in path[:-1]:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            info = model.model_fields[part]
            model = Shape(info.annotation, tuple(info.metadata)).section() or _item(info.annotation)
    field = model.model_fields.get(str(path[-1])) if model is not None else None
    return float(field.default) if field is not None and isinstance(field.default, int | float) else 0.0


def _item(annotation: Any) -> Any:
    below = Shape(annotation).child(0)
    return below.section() if below is not None else None


def _long(seconds: float) -> str:
    if seconds < 7_200:
        return f"{seconds / 60:g} min"
    return f"{seconds / 86400:.1f} days" if seconds >= 172_800 else f"{seconds / 3600:.1f} h"


def _texts(tree: Located) -> Iterator[Problem]:
    """Placeholders that nobody filled in, typographic quotes, and words for nothing."""
    for path, here, shape in _scalars(tree, ROOT):
        word = text(here)
        if word is None or here.written is not None or not shape.text():
            continue
        if word[:1] in _QUOTES or word[-1:] in _QUOTES:
            yield here.place.problem(path, "typographic quotes are part of the text", "use \" or '")
        elif here.secret:
            if re.fullmatch(r"\$[A-Z_][A-Z0-9_]*|\{\{.*\}\}", word):
                yield here.place.problem(
                    path, "looks like a variable and is taken as the secret itself", "write ${NAME}"
                )
        elif _UNFILLED.search(word) and "match" not in path and path[-1] not in ("pattern", "timestamp_format"):
            yield here.place.problem(path, f"{quoted(here)}: nothing fills that in", _filled(word))
        elif _EXAMPLE.fullmatch(word.strip()):
            yield here.place.problem(path, f"{quoted(here)} is an example that nobody filled in", "write the value")
        elif word.lower() in _NOTHING and type(None) in getattr(shape.type, "__args__", ()) and not shape.choices():
            words = f"{quoted(here)} is taken as a text; nothing is written null"
            yield here.place.problem(path, words, "write null, or leave it out")


def _filled(word: str) -> str:
    name = re.search(r"[A-Za-z_]\w*", word)
    return (
        f"for a variable of the environment write ${{{name[0]}}}"
        if name and "{{" not in word
        else "write the value, or ${NAME}"
    )


def _topics(tree: Located) -> Iterator[Problem]:
    for index, item in enumerate(items(tree.at(("inputs",)))):
        here = item.child("topic")
        if here is not None and text(here) in ("__consumer_offsets", "__transaction_state", "_schemas"):
            words = f"{quoted(here)} is Kafka's own, and holds no telemetry"
            yield here.place.problem(("inputs", index, "topic"), words, "name a topic to which telemetry is sent")
