"""Selectors of PromQL and regular expressions as labels are matched here: by globs. A guess, for hints only."""

from __future__ import annotations

import re
from typing import Any, Final

_MATCHER: Final = re.compile(
    r"\s*([\w.]+)\s*(=~|!~|!=|==|=)\s*(?:\"([^\"]*)\"|'([^']*)'|([^,}\s]+))\s*(?:,|and|$)?", re.I
)


def selector_as_mapping(text: str) -> str:
    """PromQL's `name{label=~"a.*"}` as it is written here; empty if it is none, or has what cannot be said here."""
    name, brace, inner = text.strip().rstrip("}").partition("{")
    if not brace:
        name, inner = "", text.strip()
    found: dict[str, Any] = {"name": name.strip()} if name.strip() else {}
    at = 0
    while at < len(inner):
        matcher = _MATCHER.match(inner, at)
        if matcher is None or matcher.end() == at:
            return ""
        label, sign = matcher[1], matcher[2]
        value = next(part for part in matcher.groups()[2:] if part is not None)
        if sign.startswith("!"):
            return "there is no `not` here: give the others a detector of their own before this one (enabled: false)"
        found["name" if label == "__name__" else label] = glob_of(value) if sign == "=~" else value
        at = matcher.end()
    if not found:
        return ""
    said = ", ".join(f"{k}: {as_yaml(v)}" for k, v in found.items())
    return f"write match: {{{said}}}"


def glob_of(regex: str) -> str | list[str]:
    """The globs that match what a simple regular expression does; a best guess for others."""
    text = re.sub(r"^(?:re|regex|regexp|pcre|glob)[:=]|^(?:=~|~)|^/(.*)/$", lambda m: m[1] or "", regex.strip())
    whole = text.startswith("^") or text.endswith("$")
    open_left, open_right = whole and not text.startswith("^"), whole and not text.endswith("$")
    text = text.removeprefix("^").removesuffix("$")
    group = re.fullmatch(r"(.*?)\((?:\?:)?([^()]*)\)(.*)", text)
    parts = [f"{group[1]}{part}{group[3]}" for part in group[2].split("|")] if group else text.split("|")
    globs = []
    for part in parts:
        glob = re.sub(r"\\[dw][+*]?|\.[*+]\??|\[[^\]]+\][+*]", "*", part)
        glob = re.sub(r"\\(.)", r"\1", glob)
        before, after = "*" * (open_left and glob[:1] != "*"), "*" * (open_right and glob[-1:] != "*")
        globs.append(f"{before}{glob}{after}")
    return globs[0] if len(globs) == 1 else globs


def as_yaml(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return value if re.fullmatch(r"[A-Za-z_][\w./-]*", value) else f'"{value}"'


def shown_globs(regex: str) -> str:
    """As YAML: "cpu*", or a list of them."""
    return as_yaml(glob_of(regex))
