"""The dial in a real browser: by keyboard and mouse, from its link, at each width and in both modes."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from isoflop.report.dial import curve_chart, valley_chart
from isoflop.report.figures import specification
from isoflop.web.app import render
from isoflop.web.dial import dial_view, landmarks


@pytest.fixture(scope="module")
def dial_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("dial") / "dial.html"
    path.write_text(render([dial_view(date=dt.date(2026, 11, 22))]), encoding="utf-8")
    return path


CENTRE = """([x, y]) => { // the middle of the forecast's colour in the picture, in pixels from (x, y)
  const canvas = document.querySelector("[data-chart=loss-curve] canvas"), box = canvas.getBoundingClientRect();
  const left = Math.round(x - box.left) - 9, top = Math.round(y - box.top) - 9;
  const { data } = canvas.getContext("2d").getImageData(left, top, 19, 19);
  let [sx, sy, n] = [0, 0, 0];
  for (let i = 0; i < 361; i += 1) if (data[4 * i] > 170 && data[4 * i + 1] < 120 && data[4 * i + 2] < 60) {
    sx += left + (i % 19) + 0.5; sy += top + Math.floor(i / 19) + 0.5; n += 1;
  }
  return [sx / n + box.left - x, sy / n + box.top - y, n];
}"""


def reading(opened, key):
    return opened.page.inner_text(f".reading[data-key='{key}'] .value")


def test_keyboard_and_mouse_turn_the_dial_and_everything_follows(open_page, dial_file) -> None:
    opened = open_page(dial_file)
    opened.charts_ready(2)
    before = {key: reading(opened, key) for key in ("C", "loss", "N", "D", "devices", "energy", "rental", "MMLU")}
    handle = opened.page.get_by_label("Training compute", exact=True)
    handle.focus()
    for _ in range(12):
        opened.page.keyboard.press("ArrowRight")
    opened.wait_until("document.querySelector('.reading[data-key=C] .value').textContent === '3.98e+24 FLOP'")
    after = {key: reading(opened, key) for key in before}
    assert all(after[key] != before[key] for key in before), (before, after)
    box = handle.bounding_box()
    opened.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    opened.wait_until("/e\\+27/.test(document.querySelector('.reading[data-key=C] .value').textContent)")
    opened.wait_until("/C=/.test(location.hash)")
    assert "Past the data" in opened.page.inner_text(".doubts")
    assert opened.errors == []
    assert opened.asked_elsewhere == []


def test_a_link_gives_the_same_dial_to_another_reader(open_page, dial_file) -> None:
    link = "#/dial?mode=machines&gpus=16384&days=54&chip=H100&mfu=0.4&law=besiroglu2024&over=4&unique=1e13"
    opened = open_page(dial_file, link)
    opened.charts_ready(2)
    assert reading(opened, "devices") == "16.4k"
    assert reading(opened, "seconds") == "54 d"
    assert "at 40 % of peak" in opened.page.inner_text(".reading[data-key='seconds'] .note")
    assert opened.page.get_by_label("Law of the loss").input_value() == "besiroglu2024"
    seen = reading(opened, "loss")
    opened.page.get_by_role("button", name="Copy a link to this").click()
    opened.wait_until("location.hash.includes('gpus=16380')")
    again = open_page(dial_file, opened.page.evaluate("location.hash"))
    again.charts_ready(2)
    assert reading(again, "loss") == seen
    opened.page.evaluate("location.hash = '#/dial?C=1e20'")
    opened.wait_until("document.querySelector('.reading[data-key=C] .value').textContent === '1.00e+20 FLOP'")
    assert opened.page.get_by_label("Compute", exact=True).is_checked()


def test_nonsense_in_a_link_leaves_a_dial_that_works(open_page, dial_file) -> None:
    opened = open_page(dial_file, "#/dial?mode=<b>&C=1e999&law=none&chip=../x&over=-3&unique=NaN")
    opened.charts_ready(2)
    assert reading(opened, "C") == "1.00e+24 FLOP"
    assert opened.errors == []


def test_every_preset_says_why_and_moves_the_dial(open_page, dial_file) -> None:
    opened = open_page(dial_file)
    opened.charts_ready(2)
    picker = opened.page.get_by_label("Start from")
    keys = [value for value in picker.evaluate("(e) => [...e.options].map((o) => o.value)") if value]
    losses = []
    for key in keys:
        picker.select_option(key)
        assert len(opened.page.inner_text(".dial .panel .select + .hint")) > 20
        losses.append(float(reading(opened, "loss").split()[0]))
    assert len(keys) >= 6
    assert losses[0] == max(losses)
    assert losses[-1] == min(losses)
    assert opened.errors == []


def test_changing_the_mode_keeps_the_run(open_page, dial_file) -> None:
    opened = open_page(dial_file, "#/dial?C=1e23")
    opened.charts_ready(2)
    seen = reading(opened, "N")
    for mode in ("N and D", "Dollars", "Compute"):
        opened.page.get_by_label(mode, exact=True).check()
        opened.wait_until("true")
        assert reading(opened, "C") == "1.00e+23 FLOP", mode
        assert reading(opened, "N") == seen
        note = opened.page.inner_text(".reading[data-key='N'] .note")
        assert note.startswith("80 %: ") == (mode != "N and D"), mode


def test_the_curve_is_exported_with_where_the_dial_stands(open_page, dial_file) -> None:
    opened = open_page(dial_file)
    opened.charts_ready(2)
    for kind in ("png", "svg", "csv"):
        with opened.page.expect_download() as waiting:
            opened.page.click(f"[data-chart=loss-curve] [data-save={kind}]")
        content = waiting.value.path().read_bytes()
        assert waiting.value.suggested_filename == f"loss-curve.{kind}"
        assert len(content) > 3_000
        if kind == "svg":
            assert b">Chinchilla 70B<" in content
            assert b"undefined" not in content
    assert b"Chinchilla 70B" in content
    assert b"1e+24" in content


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1440, False), (1440, True)])
def test_the_dial_is_accessible_and_fits_every_screen(open_page, dial_file, width, dark) -> None:
    opened = open_page(dial_file, "#/dial?C=1e28&served=1e14&unique=1e13", width=width, dark=dark)
    opened.charts_ready(2)
    for fold in opened.page.query_selector_all("details:not([open]) > summary"):
        fold.click()
    opened.page.wait_for_timeout(400)
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []
    assert opened.errors == []


@pytest.mark.parametrize("width", [280, 400, 900])
def test_no_label_of_a_landmark_covers_another(run_javascript, width) -> None:
    rng = np.random.default_rng(1)
    marks = [
        {"x": float(x), "y": float(y), "width": 6.0 * len(mark["name"]), "rank": i, "name": mark["name"]}
        for i, (mark, x, y) in enumerate(
            zip(landmarks(), rng.uniform(0, width, 80), rng.uniform(120, 260, 80), strict=False)
        )
    ]
    shown = run_javascript(["dial/labels.js"], f"[...labelled({json.dumps(marks)}, {width})]")
    kept = [mark for mark in marks if mark["name"] in shown]
    assert 3 <= len(kept) < len(marks)
    assert marks[0]["name"] in shown or marks[0]["x"] + marks[0]["width"] > width - 4
    for i, a in enumerate(kept):
        assert a["x"] + 4 + a["width"] <= width
        for b in kept[i + 1 :]:
            apart_x = a["x"] + a["width"] < b["x"] or b["x"] + b["width"] < a["x"]
            assert apart_x or abs(a["y"] - b["y"]) >= 13


def test_the_pictures_of_the_dial_take_their_rows_by_name() -> None:
    def named(spec):
        return {layer["data"]["name"] for layer in spec["layer"]}

    assert named(specification(curve_chart())) == {"beyond", "curve", "marks", "here"}
    assert named(specification(curve_chart(own_runs=True))) == {"beyond", "curve", "marks", "here", "runs"}
    assert named(specification(valley_chart())) == {"valley", "best", "here"}


def test_the_marker_that_moves_stands_where_the_picture_will_draw_it(open_page, dial_file) -> None:
    opened = open_page(dial_file, "#/dial?C=1e22")
    opened.charts_ready(2)
    opened.page.get_by_label("Training compute", exact=True).focus()
    opened.page.keyboard.press("ArrowRight")
    opened.wait_until("!document.querySelector('.marker').hidden")
    dot = opened.page.locator(".marker .dot").bounding_box()
    opened.wait_until("document.querySelector('.marker').hidden")
    x, y, count = opened.page.evaluate(CENTRE, [dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2])
    assert count > 60
    assert (x, y) == pytest.approx((0, 0), abs=1.5)
