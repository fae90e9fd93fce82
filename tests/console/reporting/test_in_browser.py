"""Reports as a browser has them: nothing is asked of anybody, everybody can read them, and they print."""

import os
import shutil
from pathlib import Path

import pytest

from floodmark.console.reporting.gathering import gather
from floodmark.console.reporting.postmortem import postmortem
from floodmark.console.reporting.reading import Setting
from floodmark.console.reporting.rendering import rendered
from floodmark.console.reporting.weekly import AUDIENCES, weekly

from .told import WEEK, WILD, action, impact, member, over

CHROMIUM = shutil.which("chromium")
REQUIRED = bool(os.environ.get("FLOODMARK_REQUIRE_BROWSER"))
pytestmark = pytest.mark.skipif(not CHROMIUM and not REQUIRED, reason="there is no chromium")


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages():
    wild = " ".join(WILD).replace("\ud800", "?")
    revisions = over("inc-1", title=wild, members=[member(summary=wild)], impact=[impact(900.0)], lines=[wild])
    bodies = [*revisions, *over("inc-2", severity="critical"), action("good_catch", reason=wild)]
    known = gather(enumerate(bodies), Setting(tiers={"cart": 1}))
    found = {audience: rendered(weekly(known, audience, WEEK), "html") for audience in AUDIENCES}
    return {**found, "postmortem": rendered(postmortem(revisions), "html")}


@pytest.mark.parametrize("name", [*AUDIENCES, "postmortem"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_everybody_can_read_it_and_it_asks_nobody(browser, pages, tmp_path, name, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    file = tmp_path / "it.html"
    file.write_bytes(pages[name])
    asked, wrong = [], []
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"  # the policy lets the style be
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe.run(page).violations_count == 0
    page.close()
    assert asked == [file.as_uri()]
    assert wrong == []


def test_it_prints(browser, pages, tmp_path):
    file = tmp_path / "it.html"
    file.write_bytes(pages["postmortem"])
    page = browser.new_page()
    page.goto(file.as_uri())
    printed = Path(tmp_path / "it.pdf")
    page.pdf(path=printed, prefer_css_page_size=True)
    page.close()
    assert printed.read_bytes().startswith(b"%PDF")
