"""A report in a real browser: its charts are drawn, nothing is asked of anyone, it fits, and it prints."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from fake_campaign import FakeCampaign

from isoflop.report.page import write_report
from isoflop.samples import load_sample
from isoflop.workbench.reporting import study_report
from isoflop.workbench.reporting_sections import report_sections, title_of, verdict
from isoflop.workbench.reporting_source import from_place, from_table

pytestmark = pytest.mark.long
DRAWN = "document.querySelectorAll('figure.chart').length === document.querySelectorAll('figure.chart.ready').length"


@pytest.fixture
def open_report(open_page):
    """A report has no views to start: it is there when its main part is."""
    return partial(open_page, ready="main section")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    made = study_report(from_table(load_sample("isoflop"), Path("isoflop.csv")), replicates=40)
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(path, title=title_of(made), subtitle=verdict(made), sections=report_sections(made))


@pytest.mark.parametrize(("width", "dark"), [(360, True), (360, False), (1440, True), (1440, False)])
def test_a_report_is_drawn_whole_accessible_and_fits(open_report, written, width, dark):
    opened = open_report(written, width=width, dark=dark)
    opened.wait_until(f"document.querySelectorAll('figure.chart').length >= 5 && {DRAWN}")
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []
    assert opened.errors == []
    assert opened.asked_elsewhere == []
    if dark:
        return
    opened.page.emulate_media(media="print", color_scheme="light")
    shown = "[...document.querySelectorAll('figure > .still')].every((image) => image.checkVisibility() && image.naturalWidth)"
    opened.wait_until(shown)
    assert (
        opened.page.evaluate("[...document.querySelectorAll('.live')].some((live) => live.checkVisibility())") is False
    )
    assert opened.page.pdf().startswith(b"%PDF")


def test_the_first_lines_answer_with_an_interval_and_say_what_to_beware(open_report, written):
    said = open_report(written).page.inner_text("body")
    top = said[: said.index("Runs\n")]
    assert "90% interval" in top
    for word in ("Loss 1.", "Train ", "Beware:", "The manifest at the end makes it again."):
        assert word in top


def test_a_ladder_in_training_is_reported_as_unfinished_with_each_run_s_share(tmp_path):
    campaign = FakeCampaign(tmp_path / "ladder", rungs=3)
    done, trained, *_ = campaign.run_ids
    campaign.land(done)
    campaign.train(trained, 0.4)
    studied = from_place(tmp_path / "ladder")
    assert studied is not None
    lines = {line.name: (line.state, line.share) for line in studied.lines}
    assert lines[done] == ("done", None)
    assert lines[trained] == ("running", pytest.approx(0.4))
    assert sorted(state for state, _ in lines.values()) == ["done", *["planned"] * 4, "running"]
    made = study_report(studied)
    day = made.manifest["made_at"][:10]
    assert f"The study is unfinished: on {day}" in verdict(made)
    assert "of 6 runs 1 were done, 1 in training (40% of their tokens) and 4 planned" in verdict(made)
    (listed,) = [section for section in report_sections(made) if section.heading == "All runs"]
    assert [row["share"] for row in listed.table.rows if row["name"] == trained] == ["40%"]


def test_a_ladder_that_ended_is_not_called_unfinished(tmp_path):
    campaign = FakeCampaign(tmp_path / "ladder", rungs=2)
    campaign.land(*campaign.run_ids)
    studied = from_place(tmp_path / "ladder")
    assert studied is not None
    assert not studied.unfinished
    assert len(studied.runs) == 4
