"""Kafka goes away while somebody acts: nothing is shown as done, the text stays, and it is sent once it is back."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, expect
from served import START_SECONDS, console, recorded, run, write

from floodmark.runtime.embedded import EmbeddedBroker


def test_nothing_is_done_before_the_topic_has_it(chromium: Browser, tmp_path: Path):
    told = [each for each in recorded.incidents(recorded.records()) if each.event == "opened"]
    last = told[-1]
    with EmbeddedBroker() as broker:
        run(write(broker.bootstrap, [recorded.kept(last, time.time(), "floodmark.alerts", last.id)]))
        run(write(broker.bootstrap, [recorded.Kept("floodmark.actions", 0, 0, 1, None, b"{}", ())]))
        with console(tmp_path, broker.bootstrap) as url:
            _until(lambda: _status(url)["incidents"] == 1)
            broker.__exit__(None, None, None)
            page = chromium.new_page(base_url=url)
            page.goto(f"/incidents/{last.id}")
            expect(page.get_by_text("Kafka is away.")).to_be_visible(timeout=60_000)
            page.locator("#comment").fill("It is the disk")
            page.get_by_role("button", name="Send").click()
            expect(page.get_by_role("alert")).to_contain_text("Not sent", timeout=30_000)
            expect(page.locator("#comment")).to_have_value("It is the disk")
            assert page.locator("blockquote").count() == 0
            page.close()


def _status(url: str) -> dict[str, object]:
    try:
        found: dict[str, object] = json.load(urllib.request.urlopen(f"{url}/api/v1/status", timeout=5))
    except (urllib.error.URLError, TimeoutError):
        return {"incidents": 0}
    return found


def _until(true: object) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if callable(true) and true():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come")
