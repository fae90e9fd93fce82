"""The files of the pages: small, as they were taken, and of a kind that a strict policy lets run."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest

STATIC = Path(str(resources.files("floodmark.console").joinpath("static")))
SCRIPTS = sorted(STATIC.rglob("*.js"))
OWN = [path for path in SCRIPTS if "vendor" not in path.parts]
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|dangerouslySetInnerHTML|srcdoc"
)


def test_all_scripts_are_small():
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in SCRIPTS) <= 120_000


def test_what_others_wrote_is_as_they_wrote_it():
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (STATIC / "vendor/README.md").read_text(), re.MULTILINE
    )
    assert {path for path, _ in rows} == {
        path.relative_to(STATIC / "vendor").as_posix()
        for path in (STATIC / "vendor").rglob("*")
        if path.suffix in (".js", ".css")
    }
    for path, digest in rows:
        assert hashlib.sha256((STATIC / "vendor" / path).read_bytes()).hexdigest() == digest, path
    for folder in (STATIC / "vendor").iterdir():
        assert folder.name == "README.md" or (folder / "LICENSE").is_file()


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_texts_never_become_markup(path: Path):
    text = path.read_text()
    assert not FORBIDDEN.search(text)
    assert not re.search(r"""\sstyle="[^"]""", text)  # a style attribute; Preact's objects go by the object model
    for target in re.findall(r"""(?:from|import)\(?\s*["'](\.[^"']+)["']""", text):
        assert (path.parent / target).resolve().is_file(), target


def test_nothing_is_asked_of_anybody_else():
    for path in [*OWN, *STATIC.rglob("*.css"), STATIC / "index.html"]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        found = re.findall(r"""[\s"'`(](?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}""", text)
        assert [each for each in found if "example.org" not in each and "github.com/leeoniya" not in each] == []
