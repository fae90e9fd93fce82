"""The docs as a site: it is built strictly, so every link and anchor in it leads somewhere, and nothing is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_navigation(site):
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    named = set(re.findall(r"[\w-]+\.md", nav))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= named
    assert {path.stem for path in site.glob("*.html")} >= {name.removesuffix(".md") for name in named}


def test_what_is_made_from_the_code_is_there(site):
    assert "floodmark notify dry-run" in (site / "commands.html").read_text()
    assert "floodmark_records_total" in (site / "metrics.html").read_text()


def test_nothing_is_fetched_from_elsewhere(site):
    wanted = re.compile(
        r"""<(?:script|img|iframe)[^>]+src=["']?(?:https?:)?//|<link[^>]+stylesheet[^>]+href=["']?https?:"""
    )
    for page in site.rglob("*.html"):
        assert not wanted.search(page.read_text()), page
