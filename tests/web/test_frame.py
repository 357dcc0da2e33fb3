"""The frame of the pages in a real browser: views, links, charts, exports, modes; no view of isoflop's own."""

from __future__ import annotations

import pytest

from isoflop.web.app import View

CHART = """
import { chart } from "../core/charts.js";
import { slider } from "../core/controls.js";
import { h } from "../core/dom.js";
const spec = {
  title: { text: "A line that moves", subtitle: "by the slider" }, description: "A line", height: 200,
  data: { name: "line" }, mark: { type: "line", style: "forecast" },
  encoding: { x: { field: "x", type: "quantitative" }, y: { field: "y", type: "quantitative" } },
};
const rows = (k) => Array.from({ length: 20 }, (_, x) => ({ x, y: k * x }));
export const view = { id: "one", label: "One", title: "The first", mount(root, app) {
  const picture = chart({ spec, name: "line", data: { line: rows(1) } });
  const bar = slider({ label: "Slope", min: 1, max: 1e6, log: true, value: Number(app.params.k ?? 10), write: (v) => v.toPrecision(3),
    onInput: (v) => { picture.set("line", rows(v)); app.setParams({ k: v }); } });
  root.append(h("h1", {}, "The first"), h("p", {}, app.data.text), bar.element, picture.element);
  return { restore: (params) => bar.set(Number(params.k)), unmount: () => picture.remove() };
} };
"""
OTHER = """
import { h } from "../core/dom.js";
export const view = { id: "two", label: "Two", title: "The second", mount(root) { root.append(h("h1", {}, "The second")); } };
"""


@pytest.fixture
def views():
    return [
        View("one", "t/one.js", {"text": "<b>not bold</b>"}, generated={"t/one.js": CHART}),
        View("two", "t/two.js", {}, generated={"t/two.js": OTHER}),
    ]


def test_a_page_from_disk_draws_and_asks_nothing_of_any_network(open_page, views):
    opened = open_page(views)
    opened.charts_ready()
    assert opened.errors == []
    assert opened.asked_elsewhere == []
    assert opened.page.inner_text("main p >> nth=0") == "<b>not bold</b>"


def test_the_state_is_in_the_link_and_comes_back_from_it(open_page, views):
    opened = open_page(views, "#/one?k=1000")
    handle = opened.page.get_by_label("Slope")
    assert handle.get_attribute("aria-valuetext") == "1.00e+3"
    handle.focus()
    opened.page.keyboard.press("ArrowRight")
    assert "k=10" in opened.page.evaluate("location.hash")
    opened.page.evaluate("location.hash = '#/one?k=100'")
    opened.wait_until("document.querySelector('input[type=range]').getAttribute('aria-valuetext') === '100'")


def test_views_are_reached_by_their_links_and_say_where_one_is(open_page, views):
    opened = open_page(views)
    opened.page.get_by_role("link", name="Two").click()
    assert opened.page.inner_text("h1") == "The second"
    assert opened.page.title() == "The second – isoflop"
    assert opened.page.get_attribute("nav a[aria-current=page]", "href") == "#/two"
    opened.page.go_back()
    assert opened.page.inner_text("h1") == "The first"


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_a_chart_is_saved_as(open_page, views, kind):
    opened = open_page(views)
    opened.charts_ready()
    with opened.page.expect_download() as waiting:
        opened.page.click(f"[data-save={kind}]")
    content = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename == f"line.{kind}"
    assert content.startswith({"png": b"\x89PNG", "svg": b"<svg", "csv": b"x,y\n0,0\n1,1\n"}[kind])


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_the_frame_has_no_violation_of_accessibility_and_fits_the_screen(open_page, views, width, dark):
    opened = open_page(views, width=width, dark=dark)
    opened.charts_ready()
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []


def test_the_skip_link_goes_to_the_content_and_keeps_the_state(open_page, views):
    opened = open_page(views, "#/one?k=1000")
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "main"
    assert opened.page.evaluate("location.hash") == "#/one?k=1000"
