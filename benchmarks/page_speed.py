"""How fast the page is: ``python benchmarks/page_speed.py [FILE] [--steps 240] [--json]``.

Opens the dial from disk in headless Chromium (Debian's, or $ISOFLOP_CHROMIUM), presses the arrow keys on each slider,
and takes the time from the browser's own stamp of the input to after the frame that shows it: a message posted in the
last animation callback of that frame arrives once it is painted. Beside it the same for a page that holds one slider
and writes its value: waiting for the screen's next frame alone takes half a frame, 8 ms, in the middle. First paint is
the browser's first-contentful-paint of a fresh start; the whole page counts as there when both charts are drawn.
Without FILE the page is made first.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

AIMS = {"step_p50_ms": 17.0, "step_p95_ms": 33.0, "first_paint_ms": 1000.0, "megabytes": 1.5}
SLIDERS = ("Training compute", "Over-training", "Tokens to be served", "Distinct tokens at hand")
OPENINGS = 5
EMPTY = """<!doctype html><html class="started"><label for="s">Training compute</label>
<input id="s" type="range" min="15" max="29" step="0.05" value="24"><output></output><script>
const s = document.getElementById("s"), o = document.querySelector("output");
s.addEventListener("input", () => requestAnimationFrame(() => { o.textContent = s.value; }));</script></html>"""
WATCH = """() => {
  window.steps = [];
  const channel = new MessageChannel();
  let began = 0;
  channel.port1.onmessage = () => { window.steps.push(performance.now() - began); };
  document.addEventListener("input", (event) => {
    began = event.timeStamp;
    requestAnimationFrame(() => channel.port2.postMessage(0));
  });
}"""


def chromium() -> str:
    """Where the browser is."""
    found = os.environ.get("ISOFLOP_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise SystemExit("No chromium here: apt-get install chromium, or name one in ISOFLOP_CHROMIUM.")
    return found


def measure(path: Path, steps: int) -> dict[str, Any]:
    """Milliseconds by what was measured, and megabytes of the file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        openings = [_opening(browser, path) for _ in range(OPENINGS)]
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        _ready(page, path)
        page.evaluate(WATCH)
        sliders = {name: _steps(page, name, steps) for name in SLIDERS}
        page.goto("about:blank")
        page.set_content(EMPTY)
        page.evaluate(WATCH)
        empty = _steps(page, SLIDERS[0], steps)
        browser.close()
    every = np.array(sliders[SLIDERS[0]])
    return {
        "step_p50_ms": float(np.quantile(every, 0.5)),
        "step_p95_ms": float(np.quantile(every, 0.95)),
        "first_paint_ms": float(np.median([paint for paint, _ in openings])),
        "charts_ms": float(np.median([charts for _, charts in openings])),
        "megabytes": path.stat().st_size / 1e6,
        "sliders": {name: np.quantile(times, [0.5, 0.95]).tolist() for name, times in sliders.items()},
        "empty_page": np.quantile(empty, [0.5, 0.95]).tolist(),
        "quiet_ms": float(np.quantile(every, 0.1)),
        "steps": len(every),
    }


def _ready(page: Any, path: Path) -> None:
    page.goto(path.resolve().as_uri())
    page.wait_for_function("() => document.querySelectorAll('figure.chart.ready').length >= 2")


def _opening(browser: Any, path: Path) -> tuple[float, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    _ready(page, path)
    charts = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return float(paint), float(charts)


def _steps(page: Any, name: str, steps: int) -> list[float]:
    handle = page.get_by_label(name, exact=True)
    handle.focus()
    keys = ["ArrowRight", "ArrowLeft"]
    if handle.evaluate("(e) => e.value === e.max"):
        keys.reverse()
    page.evaluate("window.steps.length = 0")
    for i in range(steps):
        page.keyboard.press(keys[(i // 30) % 2])
        page.wait_for_function(f"() => window.steps.length > {i}", polling=5)
    return [float(x) for x in page.evaluate("window.steps")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="a page that was written before")
    parser.add_argument("--steps", type=int, default=240, help="key presses a slider")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file
        if path is None:
            from isoflop.web.app import render
            from isoflop.web.pages import all_views

            path = Path(folder) / "page.html"
            path.write_text(render(all_views()), encoding="utf-8")
        found = measure(path, given.steps)
    if given.json:
        print(json.dumps(found | {"aims": AIMS}))
        return
    for name, aim in AIMS.items():
        print(f"{name:16} {found[name]:8.2f}   aim {aim:g}   ratio {found[name] / aim:.2f}")
    print(f"{'charts drawn':16} {found['charts_ms']:8.0f} ms")
    for name, (p50, p95) in found["sliders"].items():
        print(f"{name:24} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
    p50, p95 = found["empty_page"]
    print(f"{'a page of one slider':24} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")


if __name__ == "__main__":
    main()
