"""How fast the pages beside the dial are: ``python benchmarks/page_speed_others.py [FILE] [--steps 240] [--json]``.

As ``page_speed.py`` measures the dial: headless Chromium, arrow keys on a slider, from the browser's stamp of the input
to after the frame that shows it. Measured are the handles that move most: on the decision page at its last step, with
every chart there; on the outlook the growth that every date follows, at the top of the page and at its text; on the
capability page the training compute. Then how long after the last step the page says that it is settled, all its slower
parts drawn. Without FILE the page is made first.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from page_speed import EMPTY, WATCH, chromium

AIMS = {"p50": 17.0, "p95": 33.0}
DECIDED = "step=5&guess=quality&pick=compute&ask=mfu"
SCARCE = "limited=yes&options=compute,algorithms,quality,tokens,inference"
CASES = (
    ("decide, rent", f"#/decide?{DECIDED}", "Rent of a chip-hour", None),
    ("decide, tokens scarce", f"#/decide?{DECIDED}&{SCARCE}", "Rent of a chip-hour", None),
    ("decide, budget", f"#/decide?{DECIDED}", "To spend", None),
    ("outlook, growth", "#/outlook", "Growth of training compute a year", None),
    ("outlook, growth at text", "#/outlook", "Growth of training compute a year", "outlook-text"),
    ("capability, compute", "#/capability", "Training compute", None),
)
"""What is moved: a name, the link, the label of the handle, the chart that is scrolled to."""


def measure(path: Path, steps: int, only: str = "") -> dict[str, dict[str, float]]:
    """Milliseconds of a step by case: p50, p95, and from the last step to settled."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        for name, link, label, chart in CASES:
            if only not in name:
                continue
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(path.resolve().as_uri() + link)
            page.wait_for_function("() => document.querySelector('.settled, .view-capability figure.chart.ready')")
            if chart:
                page.locator(f"[data-chart={chart}]").scroll_into_view_if_needed()
            page.wait_for_timeout(800)
            page.evaluate(WATCH)
            found[name] = _quantiles(_steps(page, label, steps)) | {"settled": _settled(page)}
            page.context.close()
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_content(EMPTY)
        page.evaluate(WATCH)
        found["a page of one slider"] = _quantiles(_steps(page, "Training compute", steps))
        browser.close()
    return found


def _steps(page: Any, name: str, steps: int) -> list[float]:
    page.get_by_label(name, exact=True).first.evaluate("(handle) => handle.focus({ preventScroll: true })")
    page.evaluate("window.steps.length = 0")
    for i in range(steps):
        page.keyboard.press("ArrowRight" if (i // 30) % 2 == 0 else "ArrowLeft")
        page.wait_for_function(f"() => window.steps.length > {i}", polling=5)
    return [float(x) for x in page.evaluate("window.steps")]


def _settled(page: Any) -> float:
    """Milliseconds from now, right after the last step, until the page says that it is whole again."""
    began = time.perf_counter()
    page.wait_for_function("() => document.querySelector('.settled, .view-capability')", polling=10)
    return 1e3 * (time.perf_counter() - began)


def _quantiles(times: list[float]) -> dict[str, float]:
    return {f"p{q}": float(np.quantile(times, q / 100)) for q in (10, 50, 95)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="a page that was written before")
    parser.add_argument("--steps", type=int, default=240, help="key presses a slider")
    parser.add_argument("--only", default="", help="cases whose names hold this")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file
        if path is None:
            from isoflop.web.app import render
            from isoflop.web.pages import all_views

            path = Path(folder) / "page.html"
            path.write_text(render(all_views()), encoding="utf-8")
        found = measure(path, given.steps, given.only)
    if given.json:
        print(json.dumps({"cases": found, "aims": AIMS}))
        return
    print(f"aims: p50 {AIMS['p50']:g} ms, p95 {AIMS['p95']:g} ms")
    for name, row in found.items():
        after = f"   settled after {row['settled']:5.0f} ms" if "settled" in row else ""
        print(f"{name:24} p10 {row['p10']:6.1f} ms   p50 {row['p50']:6.1f} ms   p95 {row['p95']:6.1f} ms{after}")


if __name__ == "__main__":
    main()
