"""Each page, in light and dark, at four widths: nothing that axe finds, nothing sideways; and what each is for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from served import Served

from floodmark.actions import Action

ID = "inc-8a142974dd25e2c3"
PAGES = (
    "/",
    f"/incidents/{ID}",
    "/explorer",
    "/models",
    "/models/fraud-scorer@2.7.1",
    "/oncall",
    "/engine",
    "/audit",
    "/report",
)
WIDTHS = {320: 640, 390: 844, 768: 1024, 1440: 900}


def _shown(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_function("() => document.querySelector('main h1') && !document.querySelector('main .skeleton')")
    page.wait_for_timeout(250)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_read_it(opened: Callable[..., Page], axe: Callable[[Page], list[str]], path: str, theme: str):
    page = opened(1440, 900, theme)
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        _shown(page, path)
        assert axe(page) == [], f"{width} px"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{width} px: it goes sideways"


def test_the_first_list_is_there(page: Page):
    page.goto("/")
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name=re.compile("shipping: 5 series silent"))).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("acknowledge")


def test_the_address_says_everything(page: Page):
    page.goto("/")
    page.get_by_role("button", name="Error +").click()
    expect(page).to_have_url(re.compile("least=error"))
    page.get_by_role("link", name=re.compile("payment: HTTP errors")).click()
    expect(page).to_have_url(re.compile("/incidents/"))
    page.get_by_role("button", name="By onset").click()
    expect(page).to_have_url(re.compile("order=onset"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/\?least=error"))
    expect(page.get_by_role("button", name="Error +")).to_have_attribute("aria-pressed", "true")


def test_drawings_have_a_twin_in_words(page: Page):
    _shown(page, "/")
    page.keyboard.press("t")
    expect(page.get_by_role("region", name="Water level").get_by_role("table")).to_be_visible()
    _shown(page, f"/incidents/{ID}")
    page.keyboard.press("t")
    expect(page.get_by_role("table", name="Members")).to_be_visible()


def test_it_is_searched(page: Page):
    _shown(page, "/")
    page.keyboard.press("/")
    page.keyboard.type('3.41* "')
    expect(page.get_by_role("option").first).to_be_visible(timeout=10_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile(r"/$"))


def test_the_map_is_walked_by_keys(page: Page):
    _shown(page, "/explorer")
    cells = page.get_by_role("application")
    cells.focus()
    for key in ("ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("at="))
    page.get_by_role("button", name=re.compile("^web")).press("Enter")
    expect(page).to_have_url(re.compile("open=web"))
    page.go_back()


def test_what_began_in_a_cell_is_shown(page: Page):
    _shown(page, "/explorer")
    box = page.locator("canvas.heatcells").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 75)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 75, steps=5)
    page.mouse.up()
    expect(page.get_by_role("article").first).to_be_visible(timeout=10_000)
    expect(page.get_by_role("button", name="Explain").first).to_be_visible()


def test_a_silence_is_made_with_a_preview(page: Page, console: Served):
    _shown(page, "/oncall")
    page.get_by_role("button", name="New silence").click()
    dialog = page.get_by_role("dialog", name="New silence")
    dialog.get_by_label("Label").fill("entity")
    dialog.get_by_label(re.compile("Value")).fill("shipping")
    dialog.get_by_label("Why").fill("moving racks")
    expect(dialog.get_by_role("status")).to_contain_text("Mutes now: 1", timeout=10_000)
    dialog.get_by_role("button", name="Silence").click()
    expect(dialog).to_be_hidden(timeout=10_000)
    made = [a for a in console.acts() if isinstance(a, Action) and a.verb == "silence" and a.reason == "moving racks"]
    assert [a.args.match for a in made] == [{"entity": "shipping"}]
    silences = page.get_by_role("table", name="Silences")
    expect(silences).to_contain_text("moving racks", timeout=10_000)
    end = silences.get_by_role("row", name=re.compile("moving racks")).get_by_role("button", name="End", exact=True)
    end.click()
    expect(end).to_have_count(0, timeout=10_000)
    ended = [a for a in console.acts() if isinstance(a, Action) and a.verb == "unsilence"]
    assert [a.args.undoes for a in ended] == [made[0].id]


def test_a_dead_letter_is_shown_as_it_is(page: Page):
    _shown(page, "/engine")
    page.get_by_role("button", name="Show the newest").first.click()
    expect(page.locator("pre", has_text='{"name": "<b>cpu</b>"}')).to_be_visible(timeout=15_000)
    expect(page.get_by_text("tocpic")).to_be_visible()
    for _ in range(2):  # the page asks again by itself; what is open stays open
        page.wait_for_event("response", lambda answer: answer.url.endswith("/api/v1/engine"), timeout=15_000)
    expect(page.locator("pre", has_text="<b>cpu</b>")).to_be_visible()


def test_the_audit_is_filtered(page: Page):
    _shown(page, "/audit")
    page.get_by_label("What was done").select_option("merge")
    expect(page).to_have_url(re.compile("verb=merge"))
    expect(page.get_by_role("table", name="What people did")).to_contain_text("no such incident")
    page.get_by_label("Person").fill("ann@example.org")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("by=ann"))
    page.go_back()
    expect(page.get_by_label("Person")).to_have_value("")


def test_a_report_is_read_for_a_week(page: Page):
    _shown(page, "/report")
    expect(page.get_by_role("heading", name=re.compile("week on call"))).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Business").click()
    expect(page).to_have_url(re.compile("audience=business"))
