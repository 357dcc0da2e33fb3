"""The decision page in a real browser: nothing unfolds before a prediction; handles, link, summary and charts work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isoflop.web.app import render
from isoflop.web.decision import decision_view

WHY = "Twice the compute is certain, the rest is hope."
MOVED = """(handle) => {
  handle.value = "6.7";
  handle.dispatchEvent(new Event("input", { bubbles: true }));
  return document.querySelector(".basis").textContent;
}"""
OPENED = "#/decide?step=5&guess=quality&pick=compute&ask=mfu"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("decide") / "page.html"
    path.write_text(render([decision_view()]), encoding="utf-8")
    return path


def test_what_the_page_is_given_is_small():
    assert len(json.dumps(decision_view().data)) < 60_000


def test_results_unfold_only_after_a_choice_with_its_reason_and_end_in_a_summary(open_page, page_file):
    opened = open_page(page_file)
    page = opened.page
    assert page.locator("h2:visible").all_inner_texts() == ["1. Predict"]
    page.get_by_role("button", name="Show what comes out").click()
    assert page.locator("[role=alert]:visible").inner_text() == "Choose an option first."
    page.get_by_label("better data (C)").first.check()
    page.get_by_role("button", name="Show what comes out").click()
    assert "at least 20 characters" in page.locator("[role=alert]:visible").inner_text()
    page.get_by_label("Why? A sentence or two").fill(WHY)
    page.get_by_role("button", name="Show what comes out").press("Enter")
    opened.wait_until(
        "document.querySelector('.settled') && document.querySelector('[data-chart=decision-gains].ready')"
    )
    assert page.locator("h2:visible").all_inner_texts() == ["1. Predict", "2. Look", "3. Choose"]
    assert "You expected better data (C), 60 % sure: it is best in 1" in page.inner_text(".verdict >> nth=0")

    page.get_by_label("compute (A)").nth(2).check()
    page.get_by_label("What decides it?").fill("It is best in three draws of four, and needs no luck.")
    page.get_by_role("button", name="Ask what to find out first").click()
    page.get_by_label("Which one thing would you find out").select_option("months_per_staff_year")
    page.get_by_label("Put it as a question").fill("How much did last year's recipe gain on two small ladders?")
    page.get_by_role("button", name="Compare with what knowing").click()
    opened.wait_until("document.querySelector('.settled') && document.querySelector('textarea.summary').value")
    summary = page.input_value("textarea.summary")
    assert f"> {WHY}" in summary
    assert "- compute (A): the loss falls by 0.03" in summary
    assert "isoflop decide --budget '$1000000'" in summary
    assert "Find out first. Months of the field's progress" in page.inner_text("section >> nth=4")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as Markdown").click()
    assert waiting.value.path().read_text(encoding="utf-8") == summary
    with page.expect_download() as waiting:
        page.click("[data-chart=decision-tornado] [data-save=csv]")
    assert "Months found by a staff-year" in waiting.value.path().read_text(encoding="utf-8")
    assert opened.errors == []
    assert opened.asked_elsewhere == []


def test_a_handle_moves_the_answer_by_keyboard_and_the_link_brings_it_back(open_page, page_file):
    opened = open_page(page_file, OPENED)
    page = opened.page
    opened.wait_until("document.querySelector('.settled')")
    before = page.inner_text("[data-chart=decision-gains] .finding")
    assert before.startswith("Compute (A)")
    page.locator("summary:has-text('Better data')").click()
    handle = page.get_by_label("Worth of the best data", exact=True)
    handle.focus()
    page.keyboard.press("End")
    page.get_by_label("Worth of the best data: known").check()
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('quality_gain=')")
    after = page.inner_text("[data-chart=decision-gains] .finding")
    assert after.startswith("Better data (C)")
    link = page.evaluate("location.hash")
    assert "quality_gain=5.25!" in link.replace("%21", "!")

    again = open_page(page_file, link)
    again.wait_until("document.querySelector('.settled')")
    assert again.page.inner_text("[data-chart=decision-gains] .finding") == after
    assert again.page.get_by_label("Worth of the best data: known").is_checked()
    again.page.evaluate("location.hash = '#/decide?step=5&budget=2e7&limited=yes&available=2e10'")
    again.wait_until("document.querySelector('.plan').textContent.includes('$20M on top of')")
    assert "20B of them distinct" in again.page.inner_text(".plan")
    assert opened.errors + again.errors == []


@pytest.mark.long
def test_pools_of_data_are_given_as_the_terminal_takes_them(open_page, page_file):
    opened = open_page(page_file, f"{OPENED}&options=compute,quality&limited=yes&available=1e12&data=pools")
    page = opened.page
    opened.wait_until("document.querySelector('.settled') && document.querySelector('textarea.summary').value")
    assert "[[options]]" in page.input_value("textarea.summary")
    assert not page.get_by_label("Worth of the best data", exact=True).is_visible()
    page.locator("summary:has-text('Better data')").click()
    figures = "section >> nth=1 >> .rest table"
    before = page.inner_text(figures)
    pools = page.get_by_label("Pools")
    assert pools.input_value() == "best 100B 2.0\ngood 300B 1.2\nrest 600B 0.7"
    pools.fill("best 900B")
    assert "“best 900B”: write a name, tokens, worth" in page.inner_text(".assumptions [role=alert]")
    pools.fill("best 900B 4\nrest 100B 0.1 2")
    assert page.inner_text(".assumptions [role=alert]") == ""
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('pools=best')")
    assert page.inner_text(figures) != before
    summary = page.input_value("textarea.summary")
    assert '{ name = "rest", tokens = 100000000000.0, worth = 0.1, passes = 2.0 },' in summary
    assert "--tokens-available 1000000000000 --option compute --option quality --option-file mine.toml" in summary

    again = open_page(page_file, page.evaluate("location.hash"))
    again.wait_until("document.querySelector('.settled')")
    assert again.page.inner_text(figures) == page.inner_text(figures)
    assert opened.errors + again.errors == []


def test_once_a_handle_rests_what_was_off_the_screen_is_as_on_a_page_opened_anew(open_page, page_file):
    opened = open_page(page_file, OPENED)
    page = opened.page
    opened.wait_until("document.querySelector('.settled')")
    handle = page.get_by_label("To spend", exact=True)
    assert page.evaluate("document.querySelector('.rest table').getBoundingClientRect().top > innerHeight")
    said = handle.evaluate(MOVED)
    assert said.startswith("400 draws while a handle moves")
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('budget=')")
    assert page.inner_text(".basis").startswith("4,000 draws")

    again = open_page(page_file, page.evaluate("location.hash"))
    again.wait_until("document.querySelector('.settled')")
    for part in (".rest table", ".sentences", "textarea.summary", "[data-chart=decision-worth] .finding", ".ways"):
        said = "(one) => one.value ?? one.textContent"
        assert page.locator(part).first.evaluate(said) == again.page.locator(part).first.evaluate(said), part
    assert opened.errors + again.errors == []


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1440, False)])
def test_the_whole_page_is_accessible_fits_and_overlaps_nowhere(open_page, page_file, width, dark):
    opened = open_page(
        page_file, f"{OPENED}&limited=yes&options=compute,algorithms,quality,tokens,inference", width=width, dark=dark
    )
    opened.wait_until("document.querySelector('.settled')")
    opened.charts_ready(4)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []


def test_texts_of_a_reader_stay_text(open_page, page_file):
    opened = open_page(page_file, "#/decide?guess=<img src=x onerror=alert(1)>&mfu=1e999&budget=NaN&step=9")
    opened.wait_until("document.querySelector('.settled')")
    assert opened.errors == []
    assert opened.page.locator("#main img").count() == 0
    assert "$1M on top of" in opened.page.inner_text(".plan")
