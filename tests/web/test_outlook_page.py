"""The outlook page in a real browser: one handle moves every date; links, switches and charts work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isoflop.web.app import render
from isoflop.web.capability import capability_view
from isoflop.web.outlook import outlook_view


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("outlook") / "page.html"
    path.write_text(render([outlook_view()]), encoding="utf-8")
    return path


def test_what_outlook_and_capability_are_given_is_small():
    assert len(json.dumps(outlook_view().data)) + len(json.dumps(capability_view().data)) < 120_000


def test_a_slower_growth_moves_every_date_and_the_link_brings_it_back(open_page, page_file):
    opened = open_page(page_file)
    page = opened.page
    opened.charts_ready(6)
    said = {
        name: page.inner_text(f"[data-chart=outlook-{name}] .finding") for name in ("growth", "compute", "cost", "text")
    }
    assert "[4.39, 4.81]" in said["growth"]
    assert "reaches 1e28 FLOP in 2027-0" in said["growth"]
    assert "One run would use all text between 2026 and 203" in said["text"]
    fits = page.inner_text("[data-key=fits] .value")
    handle = page.get_by_label("Growth of training compute a year")
    handle.focus()
    for _ in range(4):
        page.keyboard.press("PageDown")
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('g=')")
    now = {name: page.inner_text(f"[data-chart=outlook-{name}] .finding") for name in said}
    assert all(now[name] != said[name] for name in said)
    assert page.inner_text("[data-key=fits] .value") != fits
    link = page.evaluate("location.hash")
    page.get_by_role("button", name="As measured").click()
    opened.wait_until("document.querySelector('.settled') && !location.hash.includes('g=')")
    assert page.inner_text("[data-chart=outlook-growth] .finding") == said["growth"]
    page.evaluate(f"location.hash = {link!r}")
    opened.wait_until(
        "document.querySelector('.settled') && !document.querySelector('[data-chart=outlook-growth] .finding').textContent.includes('[4.39')"
    )
    assert page.inner_text("[data-chart=outlook-cost] .finding") == now["cost"]
    assert opened.errors == []
    assert opened.asked_elsewhere == []


def test_switches_and_dials_of_data_cost_and_limits_are_heeded(open_page, page_file):
    opened = open_page(page_file, "#/outlook?year=2028&chips=2e11&margin=0.75&hw=1&alg=1&sp=1&aum=NaN")
    page = opened.page
    opened.charts_ready(6)
    assert page.inner_text("[data-key=required] .value") == "$1.6T"
    assert page.inner_text("[data-key=all] .value") == "no limit"
    assert "of the draws of 2028" in page.inner_text("[data-chart=outlook-limits] .finding")
    stock = page.inner_text("[data-key=stock] .value")
    page.get_by_label("Tokens may be seen again").uncheck()
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('repeats=no')")
    assert page.inner_text("[data-key=stock] .value") != stock
    first = page.inner_text("text=better methods >> nth=0 >> xpath=..")
    page.get_by_label("Gains of methods grow with scale").check()
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('scale=yes')")
    assert page.inner_text("text=better methods >> nth=0 >> xpath=..") != first
    with page.expect_download() as waiting:
        page.click("[data-chart=outlook-limits] [data-save=svg]")
    assert waiting.value.path().read_bytes().startswith(b"<svg")
    assert opened.errors == []


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1440, False)])
def test_the_outlook_page_is_accessible_fits_and_overlaps_nowhere(open_page, page_file, width, dark):
    opened = open_page(page_file, width=width, dark=dark)
    opened.charts_ready(6)
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []
