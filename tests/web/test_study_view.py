"""The study page in a real browser: from a file, and from a server while runs land."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_campaign import NASTY, FakeCampaign
from running_server import Running, running
from study_answers import BACKTEST, LAW, NEXT, WATCH

from isoflop.web.app import View, plain
from isoflop.web.study import study_view
from isoflop.web.study_ledger import calibration
from isoflop.web.study_source import open_sources

LEDGER = [
    {"name": f"target {NASTY}", "made_at": "2026-01-02T03:04:05", "params": 1e9, "tokens": 2e10, "extrapolation": 12.0}
    | {
        "flops": 1.2e20,
        "loss": 2.5,
        "low": 2.4,
        "high": 2.6,
        "level": 0.9,
        "measured": measured,
        "used": 9,
        "pit": None,
    }
    for measured in (2.45, None)
]


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[View]:
    """A study with runs in every state, and answers that are made up: test_study_values has the real ones."""
    folder = tmp_path_factory.mktemp("study") / "c"
    campaign = FakeCampaign(folder, rungs=8)
    campaign.land(*campaign.run_ids[:10])
    campaign.train(campaign.run_ids[10], 0.4)
    (source,) = open_sources(folder)
    view = study_view(source, steps=())
    (study,) = view.data["studies"].values()
    study["analysis"] = {"law": LAW, "next": NEXT, "watch": WATCH, "backtest": BACKTEST}
    study["ledger"] = LEDGER
    study["calibration"] = calibration(LEDGER)
    return [view]


@pytest.fixture
def opened(open_page: Any, views: list[View]) -> Any:
    page = open_page(views)
    page.page.wait_for_selector(".study-ready")
    return page


def show(opened: Any, part: str, charts: int) -> None:
    opened.page.get_by_role("radio", name=part).check(force=True)
    opened.wait_until(f"document.querySelectorAll('.part figure.chart.ready').length >= {charts}")


def names(opened: Any) -> list[str]:
    found: list[str] = opened.page.eval_on_selector_all(".runs tbody tr", "rows => rows.map(r => r.dataset.run)")
    return found


def test_every_part_is_drawn_from_the_file_alone_and_no_text_of_a_study_becomes_markup(opened):
    for part, charts in (("Runs", 1), ("Curves", 1), ("Law", 2), ("Checks", 5), ("Next run", 1)):
        show(opened, part, charts)
        assert opened.page.locator("main img").count() == 0
    assert "10 of 16 runs are done; 1 is running, 5 are waiting." in opened.page.inner_text(".lead")
    show(opened, "Checks", 5)
    assert NASTY in opened.page.inner_text("main")
    assert "1 of 1 scored forecast held" in opened.page.inner_text("main")
    assert opened.errors == []
    assert opened.asked_elsewhere == []


def test_filters_narrow_table_and_charts_and_are_kept_in_the_link(opened, open_page, views):
    opened.page.get_by_label("Search names").fill("rung 1")
    assert names(opened) == ["trunk-1-2", "trunk-1-1"]
    assert "2 of 16 runs shown" in opened.page.inner_text(".shown")
    opened.page.get_by_label("Search names").fill("")
    opened.page.get_by_label("Parameters from").fill("4M")
    opened.page.keyboard.press("Tab")
    opened.page.get_by_label("State").select_option("done")
    kept = names(opened)
    assert set(kept) == {f"trunk-{i}-{b}" for i in (2, 3, 4) for b in (1, 2)}
    show(opened, "Law", 2)
    link = opened.page.evaluate("location.hash")
    assert "n0=4000000" in link
    again = open_page(views, link)
    again.page.wait_for_selector(".study-ready")
    assert again.page.get_by_role("radio", name="Law").is_checked()
    again.page.get_by_role("radio", name="Runs").check(force=True)
    assert names(again) == kept
    again.page.get_by_label("Parameters from").fill("many")
    again.page.keyboard.press("Tab")
    assert "Write a number such as 300M" in again.page.inner_text(".filters")
    again.page.get_by_role("button", name="Show all").click()
    assert len(names(again)) == 16


def test_the_table_is_sorted_and_a_run_is_opened_by_keyboard(opened):
    opened.page.get_by_role("button", name="Parameters", exact=True).focus()
    opened.page.keyboard.press("Enter")
    assert names(opened)[0] == "trunk-0-2"
    opened.page.keyboard.press("Enter")
    assert names(opened)[0] == "trunk-7-2"
    assert opened.page.get_attribute("th[aria-sort]", "aria-sort") == "descending"
    opened.page.get_by_role("button", name="rung 5").first.press("Enter")
    panel = opened.page.inner_text(".panel")
    assert "trunk-5-" in panel
    assert "nats per token" in panel or "–" in panel
    opened.page.get_by_role("button", name="Close").click()
    assert opened.page.locator(".panel").count() == 0


def test_charts_and_tables_are_saved(opened):
    with opened.page.expect_download() as waiting:
        opened.page.get_by_role("button", name="Save as CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert len(lines) == 17
    assert lines[0].startswith("run_id,name,state")
    show(opened, "Law", 2)
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"params,")):
        with opened.page.expect_download() as waiting:
            opened.page.click(f"[data-chart=law] [data-save={kind}]")
        assert waiting.value.suggested_filename == f"law.{kind}"
        assert waiting.value.path().read_bytes().startswith(start)


def test_the_forecast_of_a_larger_run_follows_the_slider(opened):
    show(opened, "Law", 2)
    handle = opened.page.get_by_label("Training compute")
    before = opened.page.inner_text("[data-key=loss] .value")
    handle.focus()
    for _ in range(20):
        opened.page.keyboard.press("ArrowRight")
    assert float(opened.page.inner_text("[data-key=loss] .value")) < float(before)
    assert "90 % interval" in opened.page.inner_text("[data-key=loss] .note")
    opened.wait_until("location.hash.includes('C=')")


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1440, False)])
def test_no_part_violates_accessibility_or_overflows(open_page, views, width, dark):
    opened = open_page(views, width=width, dark=dark)
    opened.page.wait_for_selector(".study-ready")
    for part, charts in (("Runs", 1), ("Curves", 1), ("Law", 2), ("Checks", 5), ("Next run", 1)):
        show(opened, part, charts)
        assert opened.violations() == [], part
        assert opened.wider_than_screen() <= 0, part
        assert opened.overlapping_texts() == [], part


def test_a_legend_names_sizes_of_runs_and_with_ten_scored_forecasts_their_probabilities_are_drawn(open_page, views):
    (view,) = views
    data = json.loads(json.dumps(plain(view.data)))
    (study,) = data["studies"].values()
    study["ledger"] = [LEDGER[0] | {"name": f"f{i}", "pit": (i + 0.5) / 10} for i in range(10)]
    study["calibration"] = calibration(study["ledger"])
    opened = open_page([replace(view, data=data)])
    opened.page.wait_for_selector(".study-ready")
    show(opened, "Runs", 1)
    with opened.page.expect_download() as waiting:
        opened.page.click("[data-chart=runs] [data-save=svg]")
    drawn = waiting.value.path().read_text()
    entries = re.findall(r">([\d.]+[kMB])</text>", drawn)
    assert entries == ["1M", "2M", "4M", "8M", "16M", "32M", "64M", "128M"]
    show(opened, "Checks", 5)
    assert "10 forecasts are on record, 10 scored: 10 of 10" in opened.page.inner_text("main")
    assert "Of 10 scored forecasts." in opened.page.inner_text("main")
    assert opened.page.locator("[data-chart=forecasts-on-record] canvas").count() == 1
    assert opened.errors == []


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> FakeCampaign:
    made = FakeCampaign(tmp_path_factory.mktemp("served") / "c", rungs=4)
    made.land(made.run_ids[0])
    made.train(made.run_ids[2], 0.3)
    return made


@pytest.fixture(scope="module")
def served(campaign: FakeCampaign) -> Iterator[Running]:
    with running(campaign.folder) as server:
        yield server


def test_a_run_that_lands_appears_without_reloading_and_a_log_is_text(open_page, served, campaign):
    opened = open_page(served.link)
    opened.page.wait_for_selector(".study-ready")
    assert "token" not in opened.page.url
    row = "document.querySelector('[data-run=\"trunk-0-2\"]').textContent"
    assert "planned" in opened.page.evaluate(row)
    campaign.land("trunk-0-2")
    opened.wait_until(f"{row}.includes('done')")
    opened.wait_until("document.querySelector('.lead').textContent.startsWith('2 of 8 runs are done')")
    campaign.train("trunk-2-1", 0.7)
    opened.wait_until("document.querySelector('[data-run=\"trunk-2-1\"]').textContent.includes('running')")
    opened.page.get_by_role("button", name="rung 2").first.click()
    opened.wait_until("document.querySelector('.log pre')?.textContent.includes('in a log')")
    assert NASTY in opened.page.inner_text(".log pre")
    assert opened.page.locator("main img").count() == 0
    opened.page.get_by_role("radio", name="Law").check(force=True)
    opened.wait_until("document.querySelector('.part').textContent.includes('A law needs at least 4')")
    assert opened.errors == []
    assert all(url.startswith((served.base, "data:", "blob:")) for url in opened.requests)


def test_a_table_that_is_sent_becomes_a_study_and_a_bad_one_says_why(open_page, served, tmp_path: Path):
    opened = open_page(served.link)
    opened.page.wait_for_selector(".study-ready")
    rows = "\n".join(f"{1e6 * 2**i},{1e7 * 3**i},{3 - 0.1 * i},run {i}" for i in range(3))
    (tmp_path / "mine.csv").write_text(f"params,tokens,loss,name\n{rows}\n")
    (tmp_path / "bad.json").write_text('[{"params": NaN}]')
    with opened.page.expect_file_chooser() as chooser:
        opened.page.get_by_role("button", name="Fit a table of runs").click()
    chooser.value.set_files(tmp_path / "bad.json")
    opened.wait_until("document.querySelector('.upload').textContent.includes('NaN is no JSON number')")
    opened.page.set_input_files("input[type=file]", tmp_path / "mine.csv")
    opened.wait_until("document.querySelector('h1').textContent === 'mine.csv'")
    assert "run 1" in opened.page.inner_text(".runs")
    assert [e for e in opened.errors if "400" not in e] == []


def test_the_page_says_when_the_line_is_lost(open_page, campaign):
    with running(campaign.folder) as server:
        opened = open_page(server.link)
        opened.page.wait_for_selector(".study-ready")
    opened.wait_until("document.querySelector('.line.lost') !== null")
    assert "may be old" in opened.page.inner_text(".line")


def test_a_server_without_a_study_says_how_to_give_one(open_page):
    with running() as server:
        opened = open_page(server.link)
        opened.wait_until("document.querySelector('h1')?.textContent === 'No study yet'")
        assert "isoflop serve" in opened.page.inner_text("main")
