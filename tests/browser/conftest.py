"""The real console in a real browser. `console`: a process over an embedded broker that holds what a demo left; `page`:
a page of it, which fails its test if it had an error, broke the Content-Security-Policy, or asked anybody else.

Playwright's synchronous side keeps a loop of its own, so these tests are a part by themselves (`tests/parts.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from chromium import ChromiumUnavailableError, program
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from served import Served, recorded, served

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    try:
        path = program()
    except ChromiumUnavailableError as error:
        if os.environ.get("FLOODMARK_REQUIRE_BROWSER"):
            pytest.fail(f"no browser: {error}")
        pytest.skip(f"no browser: {error}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("console"), recorded.records()) as found:
        yield found


@pytest.fixture
def opened(chromium: Browser, console: Served) -> Iterator[Callable[..., Page]]:
    """Opens pages of the console: `opened(width=390, height=844, theme="dark")`. What any of them did wrong fails the
    test at its end."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_one(width: int = 1440, height: int = 900, theme: str = "light", **more: Any) -> Page:
        context = chromium.new_context(
            base_url=console.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: _note(said.text, wrong))
        page.on("request", lambda sent: None if sent.url.startswith((console.url, "data:")) else wrong.append(sent.url))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def _note(text: str, wrong: list[str]) -> None:
    if "Content Security Policy" in text or "TrustedHTML" in text or "TrustedScript" in text:
        wrong.append(text)


@pytest.fixture
def page(opened: Callable[..., Page]) -> Page:
    return opened()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """What axe-core finds on a page, each in a line. It comes by the debugger: the policy forbids a tag."""
    source = AXE.read_text()

    def judged(page: Page) -> list[str]:
        page.evaluate(f"() => {{ if (!window.axe) {{ {source} }} }}")
        found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS)
        return [
            f"{each['id']} ({each['impact']}): {each['help']}: {node['target']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    return judged
