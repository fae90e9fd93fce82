"""Pictures of the console for the docs. With FLOODMARK_PICTURES=1 they are written to docs/images/console; otherwise
it is only looked whether there is something to see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from served import Served

FOLDER = Path(__file__).parents[2] / "docs/images/console"
ID = "inc-8a142974dd25e2c3"
PICTURES = {
    "incidents": ("/", 1440, 900, "light"),
    "incidents-dark": ("/", 1440, 900, "dark"),
    "incidents-phone": ("/", 390, 844, "light"),
    "incident": (f"/incidents/{ID}", 1440, 1500, "light"),
    "incident-phone": (f"/incidents/{ID}", 390, 844, "dark"),
    "explorer-dark": ("/explorer", 1440, 900, "dark"),
    "models": ("/models/fraud-scorer@2.7.1", 1440, 1100, "light"),
    "oncall": ("/oncall", 1440, 900, "light"),
    "engine": ("/engine", 1440, 900, "light"),
    "audit": ("/audit", 1440, 900, "light"),
    "report": ("/report", 1440, 1100, "light"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_there_is_something_to_see(name: str, opened: Callable[..., Page], console: Served):
    path, width, height, theme = PICTURES[name]
    page = opened(width, height, theme)
    page.goto(path)
    page.wait_for_function("() => !document.querySelector('main .skeleton') && document.querySelector('main h1')")
    page.wait_for_timeout(700)
    picture = page.screenshot()
    assert len(picture) > 15_000
    if os.environ.get("FLOODMARK_PICTURES"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(picture)
