"""The lessons in a real browser: read, predicted, moved, answered by mouse and by keyboard, kept, forgotten."""

from __future__ import annotations

import pytest

from isoflop.web.app import render
from isoflop.web.lessons import lessons_view

VERBS = {"predict": "Predict", "write": "Keep"}


@pytest.fixture(scope="module")
def learn():
    return lessons_view()


@pytest.fixture(scope="module")
def file(learn, tmp_path_factory):
    path = tmp_path_factory.mktemp("learn") / "learn.html"
    path.write_text(render([learn]), encoding="utf-8")
    return path


def lesson_of(learn, name):
    return next(lesson for lesson in learn.data["lessons"] if lesson["id"] == name)


def go(opened, name):
    opened.page.evaluate(f"location.hash = '#/learn?lesson={name}'")
    opened.page.wait_for_selector(".lesson-page")


def answer(page, block):
    """Give the right answer to an exercise."""
    box = page.locator(f'[data-exercise="{block["id"]}"]')
    kind = block["type"]
    if kind == "choice":
        place = [option["right"] for option in block["options"]].index(True)
        box.locator(f'input[value="{place}"]').check()
    elif kind == "fill":
        for i, gap in enumerate(part for part in block["parts"] if isinstance(part, dict)):
            box.locator("select").nth(i).select_option(gap["right"])
    elif kind == "match":
        for i, pair in enumerate(block["pairs"]):
            box.locator("select").nth(i).select_option(pair["definition"])
    elif kind == "order":
        for place, item in enumerate(block["items"]):
            while (now := box.locator(".item").all_inner_texts().index(item)) > place:
                box.locator("li").nth(now).locator(".up").click()
    elif kind == "write":
        box.locator("textarea").fill("word " * 60)
    else:
        box.locator("input").fill(f"{block['answer']:.4g}")
    box.get_by_role("button", name=VERBS.get(kind, "Check"), exact=True).click()
    return box


@pytest.mark.long
def test_every_lesson_is_answered_to_its_end_without_an_error_or_a_violation(open_page, learn, file):
    opened = open_page(file, "#/learn")
    assert opened.page.locator(".lessons > li").count() == 8
    assert opened.violations() == []
    for lesson in learn.data["lessons"]:
        go(opened, lesson["id"])
        for block in lesson["blocks"]:
            if "id" in block:
                answer(opened.page, block)
        opened.charts_ready(opened.page.locator("figure.chart:visible").count())
        count = sum("id" in block for block in lesson["blocks"])
        assert opened.page.inner_text(".progress .said") == f"{count} of {count} questions done"
        assert opened.violations() == [], lesson["id"]
        assert opened.overlapping_texts() == []
    assert opened.errors == []
    assert opened.asked_elsewhere == []
    opened.page.get_by_role("link", name="All lessons").click()
    assert opened.page.locator(".lessons > .done").count() == 8


@pytest.mark.long
def test_every_lesson_fits_a_telephone_in_the_dark(open_page, learn, file):
    opened = open_page(file, "#/learn", width=360, dark=True)
    for lesson in learn.data["lessons"]:
        go(opened, lesson["id"])
        assert opened.wider_than_screen() <= 0
        assert opened.violations() == [], lesson["id"]
        assert opened.overlapping_texts() == []
    assert opened.errors == []


def test_a_slider_waits_for_the_prediction_and_then_moves_the_figure(open_page, learn, file):
    opened = open_page(file, "#/learn?lesson=power-laws")
    page = opened.page
    slider = page.get_by_role("slider", name="People measured")
    figure = page.locator('[data-figure="sampling"]')
    assert slider.is_disabled()
    assert not figure.locator(".readings").is_visible()  # the figure would give the answer away
    box = page.locator('[data-exercise="guess-margin"]')
    box.get_by_role("button", name="Predict").click()
    assert "Write a number first" in box.locator("[role=status]").inner_text()
    assert slider.is_disabled()
    box.locator("input").fill("0.06 cm")
    page.keyboard.press("Enter")
    assert "too low" in box.locator("[role=status]").inner_text()
    assert slider.is_enabled()
    before = figure.locator("[data-key=margin] .value").inner_text()
    assert before == "0.31 cm"
    slider.focus()
    page.keyboard.press("End")
    opened.wait_until("document.querySelector('[data-key=margin] .value').textContent === '0.014 cm'")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.wait_until("document.querySelector('[data-key=margin] .value').textContent === '0.25 cm'")
    with page.expect_download() as waiting:
        figure.locator("[data-save=csv]").click()
    assert b"n,cm" in waiting.value.path().read_bytes()


def test_a_wrong_answer_is_explained_a_right_one_kept_and_all_forgotten_on_request(open_page, learn, file):
    opened = open_page(file, "#/learn?lesson=prediction")
    page = opened.page
    block = next(block for block in lesson_of(learn, "prediction")["blocks"] if block.get("id") == "uniform")
    box = page.locator('[data-exercise="uniform"]')
    wrong = next(i for i, option in enumerate(block["options"]) if not option["right"])
    box.locator(f'input[value="{wrong}"]').check()
    box.get_by_role("button", name="Check").click()
    assert "Not this one" in box.locator("[role=status]").inner_text()
    assert block["options"][wrong]["why"] in box.inner_text()
    assert "Right:" not in box.inner_text()  # the right one is not given away
    answer(page, block)
    assert page.inner_text(".progress .said") == "1 of 5 questions done"
    page.reload()
    page.wait_for_selector(".lesson-page")
    assert page.inner_text(".progress .said") == "1 of 5 questions done"
    assert all(option["why"] in page.locator('[data-exercise="uniform"]').inner_text() for option in block["options"])
    page.evaluate("location.hash = '#/learn?lesson=limits'")
    page.get_by_role("link", name="All lessons").click()
    assert "1 of 5 done" in page.locator(".lessons > li").first.inner_text()
    page.get_by_role("button", name="Forget all answers").click()
    page.get_by_role("button", name="Yes, forget them").click()
    assert "done" not in page.locator(".lessons").inner_text()
    assert page.evaluate("localStorage.length") == 0
    assert opened.errors == []


def test_things_are_put_in_order_with_the_keyboard_alone_and_each_move_is_said(open_page, learn, file):
    opened = open_page(file, "#/learn?lesson=power-laws")
    page = opened.page
    items = next(b for b in lesson_of(learn, "power-laws")["blocks"] if b.get("id") == "gains")["items"]
    box = page.locator('[data-exercise="gains"]')
    for place, item in enumerate(items):
        while (now := box.locator(".item").all_inner_texts().index(item)) > place:
            button = box.get_by_role("button", name=f"Move {item} up")
            button.focus()
            page.keyboard.press("Enter")
            assert f"{item}: now place {now} of 4." in box.locator(".off-screen[role=status]").inner_text()
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    box.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    assert "All right" in box.locator(".verdict").inner_text()


def test_forecasts_of_a_larger_run_are_written_down_and_scored_against_isoflops(open_page, learn, file):
    opened = open_page(file, "#/learn?lesson=forecasting")
    page = opened.page
    targets = learn.data["figures"]["ladder"]["targets"]
    assert str(targets[0]["measured"])[:5] not in page.inner_text("main")  # nothing is given away beforehand
    for number in range(3):
        page.locator('[data-figure="ladder"] fieldset input').nth(number).check(force=True)
        page.get_by_role("slider", name="Your forecast of the loss").focus()
        page.keyboard.press("ArrowLeft")
        page.get_by_role("button", name="Write the forecast down", exact=True).click()
        assert "Measured:" in page.inner_text('[data-figure="ladder"] .verdict')
        assert page.get_by_role("slider", name="Your forecast of the loss").is_disabled()
    table = page.locator('[data-figure="ladder"] table')
    assert table.locator("tbody tr").count() == 3
    assert f"{targets[0]['high'] - targets[0]['low']:.3f}" in table.inner_text()  # a hit scores its width
    assert opened.errors == []
