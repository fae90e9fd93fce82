"""What the console's pages cost a browser: the marks are those of docs/console.md.

    python benchmarks/browser.py [--incidents 10000] [--minutes 3]

Needs a Chromium (FLOODMARK_CHROMIUM, or Debian's) and Playwright. Over a console in a process of its own, on an
embedded broker: bytes of scripts, time to the first list from a cold start, the heat map of 60 services by 1,440
columns (script a frame while the cursor moves), jumps in a list of so many incidents, and the heap after a forced
collection while revisions come, twenty a second. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Page, sync_playwright

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / name) for name in ("browser", "console")]

import recorded  # type: ignore[import-not-found]  # noqa: E402 - beside the tests that use it
from chromium import program  # type: ignore[import-not-found]  # noqa: E402
from served import Served, served  # type: ignore[import-not-found]  # noqa: E402

from floodmark.alerts import utc  # noqa: E402
from floodmark.config.loader import load_with_warnings  # noqa: E402
from floodmark.console.store import View  # noqa: E402

HEAT = """async () => {
  const { encode, painter, palette } = await import('/static/js/heat.js');
  const { token } = await import('/static/js/plots.js');
  const columns = 1440, rows = Array.from({length: 60}, (_, r) => ({name: `s${r}`, count: 0,
    cells: Array.from({length: columns}, (_, c) => [c, (r * 7 + c * 13) % 4, (r + c) % 3, (r * c) % 2])}));
  const canvas = document.createElement('canvas');
  canvas.height = 58 + 32 + 60 * 24 + 24; canvas.style.setProperty('width', '1200px'); document.body.append(canvas);
  const codes = encode(rows, columns, 0), paint = painter(canvas), colours = palette(token), spent = [];
  const view = {codes, rows: 60, columns, start: 0, bucket: 600, now: 0, area: null, bars: [], changes: []};
  const began = performance.now(); paint(view, colours, 24, () => {}); const first = performance.now() - began;
  for (let frame = 0; frame < 120; frame++) {
    await new Promise(requestAnimationFrame);
    const at = performance.now();
    const area = {rows: [frame % 60, frame % 60], columns: [frame * 9, frame * 9 + 5]};
    paint({...view, area}, colours, 24, () => {});
    spent.push(performance.now() - at);
  }
  return {first, spent};
}"""
JUMPS = """async () => {
  const spent = [];
  for (let turn = 0; turn < 40; turn++) {
    const at = performance.now();
    scrollTo(0, (turn * 7919 % 100) / 100 * document.documentElement.scrollHeight);
    await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
    spent.push(performance.now() - at);
  }
  return {spent, height: document.documentElement.scrollHeight, rows: document.querySelectorAll('.inc').length};
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    args = parser.parse_args()
    static = Path(str(resources.files("floodmark.console").joinpath("static")))
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in static.rglob("*.js"))
    rows: list[tuple[str, str, str]] = [("scripts, gzip -9", f"{size / 1000:.1f} kB", "120 kB")]
    found = _many(args.incidents)
    with (
        tempfile.TemporaryDirectory() as folder,
        _over(Path(folder), found) as console,
        sync_playwright() as playwright,
    ):
        _wait(console, args.incidents)
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox", "--disable-gpu"])
        times = []
        for _ in range(5):
            page = browser.new_context(base_url=console.url, viewport={"width": 1440, "height": 900}).new_page()
            began = time.perf_counter()
            page.goto("/?last=3000000")
            page.wait_for_selector(".inc")
            times.append(time.perf_counter() - began)
            page.close()
        rows.append(("first list, cold", f"{statistics.median(times):.2f} s", "1 s"))
        page = browser.new_page(base_url=console.url, viewport={"width": 1440, "height": 900})
        page.goto("/explorer")
        page.wait_for_selector("canvas")
        heat = page.evaluate(HEAT)
        rows.append(("heat map 60 by 1,440: first", f"{heat['first']:.1f} ms", ""))
        rows.append(("heat map 60 by 1,440: script a frame", f"{statistics.median(heat['spent']):.2f} ms", "2 ms"))
        page.goto("/?last=3000000")
        page.wait_for_selector(".inc")
        jumps = page.evaluate(JUMPS)
        p95 = sorted(jumps["spent"])[int(len(jumps["spent"]) * 0.95)]
        rows.append((f"jump in a list ({jumps['rows']} rows in the page), p95", f"{p95:.0f} ms", "70 ms"))
        rows += _memory(page, console, args.minutes)
        browser.close()
    print("| what | measured | mark |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def _many(count: int) -> list[Any]:
    """So many incidents that are over, a minute apart, before what was recorded."""
    base = next(each for each in recorded.incidents(recorded.records()) if each.event == "resolved")
    start = base.started_at.timestamp() - count * 60.0
    made = []
    for number in range(count):
        at = utc(start + number * 60.0)
        each = msgspec.structs.replace(
            base, id=f"inc-{number:016x}", title=f"incident {number}", revision=1, started_at=at, updated_at=at,
            resolved_at=at, acts=[],
        )  # fmt: skip
        made.append(recorded.kept(each, at.timestamp(), "floodmark.alerts", each.id))
    return made


@contextlib.contextmanager
def _over(folder: Path, found: list[Any]) -> Iterator[Served]:
    """A console whose view has them already: the broker inside this process keeps only so much."""
    config = folder / "filled.yaml"
    config.write_text(recorded.CONFIG.replace("BROKERS", "localhost:1"))
    view = View(folder / "console.db", load_with_warnings(config).config)
    for start in range(0, len(found), 500):
        view.take(found[start : start + 500])
    view.close()
    with served(folder, recorded.records()) as console:
        yield console


def _wait(console: Served, count: int) -> None:
    for _ in range(600):
        status = json.load(urllib.request.urlopen(f"{console.url}/api/v1/status", timeout=10))
        if status["incidents"] >= count and not status["building"]:
            return
        time.sleep(0.5)
    raise SystemExit("The console did not read all of it.")


def _memory(page: Page, console: Served, minutes: float) -> list[tuple[str, str, str]]:
    """The heap a minute after the beginning, and at the end."""
    told = recorded.incidents(recorded.records())[-1]
    stop = threading.Event()

    def tell() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            at = told.updated_at.timestamp() + number / 20
            each = msgspec.structs.replace(told, revision=told.revision + number, updated_at=utc(at))
            console.write([recorded.kept(each, at, "floodmark.alerts", each.id)])
            stop.wait(0.05)

    session = page.context.new_cdp_session(page)
    page.goto("/")
    page.wait_for_selector(".inc")
    threading.Thread(target=tell, daemon=True).start()
    sizes = []
    for _ in range(max(2, round(minutes * 2))):
        page.wait_for_timeout(30_000)
        session.send("HeapProfiler.collectGarbage")
        sizes.append(session.send("Runtime.getHeapUsage")["usedSize"])
    stop.set()
    grown = sizes[-1] / sizes[min(1, len(sizes) - 1)] - 1
    words = f"{sizes[-1] / 1e6:.1f} MB, {grown:+.0%} since the first minute"
    return [(f"heap after {minutes:g} min of revisions", words, "± 10 %")]


if __name__ == "__main__":
    main()
