"""What the site has beside docs/*.md: pages made from the code, and the files of the repository that the docs link to.

mkdocs calls the functions (`hooks` in mkdocs.yml). Links that lead out of docs/ (`../deploy/x`) are followed: a file
becomes a page, a folder a list, all below `repository/`. So every link holds in the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_PLACE: Final = "repository"
_CODE: Final = {".py", ".yaml", ".yml", ".json", ".sh", ".groovy", ".conf", ".service", ".container", ".tpl", ".toml"}


def on_files(files: Files, config: Any) -> Files:
    """Add what is made, and all that the pages link to in the repository."""
    for name, text in (("commands.md", commands()), ("metrics.md", metrics()), ("api.md", api())):
        if text:
            files.append(File.generated(config, name, content=text))
    todo = [Path("docs", each.src_uri) for each in files.documentation_pages()]
    done: set[Path] = set()
    while todo:
        page = todo.pop()
        source = ROOT / page
        if not source.is_file():
            continue
        for target in _outside(page, source.read_text()):
            if target in done or not (ROOT / target).exists():
                continue
            done.add(target)
            files.append(_file(target, config))
            if target.suffix == ".md":
                todo.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links that lead out of docs/ lead to where their files are in the site."""
    uri = page.file.src_uri
    source = Path(uri).relative_to(_PLACE) if uri.startswith(f"{_PLACE}/") else Path("docs", uri)
    if uri.startswith(f"{_PLACE}/") and source.name == "index.md" and not (ROOT / source).is_file():
        return markdown  # a list of ours: its links are right

    def led(match: re.Match[str]) -> str:
        target = Path(posixpath.normpath(posixpath.join(source.parent.as_posix(), match[1])))
        if not (ROOT / target).exists():
            return match[0]
        to = target.relative_to("docs").as_posix() if target.parts[0] == "docs" else _uri(target)
        return posixpath.relpath(to, posixpath.dirname(uri) or ".") + (match[2] or "")

    return _LINK.sub(led, markdown)


def _outside(page: Path, text: str) -> Iterator[Path]:
    for match in _LINK.finditer(text):
        target = Path(posixpath.normpath(posixpath.join(page.parent.as_posix(), match[1])))
        if target.parts[0] not in ("docs", ".."):
            yield target


def _uri(target: Path) -> str:
    if (ROOT / target).is_dir():
        return f"{_PLACE}/{target.as_posix()}/index.md"
    return f"{_PLACE}/{target.as_posix()}" + (".md" if target.suffix in _CODE else "")


def _file(target: Path, config: Any) -> File:
    source = ROOT / target
    if source.is_dir():
        rows = [f"- `{each.relative_to(source)}`" for each in sorted(source.rglob("*")) if each.is_file()]
        text = f"# {target.as_posix()}/\n\n" + "\n".join(rows) + "\n"
        readme = source / "README.md"
        return File.generated(config, _uri(target), content=text if not readme.is_file() else readme.read_text())
    if target.suffix in _CODE:
        body = source.read_text()
        text = f"# {target.name}\n\n`{target.as_posix()}`\n\n````{_language(target)}\n{body.rstrip()}\n````\n"
        return File.generated(config, _uri(target), content=text)
    return File.generated(config, _uri(target), abs_src_path=str(source))


def _language(target: Path) -> str:
    return {".py": "python", ".sh": "sh", ".json": "json", ".groovy": "groovy"}.get(target.suffix, "yaml")


def commands() -> str:
    """Every command with its options, as `--help` has them."""
    from floodmark.cli import COMMANDS, _load  # noqa: PLC0415 - only where the site is built

    parts = ["# Commands", "", "Made from the code: what `floodmark COMMAND --help` says.", ""]
    for name in COMMANDS:
        parts += _command(_load(name), f"floodmark {name}", 2)
    return "\n".join(parts)


def _command(command: Any, name: str, level: int) -> list[str]:
    said = re.sub(r"\n(?=\S)", " ", (command.help or "").replace("\b", "")).strip()
    parts = [f"{'#' * level} {name}", "", said, ""]
    rows = [_option(each) for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    if rows:
        parts += ["| option | what |", "|---|---|", *rows, ""]
    for sub, found in getattr(command, "commands", {}).items():
        parts += _command(found, f"{name} {sub}", level + 1)
    return parts


def _option(each: Any) -> str:
    names = ", ".join(f"`{flag}`" for flag in [*each.opts, *each.secondary_opts]) if each.opts else f"`{each.name}`"
    if each.param_type_name == "argument":
        names = f"`{(each.name or '').upper()}`"
    said = " ".join(str(getattr(each, "help", "") or "").split()).replace("|", "\\|").replace("<", "&lt;")
    value = each.default
    shown = f" Default: `{value}`." if value not in (None, False, (), "") and not callable(value) else ""
    return f"| {names} | {said}{shown} |"


def metrics() -> str:
    """Every metric that a process of ours serves."""
    rows = sorted(set(_registered()))
    table = "\n".join(f"| `{name}` | {kind} | {said} |" for name, kind, said in rows)
    said = "Made from the code: what `/metrics` of the processes has."
    return f"# Metrics\n\n{said}\n\n| name | kind | what |\n|---|---|---|\n{table}\n"


_METRIC: Final = re.compile(
    r"\b(Counter|Gauge|Histogram|Summary|Info|CounterMetricFamily|GaugeMetricFamily|HistogramMetricFamily)\(\s*"
    r'f?"(floodmark_[a-z0-9_]+)",\s*f?"((?:[^"\\]|\\.)*)"'
)


def _registered() -> Iterator[tuple[str, str, str]]:
    for path in sorted((ROOT / "src/floodmark").rglob("*.py")):
        for match in _METRIC.finditer(path.read_text()):
            kind = match[1].removesuffix("MetricFamily").lower()
            total = "_total" if kind == "counter" and not match[2].endswith("_total") else ""
            yield match[2] + total, kind, match[3].replace("|", "\\|")


def api() -> str:
    """The routes of the console's API; empty if there is none."""
    path = ROOT / "schemas/openapi.json"
    if not path.is_file():
        return ""
    import json  # noqa: PLC0415

    document = json.loads(path.read_text())
    parts = ["# The console's API", "", document["info"].get("description", ""), ""]
    for route, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "delete"):
                continue
            parts += [
                f"## {method.upper()} {route}",
                "",
                operation.get("summary", operation.get("description", "")),
                "",
            ]
            rows = [
                f"| `{each['name']}` | {each['in']} | {each.get('description', '').replace('|', chr(92) + '|')} |"
                for each in operation.get("parameters", [])
            ]
            if rows:
                parts += ["| parameter | in | what |", "|---|---|---|", *rows, ""]
            codes = ", ".join(f"`{code}`" for code in operation.get("responses", {}))
            parts += [f"Answers: {codes}", ""]
    return "\n".join(parts)
