"""Photograph every page into docs/figures/page-*.png: ``python docs/make_screenshots.py [--only dial,learn]``.

The pages are written as one file with the runs of the isoFLOP study that ships and opened in Debian's chromium, which
Playwright drives; nothing is asked of a network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from playwright.sync_api import sync_playwright

from isoflop.web.app import render
from isoflop.web.pages import all_views

FOLDER = Path(__file__).with_name("figures")
SIZES = {"": (1280, 900, "light"), "-phone": (360, 760, "dark")}


def main() -> None:
    """Write the pictures and name them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="names of views, separated by commas")
    sample = Path(str(resources.files("isoflop.samples"))) / "isoflop.csv"
    parser.add_argument("--study", type=Path, default=sample, help="a study's folder or a table of runs")
    arguments = parser.parse_args()
    views = all_views(arguments.study, only=[name for name in arguments.only.split(",") if name])
    chromium = os.environ.get("ISOFLOP_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("No chromium here. Install it (apt-get install chromium) or name one in ISOFLOP_CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "isoflop.html"
        page_file.write_text(render(views), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for suffix, (width, height, mode) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=mode)
            page = context.new_page()
            for view in views:
                page.goto(f"{page_file.as_uri()}#/{view.name}")
                page.reload()
                page.wait_for_selector("html.started")
                page.wait_for_timeout(2500)
                target = FOLDER / f"page-{view.name}{suffix}.png"
                page.screenshot(path=str(target))
                print(target)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
